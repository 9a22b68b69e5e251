#include "client/conn.h"

#include "base/mem.h"
#include "base/must.h"
#include "client/message.h"

#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define NS_PER_MS 1000000u
#define RECV_STEP (64u << 10) /* bytes of one recv */

struct client_conn {
    struct list item; /* in the loop */
    struct client_loop *loop;
    struct client_transport *transport;
    struct client_conn_options opt;
    char *authority;
    const char *scheme;
    enum rc state;
    struct err why;
    nghttp2_session *session;
    struct buf out;
    struct list calls;
    struct timer ping;
    bool heard; /* something came */
    bool pinged;
    bool leaving; /* the server takes no further call */
};

struct client_call {
    struct list item;
    struct client_conn *conn; /* NULL: over */
    int32_t id;
    struct buf out;
    size_t sent;
    bool finished; /* nothing more from us */
    bool eof_sent;
    struct buf in;
    size_t taken; /* bytes of in that were read already */
    size_t held;  /* bytes of the call's window that the server has not got back */
    bool seen;    /* some answer came */
    bool unseen;
    bool status_set;
    unsigned http_status;
    size_t recv_max;
    struct client_status status;
};

struct client_conn *client_conn_of(struct list *item)
{
    return CONTAINER_OF(item, struct client_conn, item);
}

/* Calls */

static void call_over(struct client_call *call)
{
    const char *why = call->conn->transport->why;
    if (!call->status_set)
        client_status_set(&call->status, GRPC_UNAVAILABLE, "error reading from server: %s",
                          why ? why : "EOF");
    call->status_set = true;
    call->conn = NULL;
    list_remove(&call->item);
}

static struct client_call *call_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static bool name_is(const uint8_t *name, size_t n, const char *text)
{
    return slice_eq(slice_of(name, n), slice_str(text));
}

static unsigned number(struct slice s)
{
    unsigned v = 0;
    for (size_t i = 0; i < s.n && i < 6 && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        v = v * 10 + (unsigned)(s.p[i] - '0');
    return v;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are nghttp2's */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value_p, size_t value_n, uint8_t flags,
                     void *user)
{
    (void)flags;
    (void)user;
    struct client_call *call = call_of(session, frame->hd.stream_id);
    struct slice value = slice_of(value_p, value_n < CLIENT_TEXT_MAX ? value_n : CLIENT_TEXT_MAX);
    if (!call)
        return 0;
    call->seen = true;
    if (name_is(name, name_n, ":status")) {
        call->http_status = number(value);
    } else if (name_is(name, name_n, "grpc-status")) {
        bool is_number = value.n > 0 && value.p[0] >= '0' && value.p[0] <= '9';
        call->status.code = is_number ? (enum grpc_code)number(value) : GRPC_UNKNOWN;
        call->status_set = true;
    } else if (name_is(name, name_n, "grpc-message")) {
        client_status_message(&call->status, value);
    } else if (name_is(name, name_n, "moat-explain")) {
        client_status_explain(&call->status, value);
    }
    return 0;
}

static struct slice unread(const struct client_call *call)
{
    return slice_skip(buf_slice(&call->in), call->taken);
}

/* Give the call's window back while its reader waits for the rest of a message: one that is longer
 * than the window must have room to arrive. */
static void settle_window(struct client_call *call)
{
    struct slice message;
    size_t announced;
    if (!call->conn || call->held == 0 ||
        message_first(unread(call), call->conn->opt.recv_max, &message, &announced) != RC_AGAIN)
        return;
    nghttp2_session_consume_stream(call->conn->session, call->id, call->held);
    call->held = 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
                   void *user)
{
    (void)flags;
    (void)user;
    struct client_call *call = call_of(session, id);
    /* Each call is held back by its own window: one that nobody reads must not stop the others. */
    nghttp2_session_consume_connection(session, n);
    if (!call)
        return 0;
    buf_append(&call->in, p, n);
    call->held += n;
    settle_window(call);
    return 0;
}

/* The server has said its last word; error is that of a reset. */
static void call_ended(struct client_call *call, uint32_t error)
{
    call->unseen = error == NGHTTP2_REFUSED_STREAM && !call->seen;
    if (!call->status_set && call->http_status && call->http_status != 200)
        client_status_set(&call->status, GRPC_UNAVAILABLE,
                          "unexpected HTTP status code received from server: %u",
                          call->http_status);
    else if (!call->status_set && error != NGHTTP2_NO_ERROR)
        client_status_set(
            &call->status, error == NGHTTP2_REFUSED_STREAM ? GRPC_UNAVAILABLE : GRPC_INTERNAL,
            "stream terminated by RST_STREAM with error code: %s", nghttp2_http2_strerror(error));
    else if (!call->status_set)
        client_status_set(&call->status, GRPC_INTERNAL,
                          "server closed the stream without sending trailers");
    call->status_set = true;
    call_over(call);
}

/* A server may end a call while we could still send; HTTP/2 keeps the stream open then. */
static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct client_conn *c = user;
    struct client_call *call = call_of(session, frame->hd.stream_id);
    c->leaving |= frame->hd.type == NGHTTP2_GOAWAY;
    bool data = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (!call || !data || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    nghttp2_session_set_stream_user_data(session, call->id, NULL);
    if (!call->eof_sent)
        nghttp2_submit_rst_stream(session, 0, call->id, NGHTTP2_NO_ERROR);
    call_ended(call, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    (void)user;
    struct client_call *call = call_of(session, id);
    if (call) /* GOAWAY closes the streams that it never took this way, too */
        call_ended(call, error);
    return 0;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are nghttp2's */
static ssize_t read_request(nghttp2_session *session, int32_t id, uint8_t *out, size_t n,
                            uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)id;
    (void)user;
    struct client_call *call = source->ptr;
    size_t left = call->out.n - call->sent;
    if (left == 0 && !call->finished)
        return NGHTTP2_ERR_DEFERRED;
    n = n < left ? n : left;
    if (n > 0)
        memcpy(out, call->out.p + call->sent, n);
    call->sent += n;
    if (call->sent == call->out.n) {
        buf_clear(&call->out);
        call->sent = 0;
        call->eof_sent = call->finished;
        if (call->finished)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

/* Connections */

static void conn_fail(struct client_conn *c, enum rc rc, const char *what)
{
    if (c->state != RC_OK && c->state != RC_AGAIN)
        return;
    c->state = rc;
    err_set(&c->why, rc, "%s: %s", c->authority, what);
    timer_stop(&c->loop->timers, &c->ping);
    list_each (item, &c->calls)
        call_over(CONTAINER_OF(item, struct client_call, item));
}

static void conn_lost(struct client_conn *c, enum rc rc)
{
    conn_fail(c, rc, c->transport->why ? c->transport->why : "connection lost");
}

/* What the session has to say, as far as the transport takes it. */
static void conn_flush(struct client_conn *c)
{
    while (c->state == RC_OK) {
        if (c->out.n == 0) {
            const uint8_t *p;
            ssize_t n = nghttp2_session_mem_send(c->session, &p);
            if (n < 0)
                conn_fail(c, RC_PROTOCOL, nghttp2_strerror((int)n));
            if (n <= 0)
                return;
            buf_append(&c->out, p, (size_t)n);
        }
        size_t n = c->out.n;
        enum rc rc = c->transport->ops->send(c->transport, c->out.p, &n);
        if (rc == RC_AGAIN)
            return;
        if (rc != RC_OK)
            conn_lost(c, rc);
        else
            buf_consume(&c->out, n);
    }
}

static void conn_receive(struct client_conn *c)
{
    uint8_t in[RECV_STEP];
    size_t n = sizeof(in);
    enum rc rc = c->transport->ops->recv(c->transport, in, &n);
    if (rc == RC_AGAIN)
        return;
    if (rc != RC_OK) {
        conn_lost(c, rc);
        return;
    }
    c->pinged = false;
    c->heard = true;
    if (timer_active(&c->ping))
        timer_start(&c->loop->timers, &c->ping, client_now_ns() + c->opt.keepalive_ms * NS_PER_MS);
    ssize_t used = nghttp2_session_mem_recv(c->session, in, n);
    if (used < 0)
        conn_fail(c, RC_PROTOCOL, nghttp2_strerror((int)used));
    else if (!nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session))
        conn_fail(c, RC_CLOSED, "the server is going away");
}

static void on_ping_due(struct timer *t)
{
    struct client_conn *c = CONTAINER_OF(t, struct client_conn, ping);
    if (list_empty(&c->calls)) {
        c->pinged = false; /* nobody waits: the next call begins anew */
        return;
    }
    if (c->pinged) {
        conn_fail(c, RC_TIMEOUT, "keepalive ping was not answered");
        return;
    }
    c->pinged = true;
    nghttp2_submit_ping(c->session, 0, NULL);
    timer_start(&c->loop->timers, t, client_now_ns() + c->opt.keepalive_timeout_ms * NS_PER_MS);
    conn_flush(c);
}

static nghttp2_session *session_new(struct client_conn *c)
{
    nghttp2_session_callbacks *cb;
    nghttp2_option *opt;
    nghttp2_session *session;
    must(nghttp2_session_callbacks_new(&cb) == 0 && nghttp2_option_new(&opt) == 0);
    nghttp2_option_set_no_closed_streams(opt, 1);
    nghttp2_option_set_no_auto_window_update(opt, 1);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    must(nghttp2_session_client_new2(&session, cb, c, opt) == 0);
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(opt);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, CLIENT_WINDOW},
    };
    must(nghttp2_submit_settings(session, 0, settings, ARRAY_LEN(settings)) == 0);
    must(nghttp2_session_set_local_window_size(session, 0, 0, CLIENT_WINDOW) == 0);
    return session;
}

static char *authority_of(const struct client_endpoint *to)
{
    if (to->path)
        return mem_strdup("localhost");
    if (strchr(to->host, ':'))
        return mem_printf("[%s]:%s", to->host, to->port);
    return mem_printf("%s:%s", to->host, to->port);
}

struct client_conn *client_conn_new(struct client_loop *loop, struct client_transport *t,
                                    const struct client_endpoint *to,
                                    const struct client_conn_options *opt)
{
    struct client_conn *c = mem_zalloc(sizeof(*c));
    c->loop = loop;
    c->transport = t;
    c->opt = *opt;
    c->authority = authority_of(to);
    c->scheme = to->tls ? "https" : "http";
    c->state = RC_AGAIN;
    c->ping.fire = on_ping_due;
    list_init(&c->calls);
    list_add_tail(&loop->conns, &c->item);
    loop->conns_n++;
    return c;
}

void client_conn_free(struct client_conn *c)
{
    if (!c)
        return;
    if (c->state == RC_OK) {
        nghttp2_session_terminate_session(c->session, NGHTTP2_NO_ERROR);
        conn_flush(c); /* as far as it goes at once */
    }
    conn_fail(c, RC_CLOSED, "closed");
    list_remove(&c->item);
    c->loop->conns_n--;
    nghttp2_session_del(c->session);
    c->transport->ops->close(c->transport);
    buf_fini(&c->out);
    free(c->authority);
    free(c);
}

enum rc client_conn_state(const struct client_conn *c, struct err *err)
{
    if (c->state == RC_OK && c->leaving)
        return err_set(err, RC_CLOSED, "%s: the server is going away", c->authority);
    if (c->state != RC_OK && c->state != RC_AGAIN)
        err_set(err, c->state, "%s", c->why.text);
    return c->state;
}

bool client_conn_heard(const struct client_conn *c)
{
    return c->heard;
}

int client_conn_fd(const struct client_conn *c)
{
    return c->state == RC_OK || c->state == RC_AGAIN ? c->transport->fd : -1;
}

short client_conn_events(const struct client_conn *c)
{
    if (c->state == RC_AGAIN)
        return c->transport->wants_write ? POLLOUT : POLLIN;
    bool more = c->out.n > 0 || nghttp2_session_want_write(c->session);
    return (short)(POLLIN | (more ? POLLOUT : 0));
}

void client_conn_ready(struct client_conn *c)
{
    if (c->state == RC_AGAIN) {
        struct err err = {0};
        enum rc rc = c->transport->ops->connect(c->transport, &err);
        if (rc == RC_AGAIN)
            return;
        if (rc != RC_OK) {
            c->state = rc;
            c->why = err;
            return;
        }
        c->state = RC_OK;
        c->session = session_new(c);
    } else if (c->state == RC_OK) {
        conn_receive(c);
    }
    conn_flush(c);
}

/* Calls again */

/* NOLINTBEGIN(performance-no-int-to-ptr): the casts only drop a const */
static nghttp2_nv pair(const char *name, struct slice value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value.p, strlen(name),
                        value.n, NGHTTP2_NV_FLAG_NONE};
}
/* NOLINTEND(performance-no-int-to-ptr) */

struct client_call *client_call_new(struct client_conn *c, const char *path,
                                    const struct client_header *headers, size_t headers_n)
{
    must(headers_n <= CLIENT_HEADERS_MAX);
    struct client_call *call = mem_zalloc(sizeof(*call));
    list_init(&call->item);
    call->recv_max = c->opt.recv_max;
    nghttp2_nv nv[7 + CLIENT_HEADERS_MAX] = {
        pair(":method", SLICE_LIT("POST")),
        pair(":scheme", slice_str(c->scheme)),
        pair(":path", slice_str(path)),
        pair(":authority", slice_str(c->authority)),
        pair("content-type", SLICE_LIT("application/grpc")),
        pair("user-agent", SLICE_LIT("moat/" MOAT_VERSION)),
        pair("te", SLICE_LIT("trailers")),
    };
    for (size_t i = 0; i < headers_n; i++)
        nv[7 + i] = pair(headers[i].name, headers[i].value);
    const nghttp2_data_provider body = {.source.ptr = call, .read_callback = read_request};
    call->id = c->state == RC_OK
                   ? nghttp2_submit_request(c->session, NULL, nv, 7 + headers_n, &body, call)
                   : -1;
    if (call->id < 0) {
        client_status_set(&call->status, GRPC_UNAVAILABLE, "%s", c->why.text);
        call->status_set = call->unseen = true;
        return call;
    }
    call->conn = c;
    list_add_tail(&c->calls, &call->item);
    if (!timer_active(&c->ping) && c->opt.keepalive_ms > 0)
        timer_start(&c->loop->timers, &c->ping, client_now_ns() + c->opt.keepalive_ms * NS_PER_MS);
    return call;
}

void client_call_send(struct client_call *call, struct slice message)
{
    if (!call->conn)
        return;
    message_frame(message, &call->out);
    nghttp2_session_resume_data(call->conn->session, call->id);
    conn_flush(call->conn);
}

void client_call_finish(struct client_call *call)
{
    call->finished = true;
    if (!call->conn)
        return;
    nghttp2_session_resume_data(call->conn->session, call->id);
    conn_flush(call->conn);
}

static void take(struct client_call *call, size_t n)
{
    call->taken += n;
    if (call->taken == call->in.n || call->taken > CLIENT_WINDOW) {
        buf_consume(&call->in, call->taken);
        call->taken = 0;
    }
    settle_window(call);
    if (call->conn)
        conn_flush(call->conn);
}

/* Leave the server alone with the call. */
static void abandon(struct client_call *call)
{
    struct client_conn *c = call->conn;
    nghttp2_session_set_stream_user_data(c->session, call->id, NULL);
    nghttp2_submit_rst_stream(c->session, 0, call->id, NGHTTP2_CANCEL);
    call_over(call);
    conn_flush(c);
}

/* A message that must not be read ends the call, as in grpc. */
static void end_early(struct client_call *call, enum grpc_code code, const char *why)
{
    buf_clear(&call->in);
    call->taken = 0;
    client_status_set(&call->status, code, "%s", why);
    call->status_set = true;
    if (call->conn)
        abandon(call);
}

enum rc client_call_next(struct client_call *call, struct buf *out)
{
    struct slice message = {0};
    size_t announced = 0;
    enum rc rc = message_first(unread(call), call->recv_max, &message, &announced);
    if (rc == RC_OK) {
        buf_clear(out);
        buf_append_slice(out, message);
        take(call, MESSAGE_HEAD + message.n);
        return RC_OK;
    }
    if (rc == RC_LIMIT) {
        char why[128];
        snprintf(why, sizeof(why), "grpc: received message larger than max (%zu vs. %zu)",
                 announced, call->recv_max);
        end_early(call, GRPC_RESOURCE_EXHAUSTED, why);
    } else if (rc == RC_UNSUPPORTED) {
        end_early(call, GRPC_INTERNAL, "grpc: compressed flag set with identity or empty encoding");
    }
    return call->conn ? RC_AGAIN : RC_END;
}

bool client_call_is_over(const struct client_call *call)
{
    return call->conn == NULL;
}

bool client_call_is_unseen(const struct client_call *call)
{
    return call->unseen;
}

const struct client_status *client_call_status(const struct client_call *call)
{
    return &call->status;
}

void client_call_free(struct client_call *call)
{
    if (!call)
        return;
    if (call->conn)
        abandon(call);
    buf_fini(&call->out);
    buf_fini(&call->in);
    client_status_fini(&call->status);
    free(call);
}
