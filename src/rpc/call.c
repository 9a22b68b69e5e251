/* One gRPC call: its message gathered, its method served, its answer sent (gRPC over HTTP2). */
#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"
#include "rpc/inner.h"

#include <stdio.h>
#include <stdlib.h>

#define NO_TIMEOUT UINT64_MAX

static void deadline_passed(struct timer *t);

/* ---- Calls come from a free list: a call is made and ended for every put ---- */

static struct rpc_call *take(struct rpc_server *s)
{
    struct rpc_call *call = s->free_calls;
    if (call) {
        s->free_calls = call->in.next_free;
        s->free_count--;
    } else {
        call = mem_alloc(sizeof(*call));
    }
    call->server = s;
    call->method = NULL;
    call->token = (struct slice){0};
    call->in = (struct call_inner){.deadline = {.fire = deadline_passed}};
    arena_init(&call->arena, call->arena_first, sizeof(call->arena_first));
    s->open++;
    return call;
}

static void give_back(struct rpc_call *call)
{
    struct rpc_server *s = call->server;
    must(!timer_active(&call->in.deadline));
    s->open--;
    if (s->free_count >= RPC_FREE_CALLS_MAX) {
        free(call);
        return;
    }
    call->in.next_free = s->free_calls;
    s->free_calls = call;
    s->free_count++;
}

/* Count n bytes for the call in the server's budget, instead of what was counted so far. */
static void charge(struct rpc_call *call, size_t n)
{
    struct http_budget *budget = call->server->opt.budget;
    if (budget)
        budget->used += n - call->in.charged;
    call->in.charged = n;
}

static void drop_message(struct rpc_call *call)
{
    charge(call, 0);
    buf_fini(&call->in.message);
}

/* Free what nobody needs any more: the message once the method is done, the call itself once its
 * stream is closed, too. */
static void settle(struct rpc_call *call)
{
    if (!call->in.finished)
        return;
    drop_message(call);
    arena_fini(&call->arena);
    if (!call->in.stream)
        give_back(call);
}

/* The client's side of the call is over. */
static void mark_answered(struct rpc_call *call)
{
    call->in.answered = true;
    timer_stop(call->server->opt.env->timers, &call->in.deadline);
}

/* ---- Answers ---- */

void call_refuse(struct http_stream *stream, unsigned http_status, enum grpc_code code,
                 const char *text, const char *explain)
{
    char status[16];
    struct buf message = {0};
    struct buf detail = {0};
    metadata_encode_text(text, &message);
    snprintf(status, sizeof(status), "%u", (unsigned)code);
    struct http_header headers[4] = {
        {SLICE_LIT("content-type"), SLICE_LIT("application/grpc")},
        {SLICE_LIT("grpc-status"), slice_str(status)},
        {SLICE_LIT("grpc-message"), buf_slice(&message)},
    };
    size_t n = 3;
    if (explain) {
        metadata_encode_text(explain, &detail);
        headers[n++] = (struct http_header){SLICE_LIT("moat-explain"), buf_slice(&detail)};
    }
    http_stream_headers(stream, http_status, headers, n, -1);
    http_stream_send(stream, (struct slice){0});
    buf_fini(&message);
    buf_fini(&detail);
}

/* Tell the client, unless it was told or is gone. */
static void refuse(struct rpc_call *call, enum grpc_code code, const char *text,
                   const char *explain)
{
    if (call->in.answered)
        return;
    mark_answered(call);
    call_refuse(call->in.stream, 200, code, text, explain);
}

void rpc_fail(struct rpc_call *call, enum grpc_code code, const char *text, const char *explain)
{
    must(!call->in.finished);
    refuse(call, code, text, explain);
    call->in.finished = true;
    settle(call);
}

void rpc_fail_etcd(struct rpc_call *call, enum etcd_error error, const char *explain)
{
    rpc_fail(call, etcd_error_code(error), etcd_error_text(error), explain);
}

void rpc_fail_early(struct rpc_call *call, enum etcd_error error, const char *explain)
{
    must(!call->in.finished);
    refuse(call, etcd_error_code(error), etcd_error_text(error), explain);
}

void rpc_message_done(struct rpc_call *call)
{
    drop_message(call);
    charge(call, RPC_CALL_COST);
}

uint64_t rpc_call_origin(const struct rpc_call *call)
{
    return call->in.stream ? (uintptr_t)http_stream_conn(call->in.stream) : 0;
}

bool rpc_gone(const struct rpc_call *call)
{
    return call->in.answered;
}

void rpc_body_begin(struct buf *body)
{
    memset(buf_extend(body, RPC_FRAME_LEN), 0, RPC_FRAME_LEN);
}

void rpc_reply(struct rpc_call *call, struct buf *body)
{
    must(!call->in.finished && body->n >= RPC_FRAME_LEN);
    call->in.finished = true;
    if (call->in.answered) {
        buf_fini(body);
    } else {
        mark_answered(call);
        store_u32_big(body->p + 1, (uint32_t)(body->n - RPC_FRAME_LEN));
        http_stream_grpc_reply(call->in.stream, body);
    }
    settle(call);
}

/* The frame's head, then what the inner source gives. */
struct framed {
    struct http_source source;
    struct http_source *inner;
    uint8_t head[RPC_FRAME_LEN];
    size_t sent;
};

static enum http_pull pull_framed(struct http_source *source, struct buf *out, size_t max)
{
    struct framed *f = CONTAINER_OF(source, struct framed, source);
    size_t n = RPC_FRAME_LEN - f->sent < max ? RPC_FRAME_LEN - f->sent : max;
    buf_append(out, f->head + f->sent, n);
    f->sent += n;
    return n < max ? f->inner->ops->pull(f->inner, out, max - n) : HTTP_PULL_MORE;
}

static void release_framed(struct http_source *source)
{
    struct framed *f = CONTAINER_OF(source, struct framed, source);
    f->inner->ops->release(f->inner);
    free(f);
}

void rpc_reply_source(struct rpc_call *call, struct http_source *src, uint64_t len)
{
    static const struct http_source_ops ops = {pull_framed, release_framed};
    static const struct http_header headers[] = {
        {SLICE_INIT("content-type"), SLICE_INIT("application/grpc")}};
    static const struct http_header trailers[] = {{SLICE_INIT("grpc-status"), SLICE_INIT("0")},
                                                  {SLICE_INIT("grpc-message"), SLICE_INIT("")}};
    must(!call->in.finished);
    if (call->in.answered || len > UINT32_MAX) {
        src->ops->release(src);
        rpc_fail(call, GRPC_RESOURCE_EXHAUSTED, "etcdserver: response is too large",
                 "a gRPC message ends at 4 GiB: use limit");
        return;
    }
    call->in.finished = true;
    mark_answered(call);
    struct framed *f = mem_zalloc(sizeof(*f));
    f->source.ops = &ops;
    f->inner = src;
    store_u32_big(f->head + 1, (uint32_t)len);
    http_stream_headers(call->in.stream, 200, headers, ARRAY_LEN(headers), -1);
    http_stream_trailers(call->in.stream, trailers, ARRAY_LEN(trailers));
    http_stream_source(call->in.stream, &f->source);
    settle(call);
}

static void deadline_passed(struct timer *t)
{
    struct rpc_call *call = CONTAINER_OF(t, struct rpc_call, in.deadline);
    refuse(call, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded", NULL);
    if (!call->in.served) { /* no method has it: nobody else will end it */
        call->in.finished = true;
        settle(call);
    }
}

/* ---- The request ---- */

static int compare_method(const void *key, const void *element)
{
    const struct slice *path = key;
    const struct rpc_method *m = element;
    return slice_cmp(*path, slice_str(m->path));
}

/* "/service/method": the service, and whether we have any method of it. */
static void refuse_unknown(struct rpc_server *s, struct http_stream *stream, struct slice path)
{
    const uint8_t *slash = path.n > 1 ? memrchr(path.p + 1, '/', path.n - 1) : NULL;
    struct buf text = {0};
    if (path.p[0] != '/' || !slash) {
        buf_printf(&text, "malformed method name: \"%.*s\"", (int)path.n, (const char *)path.p);
    } else {
        struct slice service = {path.p + 1, (size_t)(slash - path.p) - 1};
        struct slice method = {slash + 1, path.n - service.n - 2};
        struct slice prefix = {path.p, service.n + 2};
        bool known = false;
        for (size_t i = 0; i < s->opt.method_count; i++)
            known = known || slice_has_prefix(slice_str(s->opt.methods[i].path), prefix);
        if (known)
            buf_printf(&text, "unknown method %.*s for service %.*s", (int)method.n,
                       (const char *)method.p, (int)service.n, (const char *)service.p);
        else
            buf_printf(&text, "unknown service %.*s", (int)service.n, (const char *)service.p);
    }
    buf_append_u8(&text, 0);
    call_refuse(stream, 200, GRPC_UNIMPLEMENTED, (const char *)text.p, NULL);
    buf_fini(&text);
}

static bool refuse_headers(struct http_stream *stream, const struct http_request *request,
                           uint64_t *timeout_ns)
{
    char text[256];
    struct slice timeout = http_request_header(request, "grpc-timeout");
    struct slice encoding = http_request_header(request, "grpc-encoding");
    if (!slice_eq(request->method, SLICE_LIT("POST"))) {
        snprintf(text, sizeof(text),
                 "Received a HEADERS frame with :method \"%.*s\" which should be POST",
                 (int)(request->method.n < 32 ? request->method.n : 32),
                 (const char *)request->method.p);
        call_refuse(stream, 405, GRPC_INTERNAL, text, NULL);
        return true;
    }
    if (timeout.p && metadata_timeout(timeout, timeout_ns) != RC_OK) {
        snprintf(text, sizeof(text), "malformed grpc-timeout: \"%.*s\"",
                 (int)(timeout.n < 32 ? timeout.n : 32), (const char *)timeout.p);
        call_refuse(stream, 400, GRPC_INTERNAL, text, NULL);
        return true;
    }
    if (encoding.n > 0 && !slice_eq(encoding, SLICE_LIT("identity"))) {
        snprintf(text, sizeof(text),
                 "grpc: Decompressor is not installed for grpc-encoding \"%.*s\"",
                 (int)(encoding.n < 32 ? encoding.n : 32), (const char *)encoding.p);
        call_refuse(stream, 200, GRPC_UNIMPLEMENTED, text,
                    "compressed messages are not taken: a few bytes could claim gigabytes");
        return true;
    }
    return false;
}

struct rpc_call *call_begin(struct rpc_server *s, struct http_stream *stream,
                            const struct http_request *request)
{
    uint64_t timeout_ns = NO_TIMEOUT;
    if (refuse_headers(stream, request, &timeout_ns))
        return NULL;
    const struct rpc_method *method = bsearch(&request->path, s->opt.methods, s->opt.method_count,
                                              sizeof(*s->opt.methods), compare_method);
    if (!method) {
        refuse_unknown(s, stream, request->path);
        return NULL;
    }
    struct rpc_call *call = take(s);
    struct slice token = http_request_header(request, "token");
    call->method = method;
    call->in.stream = stream;
    charge(call, RPC_CALL_COST); /* a stream that sends nothing costs something, too */
    if (token.p)
        call->token = arena_copy(&call->arena, token);
    if (timeout_ns != NO_TIMEOUT)
        env_after(s->opt.env, &call->in.deadline, timeout_ns);
    return call;
}

/* What came is no message: end the call before any method has it. */
static void reject(struct rpc_call *call, enum grpc_code code, const char *text)
{
    call->in.served = true;
    rpc_fail(call, code, text, NULL);
}

static bool head_is_fine(struct rpc_call *call)
{
    char text[96];
    uint32_t len = __builtin_bswap32(load_u32(call->in.head + 1));
    if (call->in.head[0] == 1) {
        reject(call, GRPC_INTERNAL, "grpc: compressed flag set with identity or empty encoding");
    } else if (call->in.head[0] != 0) {
        snprintf(text, sizeof(text), "grpc: received unexpected payload format %u",
                 (unsigned)call->in.head[0]);
        reject(call, GRPC_INTERNAL, text);
    } else if (len > call->server->opt.message_max) {
        snprintf(text, sizeof(text), "grpc: received message larger than max (%u vs. %zu)", len,
                 call->server->opt.message_max);
        reject(call, GRPC_RESOURCE_EXHAUSTED, text);
    } else {
        return true;
    }
    return false;
}

static bool over_budget(const struct rpc_call *call)
{
    const struct http_budget *budget = call->server->opt.budget;
    return budget && budget->used > budget->max;
}

/*~ 2. A client's bytes arrive: io has read them (io/conn.c, on_readable), http has taken HTTP/2 off
 * them (http/h2.c). Once the message is whole, its method is called, here and now. */
void call_data(struct rpc_call *call, struct slice piece)
{
    struct call_inner *in = &call->in;
    http_stream_consumed(in->stream, piece.n);
    if (in->served || in->answered)
        return;
    while (in->head_n < RPC_FRAME_LEN && piece.n > 0) {
        in->head[in->head_n++] = piece.p[0];
        piece = slice_skip(piece, 1);
    }
    if (in->head_n < RPC_FRAME_LEN)
        return;
    if (!in->head_done && !head_is_fine(call))
        return;
    in->head_done = true;
    size_t len = __builtin_bswap32(load_u32(in->head + 1));
    size_t missing = len - in->message.n;
    /* What is beyond the first message of a unary call is ignored, as grpc-go does. */
    size_t n = piece.n < missing ? piece.n : missing;
    if (n > 0)
        buf_append(&in->message, piece.p, n);
    charge(call, RPC_CALL_COST + in->message.cap);
    if (over_budget(call)) {
        reject(call, GRPC_RESOURCE_EXHAUSTED, etcd_error_text(ETCD_REQUEST_TOO_MANY_REQUESTS));
        return;
    }
    if (in->message.n == len) {
        in->served = true;
        call->method->serve(call->server->opt.arg, call, buf_slice(&in->message));
    }
}

void call_end(struct rpc_call *call)
{
    if (call->in.served || call->in.answered)
        return;
    reject(call, GRPC_UNKNOWN, call->in.head_done ? "unexpected EOF" : "EOF");
}

void call_close(struct rpc_call *call)
{
    call->in.stream = NULL;
    mark_answered(call);
    if (!call->in.served)
        call->in.finished = true;
    settle(call);
}
