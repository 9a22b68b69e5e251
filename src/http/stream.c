/* The half of a stream that both versions of HTTP share: request headers in, response noted. */
#include "http/conn.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

static void stream_charge(struct http_stream *s, size_t n)
{
    s->held += n;
    http_conn_charge(s->conn, n);
}

struct http_stream *http_stream_new(struct http_conn *c)
{
    struct http_stream *s = mem_alloc(sizeof(*s));
    memset(s, 0, offsetof(struct http_stream, first));
    s->conn = c;
    s->length = -1;
    list_init(&s->link);
    list_init(&s->ready);
    list_add_tail(&c->streams, &s->link);
    c->stream_count++;
    arena_init(&s->arena, s->first, sizeof(s->first));
    stream_charge(s, sizeof(*s));
    return s;
}

bool http_stream_count(struct http_stream *s, size_t name, size_t value)
{
    s->list_size += name + value + HTTP_HEADER_OVERHEAD;
    return s->list_size <= s->conn->limits.header_list;
}

static void stream_grow_headers(struct http_stream *s)
{
    size_t cap = s->header_cap ? s->header_cap * 2 : HTTP_HEADER_COUNT_FIRST;
    struct http_header *h = arena_alloc(&s->arena, cap * sizeof(*h));
    if (s->request.header_count)
        memcpy(h, s->headers, s->request.header_count * sizeof(*h));
    s->headers = h;
    s->request.headers = h;
    s->header_cap = cap;
}

bool http_stream_add(struct http_stream *s, struct slice name, struct slice value)
{
    if (!http_stream_count(s, name.n, value.n))
        return false;
    if (s->request.header_count == s->header_cap)
        stream_grow_headers(s);
    uint8_t *p = arena_alloc(&s->arena, name.n + value.n);
    memcpy(p, name.p, name.n);
    if (value.n)
        memcpy(p + name.n, value.p, value.n);
    s->headers[s->request.header_count++] =
        (struct http_header){{p, name.n}, {p + name.n, value.n}};
    return true;
}

void http_stream_open(struct http_stream *s)
{
    stream_charge(s, s->arena.total);
    s->bodiless = slice_eq(s->request.method, SLICE_LIT("HEAD"));
    s->opened = true;
    s->ctx = s->conn->handler->ops->on_request(s->conn->handler, s, &s->request);
}

void http_stream_data(struct http_stream *s, struct slice piece)
{
    s->unconsumed += piece.n;
    if (s->opened && !s->dead)
        s->conn->handler->ops->on_data(s->conn->handler, s->ctx, piece);
    else
        http_stream_consumed(s, piece.n);
}

void http_stream_end(struct http_stream *s)
{
    s->request_ended = true;
    if (s->opened && !s->dead)
        s->conn->handler->ops->on_end(s->conn->handler, s->ctx);
}

void http_stream_over(struct http_stream *s, enum rc why)
{
    struct http_conn *c = s->conn;
    s->dead = true;
    if (s->source)
        s->source->ops->release(s->source);
    if (s->opened)
        c->handler->ops->on_close(c->handler, s->ctx, why);
    list_remove(&s->link);
    list_remove(&s->ready);
    c->stream_count--;
    http_conn_uncharge(c, s->held);
    buf_fini(&s->body);
    arena_fini(&s->arena);
    free(s);
}

void http_stream_kill(struct http_stream *s)
{
    s->dead = true;
    list_remove(&s->ready);
}

enum http_pull http_stream_pull(struct http_stream *s, struct buf *out, size_t max)
{
    if (s->source) {
        size_t before = out->n;
        enum http_pull more = s->source->ops->pull(s->source, out, max);
        must(out->n >= before && out->n - before <= max);
        must(more != HTTP_PULL_MORE || out->n > before);
        return more;
    }
    if (!s->body_set)
        return HTTP_PULL_WAIT;
    size_t left = s->body.n - s->body_at;
    size_t n = left < max ? left : max;
    if (n)
        buf_append(out, s->body.p + s->body_at, n);
    s->body_at += n;
    return s->body_at == s->body.n ? HTTP_PULL_END : HTTP_PULL_MORE;
}

bool http_stream_headers_only(const struct http_stream *s)
{
    return s->bodiless || (s->body_set && s->body.n == 0 && s->trailer_count == 0 && !s->grpc);
}

struct slice http_request_header(const struct http_request *r, const char *name)
{
    struct slice want = slice_str(name);
    for (size_t i = 0; i < r->header_count; i++)
        if (slice_eq(r->headers[i].name, want))
            return r->headers[i].value;
    return (struct slice){0};
}

/* A value may come from a key or an error text. CR, LF and their like would end the header and
 * begin the attacker's own (response splitting; RFC 9110 5.5 lets us put spaces instead). */
static struct slice copy_value(struct arena *a, struct slice in)
{
    uint8_t *p = arena_alloc(a, in.n);
    for (size_t i = 0; i < in.n; i++)
        p[i] = (in.p[i] < ' ' && in.p[i] != '\t') || in.p[i] == 0x7f ? ' ' : in.p[i];
    return (struct slice){p, in.n};
}

static struct http_header *copy_headers(struct http_stream *s, const struct http_header *h,
                                        size_t n)
{
    must(n <= HTTP_RESPONSE_HEADERS);
    size_t before = s->arena.total;
    struct http_header *copy = arena_alloc(&s->arena, n * sizeof(*copy));
    for (size_t i = 0; i < n; i++) {
        copy[i].name = arena_copy(&s->arena, h[i].name);
        copy[i].value = copy_value(&s->arena, h[i].value);
    }
    stream_charge(s, s->arena.total - before);
    return copy;
}

void http_stream_headers(struct http_stream *s, unsigned status, const struct http_header *h,
                         size_t n, int64_t length)
{
    must(status >= 200 && status <= 999);
    must(length >= -1);
    if (s->dead)
        return;
    must(s->status == 0);
    s->status = (uint16_t)status;
    s->length = length;
    s->response = copy_headers(s, h, n);
    s->response_count = n;
    if (status == 204 || status == 304)
        s->bodiless = true;
    if (length == 0)
        s->body_set = true;
    s->conn->proto->respond(s);
}

void http_stream_source(struct http_stream *s, struct http_source *src)
{
    if (s->dead || s->bodiless || (s->body_set && s->length == 0)) {
        src->ops->release(src);
        return;
    }
    must(s->status != 0 && !s->source && !s->body_set);
    s->source = src;
    s->conn->proto->respond(s);
}

void http_stream_send(struct http_stream *s, struct slice body)
{
    if (s->dead)
        return;
    must(s->status != 0 && !s->source);
    if (s->length < 0 && !s->submitted)
        s->length = (int64_t)body.n; /* known after all; also what HEAD announces */
    must(s->length < 0 || s->bodiless || (size_t)s->length == body.n);
    must(!s->body_set || body.n == 0);
    if (s->bodiless)
        return;
    buf_append_slice(&s->body, body);
    stream_charge(s, s->body.cap);
    s->body_set = true;
    s->conn->proto->respond(s);
}

void http_stream_grpc_reply(struct http_stream *s, struct buf *body)
{
    if (s->dead) {
        buf_fini(body);
        return;
    }
    must(s->status == 0);
    s->status = 200;
    s->grpc = true;
    s->body = *body;
    *body = (struct buf){0};
    s->body_set = true;
    stream_charge(s, s->body.cap);
    s->conn->proto->respond(s);
}

void http_stream_trailers(struct http_stream *s, const struct http_header *h, size_t n)
{
    if (s->dead || s->ended)
        return;
    s->trailers = copy_headers(s, h, n);
    s->trailer_count = n;
}

void http_stream_resume(struct http_stream *s)
{
    if (!s->dead)
        s->conn->proto->respond(s);
}

void http_stream_consumed(struct http_stream *s, size_t n)
{
    must(n <= s->unconsumed);
    s->unconsumed -= n;
    s->conn->proto->consumed(s, n);
}

void http_stream_class(struct http_stream *s, enum http_class class)
{
    if (!s->dead)
        s->conn->proto->set_class(s, class);
}

void http_stream_reset(struct http_stream *s, enum http_reset why)
{
    if (s->dead)
        return;
    http_stream_kill(s);
    s->conn->proto->reset(s, why);
}
