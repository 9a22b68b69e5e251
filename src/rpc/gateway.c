#include "rpc/gateway.h"

#include "base/mem.h"
#include "base/secret.h"
#include "rpc/access.h"
#include "wire/json_decode.h"

#include <stdio.h>
#include <stdlib.h>

#define NO_TIMEOUT UINT64_MAX

/* ---- Where to ---- */

/* What stands behind the version, if the path is one of the gateway's. */
static struct slice path_behind_version(const struct rpc_server *s, struct slice path)
{
    static const struct slice versions[] = {SLICE_INIT("/v3/"), SLICE_INIT("/v3beta/"),
                                            SLICE_INIT("/v3alpha/")};
    size_t n = ARRAY_LEN(versions) - (s->opt.gateway_v3alpha ? 0 : 1);
    for (size_t i = 0; i < n && s->opt.gateway; i++)
        if (slice_has_prefix(path, versions[i]))
            return slice_skip(path, versions[i].n);
    return (struct slice){0};
}

static struct slice without_query(struct slice path)
{
    const uint8_t *mark = memchr(path.p, '?', path.n);
    return mark ? slice_of(path.p, (size_t)(mark - path.p)) : path;
}

bool gateway_owns(const struct rpc_server *s, const struct http_request *request)
{
    return path_behind_version(s, request->path).p != NULL;
}

static int compare_route(const void *key, const void *element)
{
    const struct slice *path = key;
    const struct rpc_gateway_route *r = element;
    return slice_cmp(*path, slice_str(r->path));
}

/* ---- Who, and how long ---- */

/* "Bearer, TOKEN", as grpc-websocket-proxy reads it. */
static struct slice token_in_protocol(const struct http_request *request)
{
    struct slice bearer = SLICE_LIT("Bearer,");
    struct slice in = http_request_header(request, "sec-websocket-protocol");
    const uint8_t *at = in.n ? memmem(in.p, in.n, bearer.p, bearer.n) : NULL;
    if (!at)
        return (struct slice){0};
    in = slice_skip(in, (size_t)(at - in.p) + bearer.n);
    while (in.n && in.p[0] == ' ')
        in = slice_skip(in, 1);
    return in;
}

/* grpc-gateway hands "Grpc-Metadata-X: v" on as metadata X, and Authorization as it is; etcd takes
 * the token from either. */
static struct slice token_of(const struct http_request *request, bool socket)
{
    static const char *const names[] = {"grpc-metadata-token", "authorization",
                                        "grpc-metadata-authorization"};
    struct slice token = socket ? token_in_protocol(request) : (struct slice){0};
    for (size_t i = 0; i < ARRAY_LEN(names) && !token.p; i++)
        token = http_request_header(request, names[i]);
    return token;
}

static bool refuse_headers(struct rpc_server *s, struct http_stream *stream,
                           const struct http_request *request, uint64_t *timeout_ns)
{
    struct slice timeout = http_request_header(request, "grpc-timeout");
    char text[96];
    if (!access_origin_may_act(&s->opt.access, request)) {
        gateway_refuse_request(s, stream, request, GRPC_PERMISSION_DENIED,
                               "this origin is not among those of --cors");
        return true;
    }
    if (timeout.p && metadata_timeout(timeout, timeout_ns) != RC_OK) {
        snprintf(text, sizeof(text), "invalid grpc-timeout: %.*s",
                 (int)(timeout.n < 32 ? timeout.n : 32), (const char *)timeout.p);
        gateway_refuse_request(s, stream, request, GRPC_INVALID_ARGUMENT, text);
        return true;
    }
    return false;
}

/* The connection becomes a WebSocket, whether its path leads somewhere or not: a browser sees no
 * status, only messages. */
static bool refuse_socket(struct rpc_server *s, struct http_stream *stream,
                          const struct http_request *request)
{
    struct slice protocol = http_request_header(request, "sec-websocket-protocol");
    bool bearer = slice_has_prefix(protocol, SLICE_LIT("Bearer"));
    unsigned status =
        http_stream_websocket(stream, bearer ? SLICE_LIT("Bearer") : (struct slice){0},
                              s->opt.message_max * GATEWAY_TEXT_FACTOR);
    if (status != 0)
        route_refuse_handshake(s, stream, request, status);
    return status != 0;
}

struct gateway *gateway_begin(struct rpc_server *s, struct http_stream *stream,
                              const struct http_request *request)
{
    struct slice path = path_behind_version(s, without_query(request->path));
    const struct rpc_gateway_route *route = bsearch(&path, s->opt.gateway, s->opt.gateway_count,
                                                    sizeof(*s->opt.gateway), compare_route);
    uint64_t timeout_ns = NO_TIMEOUT;
    bool socket = http_websocket_asked(request);
    if (!route && !socket) {
        gateway_refuse_request(s, stream, request, GRPC_NOT_FOUND, "Not Found");
        return NULL;
    }
    if (!socket && !slice_eq(request->method, SLICE_LIT("POST"))) {
        gateway_refuse_request(s, stream, request, GRPC_UNIMPLEMENTED, "Method Not Allowed");
        return NULL;
    }
    if (refuse_headers(s, stream, request, &timeout_ns) ||
        (socket && refuse_socket(s, stream, request)))
        return NULL;
    struct gateway *g = mem_zalloc(sizeof(*g));
    g->server = s;
    g->stream = stream;
    g->request = request;
    g->route = route;
    g->timeout_ns = timeout_ns;
    g->socket = socket;
    g->deaf = !route;
    gateway_out_init(g);
    if (!route)
        gateway_refuse(g, GRPC_NOT_FOUND, "Not Found");
    return g;
}

/* ---- The request's messages ---- */

/* Nothing more is heard, and nobody is told of an answer. */
static void stop_listening(struct gateway *g)
{
    struct rpc_call *call = g->call;
    g->deaf = true;
    g->call = NULL;
    if (call)
        rpc_call_abandon(call);
}

static void reject(struct gateway *g, enum grpc_code code, const char *text)
{
    stop_listening(g);
    gateway_refuse(g, code, text);
}

static bool charge(struct gateway *g)
{
    struct http_budget *budget = g->server->opt.budget;
    size_t n = sizeof(*g) + g->text.cap;
    if (!budget)
        return true;
    budget->used += n - g->text_charged;
    g->text_charged = n;
    return budget->used <= budget->max;
}

/* Open the call. False: it is over already. */
static bool open_call(struct gateway *g)
{
    struct slice path = slice_str(g->route->method);
    struct buf text = {0};
    if (g->begun)
        return g->call != NULL;
    g->begun = true;
    if (!request_method(g->server, path)) {
        request_describe_unknown(g->server, path, &text);
        reject(g, GRPC_UNIMPLEMENTED, (const char *)text.p);
        buf_fini(&text);
        return false;
    }
    client_versions_count(&g->server->clients, (struct slice){0}, g->route->streams);
    g->call = rpc_call_open(g->server, path, &gateway_carrier, g, token_of(g->request, g->socket));
    if (g->call)
        g->call->in.origin = (uintptr_t)http_stream_conn(g->stream);
    if (g->call && g->timeout_ns != NO_TIMEOUT)
        env_after(g->server->opt.env, &g->call->in.deadline, g->timeout_ns);
    return g->call != NULL;
}

/* One JSON value is complete, or all there is of it. */
static void deliver(struct gateway *g)
{
    struct buf message = {0};
    char why[JSON_WHY_MAX];
    size_t max = g->server->opt.message_max;
    enum rc rc = json_decode(g->route->request, buf_slice(&g->text), &message, why);
    secret_buf_fini(&g->text); /* it may have had a password */
    g->span = (struct json_span){0};
    if (rc != RC_OK) {
        reject(g, GRPC_INVALID_ARGUMENT, why);
    } else if (message.n > max) {
        snprintf(why, sizeof(why), "grpc: received message larger than max (%zu vs. %zu)",
                 message.n, max);
        reject(g, GRPC_RESOURCE_EXHAUSTED, why);
    } else if (open_call(g)) {
        g->deaf = call_takes_one(g->call);
        rpc_call_feed(g->call, buf_slice(&message));
    }
    secret_buf_fini(&message);
}

static bool text_is_bearable(struct gateway *g)
{
    size_t max = g->server->opt.message_max * GATEWAY_TEXT_FACTOR;
    char text[96];
    if (g->text.n > max) {
        snprintf(text, sizeof(text), "grpc: received message larger than max (%zu vs. %zu)",
                 g->text.n, max);
        reject(g, GRPC_RESOURCE_EXHAUSTED, text);
        return false;
    }
    if (charge(g))
        return true;
    reject(g, GRPC_RESOURCE_EXHAUSTED, etcd_error_text(ETCD_REQUEST_TOO_MANY_REQUESTS));
    return false;
}

static bool is_deaf(const struct gateway *g)
{
    return g->deaf || (g->begun && !g->call);
}

void gateway_give_back(struct gateway *g)
{
    size_t n = g->unconsumed;
    if (n == 0 || (g->call && g->call->in.waiting.n > 0))
        return;
    g->unconsumed = 0;
    http_stream_consumed(g->stream, n);
}

void gateway_data(struct gateway *g, struct slice piece)
{
    g->unconsumed += piece.n;
    while (piece.n > 0 && !is_deaf(g)) {
        bool complete;
        size_t n = json_span_feed(&g->span, piece, &complete);
        buf_append(&g->text, piece.p, n);
        piece = slice_skip(piece, n);
        if (text_is_bearable(g) && complete)
            deliver(g);
    }
    gateway_give_back(g);
}

void gateway_end(struct gateway *g)
{
    if (is_deaf(g))
        return;
    if (g->span.begun) {
        deliver(g); /* cut off: the decoder says so */
    } else if (!g->route->many && open_call(g)) {
        g->deaf = true;
        rpc_call_feed(g->call, (struct slice){0}); /* no body is an empty message */
        return;
    }
    if (!is_deaf(g) && open_call(g))
        rpc_call_feed_end(g->call);
}

void gateway_close(struct gateway *g)
{
    struct http_budget *budget = g->server->opt.budget;
    stop_listening(g);
    gateway_out_drop(g);
    secret_buf_fini(&g->text);
    if (budget)
        budget->used -= g->text_charged;
    free(g);
}
