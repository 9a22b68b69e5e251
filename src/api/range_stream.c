/* KV.RangeStream (etcd 3.7): a range in several messages, all of one revision, which stays pinned
 * meanwhile. Each has whole pairs; header, more and count stand in the last one. Memory is one
 * message, however large the range is. etcd refuses sort orders and filters here; these work. */
#include "api/access.h"
#include "api/pace.h"
#include "base/mem.h"
#include "base/wr.h"
#include "state/check.h"
#include "wire/kv_codec.h"

#include <stdlib.h>

#define QUEUED_FEW (32u << 10) /* when so little waits to be sent, the next one is made */

struct range_stream {
    struct read_waiter waiter;
    struct list link; /* in range_streams */
    struct api *api;
    struct rpc_call *call;
    struct pb_range_request request; /* borrows from the message */
    struct kv_range range;
    struct timer deadline; /* of waiting to read */
    struct pace pace;
    bool waiting;
    bool open;      /* range is, and holds a place */
    size_t charged; /* bytes counted in the budget */
};

static void free_stream(struct range_stream *s)
{
    if (s->waiting)
        quorum_read_cancel(&s->waiter);
    if (s->open) {
        kv_range_close(&s->range);
        api_give_range_place(s->api, s->charged);
    }
    timer_stop(s->api->opt.env->timers, &s->deadline);
    pace_end(&s->pace);
    list_remove(&s->link);
    free(s);
}

static void fail(struct range_stream *s, enum etcd_error e, const char *explain)
{
    struct rpc_call *call = s->call;
    free_stream(s);
    rpc_fail_etcd(call, e, explain);
}

/* RangeStreamResponse has one field, the RangeResponse. */
static void send_part(struct range_stream *s, struct slice header, struct slice pairs,
                      struct slice tail)
{
    struct buf body = {0};
    size_t n = header.n + pairs.n + tail.n;
    buf_reserve(&body, RPC_FRAME_LEN + 1 + VARINT_MAX + n);
    rpc_body_begin(&body);
    buf_append_u8(&body, 1 << 3 | 2);
    buf_append_varint(&body, n);
    buf_append_slice(&body, header);
    buf_append_slice(&body, pairs);
    buf_append_slice(&body, tail);
    rpc_send(s->call, &body);
}

static void send_last(struct range_stream *s, struct slice pairs)
{
    struct pb_response_header h = api_header(s->api);
    struct rpc_call *call = s->call;
    struct buf header = {0};
    struct buf tail = {0};
    h.revision = s->range.revision;
    codec_header(&h, &header);
    codec_range_tail(s->range.more, s->range.count, &tail);
    send_part(s, buf_slice(&header), pairs, buf_slice(&tail));
    buf_fini(&header);
    buf_fini(&tail);
    free_stream(s);
    rpc_end(call);
}

static void send_more(struct range_stream *s)
{
    struct buf pairs = {0};
    do {
        buf_clear(&pairs);
        enum rc rc = kv_range_read_pairs(&s->range, &pairs, API_RANGE_PART_BYTES);
        if (rc == RC_END) {
            send_last(s, buf_slice(&pairs));
            break;
        }
        if (rc != RC_OK) {
            s->api->damaged = true;
            fail(s, ETCD_CORRUPT, "what is stored for a key in the range is damaged");
            break;
        }
        pace_moved(&s->pace, pairs.n);
        send_part(s, (struct slice){0}, buf_slice(&pairs), (struct slice){0});
    } while (rpc_queued(s->call) < QUEUED_FEW);
    buf_fini(&pairs);
}

static void too_slow(struct pace *p)
{
    struct range_stream *s = CONTAINER_OF(p, struct range_stream, pace);
    log_debug(s->api->opt.env->log, "api.slow_range", "revision", I64(s->range.at));
    fail(s, ETCD_TIMEOUT, "the stream was read too slowly: it held up compaction");
}

static void open_range(struct range_stream *s)
{
    struct api *a = s->api;
    const struct pb_range_request *r = &s->request;
    struct rpc_call *call = s->call;
    if (!access_allows(a, call, AUTH_READ, r->key, r->range_end)) {
        free_stream(s);
        return;
    }
    enum etcd_error e = kv_range_open(state_kv(a->state), r, &s->range);
    if (e != ETCD_OK) {
        a->damaged = a->damaged || e == ETCD_CORRUPT;
        fail(s, e, NULL);
        return;
    }
    size_t bytes = sizeof(*s) + kv_range_held(&s->range) + API_RANGE_PART_BYTES;
    if (!api_take_range_place(a, bytes)) {
        kv_range_close(&s->range);
        fail(s, ETCD_REQUEST_TOO_MANY_REQUESTS,
             "too many large answers are being sent at once; use limit, or try again");
        return;
    }
    s->open = true;
    s->charged = bytes;
    kv_range_pin(&s->range);
    timer_stop(a->opt.env->timers, &s->deadline);
    pace_begin(&s->pace, a->opt.env, too_slow);
    send_more(s);
}

static void read_ready(struct read_waiter *w, enum rc rc)
{
    struct range_stream *s = CONTAINER_OF(w, struct range_stream, waiter);
    s->waiting = false;
    if (rc == RC_OK)
        open_range(s);
    else
        fail(s, ETCD_STOPPED, NULL);
}

static void overdue(struct timer *t)
{
    struct range_stream *s = CONTAINER_OF(t, struct range_stream, deadline);
    fail(s, ETCD_TIMEOUT, api_explain_voters(s->api));
}

static void drained(void *arg, struct rpc_call *call)
{
    struct range_stream *s = call->user;
    (void)arg;
    if (s && s->open)
        send_more(s);
}

static void closed(void *arg, struct rpc_call *call)
{
    (void)arg;
    if (call->user)
        free_stream(call->user);
}

const struct rpc_stream_ops api_range_stream = {.drained = drained, .closed = closed};

void serve_range_stream(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_range_request r;
    enum rc rc = codec_range_request_parse(message, &r);
    if (rc != RC_OK) {
        api_bad_message(call, rc);
        return;
    }
    enum etcd_error e = check_range(&r);
    if (e != ETCD_OK) {
        rpc_fail_etcd(call, e, NULL);
        return;
    }
    struct range_stream *s = mem_zalloc(sizeof(*s));
    s->api = a;
    s->call = call;
    s->request = r;
    s->waiter.ready = read_ready;
    s->deadline.fire = overdue;
    call->user = s;
    list_add_tail(&a->range_streams, &s->link);
    if (r.serializable) {
        open_range(s);
        return;
    }
    s->waiting = true;
    env_after(a->opt.env, &s->deadline, (uint64_t)API_REQUEST_MS_MAX * NS_PER_MS);
    quorum_read(a->quorum, &s->waiter); /* s may be gone after */
}

void api_stop_range_streams(struct api *a)
{
    list_each (item, &a->range_streams)
        fail(CONTAINER_OF(item, struct range_stream, link), ETCD_STOPPED, NULL);
}
