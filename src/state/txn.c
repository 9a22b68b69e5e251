/* Applying writes: put, delete, transaction, compaction; and read-only transactions.
 *
 * A transaction's comparisons, nested ones too, all see the state before it; then every operation
 * of the branches taken is judged; then all are carried out, which cannot fail any more. So
 * either everything happens or nothing does (etcd's server/etcdserver/txn/txn.go). */
#include "base/must.h"
#include "base/wr.h"
#include "state/check.h"
#include "state/inner.h"
#include "wire/kv_codec.h"

/* ---- Comparisons ---- */

struct comparing {
    const struct pb_compare *c;
    bool any;
    bool holds;
};

static int compare_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* A union member of another target reads as zero. An unknown target compares equal. */
static int compare_pair(const struct pb_compare *c, const struct pb_key_value *pair)
{
    switch (c->target) {
    case PB_COMPARE_TARGET_VERSION:
        return compare_i64(pair->version, c->version);
    case PB_COMPARE_TARGET_CREATE:
        return compare_i64(pair->create_revision, c->create_revision);
    case PB_COMPARE_TARGET_MOD:
        return compare_i64(pair->mod_revision, c->mod_revision);
    case PB_COMPARE_TARGET_VALUE:
        return slice_cmp(pair->value, c->value);
    case PB_COMPARE_TARGET_LEASE:
        return compare_i64(pair->lease, c->lease);
    default:
        return 0;
    }
}

static bool result_holds(int32_t result, int cmp)
{
    switch (result) {
    case PB_COMPARE_RESULT_EQUAL:
        return cmp == 0;
    case PB_COMPARE_RESULT_GREATER:
        return cmp > 0;
    case PB_COMPARE_RESULT_LESS:
        return cmp < 0;
    case PB_COMPARE_RESULT_NOT_EQUAL:
        return cmp != 0;
    default:
        return true;
    }
}

static bool compare_one(void *arg, const struct index_hit *hit, struct slice encoded)
{
    struct comparing *now = arg;
    struct pb_key_value pair;
    (void)hit;
    now->any = true;
    now->holds = codec_key_value_parse(encoded, &pair) == RC_OK &&
                 result_holds(now->c->result, compare_pair(now->c, &pair));
    return now->holds;
}

static bool compare_holds(struct state *s, const struct pb_compare *c)
{
    struct comparing now = {.c = c, .holds = true};
    if (kv_each(s->kv, c->key, c->range_end, compare_one, &now) != RC_OK)
        return false;
    if (now.any)
        return now.holds;
    /* No such key: a value never compares; everything else is zero. */
    struct pb_key_value none = {0};
    return c->target != PB_COMPARE_TARGET_VALUE && result_holds(c->result, compare_pair(c, &none));
}

/* ---- The branches taken, and what they do ---- */

/* Which branch each transaction takes, in the order in which they are met: filled once, then read
 * again by judging and by carrying out. */
struct path {
    struct buf taken; /* a byte each */
    size_t at;
};

struct branch {
    const struct pb_request_op *ops;
    size_t n;
};

static struct branch branch_of(const struct pb_txn_request *r, bool success)
{
    return success ? (struct branch){r->success, r->success_n}
                   : (struct branch){r->failure, r->failure_n};
}

static struct branch next_branch(struct path *p, const struct pb_txn_request *r, bool *success)
{
    must(p->at < p->taken.n);
    *success = p->taken.p[p->at++];
    return branch_of(r, *success);
}

static void decide(struct state *s, const struct pb_txn_request *r, struct path *p)
{
    bool success = true;
    for (size_t i = 0; i < r->compare_n && success; i++)
        success = compare_holds(s, &r->compare[i]);
    buf_append_u8(&p->taken, success);
    struct branch b = branch_of(r, success);
    for (size_t i = 0; i < b.n; i++)
        if (b.ops[i].request_case == PB_OP_TXN)
            decide(s, b.ops[i].request_txn, p);
}

/* ---- Judging ---- */

/* Ranges deleted by the operations judged so far, to know what a later ignore_value will find: keys
 * put meanwhile exist in any case, as no key is both deleted and put but by a from-key delete. */
struct judging {
    struct state *s;
    struct path *path;
    struct arena *arena;
    struct deleted {
        struct slice key;
        struct slice range_end;
        struct deleted *next;
    } * deleted;
};

static bool delete_covers(const struct deleted *d, struct slice key)
{
    if (kv_range_is_point(d->range_end))
        return slice_eq(d->key, key);
    bool open_end = d->range_end.n == 1 && d->range_end.p[0] == 0;
    return slice_cmp(d->key, key) <= 0 && (open_end || slice_cmp(key, d->range_end) < 0);
}

static bool will_exist(const struct judging *j, struct slice key)
{
    for (const struct deleted *d = j->deleted; d; d = d->next)
        if (delete_covers(d, key))
            return false;
    return kv_exists(j->s->kv, key);
}

static enum etcd_error judge_put(const struct judging *j, const struct pb_put_request *r)
{
    if (r->lease != 0)
        return ETCD_LEASE_NOT_FOUND; /* there are no leases here */
    if ((r->ignore_value || r->ignore_lease) && !will_exist(j, r->key))
        return ETCD_KEY_NOT_FOUND;
    return ETCD_OK;
}

static enum etcd_error judge_range(const struct judging *j, const struct pb_range_request *r)
{
    if (r->revision == 0)
        return ETCD_OK;
    if (r->revision > kv_revision(j->s->kv))
        return ETCD_FUTURE_REV;
    return r->revision < kv_compacted(j->s->kv) ? ETCD_COMPACTED : ETCD_OK;
}

static enum etcd_error judge(struct judging *j, const struct pb_txn_request *r)
{
    bool success;
    struct branch b = next_branch(j->path, r, &success);
    enum etcd_error e = ETCD_OK;
    for (size_t i = 0; i < b.n && e == ETCD_OK; i++) {
        const struct pb_request_op *op = &b.ops[i];
        if (op->request_case == PB_OP_RANGE) {
            e = judge_range(j, op->request_range);
        } else if (op->request_case == PB_OP_PUT) {
            e = judge_put(j, op->request_put);
        } else if (op->request_case == PB_OP_TXN) {
            e = judge(j, op->request_txn);
        } else if (op->request_case == PB_OP_DELETE_RANGE) {
            struct deleted *d = arena_alloc(j->arena, sizeof(*d));
            *d = (struct deleted){op->request_delete_range->key,
                                  op->request_delete_range->range_end, j->deleted};
            j->deleted = d;
        }
    }
    return e;
}

/* ---- Carrying out. Responses are written as they come: a message inside another goes into a
 * buffer of its own first, since its length stands before it. ---- */

static void append_message(struct buf *out, uint32_t field, struct slice message)
{
    buf_append_varint(out, (uint64_t)field << 3 | 2);
    buf_append_varint(out, message.n);
    buf_append_slice(out, message);
}

/* The header inside a transaction's responses: the revision alone. */
static void append_revision(struct buf *out, int64_t revision)
{
    struct pb_response_header h = {.revision = revision};
    codec_header(&h, out);
}

static enum rc do_put(struct state *s, const struct pb_put_request *r,
                      const struct pb_response_header *header, struct buf *out)
{
    struct slice before = {0};
    struct pb_key_value old = {0};
    struct buf kept = {0};
    bool want = r->prev_kv || r->ignore_value || r->ignore_lease;
    enum rc rc = want ? kv_get(s->kv, r->key, &before) : RC_NOT_FOUND;
    bool had = rc == RC_OK;
    if (had) { /* the bytes may move when the new revision is written */
        buf_append_slice(&kept, before);
        rc = codec_key_value_parse(buf_slice(&kept), &old);
    }
    kv_put(s->kv, r->key, r->ignore_value ? old.value : r->value,
           r->ignore_lease ? old.lease : r->lease);
    struct pb_response_header h = *header;
    h.revision = kv_revision(s->kv);
    codec_header(&h, out);
    if (r->prev_kv && had)
        append_message(out, 2, buf_slice(&kept));
    buf_fini(&kept);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static bool add_previous(void *arg, const struct index_hit *hit, struct slice encoded)
{
    (void)hit;
    append_message(arg, 3, encoded);
    return true;
}

static enum rc do_delete(struct state *s, const struct pb_delete_range_request *r,
                         const struct pb_response_header *header, struct buf *out)
{
    struct buf previous = {0};
    enum rc rc = RC_OK;
    if (r->prev_kv)
        rc = kv_each(s->kv, r->key, r->range_end, add_previous, &previous);
    int64_t deleted = kv_delete(s->kv, r->key, r->range_end);
    struct pb_response_header h = *header;
    h.revision = kv_revision(s->kv);
    codec_header(&h, out);
    if (deleted) {
        buf_append_varint(out, 2 << 3);
        buf_append_varint(out, (uint64_t)deleted);
    }
    buf_append_slice(out, buf_slice(&previous));
    buf_fini(&previous);
    return rc;
}

static enum rc do_range(struct state *s, const struct pb_range_request *r, struct buf *out)
{
    struct kv_range range;
    if (kv_range_open(s->kv, r, &range) != ETCD_OK)
        return RC_CORRUPT; /* it was judged: only storage can have failed */
    append_revision(out, range.revision);
    enum rc rc = kv_range_read(&range, out, range.body_len);
    kv_range_close(&range);
    return rc == RC_END || rc == RC_OK ? RC_OK : rc;
}

static enum rc do_txn(struct state *s, const struct pb_txn_request *r, struct path *p,
                      struct buf *out);

static enum rc do_op(struct state *s, const struct pb_request_op *op, struct path *p,
                     struct buf *out)
{
    static const struct pb_response_header empty = {0};
    switch (op->request_case) {
    case PB_OP_RANGE:
        return do_range(s, op->request_range, out);
    case PB_OP_PUT:
        return do_put(s, op->request_put, &empty, out);
    case PB_OP_DELETE_RANGE:
        return do_delete(s, op->request_delete_range, &empty, out);
    default:
        codec_header(&empty, out); /* a nested transaction's header stays empty, as etcd's */
        return do_txn(s, op->request_txn, p, out);
    }
}

/* `succeeded` and the responses: all but the header. */
static enum rc do_txn(struct state *s, const struct pb_txn_request *r, struct path *p,
                      struct buf *out)
{
    bool success;
    struct branch b = next_branch(p, r, &success);
    struct buf inner = {0};
    struct buf wrapped = {0};
    enum rc rc = RC_OK;
    if (success) {
        buf_append_varint(out, 2 << 3);
        buf_append_varint(out, 1);
    }
    for (size_t i = 0; i < b.n && rc == RC_OK; i++) {
        buf_clear(&inner);
        buf_clear(&wrapped);
        rc = do_op(s, &b.ops[i], p, &inner);
        append_message(&wrapped, b.ops[i].request_case, buf_slice(&inner));
        append_message(out, 3, buf_slice(&wrapped));
    }
    buf_fini(&inner);
    buf_fini(&wrapped);
    return rc;
}

/* Storage that gives something else than the index promised cannot be applied on: this member
 * would differ from the others from here on. */
static void settle(struct state *s, enum rc rc, struct state_reply *reply)
{
    if (rc == RC_OK)
        return;
    reply->error = ETCD_CORRUPT;
    s->opt.on_storage(s->opt.arg, rc);
}

/* Decide, judge, carry out. Header last, as only then its revision is known; it is put in front. */
static void run_txn(struct state *s, const struct pb_txn_request *r, struct state_reply *reply)
{
    struct path path = {0};
    struct arena arena = {0};
    struct buf responses = {0};
    decide(s, r, &path);
    struct judging j = {.s = s, .path = &path, .arena = &arena};
    reply->error = judge(&j, r);
    if (reply->error == ETCD_OK) {
        path.at = 0;
        enum rc rc = do_txn(s, r, &path, &responses);
        struct pb_response_header h = state_header(s, reply->raft_term);
        codec_header(&h, &reply->body);
        buf_append_slice(&reply->body, buf_slice(&responses));
        settle(s, rc, reply);
    }
    buf_fini(&responses);
    buf_fini(&path.taken);
    arena_fini(&arena);
}

void apply_txn(struct state *s, const struct pb_txn_request *r, struct state_reply *reply)
{
    kv_begin(s->kv);
    run_txn(s, r, reply);
    kv_end(s->kv);
}

void state_read_txn(struct state *s, const struct pb_txn_request *r, struct state_reply *reply)
{
    must(txn_is_read_only(r));
    run_txn(s, r, reply);
}

/*~ 9. The put takes effect: judged once more, as entries before it may have changed what it relies
 * on, then carried out. do_put also writes the answer. */
void apply_put(struct state *s, const struct pb_put_request *r, struct state_reply *reply)
{
    struct judging j = {.s = s};
    reply->error = judge_put(&j, r);
    if (reply->error != ETCD_OK)
        return;
    struct pb_response_header h = state_header(s, reply->raft_term);
    kv_begin(s->kv);
    settle(s, do_put(s, r, &h, &reply->body), reply);
    kv_end(s->kv);
}

void apply_delete(struct state *s, const struct pb_delete_range_request *r,
                  struct state_reply *reply)
{
    struct pb_response_header h = state_header(s, reply->raft_term);
    kv_begin(s->kv);
    settle(s, do_delete(s, r, &h, &reply->body), reply);
    kv_end(s->kv);
}

void apply_compaction(struct state *s, const struct pb_compaction_request *r,
                      struct state_reply *reply)
{
    reply->error = kv_compact(s->kv, r->revision);
    if (reply->error != ETCD_OK)
        return;
    struct pb_response_header h = state_header(s, reply->raft_term);
    codec_header(&h, &reply->body);
    if (r->physical)
        reply->sweep = r->revision;
}
