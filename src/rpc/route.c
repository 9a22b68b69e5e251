/* Plain HTTP: what is not a gRPC call. Headers and texts are those of etcd's Go server. */
#include "rpc/access.h"
#include "rpc/inner.h"

#include <stdlib.h>

#define HEADERS_MAX (ACCESS_HEADERS_MAX + 4)

static void respond(const struct rpc_server *s, struct http_stream *stream,
                    const struct http_request *request, const struct rpc_http_reply *reply)
{
    struct http_header headers[HEADERS_MAX];
    /* etcd says nothing to a Host that is not its own. */
    size_t n = reply->status == 421 ? 0 : access_headers(&s->opt.access, request, headers);
    if (reply->status == 405)
        headers[n++] = (struct http_header){SLICE_LIT("allow"), SLICE_LIT("GET")};
    if (reply->content_type)
        headers[n++] =
            (struct http_header){SLICE_LIT("content-type"), slice_str(reply->content_type)};
    if (reply->extra_name)
        headers[n++] =
            (struct http_header){slice_str(reply->extra_name), slice_str(reply->extra_value)};
    if (reply->status >= 400 || reply->nosniff)
        headers[n++] =
            (struct http_header){SLICE_LIT("x-content-type-options"), SLICE_LIT("nosniff")};
    http_stream_headers(stream, reply->status, headers, n, (int64_t)reply->body.n);
    http_stream_send(stream, buf_slice(&reply->body));
}

static void respond_text(const struct rpc_server *s, struct http_stream *stream,
                         const struct http_request *request, unsigned status, const char *text)
{
    struct rpc_http_reply reply = {.status = status, .content_type = "text/plain; charset=utf-8"};
    buf_append_str(&reply.body, text);
    respond(s, stream, request, &reply);
    buf_fini(&reply.body);
}

/* ---- What no route has a say in ---- */

/* The path as Go's mux wants it: no empty, "." or ".." element; its query behind it. */
static void clean_path(struct slice path, struct buf *out)
{
    const uint8_t *mark = memchr(path.p, '?', path.n);
    size_t n = mark ? (size_t)(mark - path.p) : path.n;
    for (size_t at = 0; at < n;) {
        const uint8_t *slash = at + 1 < n ? memchr(path.p + at + 1, '/', n - at - 1) : NULL;
        size_t end = slash ? (size_t)(slash - path.p) : n;
        struct slice element = slice_of(path.p + at, end - at); /* with the slash before it */
        bool last = end == n;
        if (slice_eq(element, SLICE_LIT("/..")))
            while (out->n > 0 && out->p[--out->n] != '/')
                ;
        else if (!slice_eq(element, SLICE_LIT("/")) && !slice_eq(element, SLICE_LIT("/.")))
            buf_append_slice(out, element);
        if (last && (out->n == 0 || slice_eq(element, SLICE_LIT("/"))))
            buf_append_u8(out, '/');
        at = end;
    }
    buf_append(out, path.p + n, path.n - n);
}

/* What a URL may not have in it (RFC 3986 2) is escaped: a browser takes "/\host" for "//host". */
static void append_escaped(struct slice url, struct buf *out)
{
    for (size_t i = 0; i < url.n; i++) {
        uint8_t c = url.p[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c))
            buf_printf(out, "%%%02X", c);
        else
            buf_append_u8(out, c);
    }
}

static bool redirect(const struct rpc_server *s, struct http_stream *stream,
                     const struct http_request *request)
{
    struct buf to = {0};
    if (slice_eq(request->path, SLICE_LIT("/v3")) && s->opt.gateway)
        buf_append_str(&to, "/v3/");
    else if (request->path.p[0] == '/')
        clean_path(request->path, &to);
    bool moved = to.n > 0 && !slice_eq(buf_slice(&to), request->path);
    if (moved) {
        struct http_header headers[ACCESS_HEADERS_MAX + 1];
        size_t n = access_headers(&s->opt.access, request, headers);
        struct buf location = {0};
        append_escaped(buf_slice(&to), &location);
        headers[n++] = (struct http_header){SLICE_LIT("location"), buf_slice(&location)};
        http_stream_headers(stream, 307, headers, n, 0);
        buf_fini(&location);
    }
    buf_fini(&to);
    return moved;
}

bool route_refuse(const struct rpc_server *s, struct http_stream *stream,
                  const struct http_request *request)
{
    struct slice foreign = access_foreign_host(&s->opt.access, request);
    struct rpc_http_reply reply = {.status = 200};
    if (foreign.p) {
        log_debug(s->opt.env->log, "rpc.foreign_host", "host", BYTES(foreign));
        reply.status = 421;
        reply.content_type = "text/plain; charset=utf-8";
        access_explain_host(foreign, &reply.body);
    } else if (!slice_eq(request->method, SLICE_LIT("OPTIONS"))) {
        return redirect(s, stream, request);
    }
    respond(s, stream, request, &reply);
    buf_fini(&reply.body);
    return true;
}

/* ---- Routes ---- */

static const struct rpc_route *find(const struct rpc_server *s, struct slice path)
{
    for (size_t i = 0; i < s->opt.route_count; i++)
        if (slice_eq(slice_str(s->opt.routes[i].path), path))
            return &s->opt.routes[i];
    return NULL;
}

void route_not_found(struct rpc_server *s, struct http_stream *stream,
                     const struct http_request *request)
{
    respond_text(s, stream, request, 404, "404 page not found\n");
}

void route_refuse_handshake(const struct rpc_server *s, struct http_stream *stream,
                            const struct http_request *request, unsigned status)
{
    struct rpc_http_reply reply = {.status = status,
                                   .content_type = "text/plain; charset=utf-8",
                                   .extra_name = "sec-websocket-version",
                                   .extra_value = "13"};
    buf_printf(&reply.body, "%s\n", http_reason(status));
    respond(s, stream, request, &reply);
    buf_fini(&reply.body);
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
    const struct rpc_route *route = find(s, req.path);
    if (!route) {
        route_not_found(s, stream, request);
        return;
    }
    if (!route->any_method && !slice_eq(request->method, SLICE_LIT("GET"))) {
        respond_text(s, stream, request, 405, "Method Not Allowed\n");
        return;
    }
    struct rpc_http_reply reply = {.status = 200};
    route->serve(s->opt.arg, &req, &reply);
    respond(s, stream, request, &reply);
    buf_fini(&reply.body);
}
