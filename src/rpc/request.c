/* From a request's headers and bytes to the messages of a call (gRPC over HTTP2). */
#include "base/must.h"
#include "base/wr.h"
#include "rpc/inner.h"

#include <stdio.h>
#include <stdlib.h>

#define NO_TIMEOUT UINT64_MAX
#define KEEP_MAX   (4u << 10)  /* bytes of a message's buffer kept for the next one */
#define SMALL_MAX  (16u << 10) /* bytes that an open stream may hold when the budget is used up */

/* ---- Headers ---- */

static int compare_method(const void *key, const void *element)
{
    const struct slice *path = key;
    const struct rpc_method *m = element;
    return slice_cmp(*path, slice_str(m->path));
}

const struct rpc_method *request_method(const struct rpc_server *s, struct slice path)
{
    if (s->opt.method_count == 0) /* bsearch takes no NULL */
        return NULL;
    return bsearch(&path, s->opt.methods, s->opt.method_count, sizeof(*s->opt.methods),
                   compare_method);
}

/* "/service/method": the service, and whether we have any method of it. */
void request_describe_unknown(const struct rpc_server *s, struct slice path, struct buf *text)
{
    const uint8_t *slash = path.n > 1 ? memrchr(path.p + 1, '/', path.n - 1) : NULL;
    if (path.p[0] != '/' || !slash) {
        buf_printf(text, "malformed method name: \"%.*s\"", (int)path.n, (const char *)path.p);
    } else {
        struct slice service = {path.p + 1, (size_t)(slash - path.p) - 1};
        struct slice method = {slash + 1, path.n - service.n - 2};
        struct slice prefix = {path.p, service.n + 2};
        bool known = false;
        for (size_t i = 0; i < s->opt.method_count; i++)
            known = known || slice_has_prefix(slice_str(s->opt.methods[i].path), prefix);
        if (known)
            buf_printf(text, "unknown method %.*s for service %.*s", (int)method.n,
                       (const char *)method.p, (int)service.n, (const char *)service.p);
        else
            buf_printf(text, "unknown service %.*s", (int)service.n, (const char *)service.p);
    }
    buf_append_u8(text, 0);
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
        grpc_refuse(stream, 405, GRPC_INTERNAL, text, NULL);
        return true;
    }
    if (timeout.p && metadata_timeout(timeout, timeout_ns) != RC_OK) {
        snprintf(text, sizeof(text), "malformed grpc-timeout: \"%.*s\"",
                 (int)(timeout.n < 32 ? timeout.n : 32), (const char *)timeout.p);
        grpc_refuse(stream, 400, GRPC_INTERNAL, text, NULL);
        return true;
    }
    if (encoding.n > 0 && !slice_eq(encoding, SLICE_LIT("identity"))) {
        snprintf(text, sizeof(text),
                 "grpc: Decompressor is not installed for grpc-encoding \"%.*s\"",
                 (int)(encoding.n < 32 ? encoding.n : 32), (const char *)encoding.p);
        grpc_refuse(stream, 200, GRPC_UNIMPLEMENTED, text,
                    "compressed messages are not taken: a few bytes could claim gigabytes");
        return true;
    }
    return false;
}

/* etcd takes it from either name. */
static struct slice token_of(const struct http_request *request)
{
    struct slice token = http_request_header(request, "token");
    return token.p ? token : http_request_header(request, "authorization");
}

struct rpc_call *request_begin(struct rpc_server *s, struct http_stream *stream,
                               const struct http_request *request)
{
    uint64_t timeout_ns = NO_TIMEOUT;
    if (refuse_headers(stream, request, &timeout_ns))
        return NULL;
    const struct rpc_method *method = request_method(s, request->path);
    if (!method) {
        struct buf text = {0};
        request_describe_unknown(s, request->path, &text);
        grpc_refuse(stream, 200, GRPC_UNIMPLEMENTED, (const char *)text.p, NULL);
        buf_fini(&text);
        return NULL;
    }
    struct rpc_call *call = call_new(s, method, token_of(request));
    client_versions_count(&s->clients, http_request_header(request, "client-api-version"),
                          !method->serve || rpc_method_streams(method));
    call->in.ops = &grpc_carrier;
    call->in.carrier = call;
    call->in.stream = stream;
    if (slice_eq(http_request_header(request, "hasleader"), SLICE_LIT("true"))) {
        call->needs_leader = true;
        list_add_tail(&s->needing, &call->in.needing);
    }
    if (method->stream && method->stream->urgent)
        http_stream_class(stream, HTTP_CLASS_URGENT);
    if (timeout_ns != NO_TIMEOUT)
        env_after(s->opt.env, &call->in.deadline, timeout_ns);
    (void)call_open(call); /* its stream keeps it */
    return call;
}

/* ---- Messages ---- */

static bool head_is_fine(struct rpc_call *call)
{
    char text[96];
    uint32_t len = __builtin_bswap32(load_u32(call->in.head + 1));
    if (call->in.head[0] == 1) {
        call_reject(call, GRPC_INTERNAL,
                    "grpc: compressed flag set with identity or empty encoding");
    } else if (call->in.head[0] != 0) {
        snprintf(text, sizeof(text), "grpc: received unexpected payload format %u",
                 (unsigned)call->in.head[0]);
        call_reject(call, GRPC_INTERNAL, text);
    } else if (len > call->server->opt.message_max) {
        snprintf(text, sizeof(text), "grpc: received message larger than max (%u vs. %zu)", len,
                 call->server->opt.message_max);
        call_reject(call, GRPC_RESOURCE_EXHAUSTED, text);
    } else {
        return true;
    }
    return false;
}

/* What comes now is not looked at: the call is over, or has the one message it takes. */
static bool is_deaf(const struct rpc_call *call)
{
    const struct call_inner *in = &call->in;
    return in->answered || in->finished || (in->served && call_takes_one(call));
}

/* A client that does not read its answers is not heard, either. */
static bool is_holding(const struct rpc_call *call)
{
    return call->in.held || rpc_queued(call) > RPC_QUEUED_MAX;
}

static void deliver(struct rpc_call *call)
{
    struct call_inner *in = &call->in;
    const struct rpc_options *opt = &call->server->opt;
    void *arg = opt->arg;
    in->served = true;
    counts_receive(call, in->message.n);
    if (opt->admit && !opt->admit(arg, call, buf_slice(&in->message))) {
        if (!call_takes_one(call)) /* its method has it since it was opened */
            call->method->stream->closed(arg, call);
        return;
    }
    if (call_takes_one(call)) {
        call->method->serve(arg, call, buf_slice(&in->message));
        return;
    }
    call->method->stream->message(arg, call, buf_slice(&in->message));
    if (in->finished)
        return;
    in->head_n = 0;
    in->head_done = false;
    arena_fini(&call->arena);
    arena_init(&call->arena, call->arena_first, sizeof(call->arena_first));
    buf_clear(&in->message);
    if (in->message.cap > KEEP_MAX)
        buf_fini(&in->message);
}

/* Is there memory for what came? A stream is not ended for a small message: what it has open costs
 * more to open again. */
static bool afford(struct rpc_call *call)
{
    const struct call_inner *in = &call->in;
    bool room = call_charge(call);
    return room || (!call_takes_one(call) && in->message.cap + in->waiting.cap <= SMALL_MAX);
}

/* Take bytes up to the end of the message under way, and deliver that; returns the rest. */
static struct slice take_some(struct rpc_call *call, struct slice piece)
{
    struct call_inner *in = &call->in;
    while (in->head_n < RPC_FRAME_LEN && piece.n > 0) {
        in->head[in->head_n++] = piece.p[0];
        piece = slice_skip(piece, 1);
    }
    if (in->head_n < RPC_FRAME_LEN)
        return piece;
    if (!in->head_done && !head_is_fine(call))
        return piece;
    in->head_done = true;
    size_t len = __builtin_bswap32(load_u32(in->head + 1));
    size_t missing = len - in->message.n;
    size_t n = piece.n < missing ? piece.n : missing;
    if (call->method->secret) /* growing would leave pieces of it behind */
        buf_reserve(&in->message, missing);
    if (n > 0)
        buf_append(&in->message, piece.p, n);
    if (!afford(call))
        call_reject(call, GRPC_RESOURCE_EXHAUSTED, etcd_error_text(ETCD_REQUEST_TOO_MANY_REQUESTS));
    else if (in->message.n == len)
        deliver(call);
    return slice_skip(piece, n);
}

static struct slice take(struct rpc_call *call, struct slice piece)
{
    while (piece.n > 0 && !is_deaf(call) && !is_holding(call))
        piece = take_some(call, piece);
    /* What is beyond the message of a unary call is ignored, as grpc-go does. */
    return is_deaf(call) ? (struct slice){0} : piece;
}

static void consumed(struct rpc_call *call, size_t n)
{
    if (call->in.stream && n > 0)
        http_stream_consumed(call->in.stream, n);
}

/* One message was to come, and none did, or not all of it: as grpc-go says it in etcd 3.7. */
static void reject_end(struct rpc_call *call)
{
    bool streams = rpc_method_streams(call->method);
    if (call->in.head_done)
        call_reject(call, streams ? GRPC_INTERNAL : GRPC_UNKNOWN, "unexpected EOF");
    else if (streams)
        call_reject(call, GRPC_INTERNAL,
                    "cardinality violation: received no request message from non-client-streaming "
                    "RPC");
    else
        call_reject(call, GRPC_UNKNOWN, "EOF");
}

/* Everything was taken, and nothing more comes. */
static void take_end(struct rpc_call *call)
{
    struct call_inner *in = &call->in;
    if (!in->ended || in->waiting.n > 0 || is_deaf(call))
        return;
    if (call_takes_one(call))
        reject_end(call);
    else if (in->head_n > 0)
        call_reject(call, GRPC_INTERNAL, "unexpected EOF");
    else if (call->method->stream->half_close)
        call->method->stream->half_close(call->server->opt.arg, call);
}

/* Where the method is called from, so that what it does to the call is done when it returns. */
static void enter(struct rpc_call *call)
{
    must(!call->in.busy);
    call->in.busy = true;
}

static void leave(struct rpc_call *call)
{
    call->in.busy = false;
    call_settle(call);
}

static void receive(struct rpc_call *call, struct slice piece)
{
    struct call_inner *in = &call->in;
    struct slice rest = in->waiting.n > 0 && !is_deaf(call) ? piece : take(call, piece);
    /* What waits keeps the client's window closed. */
    buf_append_slice(&in->waiting, rest);
    consumed(call, piece.n - rest.n);
    if (rest.n > 0 && !afford(call))
        call_reject(call, GRPC_RESOURCE_EXHAUSTED, etcd_error_text(ETCD_REQUEST_TOO_MANY_REQUESTS));
}

/*~ 2. A client's bytes arrive: io has read them (io/conn.c, on_readable), http has taken HTTP/2 off
 * them (http/h2.c). Once the message is whole, its method is called, here and now. */
void request_data(struct rpc_call *call, struct slice piece)
{
    enter(call);
    receive(call, piece);
    leave(call);
}

void rpc_call_feed(struct rpc_call *call, struct slice message)
{
    uint8_t head[RPC_FRAME_LEN] = {0};
    must(message.n <= UINT32_MAX);
    store_u32_big(head + 1, (uint32_t)message.n);
    enter(call);
    receive(call, slice_of(head, sizeof(head)));
    receive(call, message);
    leave(call);
}

void request_end(struct rpc_call *call)
{
    call->in.ended = true;
    enter(call);
    take_end(call);
    leave(call);
}

void rpc_call_feed_end(struct rpc_call *call)
{
    request_end(call);
}

void request_go_on(struct rpc_call *call)
{
    struct call_inner *in = &call->in;
    if (in->busy || in->waiting.n == 0 || in->finished)
        return;
    enter(call);
    struct slice rest = take(call, buf_slice(&in->waiting));
    size_t n = in->waiting.n - rest.n;
    buf_consume(&in->waiting, n);
    consumed(call, n);
    take_end(call);
    leave(call);
}
