#include "http/conn.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

/* RFC 9113 3.4: what HTTP/2 with prior knowledge begins with. A connection that begins with
 * anything else is taken for HTTP/1, whose parser then finds the fault, if there is one. */
static const char h2_first_line[] = "PRI * HTTP/2.0\r\n";
_Static_assert(sizeof(h2_first_line) - 1 == sizeof(((struct http_conn *)0)->sniffed),
               "sniffed holds the first line of the preface");

static struct http_conn *conn_of(struct layer *l)
{
    return CONTAINER_OF(l, struct http_conn, layer);
}

static const struct http_conn *conn_of_const(const struct layer *l)
{
    return (const struct http_conn *)(const void *)((const char *)l -
                                                    offsetof(struct http_conn, layer));
}

void http_conn_wake(struct http_conn *c)
{
    if (!c->closed) /* a handler may still speak of one stream while another is closed */
        c->layer.below->wake(c->layer.below);
}

void http_conn_finish(struct http_conn *c)
{
    if (c->finished)
        return;
    c->finished = true;
    http_conn_timer(c, 0);
    c->layer.below->finish(c->layer.below);
}

void http_conn_timer(struct http_conn *c, uint32_t ms)
{
    timer_stop(c->env->timers, &c->timer);
    if (ms != 0)
        env_after(c->env, &c->timer, (uint64_t)ms * NS_PER_MS);
}

void http_conn_charge(struct http_conn *c, size_t n)
{
    if (c->budget)
        c->budget->used += n;
}

void http_conn_uncharge(struct http_conn *c, size_t n)
{
    if (!c->budget)
        return;
    must(c->budget->used >= n);
    c->budget->used -= n;
}

bool http_conn_over_budget(const struct http_conn *c)
{
    return c->budget && c->budget->used >= c->budget->max;
}

static void conn_timeout(struct timer *t)
{
    struct http_conn *c = CONTAINER_OF(t, struct http_conn, timer);
    if (c->proto)
        c->proto->timeout(c);
    else
        http_conn_finish(c);
}

/* Feed the bytes held back for sniffing, then the rest. */
static enum rc conn_decide(struct http_conn *c, bool h2, struct slice rest)
{
    if (h2)
        h2_attach(c);
    else
        h1_attach(c);
    if (c->shutting)
        c->proto->shutdown(c);
    if (c->sniffed_count) {
        enum rc rc = c->proto->feed(c, slice_of(c->sniffed, c->sniffed_count));
        if (rc != RC_OK)
            return rc;
    }
    return rest.n ? c->proto->feed(c, rest) : RC_OK;
}

static enum rc conn_sniff(struct http_conn *c, struct slice in)
{
    while (in.n) {
        if (c->sniffed_count == sizeof(c->sniffed))
            return conn_decide(c, true, in);
        if (in.p[0] != (uint8_t)h2_first_line[c->sniffed_count])
            return conn_decide(c, false, in);
        c->sniffed[c->sniffed_count++] = in.p[0];
        in = slice_skip(in, 1);
    }
    return RC_OK;
}

static enum rc conn_feed(struct layer *l, struct slice in)
{
    struct http_conn *c = conn_of(l);
    if (c->finished)
        return RC_CLOSED;
    return c->proto ? c->proto->feed(c, in) : conn_sniff(c, in);
}

static enum rc conn_emit(struct layer *l, struct buf *out, size_t max)
{
    struct http_conn *c = conn_of(l);
    return c->proto ? c->proto->emit(c, out, max) : RC_OK;
}

static bool conn_pending(const struct layer *l)
{
    const struct http_conn *c = conn_of_const(l);
    return c->proto && c->proto->pending(c);
}

static void conn_close(struct layer *l, enum rc why)
{
    struct http_conn *c = conn_of(l);
    (void)why; /* a peer that ends its side is gone to us: gRPC and v2 clients never half-close */
    c->finished = true;
    c->closed = true;
    timer_stop(c->env->timers, &c->timer);
    while (!list_empty(&c->streams))
        http_stream_over(CONTAINER_OF(c->streams.next, struct http_stream, link), RC_CLOSED);
    if (c->proto)
        c->proto->fini(c);
    free(c);
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value ? value : fallback;
}

struct layer *http_conn_new(const struct http_options *opt)
{
    static const struct layer_ops ops = {conn_feed, conn_emit, conn_pending, conn_close};
    struct http_conn *c = mem_zalloc(sizeof(*c));
    c->layer.ops = &ops;
    c->env = opt->env;
    c->handler = opt->handler;
    c->budget = opt->budget;
    c->limits = (struct http_limits){
        .streams = or_default(opt->limits.streams, HTTP_STREAMS_MAX),
        .header_list = or_default(opt->limits.header_list, HTTP_HEADER_LIST_MAX),
        .resets_per_s = or_default(opt->limits.resets_per_s, HTTP_RESETS_PER_S_MAX),
        .preface_ms = or_default(opt->limits.preface_ms, HTTP_PREFACE_MS_MAX),
        .idle_ms = opt->limits.idle_ms,
        .keepalive_ms = or_default(opt->limits.keepalive_ms, HTTP_KEEPALIVE_MS),
        .keepalive_timeout_ms =
            or_default(opt->limits.keepalive_timeout_ms, HTTP_KEEPALIVE_TIMEOUT_MS),
        .ping_min_ms = or_default(opt->limits.ping_min_ms, HTTP_PING_MIN_MS),
        .window = or_default(opt->limits.window, HTTP_WINDOW_DEFAULT),
    };
    if (c->limits.window > HTTP_WINDOW_MAX)
        c->limits.window = HTTP_WINDOW_MAX;
    c->peer_len = (uint8_t)(opt->peer.n < HTTP_PEER_MAX ? opt->peer.n : HTTP_PEER_MAX);
    if (c->peer_len)
        memcpy(c->peer, opt->peer.p, c->peer_len);
    list_init(&c->streams);
    c->timer.fire = conn_timeout;
    http_conn_timer(c, c->limits.preface_ms);
    return &c->layer;
}

void http_conn_shutdown(struct layer *l)
{
    struct http_conn *c = conn_of(l);
    if (c->finished || c->shutting)
        return;
    c->shutting = true;
    if (c->proto)
        c->proto->shutdown(c);
    else if (c->sniffed_count == 0)
        http_conn_finish(c);
}

struct http_conn *http_stream_conn(struct http_stream *s)
{
    return s->conn;
}

struct slice http_conn_peer(const struct http_conn *c)
{
    return slice_of(c->peer, c->peer_len);
}
