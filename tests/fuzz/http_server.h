/* http_server - a server on one connection for the fuzz targets: it consumes bodies and answers at
 * their end, in the way that the length of the path chooses. */
#ifndef FUZZ_HTTP_SERVER_H
#define FUZZ_HTTP_SERVER_H

#include "base/mem.h"
#include "base/must.h"
#include "http/http.h"

#include <stdlib.h>

struct server {
    struct http_handler handler;
    struct clock clock;
    struct timers timers;
    struct log log;
    struct env env;
    struct layer_below below;
    struct http_budget budget;
    struct layer *layer;
    struct buf out;
    bool finished;
    bool woken;
    unsigned requests;
    size_t body; /* bytes received */
    unsigned live;
    uint64_t now_ns;
};

struct server_stream {
    struct http_source source;
    struct http_stream *stream;
    size_t path;
    size_t left;
    bool waited;
};

static uint64_t server_mono_ns(struct clock *c)
{
    return CONTAINER_OF(c, struct server, clock)->now_ns;
}

static uint64_t server_wall_ns(struct clock *c)
{
    (void)c;
    return 0;
}

static void server_log(struct log *log, enum log_level level, const char *event,
                       const struct log_pair *pairs)
{
    (void)log;
    (void)level;
    (void)event;
    (void)pairs;
}

static void server_wake(struct layer_below *b)
{
    CONTAINER_OF(b, struct server, below)->woken = true;
}

static void server_pause(struct layer_below *b, bool paused)
{
    (void)b;
    (void)paused;
}

static void server_finish(struct layer_below *b)
{
    CONTAINER_OF(b, struct server, below)->finished = true;
}

static enum http_pull server_pull(struct http_source *src, struct buf *out, size_t max)
{
    struct server_stream *s = CONTAINER_OF(src, struct server_stream, source);
    size_t n = s->left < max ? s->left : max;
    if (n)
        memset(buf_extend(out, n), 'a', n);
    s->left -= n;
    return s->left ? HTTP_PULL_MORE : s->path % 3 == 0 ? HTTP_PULL_FAIL : HTTP_PULL_END;
}

static void server_release(struct http_source *src)
{
    must(src->ops);
    src->ops = NULL;
}

/* What http.h promises of every value: no control byte but the tab, no space around it. */
static bool server_is_value(struct slice v)
{
    for (size_t i = 0; i < v.n; i++)
        if ((v.p[i] < ' ' && v.p[i] != '\t') || v.p[i] == 0x7f)
            return false;
    return v.n == 0 || (!strchr(" \t", v.p[0]) && !strchr(" \t", v.p[v.n - 1]));
}

static void *server_request(struct http_handler *h, struct http_stream *stream,
                            const struct http_request *r)
{
    struct server *v = CONTAINER_OF(h, struct server, handler);
    struct server_stream *s = mem_zalloc(sizeof(*s));
    must(r->path.n > 0 && server_is_value(r->path) && server_is_value(r->authority));
    must(r->version == 2 || r->path.p[0] == '/' || slice_eq(r->path, SLICE_LIT("*")));
    must(r->method.n > 0 && server_is_value(r->method));
    for (size_t i = 0; i < r->header_count; i++)
        must(r->headers[i].name.n > 0 && r->headers[i].name.p[0] != ':' &&
             server_is_value(r->headers[i].name) && server_is_value(r->headers[i].value));
    s->stream = stream;
    s->path = r->path.n;
    v->requests++;
    v->live++;
    return s;
}

static void server_data(struct http_handler *h, void *ctx, struct slice piece)
{
    struct server *v = CONTAINER_OF(h, struct server, handler);
    struct server_stream *s = ctx;
    v->body += piece.n;
    http_stream_consumed(s->stream, piece.n);
}

static void server_end(struct http_handler *h, void *ctx)
{
    static const struct http_source_ops ops = {server_pull, server_release};
    (void)h;
    struct server_stream *s = ctx;
    const struct http_header x = {SLICE_LIT("x-name"), SLICE_LIT("value")};
    struct buf body = {0};
    switch (s->path % 7) {
    case 0:
    case 1:
        buf_append_str(&body, "body");
        http_stream_grpc_reply(s->stream, &body);
        return;
    case 2:
        http_stream_reset(s->stream, HTTP_RESET_CALM);
        return;
    case 3:
        http_stream_headers(s->stream, 404, &x, 1, -1);
        http_stream_send(s->stream, (struct slice){0});
        return;
    case 4:
        http_stream_headers(s->stream, 200, &x, 1, 2);
        http_stream_send(s->stream, SLICE_LIT("ok"));
        return;
    default:
        s->left = s->path * 1000;
        s->source.ops = &ops;
        http_stream_headers(s->stream, 200, &x, 1, -1);
        http_stream_trailers(s->stream, &x, 1);
        http_stream_source(s->stream, &s->source);
    }
}

static void server_close(struct http_handler *h, void *ctx, enum rc why)
{
    struct server *v = CONTAINER_OF(h, struct server, handler);
    struct server_stream *s = ctx;
    (void)why;
    must(!s->source.ops);
    v->live--;
    free(s);
}

static void server_open(struct server *v)
{
    static const struct http_handler_ops ops = {server_request, server_data, server_end,
                                                server_close};
    *v = (struct server){.handler = {&ops}, .budget = {.max = 1u << 20}, .now_ns = NS_PER_S};
    v->clock = (struct clock){server_mono_ns, server_wall_ns};
    v->log = (struct log){LOG_DEBUG, server_log};
    v->env = (struct env){.clock = &v->clock, .timers = &v->timers, .log = &v->log};
    v->below = (struct layer_below){server_wake, server_pause, server_finish};
    const struct http_options opt = {.env = &v->env, .handler = &v->handler, .budget = &v->budget};
    v->layer = http_conn_new(&opt);
    v->layer->below = &v->below;
}

static void server_flush(struct server *v)
{
    size_t before;
    do {
        before = v->out.n;
        v->finished |= v->layer->ops->emit(v->layer, &v->out, 16384) != RC_OK;
    } while (v->out.n > before);
    must(v->finished || !v->layer->ops->pending(v->layer));
}

/* In pieces of at most n bytes. */
static void server_feed(struct server *v, struct slice in, size_t n, bool flush)
{
    while (in.n && !v->finished) {
        size_t now = in.n < n ? in.n : n;
        v->woken = false;
        v->finished |= v->layer->ops->feed(v->layer, slice_of(in.p, now)) != RC_OK;
        must(v->woken || !v->layer->ops->pending(v->layer));
        if (flush)
            server_flush(v);
        in = slice_skip(in, now);
    }
}

static void server_shut(struct server *v)
{
    server_flush(v);
    v->now_ns += 100ull * NS_PER_S;
    timers_run(&v->timers, v->now_ns);
    server_flush(v);
    v->layer->ops->close(v->layer, RC_CLOSED);
    must(v->live == 0 && v->budget.used == 0);
    must(timers_next(&v->timers) == TIMERS_NEVER);
    timers_fini(&v->timers);
    buf_fini(&v->out);
}

#endif
