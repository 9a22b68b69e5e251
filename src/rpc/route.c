/* Plain HTTP: what is not a gRPC call. Headers and texts are those of etcd's Go server. */
#include "rpc/inner.h"

#include <stdlib.h>

/* On every answer of the client port (etcd's --cors, default *). */
#define CORS_HEADERS                                                                               \
    {SLICE_LIT("access-control-allow-headers"), SLICE_LIT("accept, content-type, authorization")}, \
        {SLICE_LIT("access-control-allow-methods"), SLICE_LIT("POST, GET, OPTIONS, PUT, DELETE")}, \
    {                                                                                              \
        SLICE_LIT("access-control-allow-origin"), SLICE_LIT("*")                                   \
    }

static void respond(struct http_stream *stream, const struct rpc_http_reply *reply, bool get_only)
{
    struct http_header headers[6] = {CORS_HEADERS};
    size_t n = 3;
    if (get_only)
        headers[n++] = (struct http_header){SLICE_LIT("allow"), SLICE_LIT("GET")};
    if (reply->content_type)
        headers[n++] =
            (struct http_header){SLICE_LIT("content-type"), slice_str(reply->content_type)};
    if (reply->status >= 400)
        headers[n++] =
            (struct http_header){SLICE_LIT("x-content-type-options"), SLICE_LIT("nosniff")};
    http_stream_headers(stream, reply->status, headers, n, (int64_t)reply->body.n);
    http_stream_send(stream, buf_slice(&reply->body));
}

static void respond_text(struct http_stream *stream, unsigned status, const char *text,
                         bool get_only)
{
    struct rpc_http_reply reply = {.status = status, .content_type = "text/plain; charset=utf-8"};
    buf_append_str(&reply.body, text);
    respond(stream, &reply, get_only);
    buf_fini(&reply.body);
}

static const struct rpc_route *find(const struct rpc_server *s, struct slice path)
{
    for (size_t i = 0; i < s->opt.route_count; i++)
        if (slice_eq(slice_str(s->opt.routes[i].path), path))
            return &s->opt.routes[i];
    return NULL;
}

void route_serve(struct rpc_server *s, struct http_stream *stream,
                 const struct http_request *request)
{
    struct rpc_http_request req = {.path = request->path};
    const uint8_t *mark = memchr(req.path.p, '?', req.path.n);
    if (mark) {
        req.path.n = (size_t)(mark - request->path.p);
        req.query = slice_skip(request->path, req.path.n + 1);
    }
    if (slice_eq(request->method, SLICE_LIT("OPTIONS"))) {
        struct rpc_http_reply empty = {.status = 200};
        respond(stream, &empty, false);
        return;
    }
    const struct rpc_route *route = find(s, req.path);
    if (!route) {
        respond_text(stream, 404, "404 page not found\n", false);
        return;
    }
    if (!slice_eq(request->method, SLICE_LIT("GET"))) {
        respond_text(stream, 405, "Method Not Allowed\n", true);
        return;
    }
    struct rpc_http_reply reply = {.status = 200};
    route->serve(s->opt.arg, &req, &reply);
    respond(stream, &reply, false);
    buf_fini(&reply.body);
}
