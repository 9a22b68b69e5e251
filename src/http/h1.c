#include "http/h1.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/secret.h"

#include <stdlib.h>

static const unsigned h1_moves[H1_STATE_COUNT] = {
    [H1_HEAD] = TO(H1_BODY) | TO(H1_READY) | TO(H1_DEAD),
    [H1_BODY] = TO(H1_READY) | TO(H1_DRAIN) | TO(H1_DEAD),
    [H1_READY] = TO(H1_HEAD) | TO(H1_SOCKET) | TO(H1_DEAD),
    [H1_DRAIN] = TO(H1_HEAD) | TO(H1_DEAD),
    [H1_SOCKET] = TO(H1_DEAD),
    [H1_DEAD] = 0,
};

void h1_move(struct h1 *h, enum h1_state next)
{
    must(h->state < H1_STATE_COUNT && (h1_moves[h->state] & TO(next)));
    h->state = next;
}

void h1_die(struct h1 *h)
{
    if (h->state == H1_DEAD)
        return;
    h1_move(h, H1_DEAD);
    http_conn_finish(h->conn);
    http_conn_wake(h->conn);
}

static void h1_pause(struct h1 *h, bool paused)
{
    if (h->paused == paused)
        return;
    h->paused = paused;
    h->conn->layer.below->pause(h->conn->layer.below, paused);
}

/* Answer what is no request, and close: where the next one would begin nobody knows. Once a
 * response is on its way there is no place for an answer. */
static void refuse(struct h1 *h, struct h1_refusal no)
{
    struct http_stream *s = h->stream;
    log_debug(h->conn->env->log, "http.refused", "peer", BYTES(http_conn_peer(h->conn)), "status",
              U64(no.status), "why", STR(no.why));
    if (!s || !s->submitted)
        h1_queue_refusal(h, no);
    h->stream = NULL;
    h1_die(h);
    if (s)
        http_stream_over(s, RC_CLOSED);
}

static struct slice waiting(const struct h1 *h)
{
    return h->in.n ? slice_of(h->in.p + h->in_at, h->in.n - h->in_at) : (struct slice){0};
}

/* A request head is complete: n bytes of what waits. */
static void begin_request(struct h1 *h, size_t n)
{
    struct http_conn *c = h->conn;
    http_conn_timer(c, 0);
    h->head_timed = false;
    h->stream = http_stream_new(c);
    struct h1_refusal no = h1_parse_head(slice_of(h->in.p + h->in_at, n), h->stream, &h->head);
    h->in_at += n;
    h->scan = (struct h1_scan){0};
    if (!no.status && http_conn_over_budget(c))
        no = (struct h1_refusal){503, "too many requests are in flight; try again"};
    if (no.status) {
        refuse(h, no);
        return;
    }
    h->body_left = h->head.length;
    h->chunks = (struct h1_chunks){0};
    h->close_after |= !h->head.keep_alive;
    bool bodiless = h->head.framing == H1_NO_BODY;
    h1_move(h, bodiless ? H1_READY : H1_BODY);
    struct http_stream *s = h->stream;
    http_stream_open(s);
    if (h->state == H1_READY)
        http_stream_end(s);
    else if (h->state == H1_BODY && h->head.expect_continue && s->status == 0) {
        h->head.expect_continue = false; /* settled: the body comes */
        buf_append_str(&h->out, "HTTP/1.1 100 Continue\r\n\r\n");
    }
}

/* Between requests and within heads. True: something was taken. */
static bool run_head(struct h1 *h)
{
    struct slice in = waiting(h);
    if (h->scan.at == 0) {
        /* RFC 9112 2.2: an empty line before a request is forgiven. */
        if (in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n') {
            h->in_at += 2;
            return true;
        }
        if (in.n == 0 || (in.n == 1 && in.p[0] == '\r'))
            return false;
        if (!h1_may_begin(in.p[0])) {
            refuse(h, (struct h1_refusal){400, "this is no HTTP request"});
            return false;
        }
    }
    size_t seen = in.n < HTTP_H1_HEAD_MAX ? in.n : HTTP_H1_HEAD_MAX;
    switch (h1_scan_head(&h->scan, slice_of(in.p, seen))) {
    case H1_FOUND_HEAD:
        begin_request(h, h->scan.at);
        return true;
    case H1_FOUND_BAD:
        refuse(h, (struct h1_refusal){400, "line does not end in CRLF"});
        return false;
    case H1_FOUND_NOTHING:
        break;
    }
    if (seen == HTTP_H1_HEAD_MAX)
        refuse(h, (struct h1_refusal){431, "request head too large"});
    return false;
}

static enum h1_step next_piece(struct h1 *h, struct slice *in, size_t max, struct slice *piece)
{
    if (h->head.framing == H1_CHUNKED)
        return h1_chunks_next(&h->chunks, in, max, piece);
    if (h->body_left == 0)
        return H1_STEP_END;
    if (in->n == 0)
        return H1_STEP_MORE;
    size_t n = in->n < max ? in->n : max;
    n = h->body_left < n ? (size_t)h->body_left : n;
    *piece = slice_of(in->p, n);
    *in = slice_skip(*in, n);
    h->body_left -= n;
    return H1_STEP_PIECE;
}

static void drop_piece(struct h1 *h, size_t n)
{
    h->drained += n;
    if (h->drained > H1_DRAIN_MAX)
        h1_die(h);
}

static void body_end(struct h1 *h)
{
    if (h->state == H1_DRAIN) {
        http_conn_timer(h->conn, h->conn->limits.idle_ms);
        h1_move(h, H1_HEAD);
        return;
    }
    h1_move(h, H1_READY);
    http_stream_end(h->stream);
}

/* A body that the handler wants, or one that is drained. True: something was taken. */
static bool run_body(struct h1 *h)
{
    size_t room = H1_DRAIN_MAX;
    if (h->state == H1_BODY) {
        size_t window = h->conn->limits.window;
        if (h->stream->unconsumed >= window)
            return false;
        room = window - h->stream->unconsumed;
    }
    struct slice in = waiting(h);
    struct slice piece = {0};
    enum h1_step step = next_piece(h, &in, room, &piece);
    h->in_at = h->in.n - in.n;
    switch (step) {
    case H1_STEP_PIECE:
        if (h->state == H1_DRAIN)
            drop_piece(h, piece.n);
        else
            http_stream_data(h->stream, piece);
        return true;
    case H1_STEP_END:
        body_end(h);
        return true;
    case H1_STEP_BAD:
        refuse(h, (struct h1_refusal){400, "malformed chunked body"});
        return false;
    case H1_STEP_MORE:
        break;
    }
    return false;
}

static bool run_once(struct h1 *h)
{
    switch (h->state) {
    case H1_HEAD:
        return run_head(h);
    case H1_BODY:
    case H1_DRAIN:
        return run_body(h);
    case H1_SOCKET:
        return h1_socket_run(h);
    case H1_READY:
    case H1_DEAD:
    case H1_STATE_COUNT:
        break;
    }
    return false;
}

/* Forget taken bytes; an idle connection keeps no buffer. */
static void settle_waiting(struct h1 *h)
{
    if (h->in_at == h->in.n) {
        secret_buf_fini(&h->in); /* a password may have come in it */
        h->in_at = 0;
    } else if (h->in_at > h->in.n / 2) {
        buf_consume(&h->in, h->in_at);
        h->in_at = 0;
    }
    http_conn_charge(h->conn, h->in.cap);
    http_conn_uncharge(h->conn, h->in_held);
    h->in_held = h->in.cap;
}

/* The handler has not consumed what it has. */
static bool is_full(const struct h1 *h)
{
    return (h->state == H1_BODY || h->state == H1_SOCKET) && h->stream &&
           h->stream->unconsumed >= h->conn->limits.window;
}

void h1_run(struct h1 *h)
{
    h->again = false;
    while (run_once(h))
        ;
    if (h->state == H1_DEAD || h->in.n - h->in_at > H1_WAITING_MAX) {
        h1_die(h);
        h->in_at = h->in.n;
    }
    settle_waiting(h);
    if (h->state == H1_DEAD)
        return;
    /* Pause while bytes wait for something other than more bytes. */
    h1_pause(h, is_full(h) || (h->state == H1_READY && h->in.n > 0));
    if (h->state == H1_HEAD && h->in.n > 0 && !h->head_timed) {
        h->head_timed = true;
        http_conn_timer(h->conn, h->conn->limits.preface_ms);
    }
}

static enum rc h1_feed(struct http_conn *c, struct slice in)
{
    struct h1 *h = c->h1;
    if (h->state == H1_DEAD)
        return RC_CLOSED;
    buf_append_slice(&h->in, in);
    h1_run(h);
    if (h1_pending(c))
        http_conn_wake(c);
    return RC_OK;
}

void h1_response_over(struct h1 *h)
{
    struct http_stream *s = h->stream;
    struct http_conn *c = h->conn;
    h->stream = NULL;
    s->ended = true;
    if (h->state == H1_READY)
        h1_move(h, H1_HEAD);
    else if (!h->head.expect_continue && !h->close_after && h->body_left <= H1_DRAIN_MAX)
        h1_move(h, H1_DRAIN);
    else /* too much; or, not told to continue, it may send the body or the next request */
        h->close_after = true;
    http_conn_timer(c, h->state == H1_DRAIN ? c->limits.preface_ms : c->limits.idle_ms);
    if (h->close_after)
        h1_die(h);
    h->drained = 0;
    h->again = true;
    http_stream_over(s, RC_OK);
}

static void h1_timeout(struct http_conn *c)
{
    struct h1 *h = c->h1;
    if (h->state == H1_HEAD && h->in.n > h->in_at)
        refuse(h, (struct h1_refusal){408, "the request head took too long"});
    else
        h1_die(h);
}

static void h1_shutdown(struct http_conn *c)
{
    struct h1 *h = c->h1;
    h->close_after = true;
    if (h->state == H1_SOCKET)
        h1_socket_shutdown(h);
    else if (!h->stream)
        h1_die(h);
}

static void h1_consumed(struct http_stream *s, size_t n)
{
    struct h1 *h = s->conn->h1;
    (void)n;
    if (!h->paused || !(h->state == H1_BODY || h->state == H1_SOCKET) ||
        s->unconsumed > s->conn->limits.window / 2)
        return;
    h->again = true; /* not from here: the handler may be within on_data */
    http_conn_wake(s->conn);
}

static void h1_respond(struct http_stream *s)
{
    s->waiting = false;
    http_conn_wake(s->conn);
}

static void h1_reset(struct http_stream *s, enum http_reset why)
{
    (void)why; /* HTTP/1 can say it only by closing */
    h1_die(s->conn->h1);
}

static void h1_set_class(struct http_stream *s, enum http_class class)
{
    (void)s;
    (void)class; /* one stream has every turn */
}

static void h1_fini(struct http_conn *c)
{
    struct h1 *h = c->h1;
    http_conn_uncharge(c, h->in_held);
    secret_buf_fini(&h->in);
    buf_fini(&h->out);
    h1_socket_free(h);
    free(h);
}

static const struct http_proto h1_proto = {
    .feed = h1_feed,
    .emit = h1_emit,
    .pending = h1_pending,
    .timeout = h1_timeout,
    .shutdown = h1_shutdown,
    .fini = h1_fini,
    .respond = h1_respond,
    .consumed = h1_consumed,
    .reset = h1_reset,
    .set_class = h1_set_class,
};

void h1_attach(struct http_conn *c)
{
    struct h1 *h = mem_zalloc(sizeof(*h));
    h->conn = c;
    h->head_timed = true; /* by the connection's first deadline */
    c->h1 = h;
    c->proto = &h1_proto;
}
