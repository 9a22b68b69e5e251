/* client - an etcd v3 client: endpoints, login, calls.
 *
 * One connection at a time, to the first endpoint that answers; when it is lost, the next one is
 * tried, then the others in turn, until the deadline of the call that needs it. What a server never
 * saw, and reads, are made again elsewhere; a write that may have happened is not
 * (etcd's client/v3/retry.go). A token that the server no longer takes is renewed once per call. */
#ifndef MOAT_CLIENT_CLIENT_H
#define MOAT_CLIENT_CLIENT_H

#include "base/arena.h"
#include "client/conn.h"
#include "client/method.h"
#include "client/tls.h"

#define CLIENT_SEND_MAX_DEFAULT (2u << 20)  /* bytes of a request, as etcd's client */
#define CLIENT_RECV_MAX_DEFAULT 2147483647u /* bytes of one message, as etcd's client */
#define CLIENT_KEEPALIVE_MS_MIN 10000u      /* as grpc: servers hang up on who pings more often */
#define CLIENT_ATTEMPTS_MAX     100u        /* at one call, as etcd's client */
#define CLIENT_RETRY_MS         25u         /* between attempts */
#define CLIENT_RETRY_MS_MAX     1000u       /* … which double, up to this */

struct client_options {
    const struct slice *endpoints; /* at least one */
    size_t endpoints_n;
    struct slice user; /* empty: no login */
    struct slice password;
    struct slice token; /* a ready one; then user is not looked at */
    struct client_tls
        *tls;    /* for endpoints with TLS, the client's from then on; NULL: there are none */
    bool secure; /* those without a scheme have TLS, too */
    uint64_t dial_timeout_ms; /* of a login */
    uint64_t keepalive_ms;    /* 0: never ping; at least CLIENT_KEEPALIVE_MS_MIN */
    uint64_t keepalive_timeout_ms;
    size_t send_max; /* 0: the default */
    size_t recv_max;
    /* Called when every endpoint has just failed, once until one answers. May be NULL. */
    void (*trouble)(void *arg, const char *sentence);
    void *arg;
};

struct client;

/* Nothing is connected yet. Copies what it needs. */
struct client *client_new(struct client_loop *loop, const struct client_options *opt);
void client_free(struct client *c); /* its calls must be freed before; NULL is fine */
struct client_loop *client_loop_of(struct client *c);

/* Get a token, if there is a user. Authentication that is switched off is fine. */
MUST_USE enum rc client_login(struct client *c, struct client_status *status);

struct client_request {
    enum client_method method;
    const void *message; /* of the method's type */
    uint64_t deadline_ns;
};

/* Make a unary call; response is of the method's type and leads into arena. Not RC_OK: *status says
 * why. */
MUST_USE enum rc client_unary(struct client *c, const struct client_request *request,
                              struct arena *arena, void *response, struct client_status *status);

/* Begin a call with a stream, on a connection that stands. NULL: *status says why. */
struct client_call *client_open(struct client *c, enum client_method m, uint64_t deadline_ns,
                                bool require_leader, struct client_status *status);
/* Encode and send a request of m. */
void client_send(struct client_call *call, enum client_method m, const void *request);

/* Begin a unary call without waiting for it: client_call_next and client_call_status tell. */
struct client_call *client_start(struct client *c, const struct client_request *request,
                                 struct client_status *status);

/* Wait for the call's next message, until the deadline: RC_OK, RC_END (see its status) or
 * RC_TIMEOUT. */
MUST_USE enum rc client_await(struct client *c, struct client_call *call, uint64_t deadline_ns,
                              struct buf *out);

#endif
