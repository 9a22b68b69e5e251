#include "client/client.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>

#define NS_PER_MS 1000000u

struct client {
    struct client_loop *loop;
    struct client_options opt;
    struct client_endpoint *endpoints;
    size_t endpoints_n;
    size_t at; /* the endpoint in use */
    struct client_conn *conn;
    struct buf user;
    struct buf password;
    struct buf token;
    bool troubled;
};

struct client *client_new(struct client_loop *loop, const struct client_options *opt)
{
    struct client *c = mem_zalloc(sizeof(*c));
    must(opt->endpoints_n > 0);
    must(!opt->secure || opt->tls);
    c->loop = loop;
    c->opt = *opt;
    c->endpoints_n = opt->endpoints_n;
    c->endpoints = mem_calloc(opt->endpoints_n, sizeof(*c->endpoints));
    for (size_t i = 0; i < opt->endpoints_n; i++) {
        struct client_endpoint *at = &c->endpoints[i];
        client_endpoint_parse(opt->endpoints[i], at);
        at->tls = at->tls || (at->bare && opt->secure);
    }
    if (c->opt.keepalive_ms > 0 && c->opt.keepalive_ms < CLIENT_KEEPALIVE_MS_MIN)
        c->opt.keepalive_ms = CLIENT_KEEPALIVE_MS_MIN;
    if (c->opt.send_max == 0)
        c->opt.send_max = CLIENT_SEND_MAX_DEFAULT;
    if (c->opt.recv_max == 0)
        c->opt.recv_max = CLIENT_RECV_MAX_DEFAULT;
    buf_append_slice(&c->user, opt->user);
    buf_append_slice(&c->password, opt->password);
    buf_append_slice(&c->token, opt->token);
    return c;
}

void client_free(struct client *c)
{
    if (!c)
        return;
    client_conn_free(c->conn);
    for (size_t i = 0; i < c->endpoints_n; i++)
        client_endpoint_fini(&c->endpoints[i]);
    free(c->endpoints);
    client_tls_free(c->opt.tls);
    buf_fini(&c->user);
    secret_buf_fini(&c->password);
    secret_buf_fini(&c->token);
    free(c);
}

struct client_loop *client_loop_of(struct client *c)
{
    return c->loop;
}

/* Connecting */

static void drop_conn(struct client *c)
{
    client_conn_free(c->conn);
    c->conn = NULL;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void pause_ms(struct client *c, uint64_t ms, uint64_t deadline_ns)
{
    uint64_t until = earlier(client_deadline(ms), deadline_ns);
    while (client_now_ns() < until)
        client_loop_wait(c->loop, until, -1);
}

/* Try the endpoint in use. */
static enum rc dial(struct client *c, uint64_t deadline_ns, struct err *err)
{
    const struct client_endpoint *to = &c->endpoints[c->at];
    struct client_transport *t = client_socket_open(to, err);
    if (t && to->tls && c->opt.tls) {
        t = client_tls_open(c->opt.tls, t, to);
    } else if (t && to->tls) {
        t->ops->close(t);
        return err_set(err, RC_INVALID, "%s: there are no settings for TLS", to->text);
    }
    if (!t)
        return err->rc;
    const struct client_conn_options opt = {c->opt.keepalive_ms, c->opt.keepalive_timeout_ms,
                                            c->opt.recv_max};
    c->conn = client_conn_new(c->loop, t, to, &opt);
    /* One endpoint that is silent must not use up the time of the others. */
    uint64_t until = deadline_ns;
    if (c->endpoints_n > 1)
        until = earlier(until, client_deadline(c->opt.dial_timeout_ms));
    enum rc rc;
    while ((rc = client_conn_state(c->conn, err)) == RC_AGAIN && client_now_ns() < until)
        client_loop_wait(c->loop, until, -1);
    if (rc == RC_OK)
        return RC_OK;
    if (rc == RC_AGAIN)
        rc = err_set(err, RC_TIMEOUT, "%s: no answer", to->text);
    drop_conn(c);
    return rc;
}

static enum rc no_connection(struct client_status *status)
{
    client_status_set(status, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
    return RC_TIMEOUT;
}

static void report_trouble(struct client *c, const struct err *err)
{
    if (!c->troubled && c->opt.trouble)
        c->opt.trouble(c->opt.arg, err->text);
    c->troubled = true;
}

static enum rc ensure_conn(struct client *c, uint64_t deadline_ns, struct client_status *status)
{
    uint64_t wait_ms = CLIENT_RETRY_MS;
    struct err err = {0};
    if (c->conn && client_conn_state(c->conn, &err) == RC_OK)
        return RC_OK;
    bool useless = c->conn && !client_conn_heard(c->conn); /* such as a certificate refused */
    c->troubled = c->troubled && (useless || !c->conn);
    if (useless)
        report_trouble(c, &err);
    drop_conn(c);
    if (useless && c->endpoints_n == 1)
        pause_ms(c, CLIENT_RETRY_MS_MAX, deadline_ns);
    do {
        err = (struct err){0};
        for (size_t i = 0; i < c->endpoints_n; i++) {
            if (dial(c, deadline_ns, &err) == RC_OK)
                return RC_OK;
            c->at = (c->at + 1) % c->endpoints_n;
        }
        report_trouble(c, &err);
        pause_ms(c, wait_ms, deadline_ns);
        wait_ms = wait_ms * 2 < CLIENT_RETRY_MS_MAX ? wait_ms * 2 : CLIENT_RETRY_MS_MAX;
    } while (client_now_ns() < deadline_ns);
    return no_connection(status);
}

static void next_endpoint(struct client *c)
{
    if (c->endpoints_n == 1)
        return;
    drop_conn(c);
    c->at = (c->at + 1) % c->endpoints_n;
}

/* Calls */

static struct client_call *begin(struct client *c, enum client_method m, uint64_t deadline_ns,
                                 bool require_leader)
{
    struct client_header headers[3];
    size_t n = 0;
    char timeout[32];
    if (c->token.n > 0 && m != CLIENT_AUTHENTICATE)
        headers[n++] = (struct client_header){"token", buf_slice(&c->token)};
    if (require_leader)
        headers[n++] = (struct client_header){"hasleader", SLICE_LIT("true")};
    if (deadline_ns != CLIENT_FOREVER) {
        uint64_t now = client_now_ns();
        uint64_t left = deadline_ns > now ? (deadline_ns - now) / NS_PER_MS : 0;
        /* PROTOCOL-HTTP2: at most eight digits. */
        snprintf(timeout, sizeof(timeout), "%um", (unsigned)(left < 99999999u ? left : 99999999u));
        headers[n++] = (struct client_header){"grpc-timeout", slice_str(timeout)};
    }
    return client_call_new(c->conn, client_method_info(m)->path, headers, n);
}

struct client_call *client_open(struct client *c, enum client_method m, uint64_t deadline_ns,
                                bool require_leader, struct client_status *status)
{
    if (ensure_conn(c, deadline_ns, status) != RC_OK)
        return NULL;
    return begin(c, m, deadline_ns, require_leader);
}

void client_send(struct client_call *call, enum client_method m, const void *request)
{
    struct buf message = {0};
    wire_encode(client_method_info(m)->request, request, &message);
    client_call_send(call, buf_slice(&message));
    buf_fini(&message);
}

struct client_call *client_start(struct client *c, const struct client_request *request,
                                 struct client_status *status)
{
    enum client_method m = request->method;
    size_t n = wire_encoded_len(client_method_info(m)->request, request->message);
    if (n > c->opt.send_max) {
        client_status_set(status, GRPC_RESOURCE_EXHAUSTED,
                          "trying to send message larger than max (%zu vs. %zu)", n,
                          c->opt.send_max);
        return NULL;
    }
    struct client_call *call = client_open(c, m, request->deadline_ns, false, status);
    if (call) {
        client_send(call, m, request->message);
        client_call_finish(call);
    }
    return call;
}

enum rc client_await(struct client *c, struct client_call *call, uint64_t deadline_ns,
                     struct buf *out)
{
    for (;;) {
        enum rc rc = client_call_next(call, out);
        if (rc != RC_AGAIN)
            return rc;
        if (client_now_ns() >= deadline_ns)
            return RC_TIMEOUT;
        client_loop_wait(c->loop, deadline_ns, -1);
    }
}

/* What one attempt came to. */
struct attempt {
    bool answered; /* message has it */
    bool unseen;   /* no server looked at it */
    struct buf message;
};

static enum rc attempt(struct client *c, const struct client_request *request, struct attempt *a,
                       struct client_status *status)
{
    struct buf rest = {0};
    uint64_t deadline_ns = request->deadline_ns;
    struct client_call *call = client_start(c, request, status);
    if (!call)
        return RC_CLOSED;
    enum rc rc = client_await(c, call, deadline_ns, &a->message);
    a->answered = rc == RC_OK;
    while (rc == RC_OK) /* the status stands behind the message */
        rc = client_await(c, call, deadline_ns, &rest);
    if (rc == RC_TIMEOUT)
        client_status_set(status, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
    else
        client_status_copy(status, client_call_status(call));
    if (rc == RC_END && status->code == GRPC_OK && !a->answered)
        client_status_set(status, GRPC_INTERNAL,
                          "cardinality violation: received no response "
                          "message from non-server-streaming RPC");
    a->unseen = client_call_is_unseen(call);
    client_call_free(call);
    buf_fini(&rest);
    return status->code == GRPC_OK ? RC_OK : RC_CLOSED;
}

/* The server's own deadline reads like ours (clientv3's ContextError). */
static void settle_status(struct client_status *status, uint64_t deadline_ns)
{
    if ((status->code == GRPC_DEADLINE_EXCEEDED || status->code == GRPC_CANCELED) &&
        client_now_ns() >= deadline_ns)
        client_status_set(status, status->code, "context deadline exceeded");
}

static enum rc decode(enum client_method m, struct slice message, struct arena *arena,
                      void *response, struct client_status *status)
{
    struct slice kept = arena_copy(arena, message);
    enum rc rc = wire_decode(client_method_info(m)->response, kept, arena, response);
    if (rc != RC_OK)
        client_status_set(status, GRPC_INTERNAL, "grpc: failed to unmarshal the received message");
    return rc;
}

/* Whether the call may be made once more, on another connection if need be. */
static bool try_again(struct client *c, enum client_method m, const struct attempt *a,
                      bool *relogin, struct client_status *status)
{
    if (status->code == GRPC_UNAVAILABLE && (client_method_info(m)->repeatable || a->unseen)) {
        next_endpoint(c);
        return true;
    }
    bool stale = client_status_is_stale(buf_slice(&status->text));
    if (!stale || !*relogin || c->user.n == 0 || m == CLIENT_AUTHENTICATE)
        return false;
    *relogin = false;
    return client_login(c, status) == RC_OK;
}

enum rc client_unary(struct client *c, const struct client_request *request, struct arena *arena,
                     void *response, struct client_status *status)
{
    enum client_method m = request->method;
    bool relogin = true;
    for (unsigned attempts = 1;; attempts++) {
        struct attempt a = {0};
        enum rc rc = attempt(c, request, &a, status);
        if (rc == RC_OK)
            rc = decode(m, buf_slice(&a.message), arena, response, status);
        buf_fini(&a.message);
        if (rc == RC_OK)
            return RC_OK;
        if (client_now_ns() >= request->deadline_ns || attempts == CLIENT_ATTEMPTS_MAX ||
            !try_again(c, m, &a, &relogin, status)) {
            settle_status(status, request->deadline_ns);
            return rc;
        }
        pause_ms(c, CLIENT_RETRY_MS, request->deadline_ns);
    }
}

enum rc client_login(struct client *c, struct client_status *status)
{
    if (c->user.n == 0 || (c->opt.token.n > 0))
        return RC_OK;
    struct arena arena = {0};
    struct pb_authenticate_response response;
    const struct pb_authenticate_request request = {.name = buf_slice(&c->user),
                                                    .password = buf_slice(&c->password)};
    enum rc rc = client_unary(c,
                              &(struct client_request){CLIENT_AUTHENTICATE, &request,
                                                       client_deadline(c->opt.dial_timeout_ms)},
                              &arena, &response, status);
    if (rc == RC_OK) {
        buf_clear(&c->token);
        buf_append_slice(&c->token, response.token);
    } else if (client_status_is(status, ETCD_AUTH_NOT_ENABLED)) {
        rc = RC_OK;
    }
    arena_fini(&arena);
    return rc;
}
