#include "rpc/rpc.h"

#include "base/mem.h"
#include "base/must.h"
#include "rpc/gateway.h"

#include <stdio.h>
#include <stdlib.h>

static bool opens(const struct door *d, enum rpc_door what)
{
    return d == &d->server->doors[RPC_DOOR_ALL] || d == &d->server->doors[what];
}

/* What a stream means to us: a call, or one that was answered from its headers alone and whose
 * body, if it has one, is taken and forgotten. */
struct exchange {
    struct http_stream *stream;
    struct rpc_call *call;   /* NULL: answered, or … */
    struct gateway *gateway; /* … the gateway's */
};

/* gRPC needs HTTP/2; everything with its content type is a call there, and a POST with another one
 * is refused as grpc-go refuses it, unless it is the gateway's. The rest is plain HTTP, in either
 * version. */
static void *on_request(struct http_handler *h, struct http_stream *stream,
                        const struct http_request *request)
{
    const struct door *door = CONTAINER_OF(h, struct door, handler);
    struct rpc_server *s = door->server;
    struct slice type = http_request_header(request, "content-type");
    struct exchange *x = mem_zalloc(sizeof(*x));
    x->stream = stream;
    bool h2 = request->version == 2;
    bool claims = slice_has_prefix(type, SLICE_LIT("application/grpc"));
    if (h2 && metadata_is_grpc(type) && opens(door, RPC_DOOR_GRPC)) {
        x->call = request_begin(s, stream, request);
    } else if (h2 && opens(door, RPC_DOOR_GRPC) &&
               (claims ||
                (slice_eq(request->method, SLICE_LIT("POST")) && !gateway_owns(s, request)))) {
        char text[160];
        snprintf(text, sizeof(text), "invalid gRPC request content-type \"%.*s\"",
                 (int)(type.n < 64 ? type.n : 64), type.n ? (const char *)type.p : "");
        grpc_refuse(stream, 415, GRPC_INVALID_ARGUMENT, text, NULL);
    } else if (!opens(door, RPC_DOOR_HTTP)) {
        route_not_found(s, stream, request);
    } else if (!route_refuse(s, stream, request)) {
        if (gateway_owns(s, request))
            x->gateway = gateway_begin(s, stream, request);
        else
            route_serve(s, stream, request);
    }
    return x;
}

static void on_data(struct http_handler *h, void *ctx, struct slice piece)
{
    struct exchange *x = ctx;
    (void)h;
    if (x->call)
        request_data(x->call, piece);
    else if (x->gateway)
        gateway_data(x->gateway, piece);
    else
        http_stream_consumed(x->stream, piece.n);
}

static void on_end(struct http_handler *h, void *ctx)
{
    struct exchange *x = ctx;
    (void)h;
    if (x->call)
        request_end(x->call);
    if (x->gateway)
        gateway_end(x->gateway);
}

static void on_close(struct http_handler *h, void *ctx, enum rc why)
{
    struct exchange *x = ctx;
    (void)h;
    (void)why;
    if (x->call)
        call_close(x->call);
    if (x->gateway)
        gateway_close(x->gateway);
    free(x);
}

static const struct http_handler_ops handler_ops = {on_request, on_data, on_end, on_close};

struct rpc_server *rpc_server_new(const struct rpc_options *opt)
{
    struct rpc_server *s = mem_zalloc(sizeof(*s));
    for (size_t i = 0; i < RPC_DOOR_COUNT; i++)
        s->doors[i] = (struct door){{&handler_ops}, s};
    s->opt = *opt;
    list_init(&s->needing);
    s->counts = counts_new(opt);
    if (s->opt.message_max == 0)
        s->opt.message_max = RPC_MESSAGE_MAX_DEFAULT;
    for (size_t i = 1; i < opt->method_count; i++) /* found by bisection */
        must(slice_cmp(slice_str(opt->methods[i - 1].path), slice_str(opt->methods[i].path)) < 0);
    for (size_t i = 1; i < opt->gateway_count; i++)
        must(strcmp(opt->gateway[i - 1].path, opt->gateway[i].path) < 0);
    for (size_t i = 0; i < opt->method_count; i++)
        must(opt->methods[i].serve || opt->methods[i].stream->message);
    return s;
}

void rpc_server_free(struct rpc_server *s)
{
    if (!s)
        return;
    must(s->open == 0);
    while (s->free_calls) {
        struct rpc_call *call = s->free_calls;
        s->free_calls = call->in.next_free;
        free(call);
    }
    counts_free(s->counts);
    free(s);
}

struct http_handler *rpc_server_handler(struct rpc_server *s, enum rpc_door door)
{
    return &s->doors[door].handler;
}

size_t rpc_server_calls(const struct rpc_server *s)
{
    return s->open;
}
