#include "http/h2.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

#define H2_SHUTDOWN_MS 1000u /* for the peer to have seen the first GOAWAY */

/* A block that goes on after this many times the list limit is a bomb (CVE-2016-6581): within it,
 * the stream is answered 431; beyond, the connection ends, for decoding costs time too. */
#define H2_HEADER_BOMB 8u

static const uint8_t shutdown_ping[8] = {'s', 'h', 'u', 't', 'd', 'o', 'w', 'n'};

bool h2_rate_hit(struct h2 *h, struct h2_rate *rate)
{
    uint64_t now = env_now_ns(h->conn->env);
    if (rate->count == 0 || now - rate->start_ns >= NS_PER_S) {
        rate->start_ns = now;
        rate->count = 0;
    }
    rate->count++;
    if (rate->count <= h->conn->limits.resets_per_s)
        return true;
    h->error = NGHTTP2_ENHANCE_YOUR_CALM;
    return false;
}

struct http_stream *h2_find(struct h2 *h, int32_t id)
{
    if (!h->recent || h->recent->id != id)
        h->recent = nghttp2_session_get_stream_user_data(h->session, id);
    return h->recent;
}

void h2_fail(struct h2 *h)
{
    if (h->failed)
        return;
    h->failed = true;
    log_debug(h->conn->env->log, "http.goaway", "peer", BYTES(http_conn_peer(h->conn)), "error",
              U64(h->error));
    nghttp2_session_terminate_session(h->session, h->error);
}

void h2_check_over(struct h2 *h)
{
    if (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session) &&
        list_empty(&h->ready))
        http_conn_finish(h->conn);
}

/* Receiving */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = user;
    h->head = NULL;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        h->head = h2_find(h, frame->hd.stream_id); /* trailers */
        return 0;
    }
    if (http_conn_over_budget(h->conn)) {
        nghttp2_submit_rst_stream(session, 0, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    struct http_stream *s = http_stream_new(h->conn);
    s->id = frame->hd.stream_id;
    s->request.version = 2;
    nghttp2_session_set_stream_user_data(session, s->id, s);
    h->head = s;
    return 0;
}

/* The request breaks RFC 9113 8.1 to 8.3. 0, or nghttp2's error when the connection ends for it: a
 * peer that makes us reset its streams has them as cheaply as one that resets them itself
 * (CVE-2025-8671), and may leave our resets in the queue. */
static int malformed(struct h2 *h, struct http_stream *s)
{
    log_debug(h->conn->env->log, "http.malformed", "peer", BYTES(http_conn_peer(h->conn)), "stream",
              U64((uint64_t)s->id), "why", STR(s->head.why));
    http_stream_kill(s);
    nghttp2_submit_rst_stream(h->session, 0, s->id, NGHTTP2_PROTOCOL_ERROR);
    return h2_rate_hit(h, &h->resets_in) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static struct slice *pseudo_slot(struct http_request *r, enum h2_field field)
{
    return field == H2_METHOD ? &r->method : field == H2_PATH ? &r->path : &r->authority;
}

/* False: malformed. */
static bool take_field(struct http_stream *s, struct slice name, struct slice value)
{
    size_t sent = value.n;
    enum h2_field field = h2_head_field(&s->head, name, &value);
    if (field == H2_BAD)
        return false;
    s->list_size += sent - value.n; /* spaces around it count, too: looking at them is work */
    if (field == H2_REGULAR && !s->over_limit) {
        s->over_limit = !http_stream_add(s, name, value);
        return true;
    }
    s->over_limit |= !http_stream_count(s, name.n, value.n);
    if (field != H2_REGULAR && field != H2_SCHEME && !s->over_limit)
        *pseudo_slot(&s->request, field) = arena_copy(&s->arena, value);
    return true;
}

/* Nobody reads trailers, but they count against the same limit. */
static bool take_trailer(struct http_stream *s, struct slice name, struct slice value)
{
    s->over_limit |= !http_stream_count(s, name.n, value.n);
    return h2_head_trailer(&s->head, name, value);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are nghttp2's */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name_p,
                     size_t name_n, const uint8_t *value_p, size_t value_n, uint8_t flags,
                     void *user)
{
    (void)session;
    (void)flags;
    struct h2 *h = user;
    struct http_stream *s = h->head;
    struct slice name = slice_of(name_p, name_n);
    struct slice value = slice_of(value_p, value_n);
    if (!s)
        return 0;
    bool fine = frame->headers.cat == NGHTTP2_HCAT_REQUEST ? take_field(s, name, value)
                                                           : take_trailer(s, name, value);
    if (!fine) {
        int rc = malformed(h, s);
        return rc != 0 ? rc : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* no more of this block */
    }
    if (s->list_size / H2_HEADER_BOMB > h->conn->limits.header_list) {
        h->error = NGHTTP2_ENHANCE_YOUR_CALM;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

/* RFC 9113 8.3.1: :authority and Host must agree; Host alone stands in for it. */
static bool settle_authority(struct http_request *r)
{
    struct slice host = http_request_header(r, "host");
    if (host.p && r->authority.n)
        return slice_eq(host, r->authority);
    if (host.p)
        r->authority = host;
    return true;
}

static void request_complete(struct http_stream *s, bool ended)
{
    struct http_request *r = &s->request;
    s->request_ended = ended;
    if (s->over_limit) {
        h2_answer_status(s, 431);
    } else if (r->path.n == 0) {
        h2_answer_status(s, 405); /* CONNECT, which has no path: nothing here tunnels */
    } else if (!settle_authority(r)) {
        h2_answer_status(s, 400);
    } else {
        http_stream_open(s);
        if (!ended && s->status == 0 && !s->dead &&
            slice_eq(http_request_header(r, "expect"), SLICE_LIT("100-continue")))
            h2_continue(s);
        if (ended)
            http_stream_end(s);
    }
}

static int on_headers_recv(struct h2 *h, const nghttp2_frame *frame)
{
    struct http_stream *s = h->head;
    bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    h->head = NULL;
    if (!s)
        return 0;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        if (!h2_head_complete(&s->head) || (ended && !h2_head_body_complete(&s->head)))
            return malformed(h, s);
        request_complete(s, ended);
        return 0;
    }
    if (!h2_head_trailers_complete(&s->head, ended))
        return malformed(h, s);
    if (s->over_limit)
        nghttp2_submit_rst_stream(h->session, 0, s->id, NGHTTP2_ENHANCE_YOUR_CALM);
    else
        http_stream_end(s);
    return 0;
}

static int on_data_recv(struct h2 *h, const nghttp2_frame *frame)
{
    struct http_stream *s = h2_find(h, frame->hd.stream_id);
    if (!s)
        return 0;
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        if (!h2_head_body_complete(&s->head))
            return malformed(h, s);
        http_stream_end(s);
        return 0;
    }
    /* CVE-2019-9518: frames that carry nothing cost us and no window. */
    if (frame->hd.length > frame->data.padlen)
        s->empty_frames = 0;
    else if (++s->empty_frames > HTTP_EMPTY_FRAMES_MAX) {
        h->error = NGHTTP2_ENHANCE_YOUR_CALM;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_rst_recv(struct h2 *h, const nghttp2_frame *frame)
{
    struct http_stream *s = h2_find(h, frame->hd.stream_id);
    if (s)
        s->peer_reset = true;
    /* CVE-2023-44487: opening and resetting is free for the peer and never full. */
    return h2_rate_hit(h, &h->resets_in) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void say_last_goaway(struct h2 *h)
{
    http_conn_timer(h->conn, 0);
    nghttp2_submit_goaway(h->session, 0, nghttp2_session_get_last_proc_stream_id(h->session),
                          NGHTTP2_NO_ERROR, NULL, 0);
    http_conn_wake(h->conn);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    struct h2 *h = user;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        return on_data_recv(h, frame);
    case NGHTTP2_HEADERS:
        return on_headers_recv(h, frame);
    case NGHTTP2_RST_STREAM:
        return on_rst_recv(h, frame);
    case NGHTTP2_SETTINGS:
        if (!h->settled) {
            h->settled = true;
            http_conn_timer(h->conn, h->going_away ? H2_SHUTDOWN_MS : h->conn->limits.idle_ms);
        }
        return 0;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) && h->going_away &&
            memcmp(frame->ping.opaque_data, shutdown_ping, sizeof(shutdown_ping)) == 0)
            say_last_goaway(h);
        if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
            h2_alive_pinged(&h->alive);
        return 0;
    default:
        return 0;
    }
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p,
                         size_t n, void *user)
{
    (void)session;
    (void)flags;
    struct h2 *h = user;
    struct http_stream *s = h2_find(h, id);
    if (!s) {
        nghttp2_session_consume_connection(h->session, n);
        return 0;
    }
    int rc = 0;
    if (!s->dead && !h2_head_body(&s->head, n))
        rc = malformed(h, s);
    http_stream_data(s, slice_of(p, n)); /* of a dead stream: gives the window back */
    return rc;
}

/* Frames that break the rules on one stream: each makes us send RST_STREAM, queued even while the
 * peer reads nothing (CVE-2025-8671 from the receiving side; h2_on_frame_send has the other). */
static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *user)
{
    (void)session;
    (void)frame;
    (void)error;
    struct h2 *h = user;
    return h2_rate_hit(h, &h->resets_in) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    (void)error;
    struct h2 *h = user;
    struct http_stream *s = h2_find(h, id);
    if (!s)
        return 0;
    /* What the handler never gave back must not be missing from the connection's window. */
    if (s->unconsumed)
        nghttp2_session_consume_connection(session, s->unconsumed);
    h->recent = NULL;
    if (h->head == s)
        h->head = NULL;
    http_stream_over(s, s->ended ? RC_OK : s->peer_reset ? RC_CANCELED : RC_CLOSED);
    if (h->conn->stream_count == 0 && h->conn->limits.idle_ms)
        h->idle_since_ns = env_now_ns(h->conn->env);
    return 0;
}

/* The session's error for the peer's ears. */
static uint32_t goaway_code(int error)
{
    switch (error) {
    case NGHTTP2_ERR_FLOODED:
        return NGHTTP2_ENHANCE_YOUR_CALM;
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
        return NGHTTP2_PROTOCOL_ERROR;
    default:
        return NGHTTP2_INTERNAL_ERROR;
    }
}

/* Whatever a peer makes us queue and does not read: acknowledgements (CVE-2019-9512, -9515), and
 * a few frames for each stream that it keeps open. */
static bool queue_full(const struct h2 *h)
{
    return nghttp2_session_get_outbound_queue_size(h->session) >
           (size_t)2 * HTTP_CONTROL_QUEUE_MAX + 4 * h->conn->stream_count;
}

/* A peer that asks and does not read: nothing more is taken from it until it has read something.
 * Emit comes as soon as the socket takes bytes, so one that reads is held up for a turn at most. */
static void pause_greedy(struct h2 *h, size_t taken)
{
    struct layer_below *below = h->conn->layer.below;
    h->fed += taken;
    if (h->paused || h->fed < HTTP_FED_MAX || !h2_pending(h->conn))
        return;
    h->paused = true;
    below->pause(below, true);
}

static enum rc h2_feed(struct http_conn *c, struct slice in)
{
    struct h2 *h = c->h2;
    if (h->failed)
        return RC_CLOSED;
    h2_alive_heard(&h->alive);
    ssize_t n = nghttp2_session_mem_recv(h->session, in.p, in.n);
    if (n < 0 && h->error == 0)
        h->error = goaway_code((int)n);
    if (h->error == 0 && queue_full(h))
        h->error = NGHTTP2_ENHANCE_YOUR_CALM;
    if (h->error != 0) {
        h2_fail(h);
        http_conn_wake(c);
        return RC_PROTOCOL;
    }
    pause_greedy(h, in.n);
    if (h2_pending(c))
        http_conn_wake(c);
    else
        h2_check_over(h);
    return RC_OK;
}

/* Deadlines */

static void h2_timeout(struct http_conn *c)
{
    struct h2 *h = c->h2;
    if (!h->settled) {
        h->error = NGHTTP2_PROTOCOL_ERROR;
        h2_fail(h);
        http_conn_wake(c);
        http_conn_finish(c);
    } else if (h->going_away) {
        say_last_goaway(h);
    } else {
        uint64_t idle_ns = (uint64_t)c->limits.idle_ms * NS_PER_MS;
        uint64_t now = env_now_ns(c->env);
        if (c->stream_count == 0 && now - h->idle_since_ns >= idle_ns) {
            say_last_goaway(h);
            http_conn_finish(c);
        } else {
            uint64_t from = c->stream_count ? now : h->idle_since_ns;
            timer_start(c->env->timers, &c->timer, from + idle_ns);
        }
    }
}

/* RFC 9113 6.8: first announce, so that requests on their way are not lost; the number of the last
 * request comes when the peer has answered a PING behind the announcement. */
static void h2_shutdown(struct http_conn *c)
{
    struct h2 *h = c->h2;
    h->going_away = true;
    nghttp2_submit_shutdown_notice(h->session);
    nghttp2_submit_ping(h->session, 0, shutdown_ping);
    if (h->settled)
        http_conn_timer(c, H2_SHUTDOWN_MS);
    http_conn_wake(c);
}

static void h2_fini(struct http_conn *c)
{
    h2_alive_fini(&c->h2->alive);
    nghttp2_session_del(c->h2->session);
    free(c->h2);
}

static const struct http_proto h2_proto = {
    .feed = h2_feed,
    .emit = h2_emit,
    .pending = h2_pending,
    .timeout = h2_timeout,
    .shutdown = h2_shutdown,
    .fini = h2_fini,
    .respond = h2_respond,
    .consumed = h2_consumed,
    .reset = h2_reset,
    .set_class = h2_set_class,
};

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *cb;
    must(nghttp2_session_callbacks_new(&cb) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, h2_on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(cb, h2_on_send_data);
    return cb;
}

static nghttp2_option *make_options(void)
{
    nghttp2_option *opt;
    must(nghttp2_option_new(&opt) == 0);
    nghttp2_option_set_no_auto_window_update(opt, 1);
    /* h2_head judges requests. With this nghttp2 no longer reads `priority` (RFC 9218), either:
     * the order of responses is ours. */
    nghttp2_option_set_no_http_messaging(opt, 1);
    /* Closed streams are kept for RFC 7540's priority tree, without end when streams are. The
     * setting NO_RFC7540_PRIORITIES alone would do. */
    nghttp2_option_set_no_closed_streams(opt, 1);
    nghttp2_option_set_max_outbound_ack(opt, HTTP_CONTROL_QUEUE_MAX);
    nghttp2_option_set_max_continuations(opt, HTTP_CONTINUATIONS_MAX);
    /* h2_rate_hit counts resets, by our clock; nghttp2 would count by one of its own. */
    nghttp2_option_set_stream_reset_rate_limit(opt, UINT64_MAX, 0);
    return opt;
}

void h2_attach(struct http_conn *c)
{
    struct h2 *h = mem_zalloc(sizeof(*h));
    h->conn = c;
    list_init(&h->ready);
    nghttp2_session_callbacks *cb = make_callbacks();
    nghttp2_option *opt = make_options();
    must(nghttp2_session_server_new2(&h->session, cb, h, opt) == 0);
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(opt);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, c->limits.streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, c->limits.window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, c->limits.header_list},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    must(nghttp2_submit_settings(h->session, 0, settings, ARRAY_LEN(settings)) == 0);
    must(nghttp2_session_set_local_window_size(h->session, 0, 0, (int32_t)(4 * c->limits.window)) ==
         0);
    h->idle_since_ns = env_now_ns(c->env);
    h2_alive_init(&h->alive, h);
    c->h2 = h;
    c->proto = &h2_proto;
    http_conn_wake(c);
}
