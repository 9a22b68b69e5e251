#include "peer.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"

#include <nghttp2/nghttp2.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct peer_call {
    nghttp2_session *session;
    int32_t id;
    char path[128];
    char token[64];
    struct buf in;
    struct buf out;
    size_t sent;
    bool answered; /* the headers went out */
    bool ended;
    enum grpc_code code;
    char text[256];
    bool *hang_up;
};

struct server {
    peer_serve *serve;
    bool hang_up;
};

static nghttp2_nv nv(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static ssize_t read_answer(nghttp2_session *session, int32_t id, uint8_t *p, size_t n,
                           uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)user;
    struct peer_call *call = source->ptr;
    size_t left = call->out.n - call->sent;
    if (left == 0 && !call->ended)
        return NGHTTP2_ERR_DEFERRED;
    n = n < left ? n : left;
    if (n > 0)
        memcpy(p, call->out.p + call->sent, n);
    call->sent += n;
    if (call->ended && call->sent == call->out.n) {
        char code[16];
        snprintf(code, sizeof(code), "%d", call->code);
        const nghttp2_nv trailers[] = {nv("grpc-status", code), nv("grpc-message", call->text)};
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        must(nghttp2_submit_trailer(session, id, trailers, ARRAY_LEN(trailers)) == 0);
    }
    return (ssize_t)n;
}

static void answer(struct peer_call *call)
{
    const nghttp2_nv head[] = {nv(":status", "200"), nv("content-type", "application/grpc")};
    const nghttp2_data_provider body = {.source.ptr = call, .read_callback = read_answer};
    if (!call->answered)
        must(nghttp2_submit_response(call->session, call->id, head, ARRAY_LEN(head), &body) == 0);
    else
        nghttp2_session_resume_data(call->session, call->id);
    call->answered = true;
}

void peer_raw(struct peer_call *call, struct slice bytes)
{
    buf_append_slice(&call->out, bytes);
    answer(call);
}

void peer_reply(struct peer_call *call, const struct wire_message *m, const void *message)
{
    buf_append_u8(&call->out, 0);
    buf_append_u32_big(&call->out, (uint32_t)wire_encoded_len(m, message));
    wire_encode(m, message, &call->out);
    answer(call);
}

void peer_end(struct peer_call *call, enum grpc_code code, const char *text)
{
    call->ended = true;
    call->code = code;
    snprintf(call->text, sizeof(call->text), "%s", text);
    answer(call);
}

void peer_reset(struct peer_call *call, uint32_t error)
{
    nghttp2_submit_rst_stream(call->session, 0, call->id, error);
}

void peer_go_away(struct peer_call *call)
{
    nghttp2_submit_goaway(call->session, 0, call->id, NGHTTP2_NO_ERROR, NULL, 0);
}

void peer_hang_up(struct peer_call *call)
{
    *call->hang_up = true;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are nghttp2's */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    (void)flags;
    struct server *s = user;
    struct peer_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!call) {
        call = mem_zalloc(sizeof(*call));
        *call = (struct peer_call){
            .session = session, .id = frame->hd.stream_id, .hang_up = &s->hang_up};
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
    }
    if (slice_eq(slice_of(name, name_n), SLICE_LIT(":path")))
        snprintf(call->path, sizeof(call->path), "%.*s", (int)value_n, (const char *)value);
    if (slice_eq(slice_of(name, name_n), SLICE_LIT("token")))
        snprintf(call->token, sizeof(call->token), "%.*s", (int)value_n, (const char *)value);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
                   void *user)
{
    (void)flags;
    struct server *s = user;
    struct peer_call *call = nghttp2_session_get_stream_user_data(session, id);
    buf_append(&call->in, p, n);
    while (call->in.n >= 5 && !s->hang_up) {
        size_t len = (size_t)call->in.p[1] << 24 | (size_t)call->in.p[2] << 16 |
                     (size_t)call->in.p[3] << 8 | call->in.p[4];
        if (call->in.n < 5 + len)
            break;
        const struct peer_request request = {call->path, call->token,
                                             slice_of(call->in.p + 5, len)};
        s->serve(call, &request);
        buf_consume(&call->in, 5 + len);
    }
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    (void)error;
    (void)user;
    struct peer_call *call = nghttp2_session_get_stream_user_data(session, id);
    if (call) {
        buf_fini(&call->in);
        buf_fini(&call->out);
        free(call);
    }
    return 0;
}

static ssize_t on_send(nghttp2_session *session, const uint8_t *p, size_t n, int flags, void *user)
{
    (void)session;
    (void)flags;
    struct server *s = user;
    ssize_t sent = s->hang_up ? -1 : send(STDIN_FILENO, p, n, MSG_NOSIGNAL);
    return sent < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : sent;
}

/* One connection, which is standard input here. */
static void serve_connection(struct server *s)
{
    nghttp2_session_callbacks *cb;
    nghttp2_session *session;
    uint8_t in[16384];
    ssize_t n;
    must(nghttp2_session_callbacks_new(&cb) == 0);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_session_callbacks_set_send_callback(cb, on_send);
    must(nghttp2_session_server_new(&session, cb, s) == 0);
    nghttp2_session_callbacks_del(cb);
    must(nghttp2_submit_settings(session, 0, NULL, 0) == 0);
    s->hang_up = false;
    while (nghttp2_session_send(session) == 0 && !s->hang_up &&
           (n = recv(STDIN_FILENO, in, sizeof(in), 0)) > 0 &&
           nghttp2_session_mem_recv(session, in, (size_t)n) == n)
        ;
    nghttp2_session_del(session);
}

static int listen_anywhere(struct peer *p)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
    must(getsockname(fd, (struct sockaddr *)&at, &n) == 0);
    p->port = ntohs(at.sin_port);
    snprintf(p->endpoint, sizeof(p->endpoint), "127.0.0.1:%u", p->port);
    return fd;
}

void peer_start(struct peer *p, peer_serve *serve)
{
    int listener = listen_anywhere(p);
    must(listen(listener, 8) == 0);
    fflush(NULL);
    p->pid = fork();
    must(p->pid >= 0);
    if (p->pid > 0) {
        close(listener);
        return;
    }
    struct server s = {.serve = serve};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        int one = 1;
        must(fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0 &&
             dup2(fd, STDIN_FILENO) >= 0);
        close(fd);
        serve_connection(&s);
        shutdown(STDIN_FILENO, SHUT_RDWR);
    }
}

void peer_stop(struct peer *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
}

void peer_nobody(struct peer *p)
{
    close(listen_anywhere(p));
}
