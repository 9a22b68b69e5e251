#include "grpc.h"

#include "base/buf.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WINDOW    (256 << 20) /* answers are never held up */
#define FRAME_LEN 5           /* flag and length before a message */

struct call {
    struct list item; /* of the connection's */
    grpc_done_fn *done;
    void *arg;
    int status;
    struct buf out;
    size_t sent;
    struct buf in;
};

struct grpc {
    int fd;
    nghttp2_session *session;
    struct list calls;
    size_t open;
};

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    (void)flags;
    (void)user;
    struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call && value_n > 0 && slice_eq(slice_of(name, name_n), SLICE_LIT("grpc-status")))
        call->status = atoi((const char *)value); /* nghttp2 ends values with a zero */
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t n, void *user)
{
    (void)flags;
    (void)user;
    struct call *call = nghttp2_session_get_stream_user_data(session, id);
    if (call)
        buf_append(&call->in, data, n);
    return 0;
}

/* PROTOCOL-HTTP2, Length-Prefixed-Message: flag, length, bytes. */
static void finish(struct grpc *g, struct call *call, int status)
{
    struct slice message = buf_slice(&call->in);
    if (message.n >= FRAME_LEN)
        message = slice_skip(message, FRAME_LEN);
    list_remove(&call->item);
    g->open--;
    call->done(call->arg, status, message);
    buf_fini(&call->in);
    buf_fini(&call->out);
    free(call);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    struct call *call = nghttp2_session_get_stream_user_data(session, id);
    if (call)
        finish(user, call, error == NGHTTP2_NO_ERROR ? call->status : -1);
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

static int connect_to(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    must(strlen(path) < sizeof(at.sun_path));
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0);
    struct timeval wait = {.tv_sec = GRPC_WAIT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    close(fd);
    return -1;
}

struct grpc *grpc_open(const char *socket_path)
{
    int fd = connect_to(socket_path);
    if (fd < 0)
        return NULL;
    struct grpc *g = mem_zalloc(sizeof(*g));
    g->fd = fd;
    list_init(&g->calls);
    nghttp2_session_callbacks *cb;
    must(nghttp2_session_callbacks_new(&cb) == 0);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    must(nghttp2_session_client_new(&g->session, cb, g) == 0);
    nghttp2_session_callbacks_del(cb);
    const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW};
    must(nghttp2_submit_settings(g->session, 0, &window, 1) == 0);
    must(nghttp2_session_set_local_window_size(g->session, 0, 0, WINDOW) == 0);
    return g;
}

void grpc_close(struct grpc *g)
{
    if (!g)
        return;
    /* Deleting the session tells nobody. */
    list_each (item, &g->calls)
        finish(g, CONTAINER_OF(item, struct call, item), -1);
    nghttp2_session_del(g->session);
    close(g->fd);
    free(g);
}

static nghttp2_nv nv(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

void grpc_start(struct grpc *g, const char *path, struct slice message, grpc_done_fn *done,
                void *arg)
{
    struct call *call = mem_zalloc(sizeof(*call));
    *call = (struct call){.done = done, .arg = arg, .status = -1};
    list_add_tail(&g->calls, &call->item);
    buf_append_u8(&call->out, 0);
    buf_append_u32_big(&call->out, (uint32_t)message.n);
    buf_append_slice(&call->out, message);
    const nghttp2_nv nva[] = {
        nv(":method", "POST"), nv(":scheme", "http"),
        nv(":path", path),     nv(":authority", "localhost"),
        nv("te", "trailers"),  nv("content-type", "application/grpc"),
    };
    const nghttp2_data_provider body = {.source.ptr = call, .read_callback = read_request};
    must(nghttp2_submit_request(g->session, NULL, nva, ARRAY_LEN(nva), &body, call) > 0);
    g->open++;
}

size_t grpc_open_calls(const struct grpc *g)
{
    return g->open;
}

enum rc grpc_flush(struct grpc *g)
{
    const uint8_t *p;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(g->session, &p)) > 0)
        while (n > 0) {
            ssize_t sent = send(g->fd, p, (size_t)n, MSG_NOSIGNAL);
            if (sent < 0 && errno != EINTR)
                return RC_CLOSED;
            p += sent < 0 ? 0 : sent;
            n -= sent < 0 ? 0 : sent;
        }
    return n < 0 ? RC_PROTOCOL : RC_OK;
}

enum rc grpc_step(struct grpc *g)
{
    uint8_t in[65536];
    enum rc rc = grpc_flush(g);
    if (rc != RC_OK)
        return rc;
    ssize_t n;
    do
        n = recv(g->fd, in, sizeof(in), 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 && errno == EAGAIN ? RC_TIMEOUT : RC_CLOSED;
    return nghttp2_session_mem_recv(g->session, in, (size_t)n) == n ? RC_OK : RC_PROTOCOL;
}
