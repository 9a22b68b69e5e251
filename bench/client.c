#include "client.h"

#include "request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_LEN     5
#define STREAM_WINDOW (1 << 24)
#define WINDOW        (1 << 30)
#define STREAMS_MAX   100000
#define SAID_MAX      3 /* errors told in full */
#define EVENTS_MAX    256

/* ---- Streams ---- */

struct stream *stream_take(struct client *c)
{
    struct stream *s = c->free_streams;
    if (s) {
        c->free_streams = s->next_free;
    } else {
        s = calloc(1, sizeof(*s));
        s->out_cap = request_room(&c->load->opt);
        s->out = malloc(s->out_cap);
    }
    s->out_n = s->out_at = s->in_n = 0;
    s->stays_open = s->ok = false;
    s->next_free = NULL;
    return s;
}

static ssize_t read_request(nghttp2_session *session, int32_t id, uint8_t *out, size_t max,
                            uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct stream *s = source->ptr;
    size_t n = s->out_n - s->out_at;
    (void)session;
    (void)id;
    (void)user;
    n = n < max ? n : max;
    memcpy(out, s->out + s->out_at, n);
    s->out_at += n;
    if (s->out_at < s->out_n)
        return (ssize_t)n;
    if (!s->stays_open) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)n;
    }
    s->out_at = s->out_n = 0;
    return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
}

static nghttp2_nv header(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value),
                        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

void stream_submit(struct connection *c, struct stream *s, enum op op)
{
    const nghttp2_nv headers[] = {
        header(":method", "POST"),
        header(":scheme", c->load->opt.tls ? "https" : "http"),
        header(":path", request_path(op)),
        header(":authority", c->load->client->authority),
        header("content-type", "application/grpc"),
        header("te", "trailers"),
        header("user-agent", "kvload"),
    };
    nghttp2_data_provider body = {.source.ptr = s, .read_callback = read_request};
    s->connection = c;
    s->id = nghttp2_submit_request(c->session, NULL, headers, sizeof(headers) / sizeof(headers[0]),
                                   &body, s);
    if (s->id < 0) {
        fprintf(stderr, "kvload: cannot submit a request: %s\n", nghttp2_strerror(s->id));
        exit(1);
    }
    c->in_flight++;
}

/* ---- What the server says ---- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    struct connection *c = user;
    struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)flags;
    if (!s || name_n < 11 || memcmp(name, "grpc-", 5) != 0)
        return 0;
    bool status = name_n == 11 && memcmp(name, "grpc-status", 11) == 0;
    if (status && value_n == 1 && value[0] == '0')
        s->ok = true;
    else if (value_n > 0 && !s->ok && c->load->failed < SAID_MAX)
        fprintf(stderr, "kvload: %.*s: %.*s\n", (int)name_n, (const char *)name, (int)value_n,
                (const char *)value);
    return 0;
}

static void take_messages(struct load *l, struct stream *s, const uint8_t *p, size_t n)
{
    if (s->in_n + n > s->in_cap) {
        s->in_cap = (s->in_n + n) * 2;
        s->in = realloc(s->in, s->in_cap);
    }
    memcpy(s->in + s->in_n, p, n);
    s->in_n += n;
    size_t at = 0;
    while (s->in_n - at >= FRAME_LEN) {
        const uint8_t *head = s->in + at;
        size_t len = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
        if (s->in_n - at - FRAME_LEN < len)
            break;
        response_watch(l, head + FRAME_LEN, len);
        at += FRAME_LEN + len;
    }
    memmove(s->in, s->in + at, s->in_n - at);
    s->in_n -= at;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
                   void *user)
{
    struct connection *c = user;
    struct stream *s = nghttp2_session_get_stream_user_data(session, id);
    (void)flags;
    c->load->bytes_in += (int64_t)n;
    if (s && s->stays_open)
        take_messages(c->load, s, p, n);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    struct connection *c = user;
    struct load *l = c->load;
    struct stream *s = nghttp2_session_get_stream_user_data(session, id);
    if (!s)
        return 0;
    double now = now_seconds();
    c->in_flight--;
    l->failed += error != 0 || !s->ok;
    l->done++;
    histogram_add(&l->latency, now - s->begin);
    s->next_free = l->client->free_streams;
    l->client->free_streams = s;
    c->spent = l->opt.op == OP_FRESH;
    if (l->deadline > 0 && now > l->deadline)
        l->stopping = true;
    return 0;
}

/* ---- Connections ---- */

static void ask_for(struct connection *c, uint32_t events)
{
    if (c->interest == events)
        return;
    struct epoll_event e = {.events = events, .data.ptr = c};
    int how = c->interest ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(c->load->client->epoll, how, c->fd, &e))
        die("epoll_ctl");
    c->interest = events;
}

static void begin_tls(struct connection *c)
{
    static const uint8_t h2[] = {2, 'h', '2'};
    c->ssl = SSL_new(c->load->client->tls);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
    SSL_set_alpn_protos(c->ssl, h2, sizeof(h2));
    SSL_set_tlsext_host_name(c->ssl, "localhost");
}

static void begin_http(struct connection *c)
{
    const struct client *client = c->load->client;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };
    nghttp2_session_client_new2(&c->session, client->callbacks, c, client->option);
    nghttp2_submit_settings(c->session, 0, settings, 2);
    nghttp2_session_set_local_window_size(c->session, 0, 0, WINDOW);
}

void client_connect(struct client *client, int i)
{
    const struct options *opt = &client->load->opt;
    struct connection *c = &client->connections[i];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt->port)};
    int one = 1;
    uint8_t *out = c->out ? c->out : malloc(OUT_BYTES);
    *c = (struct connection){.load = client->load, .out = out};
    if (inet_pton(AF_INET, opt->host, &a.sin_addr) != 1) {
        fprintf(stderr, "kvload: -e takes an IPv4 address and a port\n");
        exit(2);
    }
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) && errno != EINPROGRESS)
        die("connect");
    if (opt->tls)
        begin_tls(c);
    begin_http(c);
    ask_for(c, EPOLLIN | EPOLLOUT);
}

static void disconnect(struct connection *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;
    close(c->fd);
    nghttp2_session_del(c->session);
    c->session = NULL;
    c->interest = 0;
}

/* Bytes moved, 0 when the socket has enough for now, -1 when the connection is lost. */
static ssize_t tls_result(struct connection *c, int r)
{
    if (r > 0)
        return r;
    int why = SSL_get_error(c->ssl, r);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t write_some(struct connection *c)
{
    const uint8_t *p = c->out + c->out_at;
    size_t n = c->out_n - c->out_at;
    if (c->ssl) {
        ERR_clear_error();
        return tls_result(c, SSL_write(c->ssl, p, (int)n));
    }
    ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
    return sent < 0 ? (errno == EAGAIN ? 0 : -1) : sent;
}

static ssize_t read_some(struct connection *c, uint8_t *in, size_t max)
{
    if (c->ssl) {
        ERR_clear_error();
        return tls_result(c, SSL_read(c->ssl, in, (int)max));
    }
    ssize_t n = recv(c->fd, in, max, 0);
    return n < 0 ? (errno == EAGAIN ? 0 : -1) : n == 0 ? -1 : n;
}

static void gather(struct connection *c)
{
    const uint8_t *p;
    ssize_t n;
    c->out_n = c->out_at = 0;
    while (c->out_n < OUT_BYTES - 17000 && (n = nghttp2_session_mem_send(c->session, &p)) > 0) {
        memcpy(c->out + c->out_n, p, (size_t)n);
        c->out_n += (size_t)n;
    }
}

void connection_send(struct connection *c)
{
    for (;;) {
        if (c->out_at == c->out_n)
            gather(c);
        if (c->out_n == 0) {
            ask_for(c, EPOLLIN);
            return;
        }
        ssize_t n = write_some(c);
        c->lost = n < 0;
        if (n == 0)
            ask_for(c, EPOLLIN | EPOLLOUT);
        if (n <= 0)
            return;
        c->out_at += (size_t)n;
    }
}

static void receive(struct connection *c)
{
    struct client *client = c->load->client;
    for (;;) {
        ssize_t n = read_some(c, client->in, sizeof(client->in));
        c->lost = n < 0;
        if (n <= 0)
            return;
        ssize_t used = nghttp2_session_mem_recv(c->session, client->in, (size_t)n);
        if (used < 0) {
            fprintf(stderr, "kvload: HTTP/2: %s\n", nghttp2_strerror((int)used));
            c->lost = true;
            return;
        }
        if (!c->ssl && n < (ssize_t)sizeof(client->in))
            return;
    }
}

void connection_fill(struct connection *c)
{
    struct load *l = c->load;
    bool watches = l->opt.op == OP_WATCH || l->opt.op == OP_WATCH_IDLE;
    while (!watches && c->in_flight < l->opt.streams && load_wants_more(l)) {
        if (l->opt.rate > 0 && (double)l->started >= l->opt.rate * (now_seconds() - l->begin))
            break;
        struct stream *s = stream_take(l->client);
        s->out_n = request_encode(l, l->opt.op, l->started, s->out);
        s->begin = now_seconds();
        l->started++;
        stream_submit(c, s, l->opt.op);
        if (l->opt.op == OP_FRESH)
            break;
    }
    connection_send(c);
}

/* True once requests can be sent. */
static bool establish(struct connection *c, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP)) {
        socklen_t len = sizeof(errno);
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &errno, &len);
        die("connect");
    }
    int r = c->ssl ? SSL_do_handshake(c->ssl) : 1;
    if (r != 1) {
        int why = SSL_get_error(c->ssl, r);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
            fprintf(stderr, "kvload: the TLS handshake failed\n");
            exit(1);
        }
        ask_for(c, why == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLIN | EPOLLOUT);
        return false;
    }
    c->up = true;
    c->load->client->up++;
    return true;
}

static void on_event(struct connection *c, uint32_t events)
{
    struct load *l = c->load;
    if (!c->up) {
        if (!establish(c, events))
            return;
        events |= EPOLLIN;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(c);
    if (c->spent) {
        disconnect(c);
        if (load_wants_more(l))
            client_connect(l->client, (int)(c - l->client->connections));
        return;
    }
    if (c->lost) {
        fprintf(stderr, "kvload: the connection was lost\n");
        exit(1);
    }
    if (l->opt.op != OP_FRESH || c->in_flight > 0 || load_wants_more(l))
        connection_fill(c);
}

void client_pump(struct client *c, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(c->epoll, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < n; i++)
        on_event(events[i].data.ptr, events[i].events);
}

/* ---- Set-up ---- */

static SSL_CTX *tls_new(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

struct client *client_new(struct load *l)
{
    struct client *c = calloc(1, sizeof(*c));
    c->load = l;
    c->epoll = epoll_create1(0);
    c->connections = calloc((size_t)l->opt.connections, sizeof(*c->connections));
    snprintf(c->authority, sizeof(c->authority), "%s:%d", l->opt.host, l->opt.port);
    if (l->opt.tls)
        c->tls = tls_new();
    nghttp2_session_callbacks_new(&c->callbacks);
    nghttp2_session_callbacks_set_on_header_callback(c->callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c->callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c->callbacks, on_close);
    nghttp2_option_new(&c->option);
    nghttp2_option_set_peer_max_concurrent_streams(c->option, STREAMS_MAX);
    nghttp2_option_set_max_reserved_remote_streams(c->option, 0);
    return c;
}
