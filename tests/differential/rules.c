#include "rules.h"

#include "canonical.h"
#include "wire/status.h"

const char *rule_text(enum rule rule)
{
#define RULE_TEXT(name, when, text) text,
    static const char *const texts[] = {RULE_TABLE(RULE_TEXT)};
#undef RULE_TEXT
    return texts[rule];
}

unsigned rule_when(enum rule rule)
{
#define RULE_WHEN(name, when, text) when,
    static const unsigned whens[] = {RULE_TABLE(RULE_WHEN)};
#undef RULE_WHEN
    return whens[rule];
}

static bool refused_with(const struct answer *a, enum etcd_error e)
{
    return a->code == (int)etcd_error_code(e) && strcmp(a->text, etcd_error_text(e)) == 0;
}

/* ---- Keys ---- */

static bool odd_order(const struct pb_range_request *r)
{
    return r->sort_order < PB_SORT_ORDER_NONE || r->sort_order > PB_SORT_ORDER_DESCEND;
}

static bool any_odd_order(const struct pb_request_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ops[i].request_case == PB_OP_RANGE && odd_order(ops[i].request_range))
            return true;
    return false;
}

static bool asks_for_odd_order(const struct step *s)
{
    const struct pb_txn_request *txn = s->request;
    if (s->kind == STEP_RANGE)
        return odd_order(s->request);
    return s->kind == STEP_TXN && step_is_read(s) &&
           (any_odd_order(txn->success, txn->success_n) ||
            any_odd_order(txn->failure, txn->failure_n));
}

/* 3.4 looks for keys and leases of all puts, the key of one before its lease, then at revisions. */
static bool other_fault_first(const struct answer *moat, const struct answer *etcd)
{
    bool revision = refused_with(moat, ETCD_COMPACTED) || refused_with(moat, ETCD_FUTURE_REV);
    if (refused_with(etcd, ETCD_KEY_NOT_FOUND))
        return revision || refused_with(moat, ETCD_LEASE_NOT_FOUND);
    return revision && refused_with(etcd, ETCD_LEASE_NOT_FOUND);
}

static bool may_be_bare(const struct step *s)
{
    const struct pb_range_request *range = s->request;
    return s->kind == STEP_TXN || (s->kind == STEP_RANGE && range->keys_only);
}

/* ---- Authentication ---- */

static bool unauthorised(const struct answer *a)
{
    return refused_with(a, ETCD_USER_EMPTY) || refused_with(a, ETCD_PERMISSION_DENIED) ||
           refused_with(a, ETCD_INVALID_AUTH_TOKEN);
}

static bool open_in_old(const struct step *s)
{
    return s->kind == STEP_LEFT || s->kind == STEP_LEASES || s->kind == STEP_STATUS ||
           s->kind == STEP_ALARM || s->kind == STEP_MOVE_LEADER || s->kind == STEP_MEMBERS;
}

/* "auth: permission denied", of unknown code, for "etcdserver: permission denied". */
static bool refused_plainly(const struct answer *moat, const struct answer *etcd)
{
    static const char ours[] = "etcdserver: ";
    static const char theirs[] = "auth: ";
    return etcd->code == GRPC_UNKNOWN && strncmp(etcd->text, theirs, strlen(theirs)) == 0 &&
           strncmp(moat->text, ours, strlen(ours)) == 0 &&
           strcmp(moat->text + strlen(ours), etcd->text + strlen(theirs)) == 0;
}

static bool is_plain(const struct step *s)
{
    return s->kind == STEP_HASH || s->kind == STEP_HASH_KV || s->kind == STEP_DEFRAGMENT;
}

static bool no_such_token(const struct step *s, const struct answer *etcd)
{
    return refused_with(etcd, ETCD_INVALID_AUTH_TOKEN) ||
           (is_plain(s) && etcd->code == GRPC_UNKNOWN &&
            strcmp(etcd->text, "auth: invalid auth token") == 0);
}

static bool watches_on(const struct step *s, const struct answer *moat, const struct answer *etcd)
{
    const struct pb_watch_request *r = s->request;
    struct arena arena = {0};
    struct pb_watch_response m;
    struct pb_watch_response e;
    bool allowed =
        s->kind == STEP_WATCH && slice_eq(r->create_request->range_end, SLICE_LIT("\0")) &&
        wire_decode(&wire_watch_response, buf_slice(&moat->message), &arena, &m) == RC_OK &&
        wire_decode(&wire_watch_response, buf_slice(&etcd->message), &arena, &e) == RC_OK &&
        e.created && !e.canceled && m.canceled &&
        slice_eq(m.cancel_reason, SLICE_LIT("rpc error: code = PermissionDenied desc = "
                                            "etcdserver: permission denied"));
    arena_fini(&arena);
    return allowed;
}

/* IDs and client URLs, nothing more. */
static bool members_only(const struct answer *moat)
{
    struct arena arena = {0};
    struct pb_member_list_response r;
    bool only =
        moat->code == 0 &&
        wire_decode(&wire_member_list_response, buf_slice(&moat->message), &arena, &r) == RC_OK &&
        r.members_n == 1 && r.members[0].id != 0 && r.members[0].client_urls_n > 0 &&
        r.members[0].name.n == 0 && r.members[0].peer_urls_n == 0;
    arena_fini(&arena);
    return only;
}

/* ---- Versions ---- */

/* 3.7 remembers the hashes of compactions. */
static bool hash_of_compacted(const struct step *s, const struct asked *asked,
                              const struct answer *moat, const struct answer *etcd)
{
    const struct pb_hash_kv_request *r = s->request;
    return s->kind == STEP_HASH_KV && r->revision <= asked->compacted && moat->code == 0 &&
           refused_with(etcd, ETCD_COMPACTED);
}

/* What it keeps of a compaction, 3.4 counts otherwise; 3.7's hashes are compared to the bit. */
static bool hash_of_kept(const struct step *s, const struct asked *asked, const struct answer *moat,
                         const struct answer *etcd)
{
    return s->kind == STEP_HASH_KV && asked->compacted > 0 &&
           answers_same(s, moat, etcd, MASK_HASH);
}

/* The mapping of grpc-gateway 1, where version 2 has 400. */
static bool precondition_by_old_gateway(const struct answer *moat, const struct answer *etcd)
{
    return moat->code == GRPC_FAILED_PRECONDITION && etcd->code == moat->code &&
           moat->http_status == 400 && etcd->http_status == 412 &&
           strcmp(moat->text, etcd->text) == 0;
}

/* Root may do everything; 3.4 shows what was granted to that role beside. */
static bool is_root_role(const struct step *s, const struct answer *moat)
{
    const struct pb_auth_role_get_request *r = s->request;
    struct arena arena = {0};
    struct pb_auth_role_get_response m;
    bool all =
        s->kind == STEP_ROLE_GET && slice_eq(r->role, SLICE_LIT("root")) &&
        wire_decode(&wire_auth_role_get_response, buf_slice(&moat->message), &arena, &m) == RC_OK &&
        m.perm_n == 1 && m.perm[0].perm_type == PB_PERMISSION_TYPE_READWRITE &&
        m.perm[0].key.n == 0 && slice_eq(m.perm[0].range_end, SLICE_LIT("\0"));
    arena_fini(&arena);
    return all;
}

static bool has_new_fields(const struct step *s)
{
    return s->kind == STEP_ALARM || s->kind == STEP_STATUS || s->kind == STEP_HASH_KV;
}

static enum rule find_of_versions(const struct step *s, const struct asked *asked,
                                  const struct answer *moat, const struct answer *etcd)
{
    bool new_path = s->kind == STEP_AUTH_STATUS || s->kind == STEP_HASH_KV;
    if (new_path && etcd->http_status == 404)
        return RULE_GATEWAY_404;
    if (precondition_by_old_gateway(moat, etcd))
        return RULE_GATEWAY_412;
    if (s->kind == STEP_AUTH_STATUS && etcd->code == GRPC_UNIMPLEMENTED)
        return RULE_AUTH_STATUS;
    if (hash_of_compacted(s, asked, moat, etcd))
        return RULE_HASH_COMPACTED;
    if (moat->code == 0 && etcd->code == 0 && is_root_role(s, moat))
        return RULE_ROOT_ROLE;
    if (moat->code != 0 || etcd->code != 0)
        return RULE_NONE;
    if (!answers_same(s, moat, etcd, MASK_VERSIONS))
        return hash_of_kept(s, asked, moat, etcd) ? RULE_HASH_KEPT : RULE_NONE;
    if (has_new_fields(s))
        return RULE_NEW_FIELDS;
    return may_be_bare(s) ? RULE_KEYS_ONLY_LEASE : RULE_NONE;
}

static enum rule find_of_auth(const struct step *s, const struct asked *asked,
                              const struct answer *moat, const struct answer *etcd)
{
    if (!asked->guarded && asked->by_token && no_such_token(s, etcd))
        return refused_with(moat, ETCD_INVALID_AUTH_TOKEN) ? RULE_NONE : RULE_TOKEN_WITHOUT_AUTH;
    if (!asked->guarded)
        return RULE_NONE;
    if (open_in_old(s) && unauthorised(moat) && !unauthorised(etcd))
        return RULE_UNGUARDED;
    if (is_plain(s) && unauthorised(moat) && refused_plainly(moat, etcd))
        return RULE_DENIED_PLAINLY;
    return watches_on(s, moat, etcd) ? RULE_WATCH_ON : RULE_NONE;
}

/* 3.7 remembers the hash of each compaction by its revision, and 0 also stands for the present. */
static bool hash_of_zero(const struct step *s, const struct answer *moat, const struct answer *etcd)
{
    const struct pb_hash_kv_request *asked = s->request;
    struct arena arena = {0};
    struct pb_hash_kv_response e;
    bool zero =
        s->kind == STEP_HASH_KV && asked->revision == 0 && moat->code == 0 &&
        wire_decode(&wire_hash_kv_response, buf_slice(&etcd->message), &arena, &e) == RC_OK &&
        e.hash_revision == 0 && e.compact_revision < 0;
    arena_fini(&arena);
    return zero;
}

enum rule rule_find(const struct step *s, const struct asked *asked, const struct answer *moat,
                    const struct answer *etcd)
{
    if (s->kind == STEP_MEMBERS && asked->guarded && !asked->by_token && members_only(moat) &&
        (asked->old_peer ? etcd->code == 0 : refused_with(etcd, ETCD_USER_EMPTY)))
        return RULE_MEMBERS;
    if (!asked->old_peer)
        return hash_of_zero(s, moat, etcd) ? RULE_HASH_ZERO : RULE_NONE;
    if (asks_for_odd_order(s) && refused_with(moat, ETCD_INVALID_SORT_OPTION))
        return RULE_SORT_ORDER;
    if (s->kind == STEP_TXN && other_fault_first(moat, etcd))
        return RULE_FAULT_ORDER;
    enum rule rule = find_of_auth(s, asked, moat, etcd);
    return rule != RULE_NONE ? rule : find_of_versions(s, asked, moat, etcd);
}
