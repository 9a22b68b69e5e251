#include "api/contest.h"

#include "api/inner.h"

#define PATH_GRANT "/etcdserverpb.Lease/LeaseGrant"
#define PATH_RANGE "/etcdserverpb.KV/Range"
#define PATH_TXN   "/etcdserverpb.KV/Txn"

#define NAME_COPIES 5u /* that a contest holds: prefix, its end, and keys that are listened for */

void contest_prefix(struct slice name, struct buf *prefix, struct buf *end)
{
    buf_append_slice(prefix, name);
    buf_append_u8(prefix, '/');
    buf_append_slice(end, name);
    buf_append_u8(end, '/' + 1);
}

struct pb_range_request contest_first(const struct buf *prefix, const struct buf *end)
{
    return (struct pb_range_request){.key = buf_slice(prefix),
                                     .range_end = buf_slice(end),
                                     .limit = 1,
                                     .sort_order = PB_SORT_ORDER_ASCEND,
                                     .sort_target = PB_SORT_TARGET_CREATE};
}

static void ask(struct contest *c, const char *path, const struct wire_message *m,
                const void *request, void (*step)(struct contest *c, struct slice message))
{
    c->step = step;
    errand_begin(&c->errand, c->api, c->token, path, m, request);
}

static void stop_listening(struct contest *c)
{
    listener_end(&c->before);
    listener_end(&c->own);
}

/* Take the key away again, if it is the one that we have put or found. */
void contest_withdraw(struct contest *c)
{
    if (c->revision == 0)
        return;
    struct pb_compare same = {.target = PB_COMPARE_TARGET_CREATE,
                              .key = buf_slice(&c->key),
                              .target_union_case = PB_TARGET_CREATE_REVISION,
                              .create_revision = c->revision};
    struct pb_delete_range_request remove = {.key = buf_slice(&c->key)};
    struct pb_request_op op = {.request_case = PB_OP_DELETE_RANGE, .request_delete_range = &remove};
    const struct pb_txn_request txn = {
        .compare = &same, .compare_n = 1, .success = &op, .success_n = 1};
    errand_send(c->api, c->token, PATH_TXN, &wire_txn_request, &txn);
}

static void finish(struct contest *c, const char *error, const char *explain)
{
    stop_listening(c);
    c->done(c, error, explain);
}

static void fail(struct contest *c, const char *error, const char *explain)
{
    contest_withdraw(c);
    finish(c, error, explain);
}

static void on_answer(struct errand *e, const struct errand_answer *answer)
{
    struct contest *c = CONTAINER_OF(e, struct contest, errand);
    if (answer->code == GRPC_OK)
        c->step(c, answer->message);
    else
        fail(c, answer->text, answer->explain);
}

static const char *lost_text(const struct contest *c)
{
    return etcd_error_text(c->proclaim ? ETCD_ELECTION_NOT_LEADER : ETCD_LOCK_SESSION_EXPIRED);
}

/* What we asked ourselves can be read, or memory is at an end. */
static bool decode(struct contest *c, const struct wire_message *m, struct slice in,
                   struct arena *a, void *out)
{
    if (wire_decode(m, in, a, out) == RC_OK)
        return true;
    arena_fini(a);
    fail(c, etcd_error_text(ETCD_CORRUPT), NULL);
    return false;
}

/* ---- Waiting ---- */

static void look_before(struct contest *c);

static void before_changed(struct listener *l, const struct change *change)
{
    struct contest *c = CONTAINER_OF(l, struct contest, before);
    if (!change->deleted)
        return;
    listener_end(l);
    look_before(c);
}

static void own_changed(struct listener *l, const struct change *change)
{
    struct contest *c = CONTAINER_OF(l, struct contest, own);
    if (!change->deleted)
        return;
    errand_cancel(&c->errand);
    finish(c, lost_text(c), NULL);
}

static void own_seen(struct contest *c, struct slice message)
{
    struct arena a = {0};
    struct pb_range_response r;
    if (!decode(c, &wire_range_response, message, &a, &r))
        return;
    bool there = r.kvs_n == 1 && r.kvs[0].create_revision == c->revision;
    c->checked = *r.header;
    arena_fini(&a);
    finish(c, there ? NULL : lost_text(c), NULL);
}

static void look_at_own(struct contest *c)
{
    const struct pb_range_request r = {.key = buf_slice(&c->key)};
    ask(c, PATH_RANGE, &wire_range_request, &r, own_seen);
}

static void before_seen(struct contest *c, struct slice message)
{
    struct arena a = {0};
    struct pb_range_response r;
    struct kv *kv = state_kv(c->api->state);
    if (!decode(c, &wire_range_response, message, &a, &r))
        return;
    if (r.kvs_n > 0) {
        c->before.changed = before_changed;
        c->own.changed = own_changed;
        listener_begin(&c->before, kv, r.kvs[0].key, (struct slice){0});
        if (!c->own.kv)
            listener_begin(&c->own, kv, buf_slice(&c->key), (struct slice){0});
        arena_fini(&a);
        return;
    }
    arena_fini(&a);
    look_at_own(c);
}

/* The youngest of those created before us. No older one can come any more, so what is applied here
 * decides: a read that may lag behind other members will do. */
static void look_before(struct contest *c)
{
    struct pb_range_request r = contest_first(&c->prefix, &c->prefix_end);
    r.sort_order = PB_SORT_ORDER_DESCEND;
    r.max_create_revision = c->revision - 1;
    r.serializable = true;
    r.keys_only = true;
    ask(c, PATH_RANGE, &wire_range_request, &r, before_seen);
}

/* ---- Joining ---- */

static void proclaimed(struct contest *c, struct slice message)
{
    struct arena a = {0};
    struct pb_txn_response r;
    if (!decode(c, &wire_txn_response, message, &a, &r))
        return;
    bool ours = r.succeeded;
    arena_fini(&a);
    if (ours)
        look_before(c);
    else
        finish(c, etcd_error_text(ETCD_ELECTION_NOT_LEADER), NULL);
}

static void proclaim(struct contest *c)
{
    struct pb_compare same = {.target = PB_COMPARE_TARGET_CREATE,
                              .key = buf_slice(&c->key),
                              .target_union_case = PB_TARGET_CREATE_REVISION,
                              .create_revision = c->revision};
    struct pb_put_request put = {.key = buf_slice(&c->key), .value = c->value, .lease = c->lease};
    struct pb_request_op op = {.request_case = PB_OP_PUT, .request_put = &put};
    const struct pb_txn_request txn = {
        .compare = &same, .compare_n = 1, .success = &op, .success_n = 1};
    ask(c, PATH_TXN, &wire_txn_request, &txn, proclaimed);
}

/* The key is there, put now or earlier by the same session. If it is the oldest we have won: both
 * were seen at once. */
static void joined(struct contest *c, struct slice message)
{
    struct arena a = {0};
    struct pb_txn_response r;
    if (!decode(c, &wire_txn_response, message, &a, &r))
        return;
    c->joined = c->checked = *r.header;
    c->revision = r.header->revision;
    bool other_value = false;
    if (!r.succeeded) {
        const struct pb_key_value *own = &r.responses[0].response_range->kvs[0];
        c->revision = own->create_revision;
        other_value = !slice_eq(own->value, c->value);
    }
    const struct pb_range_response *first = r.responses[1].response_range;
    bool won = first->kvs_n == 0 || first->kvs[0].create_revision == c->revision;
    arena_fini(&a);
    if (c->proclaim && other_value)
        proclaim(c);
    else if (won)
        finish(c, NULL, NULL);
    else
        look_before(c);
}

static void join(struct contest *c)
{
    bool negative = c->lease < 0; /* as Go prints it */
    uint64_t id = negative ? -(uint64_t)c->lease : (uint64_t)c->lease;
    buf_append_slice(&c->key, buf_slice(&c->prefix));
    buf_printf(&c->key, "%s%llx", negative ? "-" : "", (unsigned long long)id);
    struct pb_compare none = {.target = PB_COMPARE_TARGET_CREATE,
                              .key = buf_slice(&c->key),
                              .target_union_case = PB_TARGET_CREATE_REVISION};
    struct pb_put_request put = {.key = buf_slice(&c->key), .value = c->value, .lease = c->lease};
    struct pb_range_request own = {.key = buf_slice(&c->key)};
    struct pb_range_request first = contest_first(&c->prefix, &c->prefix_end);
    struct pb_request_op then[2] = {{.request_case = PB_OP_PUT, .request_put = &put},
                                    {.request_case = PB_OP_RANGE, .request_range = &first}};
    struct pb_request_op otherwise[2] = {{.request_case = PB_OP_RANGE, .request_range = &own},
                                         {.request_case = PB_OP_RANGE, .request_range = &first}};
    const struct pb_txn_request txn = {.compare = &none,
                                       .compare_n = 1,
                                       .success = then,
                                       .success_n = 2,
                                       .failure = otherwise,
                                       .failure_n = 2};
    ask(c, PATH_TXN, &wire_txn_request, &txn, joined);
}

static void granted(struct contest *c, struct slice message)
{
    struct arena a = {0};
    struct pb_lease_grant_response r;
    if (!decode(c, &wire_lease_grant_response, message, &a, &r))
        return;
    c->lease = r.id;
    arena_fini(&a);
    join(c);
}

void contest_begin(struct contest *c)
{
    const struct pb_lease_grant_request session = {.ttl = CONTEST_SESSION_TTL};
    c->errand.done = on_answer;
    api_charge(c->api, &c->charged, sizeof(*c) + NAME_COPIES * c->name.n);
    contest_prefix(c->name, &c->prefix, &c->prefix_end);
    if (c->lease == 0)
        ask(c, PATH_GRANT, &wire_lease_grant_request, &session, granted);
    else
        join(c);
}

void contest_end(struct contest *c)
{
    errand_cancel(&c->errand);
    stop_listening(c);
    api_charge(c->api, &c->charged, 0);
    buf_fini(&c->key);
    buf_fini(&c->prefix);
    buf_fini(&c->prefix_end);
}
