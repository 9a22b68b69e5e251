/* Plain HTTP: what is not a gRPC call. Headers and texts are those of etcd's Go server. */
#include "rpc/inner.h"

#include <stdlib.h>

/* On every answer of the client port (etcd's --cors, default *). */
static const struct http_header cors_headers[] = {
    {SLICE_INIT("access-control-allow-headers"), SLICE_INIT("accept, content-type, authorization")},
    {SLICE_INIT("access-control-allow-methods"), SLICE_INIT("POST, GET, OPTIONS, PUT, DELETE")},
    {SLICE_INIT("access-control-allow-origin"), SLICE_INIT("*")},
};

#define HEADERS_MAX (ARRAY_LEN(cors_headers) + 4)

static void respond(const struct rpc_server *s, struct http_stream *stream,
                    const struct rpc_http_reply *reply)
{
    struct http_header headers[HEADERS_MAX];
    size_t n = s->opt.cors ? ARRAY_LEN(cors_headers) : 0;
    memcpy(headers, cors_headers, n * sizeof(headers[0]));
    if (reply->status == 405)
        headers[n++] = (struct http_header){SLICE_LIT("allow"), SLICE_LIT("GET")};
    if (reply->content_type)
        headers[n++] =
            (struct http_header){SLICE_LIT("content-type"), slice_str(reply->content_type)};
    if (reply->extra_name)
        headers[n++] =
            (struct http_header){slice_str(reply->extra_name), slice_str(reply->extra_value)};
    if (reply->status >= 400)
        headers[n++] =
            (struct http_header){SLICE_LIT("x-content-type-options"), SLICE_LIT("nosniff")};
    http_stream_headers(stream, reply->status, headers, n, (int64_t)reply->body.n);
    http_stream_send(stream, buf_slice(&reply->body));
}

static void respond_text(const struct rpc_server *s, struct http_stream *stream, unsigned status,
                         const char *text)
{
    struct rpc_http_reply reply = {.status = status, .content_type = "text/plain; charset=utf-8"};
    buf_append_str(&reply.body, text);
    respond(s, stream, &reply);
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
        respond(s, stream, &empty);
        return;
    }
    const struct rpc_route *route = find(s, req.path);
    if (!route) {
        respond_text(s, stream, 404, "404 page not found\n");
        return;
    }
    if (!slice_eq(request->method, SLICE_LIT("GET"))) {
        respond_text(s, stream, 405, "Method Not Allowed\n");
        return;
    }
    struct rpc_http_reply reply = {.status = 200};
    route->serve(s->opt.arg, &req, &reply);
    respond(s, stream, &reply);
    buf_fini(&reply.body);
}
