/* The KV service (etcd's rpc.proto, service KV). */
#include "api/access.h"
#include "api/pace.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"
#include "env/metrics.h"
#include "state/check.h"
#include "state/work.h"
#include "wire/kv_codec.h"
#include "wire/raft_request.h"
#include "wire/scan.h"

#include <stdlib.h>

#define API_TXN_MEMORY_MAX (8u << 20) /* bytes of decoded txn: some 50,000 nested operations */

/* ---- Range ---- */

/* An answer too large to be built at once: encoded as the connection takes it. */
struct lazy_range {
    struct http_source source;
    struct api *api;
    struct kv_range range;
    struct buf header;
    struct pace pace;
    size_t charged; /* bytes counted in the budget */
    bool expired;
};

static enum http_pull pull_range(struct http_source *source, struct buf *out, size_t max)
{
    struct lazy_range *l = CONTAINER_OF(source, struct lazy_range, source);
    if (l->expired)
        return HTTP_PULL_FAIL;
    size_t n = l->header.n < max ? l->header.n : max;
    size_t before = out->n;
    buf_append(out, l->header.p, n);
    buf_consume(&l->header, n);
    if (n == max)
        return HTTP_PULL_MORE;
    enum rc rc = kv_range_read(&l->range, out, max - n);
    pace_moved(&l->pace, out->n - before);
    if (rc == RC_OK)
        return HTTP_PULL_MORE;
    l->api->damaged = l->api->damaged || rc != RC_END;
    return rc == RC_END ? HTTP_PULL_END : HTTP_PULL_FAIL;
}

/* Let go of all that others could want: the pinned revision, memory, the place among
 * API_LAZY_RANGES_MAX. */
static void let_go(struct lazy_range *l)
{
    kv_range_close(&l->range);
    buf_fini(&l->header);
    api_give_range_place(l->api, l->charged);
}

static void release_range(struct http_source *source)
{
    struct lazy_range *l = CONTAINER_OF(source, struct lazy_range, source);
    pace_end(&l->pace);
    if (!l->expired)
        let_go(l);
    free(l);
}

/* A reader this slow holds up compaction. Who reads nothing at all never pulls again, so it is let
 * go of now; who does finds its stream ended. */
static void range_expired(struct pace *p)
{
    struct lazy_range *l = CONTAINER_OF(p, struct lazy_range, pace);
    log_debug(l->api->opt.env->log, "api.slow_range", "revision", I64(l->range.at));
    let_go(l);
    l->expired = true;
}

bool api_take_range_place(struct api *a, size_t bytes)
{
    struct http_budget *budget = a->opt.budget;
    if (a->lazy_ranges >= API_LAZY_RANGES_MAX || (budget && budget->used + bytes > budget->max))
        return false;
    a->lazy_ranges++;
    if (budget)
        budget->used += bytes;
    return true;
}

void api_give_range_place(struct api *a, size_t bytes)
{
    if (a->opt.budget)
        a->opt.budget->used -= bytes;
    a->lazy_ranges--;
}

static void reply_lazily(struct api *a, struct rpc_call *call, struct kv_range *range,
                         const struct pb_response_header *header)
{
    static const struct http_source_ops ops = {pull_range, release_range};
    size_t bytes = sizeof(struct lazy_range) + kv_range_held(range);
    if (!api_take_range_place(a, bytes)) {
        kv_range_close(range);
        rpc_fail_etcd(call, ETCD_REQUEST_TOO_MANY_REQUESTS,
                      "too many large answers are being sent at once; use limit, or try again");
        return;
    }
    struct lazy_range *l = mem_zalloc(sizeof(*l));
    l->source.ops = &ops;
    l->api = a;
    l->range = *range;
    l->charged = bytes;
    codec_header(header, &l->header);
    kv_range_pin(&l->range);
    pace_begin(&l->pace, a->opt.env, range_expired);
    rpc_reply_source(call, &l->source, l->header.n + l->range.body_len);
}

static void range_now(struct api *a, struct rpc_call *call, void *request)
{
    const struct pb_range_request *r = request;
    struct kv_range range;
    if (!access_allows(a, call, AUTH_READ, r->key, r->range_end))
        return;
    enum etcd_error e = kv_range_open(state_kv(a->state), request, &range);
    if (e != ETCD_OK) {
        a->damaged = a->damaged || e == ETCD_CORRUPT;
        rpc_fail_etcd(call, e, NULL);
        return;
    }
    env_count(a->opt.env, mvcc_ranges, 1);
    struct pb_response_header header = api_header(a);
    header.revision = range.revision;
    if (range.body_len > API_WHOLE_BYTES_MAX) {
        reply_lazily(a, call, &range, &header);
        return;
    }
    struct buf body = {0};
    buf_reserve(&body, RPC_FRAME_LEN + codec_header_len(&header) + range.body_len);
    rpc_body_begin(&body);
    codec_header(&header, &body);
    enum rc rc = kv_range_read(&range, &body, range.body_len);
    kv_range_close(&range);
    if (rc == RC_END) {
        rpc_reply(call, &body);
        return;
    }
    buf_fini(&body);
    a->damaged = true;
    rpc_fail_etcd(call, ETCD_CORRUPT, "what is stored for a key in the range is damaged");
}

void serve_range(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_range_request *r = arena_alloc(&call->arena, sizeof(*r));
    enum rc rc = codec_range_request_parse(message, r);
    if (rc != RC_OK) {
        api_bad_message(call, rc);
        return;
    }
    enum etcd_error e = check_range(r);
    if (e != ETCD_OK)
        rpc_fail_etcd(call, e, NULL);
    else
        api_read(a, call, r->serializable, range_now, r);
}

/* ---- Writes ---- */

/*~ 3. A put: decode, judge what can be judged before its turn in the log has come, propose. What
 * goes into the log is the client's own message; what was decoded is only looked at. */
void serve_put(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_put_request r;
    enum rc rc = codec_put_request_parse(message, &r);
    if (rc != RC_OK) {
        api_bad_message(call, rc);
        return;
    }
    enum etcd_error e = check_put(&r);
    if (e != ETCD_OK)
        rpc_fail_etcd(call, e, NULL);
    else
        api_propose(arg, call, RAFT_REQUEST_PUT, message, put_cost(&r));
}

void serve_delete_range(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_delete_range_request r;
    if (!api_decode(call, &wire_delete_range_request, message, &r))
        return;
    enum etcd_error e = check_delete(&r);
    if (e != ETCD_OK)
        rpc_fail_etcd(call, e, NULL);
    else
        api_propose(arg, call, RAFT_REQUEST_DELETE_RANGE, message, 0);
}

static void read_txn_now(struct api *a, struct rpc_call *call, void *request)
{
    if (!access_allows_txn(a, call, request))
        return;
    struct state_reply reply = {
        .raft_term = quorum_term(a->quorum), .room = api_reply_room(a), .unheard = rpc_gone(call)};
    rpc_body_begin(&reply.body);
    state_read_txn(a->state, request, &reply);
    a->damaged = a->damaged || reply.error == ETCD_CORRUPT;
    if (reply.error == ETCD_OK && !reply.too_large)
        rpc_reply(call, &reply.body);
    else
        api_refuse_reply(a, call, &reply);
}

/* How many there are of what a txn has most of: comparisons, or operations of one branch. */
static size_t txn_width(struct slice txn)
{
    size_t counts[3] = {0};
    struct scan_field f;
    while (scan_next(&txn, &f) == RC_OK)
        if (f.tag >= SCAN_TAG(1, SCAN_BYTES) && f.tag <= SCAN_TAG(3, SCAN_BYTES) &&
            (f.tag & 7) == SCAN_BYTES)
            counts[(f.tag >> 3) - 1]++;
    size_t most = counts[0] > counts[1] ? counts[0] : counts[1];
    return most > counts[2] ? most : counts[2];
}

/* 1.5 MB can hold 700,000 operations: they are counted before structs are made of them. Nothing
 * passes here that wire_decode refuses when the entry is applied. */
static bool decode_txn(struct api *a, struct rpc_call *call, struct slice message,
                       struct pb_txn_request *out)
{
    size_t most = wire_memory_max(message.n);
    const struct wire_limits limits = {WIRE_DEPTH_MAX,
                                       most < API_TXN_MEMORY_MAX ? most : API_TXN_MEMORY_MAX};
    if (txn_width(message) > a->opt.txn_ops_max) {
        rpc_fail_etcd(call, ETCD_TOO_MANY_OPS, NULL);
        return false;
    }
    enum rc rc = wire_decode_limited(&wire_txn_request, message, &limits, &call->arena, out);
    if (rc != RC_OK)
        api_bad_message(call, rc);
    return rc == RC_OK;
}

void serve_txn(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_txn_request *r = arena_alloc(&call->arena, sizeof(*r));
    if (!decode_txn(a, call, message, r))
        return;
    enum etcd_error e = check_txn(r, a->opt.txn_ops_max);
    if (e != ETCD_OK)
        rpc_fail_etcd(call, e, NULL);
    else if (!work_is_bearable(state_kv(a->state), r))
        rpc_fail_etcd(call, ETCD_REQUEST_TOO_MANY_REQUESTS,
                      "the transaction would look at more keys than one may: the same ones again "
                      "and again; split it, or use limit");
    else if (txn_is_read_only(r))
        api_read(a, call, txn_is_serializable(r), read_txn_now, r);
    else
        api_propose(a, call, RAFT_REQUEST_TXN, message, txn_cost(r));
}

void serve_compact(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_compaction_request r;
    if (api_decode(call, &wire_compaction_request, message, &r))
        api_propose(arg, call, RAFT_REQUEST_COMPACTION, message, 0);
}
