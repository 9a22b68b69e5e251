/* How a call's answers go out on its HTTP/2 stream (gRPC over HTTP2, Responses). */
#include "base/mem.h"
#include "base/wr.h"
#include "rpc/inner.h"
#include "rpc/outbox.h"

#include <stdio.h>
#include <stdlib.h>

struct grpc_out {
    struct outbox box;
    struct rpc_call *call;
};

static const struct http_header response_headers[] = {
    {SLICE_INIT("content-type"), SLICE_INIT("application/grpc")},
};

/* ---- The status ---- */

#define STATUS_HEADERS_MAX 3u

/* Status, text and explanation as headers; their bytes are in text. */
struct status_headers {
    struct http_header v[STATUS_HEADERS_MAX];
    size_t n;
    char code[16];
    struct buf text;
    struct buf explain;
};

static void status_init(struct status_headers *h, enum grpc_code code, const char *text,
                        const char *explain)
{
    *h = (struct status_headers){0};
    metadata_encode_text(text, &h->text);
    snprintf(h->code, sizeof(h->code), "%u", (unsigned)code);
    h->v[h->n++] = (struct http_header){SLICE_LIT("grpc-status"), slice_str(h->code)};
    h->v[h->n++] = (struct http_header){SLICE_LIT("grpc-message"), buf_slice(&h->text)};
    if (!explain)
        return;
    metadata_encode_text(explain, &h->explain);
    h->v[h->n++] = (struct http_header){SLICE_LIT("moat-explain"), buf_slice(&h->explain)};
}

static void status_fini(struct status_headers *h)
{
    buf_fini(&h->text);
    buf_fini(&h->explain);
}

void grpc_refuse(struct http_stream *stream, unsigned http_status, enum grpc_code code,
                 const char *text, const char *explain)
{
    struct status_headers h;
    struct http_header all[ARRAY_LEN(response_headers) + STATUS_HEADERS_MAX];
    status_init(&h, code, text, explain);
    memcpy(all, response_headers, sizeof(response_headers));
    memcpy(all + ARRAY_LEN(response_headers), h.v, h.n * sizeof(*h.v));
    http_stream_headers(stream, http_status, all, ARRAY_LEN(response_headers) + h.n, -1);
    http_stream_send(stream, (struct slice){0});
    status_fini(&h);
}

/* ---- Several messages, or one that is pulled ---- */

static void on_low(struct outbox *o)
{
    rpc_call_drained(CONTAINER_OF(o, struct grpc_out, box)->call);
}

static void on_release(struct outbox *o)
{
    struct grpc_out *out = CONTAINER_OF(o, struct grpc_out, box);
    out->call->in.out = NULL;
    free(out);
}

/* The first message sends the headers. NULL: the stream is dead already. */
static struct outbox *begin(struct rpc_call *call)
{
    static const struct outbox_ops ops = {on_low, on_release};
    struct http_stream *stream = call->in.stream;
    if (!call->in.out) {
        struct grpc_out *out = mem_zalloc(sizeof(*out));
        out->call = call;
        call->in.out = out;
        outbox_init(&out->box, &ops, stream, call->server->opt.budget);
        http_stream_headers(stream, 200, response_headers, ARRAY_LEN(response_headers), -1);
        outbox_attach(&out->box);
    }
    return call->in.out ? &call->in.out->box : NULL;
}

static void end_with(struct rpc_call *call, enum grpc_code code, const char *text,
                     const char *explain)
{
    struct status_headers h;
    status_init(&h, code, text, explain);
    http_stream_trailers(call->in.stream, h.v, h.n);
    outbox_end(&call->in.out->box);
    status_fini(&h);
}

static void add_frame(struct outbox *o, uint64_t len)
{
    uint8_t frame[RPC_FRAME_LEN] = {0};
    store_u32_big(frame + 1, (uint32_t)len);
    outbox_copy(o, slice_of(frame, sizeof(frame)));
}

static void send_message(void *carrier, struct buf *body, bool last)
{
    struct rpc_call *call = carrier;
    store_u32_big(body->p + 1, (uint32_t)(body->n - RPC_FRAME_LEN));
    if (last && !call->in.out) {
        http_stream_grpc_reply(call->in.stream, body);
        return;
    }
    struct outbox *o = begin(call);
    if (!o) {
        buf_fini(body);
        return;
    }
    outbox_take(o, body);
    if (last)
        end_with(call, GRPC_OK, "", NULL);
}

static void send_shared(void *carrier, struct slice head, struct blob *tail)
{
    struct outbox *o = begin(carrier);
    if (!o)
        return;
    add_frame(o, head.n + tail->n);
    outbox_copy(o, head);
    outbox_share(o, tail);
}

static void send_source(void *carrier, struct http_source *src, uint64_t len, bool last)
{
    struct outbox *o = begin(carrier);
    if (!o) {
        src->ops->release(src);
        return;
    }
    add_frame(o, len);
    outbox_source(o, src);
    if (last)
        end_with(carrier, GRPC_OK, "", NULL);
}

static void resume(void *carrier)
{
    struct rpc_call *call = carrier;
    http_stream_resume(call->in.stream);
}

static void send_end(void *carrier, enum grpc_code code, const char *text, const char *explain)
{
    struct rpc_call *call = carrier;
    if (call->in.out)
        end_with(call, code, text, explain);
    else
        grpc_refuse(call->in.stream, 200, code, text, explain);
}

static size_t queued(const void *carrier)
{
    const struct rpc_call *call = carrier;
    return call->in.out ? call->in.out->box.waiting : 0;
}

const struct rpc_carrier_ops grpc_carrier = {
    .message = send_message,
    .shared = send_shared,
    .source = send_source,
    .resume = resume,
    .end = send_end,
    .queued = queued,
};
