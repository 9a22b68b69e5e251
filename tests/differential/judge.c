#include "judge.h"

#include <stdlib.h>

#include "fields.h"
#include "wire/status.h"

const char *rule_text(enum rule rule)
{
#define RULE_TEXT(name, text) text,
    static const char *const texts[] = {RULE_TABLE(RULE_TEXT)};
#undef RULE_TEXT
    return texts[rule];
}

/* ---- Messages ---- */

/* Any response. */
union response {
    struct pb_range_response range;
    struct pb_put_response put;
    struct pb_delete_range_response delete_range;
    struct pb_txn_response txn;
    struct pb_compaction_response compaction;
    struct pb_lease_grant_response grant;
    struct pb_lease_revoke_response revoke;
    struct pb_lease_time_to_live_response left;
    struct pb_lease_leases_response leases;
};

static void mask_header(struct pb_response_header *h)
{
    if (!h)
        return;
    h->cluster_id = h->cluster_id != 0;
    h->member_id = h->member_id != 0;
    h->raft_term = h->raft_term != 0;
}

static void mask_txn(struct pb_txn_response *r);

static void mask_op(struct pb_response_op *op)
{
    switch (op->response_case) {
    case PB_OP_RANGE:
        mask_header(op->response_range->header);
        break;
    case PB_OP_PUT:
        mask_header(op->response_put->header);
        break;
    case PB_OP_DELETE_RANGE:
        mask_header(op->response_delete_range->header);
        break;
    case PB_OP_TXN:
        mask_txn(op->response_txn);
        break;
    default:
        break;
    }
}

static void mask_txn(struct pb_txn_response *r)
{
    mask_header(r->header);
    for (size_t i = 0; i < r->responses_n; i++)
        mask_op(&r->responses[i]);
}

/* Every response begins with its header. */
static struct pb_response_header *header_of(union response *r)
{
    return r->put.header;
}

_Static_assert(offsetof(struct pb_range_response, header) == 0, "first");
_Static_assert(offsetof(struct pb_put_response, header) == 0, "first");
_Static_assert(offsetof(struct pb_delete_range_response, header) == 0, "first");
_Static_assert(offsetof(struct pb_txn_response, header) == 0, "first");
_Static_assert(offsetof(struct pb_compaction_response, header) == 0, "first");
_Static_assert(offsetof(struct pb_lease_grant_response, header) == 0, "first");
_Static_assert(offsetof(struct pb_lease_revoke_response, header) == 0, "first");
_Static_assert(offsetof(struct pb_lease_time_to_live_response, header) == 0, "first");
_Static_assert(offsetof(struct pb_lease_leases_response, header) == 0, "first");

static int compare_keys(const void *a, const void *b)
{
    const struct slice *x = a;
    const struct slice *y = b;
    return slice_cmp(*x, *y);
}

static int compare_leases(const void *a, const void *b)
{
    const struct pb_lease_status *x = a;
    const struct pb_lease_status *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* What is left depends on the moment, and etcd gives keys, and leases that end at one time, in no
 * order. */
static void mask_lease(const struct step *s, union response *r)
{
    if (s->kind == STEP_LEFT) {
        r->left.ttl = r->left.ttl > 0;
        if (r->left.keys_n > 1)
            qsort(r->left.keys, r->left.keys_n, sizeof(*r->left.keys), compare_keys);
    } else if (s->kind == STEP_LEASES && r->leases.leases_n > 1) {
        qsort(r->leases.leases, r->leases.leases_n, sizeof(*r->leases.leases), compare_leases);
    }
}

static void drop_lease_of_bare(struct pb_range_response *r)
{
    for (size_t i = 0; i < r->kvs_n; i++)
        if (r->kvs[i].value.n == 0)
            r->kvs[i].lease = 0;
}

static void drop_leases(struct pb_txn_response *r)
{
    for (size_t i = 0; i < r->responses_n; i++) {
        if (r->responses[i].response_case == PB_OP_RANGE)
            drop_lease_of_bare(r->responses[i].response_range);
        else if (r->responses[i].response_case == PB_OP_TXN)
            drop_leases(r->responses[i].response_txn);
    }
}

enum masking { MASK_NOTHING, MASK_HEADERS, MASK_LEASES_TOO };

/* Decode and encode again, masked. False when it cannot be decoded. */
static bool canonical(const struct step *s, const struct answer *a, enum masking masking,
                      struct buf *out)
{
    struct arena arena = {0};
    union response r;
    bool ok = wire_decode(step_response(s->kind), buf_slice(&a->message), &arena, &r) == RC_OK;
    if (ok && masking != MASK_NOTHING && s->kind == STEP_TXN)
        mask_txn(&r.txn);
    else if (ok && masking != MASK_NOTHING)
        mask_header(header_of(&r));
    if (ok && masking != MASK_NOTHING)
        mask_lease(s, &r);
    if (ok && masking == MASK_LEASES_TOO && s->kind == STEP_RANGE)
        drop_lease_of_bare(&r.range);
    if (ok && masking == MASK_LEASES_TOO && s->kind == STEP_TXN)
        drop_leases(&r.txn);
    if (ok)
        wire_encode(step_response(s->kind), &r, out);
    arena_fini(&arena);
    return ok;
}

static bool same_message(const struct step *s, const struct answer *moat, const struct answer *etcd,
                         enum masking masking)
{
    struct buf a = {0};
    struct buf b = {0};
    bool same = canonical(s, moat, masking, &a) && canonical(s, etcd, masking, &b) &&
                slice_eq(buf_slice(&a), buf_slice(&b));
    buf_fini(&a);
    buf_fini(&b);
    return same;
}

/* The message is written as the tables write it: no field that they do not know, none out of
 * order. */
static bool well_written(const struct step *s, const struct answer *a)
{
    struct buf again = {0};
    bool same = canonical(s, a, MASK_NOTHING, &again) &&
                slice_eq(buf_slice(&again), buf_slice(&a->message));
    buf_fini(&again);
    return same;
}

int64_t answer_revision(const struct step *s, const struct answer *a)
{
    struct arena arena = {0};
    union response r;
    int64_t revision = 0;
    if (a->code == 0 &&
        wire_decode(step_response(s->kind), buf_slice(&a->message), &arena, &r) == RC_OK &&
        header_of(&r))
        revision = header_of(&r)->revision;
    arena_fini(&arena);
    return revision;
}

void answer_show(const struct step *s, const struct answer *a, struct buf *out)
{
    struct arena arena = {0};
    union response r;
    if (!a->complete) {
        buf_printf(out, "no answer (reset %u)", a->reset);
    } else if (a->code != 0) {
        buf_printf(out, "%d %s%s", a->code, a->has_text ? a->text : "(no text)",
                   a->trailers_only ? "" : " (after headers)");
    } else if (wire_decode(step_response(s->kind), buf_slice(&a->message), &arena, &r) == RC_OK) {
        message_show(step_response(s->kind), &r, out);
    } else {
        buf_printf(out, "%zu bytes that are no %s", a->message.n, step_response(s->kind)->name);
    }
    arena_fini(&arena);
}

/* ---- Rules for etcd 3.4 ---- */

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

static bool refused_with(const struct answer *a, enum etcd_error e)
{
    return a->code == (int)etcd_error_code(e) && strcmp(a->text, etcd_error_text(e)) == 0;
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

/* The mapping of grpc-gateway 1, where version 2 has 400. */
static bool precondition_by_old_gateway(const struct answer *moat, const struct answer *etcd)
{
    return moat->code == GRPC_FAILED_PRECONDITION && etcd->code == moat->code &&
           moat->http_status == 400 && etcd->http_status == 412 &&
           strcmp(moat->text, etcd->text) == 0;
}

static enum rule find_rule(const struct step *s, const struct answer *moat,
                           const struct answer *etcd)
{
    if (asks_for_odd_order(s) && refused_with(moat, ETCD_INVALID_SORT_OPTION))
        return RULE_SORT_ORDER;
    if (precondition_by_old_gateway(moat, etcd))
        return RULE_GATEWAY_412;
    if (s->kind == STEP_TXN && other_fault_first(moat, etcd))
        return RULE_FAULT_ORDER;
    if (may_be_bare(s) && moat->code == 0 && etcd->code == 0 &&
        same_message(s, moat, etcd, MASK_LEASES_TOO))
        return RULE_KEYS_ONLY_LEASE;
    return RULE_NONE;
}

/* ---- The verdict ---- */

static const char *difference(const struct step *s, const struct answer *moat,
                              const struct answer *etcd)
{
    if (!etcd->complete || etcd->framed_wrong)
        return "etcd's answer is broken";
    if (!moat->complete || moat->framed_wrong)
        return "moat's answer is broken";
    if (moat->http_status != etcd->http_status)
        return "HTTP status";
    if (strcmp(moat->content_type, etcd->content_type) != 0)
        return "content-type";
    if (moat->code != etcd->code)
        return "grpc-status";
    if (moat->has_text != etcd->has_text || strcmp(moat->text, etcd->text) != 0)
        return "grpc-message";
    if (moat->trailers_only != etcd->trailers_only)
        return "trailers-only form";
    if (moat->code != 0)
        return NULL;
    if (!well_written(s, etcd))
        return "etcd's encoding is not ours";
    if (!well_written(s, moat))
        return "moat's encoding is not the tables'";
    return same_message(s, moat, etcd, MASK_HEADERS) ? NULL : "message";
}

struct judged judge(const struct step *s, const struct answer *moat, const struct answer *etcd,
                    bool old_peer)
{
    const char *differs = difference(s, moat, etcd);
    enum rule rule = differs && old_peer ? find_rule(s, moat, etcd) : RULE_NONE;
    return (struct judged){.agree = !differs || rule != RULE_NONE,
                           .rule = rule,
                           .differs = rule == RULE_NONE ? differs : NULL};
}
