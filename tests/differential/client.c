#include "client.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"
#include "json_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define WINDOW (64 << 20) /* answers are never held up */

struct call {
    struct answer *answer;
    struct buf out;
    size_t sent;
    struct buf body;
    unsigned blocks; /* header blocks that came */
};

struct client {
    int fd;
    enum client_form form;
    enum rc json_rc; /* of the calls since the last client_finish */
    nghttp2_session *session;
    struct call calls[CLIENT_CALLS_MAX];
    size_t call_n;
    size_t open;
};

void answer_fini(struct answer *a)
{
    buf_fini(&a->message);
    *a = (struct answer){0};
}

static struct call *call_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static void copy_text(char *out, size_t size, struct slice value)
{
    size_t n = value.n < size - 1 ? value.n : size - 1;
    memcpy(out, value.p, n);
    out[n] = 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    (void)flags;
    (void)user;
    struct call *call = call_of(session, frame->hd.stream_id);
    if (!call)
        return 0;
    struct answer *a = call->answer;
    struct slice key = slice_of(name, name_n);
    struct slice v = slice_of(value, value_n);
    char number[16];
    copy_text(number, sizeof(number), v);
    if (slice_eq(key, SLICE_LIT(":status"))) {
        a->http_status = atoi(number);
    } else if (slice_eq(key, SLICE_LIT("grpc-status"))) {
        a->code = atoi(number);
    } else if (slice_eq(key, SLICE_LIT("grpc-message"))) {
        a->has_text = true;
        copy_text(a->text, sizeof(a->text), v);
    } else if (slice_eq(key, SLICE_LIT("content-type"))) {
        copy_text(a->content_type, sizeof(a->content_type), v);
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)user;
    struct call *call = call_of(session, frame->hd.stream_id);
    if (!call || frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    call->blocks++;
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    call->answer->trailers_only = end && call->blocks == 1;
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t n, void *user)
{
    (void)flags;
    (void)user;
    struct call *call = call_of(session, id);
    if (call)
        buf_append(&call->body, data, n);
    return 0;
}

static uint32_t load_u32_big(const uint8_t *p)
{
    return __builtin_bswap32(load_u32(p));
}

/* PROTOCOL-HTTP2, Length-Prefixed-Message: flag, length, bytes. */
static void unframe(struct call *call)
{
    struct answer *a = call->answer;
    const struct buf *b = &call->body;
    if (a->code != 0) {
        a->framed_wrong = b->n != 0;
        return;
    }
    a->framed_wrong =
        b->n < GRPC_FRAME_LEN || b->p[0] != 0 || load_u32_big(b->p + 1) != b->n - GRPC_FRAME_LEN;
    if (!a->framed_wrong)
        buf_append(&a->message, b->p + GRPC_FRAME_LEN, b->n - GRPC_FRAME_LEN);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    struct client *c = user;
    struct call *call = call_of(session, id);
    if (!call)
        return 0;
    call->answer->reset = error;
    call->answer->complete = error == NGHTTP2_NO_ERROR;
    unframe(call);
    buf_fini(&call->body);
    buf_fini(&call->out);
    c->open--;
    return 0;
}

static ssize_t read_request(nghttp2_session *session, int32_t id, uint8_t *out, size_t n,
                            uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)id;
    (void)user;
    struct call *call = source->ptr;
    size_t left = call->out.n - call->sent;
    n = n < left ? n : left;
    memcpy(out, call->out.p + call->sent, n);
    call->sent += n;
    if (call->sent == call->out.n)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static int connect_to(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0);
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    struct timeval wait = {.tv_sec = CLIENT_WAIT_S};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    close(fd);
    return -1;
}

struct client *client_open(uint16_t port, enum client_form form)
{
    int fd = connect_to(port);
    if (fd < 0)
        return NULL;
    struct client *c = mem_zalloc(sizeof(*c));
    nghttp2_session_callbacks *cb;
    nghttp2_option *opt;
    c->fd = fd;
    c->form = form;
    must(nghttp2_session_callbacks_new(&cb) == 0 && nghttp2_option_new(&opt) == 0);
    nghttp2_option_set_no_closed_streams(opt, 1);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    must(nghttp2_session_client_new2(&c->session, cb, c, opt) == 0);
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(opt);
    const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW};
    must(nghttp2_submit_settings(c->session, 0, &window, 1) == 0);
    must(nghttp2_session_set_local_window_size(c->session, 0, 0, WINDOW) == 0);
    return c;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    nghttp2_session_del(c->session);
    for (size_t i = 0; i < c->call_n; i++) {
        buf_fini(&c->calls[i].out);
        buf_fini(&c->calls[i].body);
    }
    close(c->fd);
    free(c);
}

static nghttp2_nv nv(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

void frame_append(struct buf *out, struct slice message)
{
    buf_append_u8(out, 0);
    buf_append_u32_big(out, (uint32_t)message.n);
    buf_append_slice(out, message);
}

bool frame_next(struct slice *body, struct slice *message)
{
    if (body->n < GRPC_FRAME_LEN)
        return false;
    size_t n = load_u32_big(body->p + 1);
    if (body->n - GRPC_FRAME_LEN < n)
        return false;
    *message = slice_of(body->p + GRPC_FRAME_LEN, n);
    *body = slice_skip(*body, GRPC_FRAME_LEN + n);
    return true;
}

static int32_t submit(struct client *c, const char *path, struct slice token, struct buf *framed,
                      struct answer *a)
{
    must(c->call_n < CLIENT_CALLS_MAX);
    struct call *call = &c->calls[c->call_n++];
    *call = (struct call){.answer = a, .out = *framed};
    *framed = (struct buf){0};
    *a = (struct answer){.code = -1};
    const nghttp2_nv nva[] = {nv(":method", "POST"),
                              nv(":scheme", "http"),
                              nv(":path", path),
                              nv(":authority", "127.0.0.1"),
                              nv("content-type", "application/grpc"),
                              nv("te", "trailers"),
                              {(uint8_t *)(uintptr_t) "token", (uint8_t *)(uintptr_t)token.p, 5,
                               token.n, NGHTTP2_NV_FLAG_NONE}};
    size_t nva_n = ARRAY_LEN(nva) - (token.n == 0);
    const nghttp2_data_provider body = {.source.ptr = call, .read_callback = read_request};
    int32_t id = nghttp2_submit_request(c->session, NULL, nva, nva_n, &body, call);
    must(id > 0);
    c->open++;
    return id;
}

void client_start(struct client *c, const char *path, struct slice token, struct slice message,
                  struct answer *a)
{
    struct buf framed = {0};
    if (c->form == CLIENT_JSON) {
        *a = (struct answer){.code = -1};
        if (c->json_rc == RC_OK)
            c->json_rc = json_call(c->fd, path, token, message, a);
        return;
    }
    frame_append(&framed, message);
    (void)submit(c, path, token, &framed, a);
}

static enum rc send_all(struct client *c, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return errno == EAGAIN ? RC_TIMEOUT : RC_CLOSED;
        p += sent;
        n -= (size_t)sent;
    }
    return RC_OK;
}

/* What the session has to say goes out in one piece, so that one call is one packet. */
enum rc client_flush(struct client *c)
{
    struct buf out = {0};
    enum rc rc = RC_OK;
    if (c->form == CLIENT_JSON)
        return c->json_rc;
    for (;;) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(c->session, &p);
        if (n < 0)
            rc = RC_PROTOCOL;
        if (n <= 0)
            break;
        buf_append(&out, p, (size_t)n);
    }
    if (rc == RC_OK)
        rc = send_all(c, out.p, out.n);
    buf_fini(&out);
    return rc;
}

static enum rc receive(struct client *c)
{
    uint8_t in[16384];
    ssize_t n;
    do
        n = recv(c->fd, in, sizeof(in), 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 && errno == EAGAIN ? RC_TIMEOUT : RC_CLOSED;
    return nghttp2_session_mem_recv(c->session, in, (size_t)n) == n ? RC_OK : RC_PROTOCOL;
}

enum rc client_finish(struct client *c)
{
    enum rc rc = client_flush(c);
    while (rc == RC_OK && c->open > 0) {
        rc = receive(c);
        if (rc == RC_OK)
            rc = client_flush(c);
    }
    if (rc == RC_OK)
        c->call_n = 0;
    return rc;
}

enum rc client_stream(struct client *c, const char *path, struct slice token, struct slice framed,
                      bool (*enough)(void *arg, struct slice body), void *arg, struct buf *out)
{
    struct answer a;
    struct buf copy = {0};
    must(c->call_n == 0);
    buf_append_slice(&copy, framed);
    int32_t id = submit(c, path, token, &copy, &a);
    struct call *call = &c->calls[0];
    enum rc rc = client_flush(c);
    while (rc == RC_OK && c->open > 0 && !enough(arg, buf_slice(&call->body))) {
        rc = receive(c);
        if (rc == RC_OK)
            rc = client_flush(c);
    }
    buf_append_slice(out, buf_slice(&call->body));
    if (rc == RC_OK && c->open == 0)
        rc = RC_END;
    if (c->open > 0) {
        nghttp2_submit_rst_stream(c->session, 0, id, NGHTTP2_CANCEL);
        enum rc reset = client_flush(c);
        rc = rc == RC_OK ? reset : rc;
    }
    if (c->open == 0)
        c->call_n = 0;
    answer_fini(&a);
    return rc;
}

enum rc client_call(struct client *c, const char *path, struct slice message, struct answer *a)
{
    client_start(c, path, (struct slice){0}, message, a);
    return client_finish(c);
}
