#include "lab.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct lab_stream {
    struct http_source source;
    struct lab *lab;
    struct http_stream *stream;
    struct lab_stream *next;
    struct slice path;
    struct buf body;
    size_t left; /* the source has */
    size_t held; /* not consumed */
    bool ended;  /* nothing follows what is left */
    bool fails;
};

static uint64_t mono_ns(struct clock *c)
{
    return CONTAINER_OF(c, struct lab, clock)->now_ns;
}

static uint64_t wall_ns(struct clock *c)
{
    (void)c;
    return LAB_WALL_NS;
}

static void drop_event(struct log *log, enum log_level level, const char *event,
                       const struct log_pair *pairs)
{
    (void)log;
    (void)level;
    (void)event;
    (void)pairs;
}

static void below_wake(struct layer_below *b)
{
    CONTAINER_OF(b, struct lab, below)->woken = true;
}

static void below_pause(struct layer_below *b, bool paused)
{
    CONTAINER_OF(b, struct lab, below)->paused = paused;
}

static void below_finish(struct layer_below *b)
{
    CONTAINER_OF(b, struct lab, below)->finished = true;
}

static enum http_pull source_pull(struct http_source *src, struct buf *out, size_t max)
{
    struct lab_stream *s = CONTAINER_OF(src, struct lab_stream, source);
    size_t n = s->left < max ? s->left : max;
    if (n)
        memset(buf_extend(out, n), 'a', n);
    s->left -= n;
    if (s->left)
        return HTTP_PULL_MORE;
    if (s->ended)
        return s->fails ? HTTP_PULL_FAIL : HTTP_PULL_END;
    return HTTP_PULL_WAIT;
}

static void source_release(struct http_source *src)
{
    CONTAINER_OF(src, struct lab_stream, source)->lab->released++;
}

static size_t source_whole(const struct http_source *src)
{
    const void *p = src;
    return ((const struct lab_stream *)((const char *)p - offsetof(struct lab_stream, source)))
        ->left;
}

/* Of a WebSocket: what came goes back. */
static enum http_pull socket_pull(struct http_source *src, struct buf *out, size_t max)
{
    struct lab_stream *s = CONTAINER_OF(src, struct lab_stream, source);
    size_t n = s->body.n < max ? s->body.n : max;
    if (n)
        buf_append(out, s->body.p, n);
    buf_consume(&s->body, n);
    if (s->body.n)
        return HTTP_PULL_MORE;
    return s->ended ? HTTP_PULL_END : HTTP_PULL_WAIT;
}

static bool is(const struct lab_stream *s, const char *path)
{
    size_t n = strlen(path);
    return s->path.n >= n && memcmp(s->path.p, path, n) == 0;
}

static void answer_headers(struct lab_stream *s, int64_t length)
{
    const struct http_header h = {SLICE_LIT("content-type"), SLICE_LIT("text/plain")};
    http_stream_headers(s->stream, 200, &h, 1, length);
}

static void answer(struct lab_stream *s, struct slice body)
{
    answer_headers(s, (int64_t)body.n);
    http_stream_send(s->stream, body);
}

static void answer_source(struct lab_stream *s, bool sized)
{
    static const struct http_source_ops ops = {source_pull, source_release};
    static const struct http_source_ops whole = {source_pull, source_release, source_whole};
    const struct http_header trailer[] = {{SLICE_LIT("x-sum"), SLICE_LIT("a\r\nb: c")}};
    const uint8_t *n = memchr(s->path.p, '?', s->path.n);
    for (const uint8_t *p = n; p && ++p < s->path.p + s->path.n;)
        s->left = s->left * 10 + (size_t)(*p - '0');
    s->source.ops = is(s, "/whole") ? &whole : &ops;
    answer_headers(s, sized ? (int64_t)s->left : -1);
    if (is(s, "/trailers"))
        http_stream_trailers(s->stream, trailer, 1);
    if (is(s, "/urgent"))
        http_stream_class(s->stream, HTTP_CLASS_URGENT);
    http_stream_source(s->stream, &s->source);
}

static void answer_error(struct lab_stream *s)
{
    const struct http_header error[] = {
        {SLICE_LIT("content-type"), SLICE_LIT("application/grpc")},
        {SLICE_LIT("grpc-status"), SLICE_LIT("5")},
        {SLICE_LIT("grpc-message"), SLICE_LIT("no such thing")},
    };
    http_stream_headers(s->stream, 200, error, ARRAY_LEN(error), -1);
    http_stream_send(s->stream, (struct slice){0});
}

static void open_socket(struct lab_stream *s, const struct http_request *r)
{
    static const struct http_source_ops ops = {socket_pull, source_release};
    bool bearer = http_request_header(r, "sec-websocket-protocol").p != NULL;
    unsigned status = http_stream_websocket(
        s->stream, bearer ? SLICE_LIT("Bearer") : (struct slice){0}, LAB_SOCKET_MAX);
    if (status) {
        http_stream_headers(s->stream, status, NULL, 0, 0);
        return;
    }
    s->source.ops = &ops;
    http_stream_source(s->stream, &s->source);
}

static void *on_request(struct http_handler *handler, struct http_stream *stream,
                        const struct http_request *r)
{
    struct lab *l = CONTAINER_OF(handler, struct lab, handler);
    struct lab_stream *s = mem_zalloc(sizeof(*s));
    s->lab = l;
    s->stream = stream;
    s->path = r->path;
    s->next = l->streams;
    l->streams = s;
    l->live++;
    l->requests++;
    buf_printf(&l->journal, "request %.*s %.*s %.*s\n", (int)r->method.n, (const char *)r->method.p,
               (int)r->path.n, (const char *)r->path.p, (int)r->authority.n,
               (const char *)r->authority.p);
    if (is(s, "/early")) {
        answer(s, SLICE_LIT("early"));
    } else if (is(s, "/reset")) {
        http_stream_reset(stream, HTTP_RESET_CALM);
    } else if (is(s, "/wait")) {
        answer_source(s, false);
    } else if (is(s, "/socket") && http_websocket_asked(r)) {
        open_socket(s, r);
    }
    return s;
}

static void on_data(struct http_handler *handler, void *ctx, struct slice piece)
{
    struct lab *l = CONTAINER_OF(handler, struct lab, handler);
    struct lab_stream *s = ctx;
    buf_printf(&l->journal, "data %zu\n", piece.n);
    if (is(s, "/hold") || is(s, "/socket-hold")) {
        s->held += piece.n;
        return;
    }
    if (!is(s, "/sink"))
        buf_append_slice(&s->body, piece);
    http_stream_consumed(s->stream, piece.n);
    if (is(s, "/socket")) {
        s->ended = s->body.n >= 4 && memcmp(s->body.p + s->body.n - 4, "bye\n", 4) == 0;
        http_stream_resume(s->stream);
    }
    if (is(s, "/late") && s->body.n == piece.n)
        answer(s, SLICE_LIT("late"));
}

static void on_end(struct http_handler *handler, void *ctx)
{
    struct lab *l = CONTAINER_OF(handler, struct lab, handler);
    struct lab_stream *s = ctx;
    buf_append_str(&l->journal, "end\n");
    s->ended = !is(s, "/wait");
    s->fails = is(s, "/fail");
    if (is(s, "/echo")) {
        answer(s, buf_slice(&s->body));
    } else if (is(s, "/sink")) {
        answer(s, SLICE_LIT("ok"));
    } else if (is(s, "/grpc")) {
        http_stream_grpc_reply(s->stream, &s->body);
    } else if (is(s, "/error")) {
        answer_error(s);
    } else if (is(s, "/list") || is(s, "/urgent")) {
        answer_source(s, true);
    } else if (is(s, "/unsized") || is(s, "/whole") || is(s, "/trailers") || is(s, "/fail")) {
        answer_source(s, false);
    } else if (is(s, "/short")) {
        answer_source(s, true);
        s->left--;
    }
}

static void on_close(struct http_handler *handler, void *ctx, enum rc why)
{
    struct lab *l = CONTAINER_OF(handler, struct lab, handler);
    struct lab_stream *s = ctx;
    buf_printf(&l->journal, "close %s\n", rc_text(why));
    struct lab_stream **at = &l->streams;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    l->live--;
    buf_fini(&s->body);
    free(s);
}

void lab_open(struct lab *l, const struct http_limits *limits, uint64_t budget_max)
{
    static const struct http_handler_ops ops = {on_request, on_data, on_end, on_close};
    *l = (struct lab){.now_ns = LAB_START_NS};
    l->clock = (struct clock){mono_ns, wall_ns};
    l->log = (struct log){LOG_DEBUG, drop_event};
    l->env = (struct env){.clock = &l->clock, .timers = &l->timers, .log = &l->log};
    l->below = (struct layer_below){below_wake, below_pause, below_finish};
    l->handler.ops = &ops;
    l->budget.max = budget_max;
    struct http_options opt = {
        .env = &l->env,
        .handler = &l->handler,
        .budget = &l->budget,
        .peer = SLICE_LIT("127.0.0.1:54321"),
    };
    if (limits)
        opt.limits = *limits;
    l->layer = http_conn_new(&opt);
    l->layer->below = &l->below;
}

void lab_close(struct lab *l)
{
    if (l->layer)
        l->layer->ops->close(l->layer, RC_CLOSED);
    l->layer = NULL;
    assert_int_equal(l->live, 0);
    assert_int_equal(l->budget.used, 0);
    assert_int_equal(timers_next(&l->timers), TIMERS_NEVER);
    timers_fini(&l->timers);
    buf_fini(&l->out);
    buf_fini(&l->journal);
}

void lab_feed(struct lab *l, struct slice in)
{
    if (l->finished)
        return;
    l->woken = false;
    l->feed_rc = l->layer->ops->feed(l->layer, in);
    l->finished |= l->feed_rc != RC_OK;
    /* The socket's owner emits only on these: work without a wake would be lost. */
    assert_true(l->woken || !l->layer->ops->pending(l->layer));
}

void lab_emit(struct lab *l, size_t max)
{
    l->finished |= l->layer->ops->emit(l->layer, &l->out, max) != RC_OK;
}

void lab_flush(struct lab *l)
{
    size_t before;
    do {
        before = l->out.n;
        lab_emit(l, 64u << 10);
    } while (l->out.n > before || l->layer->ops->pending(l->layer));
}

void lab_pass_ms(struct lab *l, uint64_t ms)
{
    l->now_ns += ms * NS_PER_MS;
    timers_run(&l->timers, l->now_ns);
}

void lab_say(struct lab *l, size_t n, bool end)
{
    for (struct lab_stream *s = l->streams; s; s = s->next) {
        if (!is(s, "/wait"))
            continue;
        s->left += n;
        s->ended = end;
        http_stream_resume(s->stream);
    }
}

void lab_consume(struct lab *l, size_t n)
{
    assert_non_null(l->streams);
    assert_true(l->streams->held >= n);
    l->streams->held -= n;
    http_stream_consumed(l->streams->stream, n);
}

void lab_cancel(struct lab *l, enum http_reset why)
{
    assert_non_null(l->streams);
    http_stream_reset(l->streams->stream, why);
}

const char *lab_talk(struct lab *l, const char *text)
{
    buf_clear(&l->out);
    lab_feed(l, slice_str(text));
    lab_flush(l);
    *buf_extend(&l->out, 1) = 0;
    l->out.n--;
    return (const char *)l->out.p;
}

const char *lab_journal(struct lab *l)
{
    *buf_extend(&l->journal, 1) = 0;
    buf_clear(&l->journal);
    return (const char *)l->journal.p;
}
