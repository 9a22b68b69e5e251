/* The gateway's answers: messages become JSON, errors a status and a body. */
#include "base/mem.h"
#include "base/must.h"
#include "rpc/access.h"
#include "rpc/gateway.h"
#include "rpc/outbox.h"
#include "wire/json_encode.h"

#include <stdio.h>
#include <stdlib.h>

#define PULL_MAX (16u << 10) /* bytes of a source's message made JSON at once */
#define COPY_MAX (4u << 10)  /* bytes that are cheaper copied than kept track of */

/* Text, then what others send, too, or a message whose JSON follows as it is pulled. */
struct piece {
    struct list link;
    struct buf text;
    size_t at; /* sent */
    struct blob *blob;
    size_t blob_at;
    struct http_source *src;
    struct json_encoder encoder;
};

/* ---- Status and headers ---- */

/* grpc-gateway's table (v2, as in etcd 3.7). */
static unsigned status_of(enum grpc_code code)
{
    static const unsigned short table[] = {
        [GRPC_OK] = 200,
        [GRPC_CANCELED] = 499,
        [GRPC_UNKNOWN] = 500,
        [GRPC_INVALID_ARGUMENT] = 400,
        [GRPC_DEADLINE_EXCEEDED] = 504,
        [GRPC_NOT_FOUND] = 404,
        [GRPC_ALREADY_EXISTS] = 409,
        [GRPC_PERMISSION_DENIED] = 403,
        [GRPC_RESOURCE_EXHAUSTED] = 429,
        [GRPC_FAILED_PRECONDITION] = 400,
        [GRPC_ABORTED] = 409,
        [GRPC_OUT_OF_RANGE] = 400,
        [GRPC_UNIMPLEMENTED] = 501,
        [GRPC_INTERNAL] = 500,
        [GRPC_UNAVAILABLE] = 503,
        [GRPC_DATA_LOSS] = 500,
        [GRPC_UNAUTHENTICATED] = 401,
    };
    return (unsigned)code < ARRAY_LEN(table) ? table[code] : 500;
}

static void send_headers(const struct rpc_server *s, struct http_stream *stream,
                         const struct http_request *request, enum grpc_code code, const char *text,
                         int64_t length)
{
    struct http_header h[ACCESS_HEADERS_MAX + 2];
    size_t n = access_headers(&s->opt.access, request, h);
    h[n++] = (struct http_header){SLICE_LIT("content-type"), SLICE_LIT("application/json")};
    if (code == GRPC_OK)
        h[n++] = (struct http_header){SLICE_LIT("grpc-metadata-content-type"),
                                      SLICE_LIT("application/grpc")};
    else if (code == GRPC_UNAUTHENTICATED)
        h[n++] = (struct http_header){SLICE_LIT("www-authenticate"), slice_str(text)};
    http_stream_headers(stream, status_of(code), h, n, length);
}

/* ---- Errors ---- */

static void append_member(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, ",\"%s\":", name);
    json_append_string(out, slice_str(value));
}

/* Clients of 3.4 read "error", those of 3.7 "message" and "code". */
static void append_error(struct buf *out, enum grpc_code code, const char *text,
                         const char *explain)
{
    buf_append_str(out, "{\"error\":");
    json_append_string(out, slice_str(text));
    append_member(out, "message", text);
    buf_printf(out, ",\"code\":%u", (unsigned)code);
    if (explain)
        append_member(out, "explain", explain);
    buf_append_str(out, "}");
}

/* In a stream 3.4 has grpc_code and its kin, 3.7 code. */
static void append_stream_error(struct buf *out, enum grpc_code code, const char *text,
                                const char *explain)
{
    unsigned status = status_of(code);
    buf_printf(out, "{\"error\":{\"grpc_code\":%u,\"http_code\":%u", (unsigned)code, status);
    append_member(out, "message", text);
    append_member(out, "http_status", http_reason(status));
    buf_printf(out, ",\"code\":%u", (unsigned)code);
    if (explain)
        append_member(out, "explain", explain);
    buf_append_str(out, "}}\n");
}

void gateway_refuse_request(const struct rpc_server *s, struct http_stream *stream,
                            const struct http_request *request, enum grpc_code code,
                            const char *text)
{
    struct buf body = {0};
    append_error(&body, code, text, NULL);
    send_headers(s, stream, request, code, text, (int64_t)body.n);
    http_stream_send(stream, buf_slice(&body));
    buf_fini(&body);
}

/* ---- What waits ---- */

static void count(struct gateway *g, size_t n)
{
    struct http_budget *budget = g->server->opt.budget;
    g->waiting += n;
    if (budget)
        budget->used += n;
    g->high = g->high || g->waiting > OUTBOX_LOW;
}

static void uncount(struct gateway *g, size_t n)
{
    struct http_budget *budget = g->server->opt.budget;
    must(g->waiting >= n);
    g->waiting -= n;
    if (budget)
        budget->used -= n;
}

static struct piece *first(const struct gateway *g)
{
    return list_empty(&g->pieces) ? NULL : CONTAINER_OF(g->pieces.next, struct piece, link);
}

static void add_blob(struct gateway *g, struct piece *p, struct blob *b)
{
    p->blob = blob_share(b);
    g->waiting += b->n;
    g->high = g->high || g->waiting > OUTBOX_LOW;
    outbox_enter(g->server->opt.budget, b);
}

static void drop_blob(struct gateway *g, struct piece *p)
{
    struct blob *b = p->blob;
    if (!b)
        return;
    g->waiting -= b->n - p->blob_at;
    outbox_leave(g->server->opt.budget, b);
    blob_release(b);
    p->blob = NULL;
}

static void drop(struct gateway *g, struct piece *p)
{
    uncount(g, p->text.n - p->at);
    drop_blob(g, p);
    if (p->src)
        p->src->ops->release(p->src);
    json_encoder_fini(&p->encoder);
    list_remove(&p->link);
    buf_fini(&p->text);
    free(p);
}

/* Text, taken over, and what is pulled for it. */
static struct piece *add(struct gateway *g, struct buf *text, struct http_source *src)
{
    struct piece *p = mem_zalloc(sizeof(*p));
    p->text = *text;
    *text = (struct buf){0};
    p->src = src;
    list_add_tail(&g->pieces, &p->link);
    count(g, p->text.n);
    return p;
}

/* Add to the text of a piece from its source. */
static enum http_pull fetch(struct gateway *g, struct piece *p)
{
    struct buf in = {0};
    enum http_pull more = p->src->ops->pull(p->src, &in, PULL_MAX);
    uncount(g, p->text.n - p->at);
    buf_consume(&p->text, p->at);
    p->at = 0;
    bool good = json_encoder_feed(&p->encoder, buf_slice(&in), &p->text) == RC_OK;
    if (good && more == HTTP_PULL_END) {
        good = json_encoder_end(&p->encoder, &p->text) == RC_OK;
        if (g->route->streams)
            buf_append_str(&p->text, "}\n");
        p->src->ops->release(p->src);
        p->src = NULL;
    }
    count(g, p->text.n);
    buf_fini(&in);
    return good ? more : HTTP_PULL_FAIL;
}

/* Append from the piece, and drop it when that was all. */
static void take(struct gateway *g, struct piece *p, struct buf *out, size_t max)
{
    size_t left = p->text.n - p->at;
    size_t n = left < max ? left : max;
    buf_append(out, p->text.p + p->at, n);
    p->at += n;
    uncount(g, n);
    if (p->blob && n < max) {
        left = p->blob->n - p->blob_at;
        n = left < max - n ? left : max - n;
        buf_append(out, p->blob->p + p->blob_at, n);
        p->blob_at += n;
        g->waiting -= n;
        if (n == left)
            drop_blob(g, p);
    }
    if (p->at == p->text.n && !p->src && !p->blob)
        drop(g, p);
}

/* At most one piece for each pull: it becomes one chunk. */
static enum http_pull pull(struct http_source *source, struct buf *out, size_t max)
{
    struct gateway *g = CONTAINER_OF(source, struct gateway, source);
    struct piece *p = first(g);
    while (p && p->src && p->at == p->text.n) {
        enum http_pull more = fetch(g, p);
        if (more == HTTP_PULL_WAIT || more == HTTP_PULL_FAIL)
            return more;
    }
    if (!p)
        return g->ended ? HTTP_PULL_END : HTTP_PULL_WAIT;
    take(g, p, out, max);
    if (g->high && g->waiting <= OUTBOX_LOW) {
        g->high = false;
        if (g->call)
            rpc_call_drained(g->call);
    }
    gateway_give_back(g);
    return g->ended && !first(g) ? HTTP_PULL_END : HTTP_PULL_MORE;
}

static void release(struct http_source *source)
{
    gateway_out_drop(CONTAINER_OF(source, struct gateway, source));
}

static size_t whole(const struct http_source *source)
{
    const struct gateway *g =
        (const struct gateway *)(const void *)((const char *)source -
                                               offsetof(struct gateway, source));
    const struct piece *p = first(g);
    if (!p || p->src)
        return 0;
    return p->text.n - p->at + (p->blob ? p->blob->n - p->blob_at : 0);
}

void gateway_out_init(struct gateway *g)
{
    static const struct http_source_ops ops = {pull, release, whole};
    g->source.ops = &ops;
    list_init(&g->pieces);
}

void gateway_out_drop(struct gateway *g)
{
    while (first(g))
        drop(g, first(g));
}

/* ---- Sending ---- */

/* There is something to send, or there will be: the headers go out first. */
static void begin(struct gateway *g, enum grpc_code code, const char *text, int64_t length)
{
    if (g->answering) {
        http_stream_resume(g->stream);
        return;
    }
    g->answering = true;
    if (!g->socket)
        send_headers(g->server, g->stream, g->request, code, text, length);
    http_stream_source(g->stream, &g->source);
}

/* The last word, in a stream's form or in the other. */
static void refuse(struct gateway *g, bool stream, enum grpc_code code, const char *text,
                   const char *explain)
{
    struct buf body = {0};
    if (g->ended)
        return;
    if (stream)
        append_stream_error(&body, code, text, explain);
    else
        append_error(&body, code, text, explain);
    int64_t length = stream ? -1 : (int64_t)body.n;
    add(g, &body, NULL);
    g->ended = true;
    begin(g, code, text, length);
}

void gateway_refuse(struct gateway *g, enum grpc_code code, const char *text)
{
    refuse(g, g->answering, code, text, NULL);
}

static void send_message(void *carrier, struct buf *body, bool last)
{
    struct gateway *g = carrier;
    struct buf text = {0};
    struct slice message = slice_skip(buf_slice(body), RPC_FRAME_LEN);
    if (last)
        g->call = NULL;
    if (g->ended) { /* refused in between */
        buf_fini(body);
        return;
    }
    if (g->route->streams)
        buf_append_str(&text, "{\"result\":");
    enum rc rc = json_encode(g->route->response, message, &text);
    buf_fini(body);
    if (rc != RC_OK) { /* an answer may be nested one deeper than the request was */
        buf_fini(&text);
        g->deaf = true;
        refuse(g, g->route->streams, GRPC_INTERNAL, "failed to marshal the answer", rc_text(rc));
        return;
    }
    if (g->route->streams)
        buf_append_str(&text, "}\n");
    int64_t length = g->route->streams ? -1 : (int64_t)text.n;
    add(g, &text, NULL);
    g->ended = g->ended || last;
    begin(g, GRPC_OK, "", length);
}

/* The rest of a message as JSON, behind its head: a comma, its fields, the end. */
static struct blob *json_of(const struct gateway *g, struct blob *tail)
{
    struct buf text = {0};
    struct json_encoder e;
    if (tail->json)
        return tail->json;
    json_encoder_init(&e, g->route->response, &text);
    buf_clear(&text);
    e.count = 1; /* what the head has */
    enum rc rc = json_encoder_feed(&e, blob_slice(tail), &text);
    must(rc == RC_OK && json_encoder_end(&e, &text) == RC_OK);
    json_encoder_fini(&e);
    buf_append_str(&text, "}\n");
    tail->json = blob_new(&text);
    return tail->json;
}

/* What many are sent is made JSON once. */
static void send_shared(void *carrier, struct slice head, struct blob *tail)
{
    struct gateway *g = carrier;
    struct buf text = {0};
    struct json_encoder e;
    if (g->ended)
        return;
    must(g->route->streams);
    buf_append_str(&text, "{\"result\":");
    json_encoder_init(&e, g->route->response, &text);
    enum rc rc = json_encoder_feed(&e, head, &text);
    must(rc == RC_OK && e.count > 0 && !e.list && !e.rest.n);
    struct blob *json = json_of(g, tail);
    if (json->n <= COPY_MAX) {
        buf_append_slice(&text, blob_slice(json));
        add(g, &text, NULL);
    } else {
        add_blob(g, add(g, &text, NULL), json);
    }
    begin(g, GRPC_OK, "", -1);
}

static void send_source(void *carrier, struct http_source *src, uint64_t len, bool last)
{
    struct gateway *g = carrier;
    struct buf text = {0};
    (void)len;
    if (last)
        g->call = NULL;
    if (g->ended) {
        src->ops->release(src);
        return;
    }
    if (g->route->streams)
        buf_append_str(&text, "{\"result\":");
    struct json_encoder encoder;
    json_encoder_init(&encoder, g->route->response, &text);
    add(g, &text, src)->encoder = encoder;
    g->ended = g->ended || last;
    begin(g, GRPC_OK, "", -1);
}

static void resume(void *carrier)
{
    struct gateway *g = carrier;
    if (g->answering)
        http_stream_resume(g->stream);
}

static void send_end(void *carrier, enum grpc_code code, const char *text, const char *explain)
{
    struct gateway *g = carrier;
    g->call = NULL;
    if (code != GRPC_OK) {
        refuse(g, g->route->streams, code, text, explain);
        return;
    }
    if (g->ended)
        return;
    g->ended = true;
    begin(g, GRPC_OK, "", -1);
}

static size_t queued(const void *carrier)
{
    return ((const struct gateway *)carrier)->waiting;
}

const struct rpc_carrier_ops gateway_carrier = {
    .message = send_message,
    .shared = send_shared,
    .source = send_source,
    .resume = resume,
    .end = send_end,
    .queued = queued,
};
