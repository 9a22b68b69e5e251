/* Applying writes: put, delete, transaction, compaction; and read-only transactions.
 *
 * A transaction's comparisons, nested ones too, all see the state before it; then every operation
 * of the branches taken is judged; then all are carried out, which cannot fail any more. So
 * either everything happens or nothing does (etcd's server/etcdserver/txn/txn.go). What is read for
 * the answer alone is left out when nobody waits for it, or when there is no room for it. */
#include "base/must.h"
#include "base/wr.h"
#include "env/metrics.h"
#include "state/check.h"
#include "state/inner.h"
#include "wire/kv_codec.h"

/* ---- Comparisons ---- */

struct comparing {
    const struct pb_compare *c;
    bool any;
    bool holds;
    enum rc rc;
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
    now->rc = codec_key_value_parse(encoded, &pair);
    now->holds = now->rc == RC_OK && result_holds(now->c->result, compare_pair(now->c, &pair));
    return now->holds;
}

/* What cannot be read must not decide: another member, whose copy is sound, would go another way.
 */
static enum rc compare_holds(struct state *s, const struct pb_compare *c, bool *holds)
{
    struct comparing now = {.c = c, .holds = true};
    enum rc rc = kv_each(s->kv, c->key, c->range_end, compare_one, &now);
    if (rc == RC_OK)
        rc = now.rc == RC_OK ? RC_OK : RC_CORRUPT;
    if (rc != RC_OK)
        return rc;
    /* No such key: a value never compares; everything else is zero. */
    struct pb_key_value none = {0};
    if (!now.any)
        now.holds =
            c->target != PB_COMPARE_TARGET_VALUE && result_holds(c->result, compare_pair(c, &none));
    *holds = now.holds;
    return RC_OK;
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

static enum rc decide(struct state *s, const struct pb_txn_request *r, struct path *p)
{
    bool success = true;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < r->compare_n && success && rc == RC_OK; i++)
        rc = compare_holds(s, &r->compare[i], &success);
    buf_append_u8(&p->taken, success);
    struct branch b = branch_of(r, success);
    for (size_t i = 0; i < b.n && rc == RC_OK; i++)
        if (b.ops[i].request_case == PB_OP_TXN)
            rc = decide(s, b.ops[i].request_txn, p);
    return rc;
}

/* ---- Judging ---- */

/* What the operations judged so far leave of the keys that there are, to know what a later
 * ignore_value will find. No transaction puts a key that it deletes (state/check.h), but one that
 * goes by a delete from a key on. */
struct judging {
    struct state *s;
    struct path *path;
    bool cut; /* every key from here on is deleted */
    struct slice from;
};

static void note_delete(struct judging *j, const struct pb_delete_range_request *r)
{
    if (!kv_range_is_open(r->range_end) || (j->cut && slice_cmp(j->from, r->key) <= 0))
        return;
    j->cut = true;
    j->from = r->key;
}

static bool will_exist(const struct judging *j, struct slice key)
{
    return !(j->cut && slice_cmp(j->from, key) <= 0) && kv_exists(j->s->kv, key);
}

static enum etcd_error judge_put(const struct judging *j, const struct pb_put_request *r)
{
    if (r->lease != 0 && !leases_find(&j->s->leases, r->lease))
        return ETCD_LEASE_NOT_FOUND;
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
            note_delete(j, op->request_delete_range);
        }
    }
    return e;
}

/* ---- Carrying out. Responses are written as they come: a message inside another goes into a
 * buffer of its own first, since its length stands before it. ---- */

struct carrying {
    struct state *s;
    struct path *path;
    bool heard;  /* somebody waits for the answer */
    bool cut;    /* it would have been larger than there is room for */
    size_t room; /* bytes of pairs that it may still hold */
};

/* May n more bytes of pairs go into the answer? */
static bool take_room(struct carrying *c, size_t n)
{
    if (c->cut || n > c->room) {
        c->cut = true;
        return false;
    }
    c->room -= n;
    return true;
}

static void append_head(struct buf *out, uint32_t field, size_t len)
{
    buf_append_varint(out, (uint64_t)field << 3 | 2);
    buf_append_varint(out, len);
}

static void append_message(struct buf *out, uint32_t field, struct slice message)
{
    append_head(out, field, message.n);
    buf_append_slice(out, message);
}

/* The header inside a transaction's responses: the revision alone. */
static void append_revision(struct buf *out, int64_t revision)
{
    struct pb_response_header h = {.revision = revision};
    codec_header(&h, out);
}

static enum rc do_put(struct carrying *c, const struct pb_put_request *r,
                      const struct pb_response_header *header, struct buf *out)
{
    struct state *s = c->s;
    struct slice before = {0};
    struct pb_key_value old = {0};
    struct buf kept = {0};
    bool show = r->prev_kv && c->heard;
    bool want = show || r->ignore_value || r->ignore_lease;
    enum rc rc = want ? kv_get(s->kv, r->key, &before) : RC_NOT_FOUND;
    bool had = rc == RC_OK;
    if (had) { /* the bytes may move when the new revision is written */
        buf_append_slice(&kept, before);
        rc = codec_key_value_parse(buf_slice(&kept), &old);
    }
    kv_put(s->kv, r->key, r->ignore_value ? old.value : r->value,
           r->ignore_lease ? old.lease : r->lease);
    env_count(s->env, mvcc_puts, 1);
    env_count(s->env, put_bytes, r->key.n + r->value.n);
    struct pb_response_header h = *header;
    h.revision = kv_revision(s->kv);
    codec_header(&h, out);
    if (show && had && take_room(c, kept.n))
        append_message(out, 2, buf_slice(&kept));
    buf_fini(&kept);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

struct previous {
    struct carrying *c;
    struct buf pairs;
};

static bool add_previous(void *arg, const struct index_hit *hit, struct slice encoded)
{
    struct previous *p = arg;
    if (!take_room(p->c, hit->size))
        return false;
    append_message(&p->pairs, 3, encoded);
    return true;
}

static enum rc do_delete(struct carrying *c, const struct pb_delete_range_request *r,
                         const struct pb_response_header *header, struct buf *out)
{
    struct state *s = c->s;
    struct previous previous = {.c = c};
    enum rc rc = RC_OK;
    if (r->prev_kv && c->heard && !c->cut)
        rc = kv_each(s->kv, r->key, r->range_end, add_previous, &previous);
    int64_t deleted = kv_delete(s->kv, r->key, r->range_end);
    env_count(s->env, mvcc_deletes, 1);
    struct pb_response_header h = *header;
    h.revision = kv_revision(s->kv);
    codec_header(&h, out);
    if (deleted) {
        buf_append_varint(out, 2 << 3);
        buf_append_varint(out, (uint64_t)deleted);
    }
    buf_append_slice(out, buf_slice(&previous.pairs));
    buf_fini(&previous.pairs);
    return rc;
}

static enum rc do_range(struct carrying *c, const struct pb_range_request *r, struct buf *out)
{
    struct kv_range range;
    enum rc rc = RC_END;
    if (!c->heard || c->cut)
        return RC_OK;
    if (kv_range_open(c->s->kv, r, &range) != ETCD_OK)
        return RC_CORRUPT; /* it was judged: only storage can have failed */
    env_count(c->s->env, mvcc_ranges, 1);
    append_revision(out, range.revision);
    if (take_room(c, range.body_len))
        rc = kv_range_read(&range, out, range.body_len);
    kv_range_close(&range);
    return rc == RC_END ? RC_OK : rc;
}

static enum rc do_txn(struct carrying *c, const struct pb_txn_request *r, struct buf *out);

static enum rc do_nested(struct carrying *c, const struct pb_txn_request *r, struct buf *out)
{
    static const struct pb_response_header empty = {0};
    codec_header(&empty, out); /* stays empty, as etcd's */
    enum rc rc = do_txn(c, r, out);
    /* Each transaction around it copies that once more: deep and large is too much. */
    if (out->n > STATE_COPY_FREE && !take_room(c, out->n))
        buf_clear(out);
    return rc;
}

static enum rc do_op(struct carrying *c, const struct pb_request_op *op, struct buf *out)
{
    static const struct pb_response_header empty = {0};
    switch (op->request_case) {
    case PB_OP_RANGE:
        return do_range(c, op->request_range, out);
    case PB_OP_PUT:
        return do_put(c, op->request_put, &empty, out);
    case PB_OP_DELETE_RANGE:
        return do_delete(c, op->request_delete_range, &empty, out);
    default:
        return do_nested(c, op->request_txn, out);
    }
}

/* `succeeded` and the responses: all but the header. */
static enum rc do_txn(struct carrying *c, const struct pb_txn_request *r, struct buf *out)
{
    bool success;
    struct branch b = next_branch(c->path, r, &success);
    struct buf inner = {0};
    enum rc rc = RC_OK;
    if (success) {
        buf_append_varint(out, 2 << 3);
        buf_append_varint(out, 1);
    }
    for (size_t i = 0; i < b.n && rc == RC_OK; i++) {
        buf_clear(&inner);
        rc = do_op(c, &b.ops[i], &inner);
        append_head(out, 3, 1 + varint_len(inner.n) + inner.n); /* a ResponseOp, around its one */
        append_message(out, b.ops[i].request_case, buf_slice(&inner));
    }
    buf_fini(&inner);
    return rc;
}

static struct carrying carrying_of(struct state *s, struct path *path,
                                   const struct state_reply *reply)
{
    return (struct carrying){.s = s,
                             .path = path,
                             .heard = !reply->unheard,
                             .room = reply->room ? reply->room : STATE_REPLY_BYTES_MAX};
}

/* Storage that gives something else than the index promised cannot be applied on: this member
 * would differ from the others from here on. What went wrong in memory never reaches storage. */
static void settle(const struct carrying *c, enum rc rc, struct state_reply *reply)
{
    reply->too_large = c->cut;
    if (rc == RC_OK)
        return;
    reply->error = ETCD_CORRUPT;
    c->s->flush.broken = true;
    c->s->opt.on_storage(c->s->opt.arg, rc);
}

/* Decide, judge, carry out. Header last, as only then its revision is known; it is put in front. */
static enum rc run_txn(struct carrying *c, const struct pb_txn_request *r,
                       struct state_reply *reply)
{
    struct buf responses = {0};
    enum rc rc = decide(c->s, r, c->path);
    struct judging j = {.s = c->s, .path = c->path};
    if (rc == RC_OK)
        reply->error = judge(&j, r);
    if (rc == RC_OK && reply->error == ETCD_OK) {
        env_count(c->s->env, mvcc_txns, 1);
        c->path->at = 0;
        rc = do_txn(c, r, &responses);
        struct pb_response_header h = state_header(c->s, reply->raft_term);
        codec_header(&h, &reply->body);
        buf_append_slice(&reply->body, buf_slice(&responses));
    }
    buf_fini(&responses);
    buf_fini(&c->path->taken);
    return rc;
}

void apply_txn(struct state *s, const struct pb_txn_request *r, struct state_reply *reply)
{
    struct path path = {0};
    struct carrying c = carrying_of(s, &path, reply);
    kv_begin(s->kv);
    settle(&c, run_txn(&c, r, reply), reply);
    kv_end(s->kv);
}

void state_read_txn(struct state *s, const struct pb_txn_request *r, struct state_reply *reply)
{
    must(txn_is_read_only(r));
    struct path path = {0};
    struct carrying c = carrying_of(s, &path, reply);
    if (run_txn(&c, r, reply) != RC_OK)
        reply->error = ETCD_CORRUPT;
    reply->too_large = c.cut;
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
    struct carrying c = carrying_of(s, NULL, reply);
    kv_begin(s->kv);
    settle(&c, do_put(&c, r, &h, &reply->body), reply);
    kv_end(s->kv);
}

void apply_delete(struct state *s, const struct pb_delete_range_request *r,
                  struct state_reply *reply)
{
    struct pb_response_header h = state_header(s, reply->raft_term);
    struct carrying c = carrying_of(s, NULL, reply);
    kv_begin(s->kv);
    settle(&c, do_delete(&c, r, &h, &reply->body), reply);
    kv_end(s->kv);
}

void apply_compaction(struct state *s, const struct pb_compaction_request *r,
                      struct state_reply *reply)
{
    reply->error = kv_compact(s->kv, r->revision);
    if (reply->error != ETCD_OK)
        return;
    if (s->env->metrics)
        s->env->metrics->compacted_last = s->env->clock->wall_ns(s->env->clock) / NS_PER_S;
    struct pb_response_header h = state_header(s, reply->raft_term);
    codec_header(&h, &reply->body);
    if (r->physical)
        reply->sweep = r->revision;
}
