/* transport - the bytes of one connection, non-blocking.
 *
 * The connection above (conn.h) knows nothing of sockets: it asks for bytes, gives bytes, and waits
 * for the descriptor when either says RC_AGAIN. There is a socket
 * (client_socket_open), and TLS that stands on one (tls.h). */
#ifndef MOAT_CLIENT_TRANSPORT_H
#define MOAT_CLIENT_TRANSPORT_H

#include "base/err.h"
#include "client/endpoint.h"

struct client_transport;

struct client_transport_ops {
    /* Until RC_OK, or a failure with its sentence; RC_AGAIN: again when the descriptor is ready. */
    enum rc (*connect)(struct client_transport *t, struct err *err);
    /* RC_OK with *n, how much of it was done; RC_AGAIN; RC_CLOSED. */
    enum rc (*recv)(struct client_transport *t, uint8_t *p, size_t *n);
    enum rc (*send)(struct client_transport *t, const uint8_t *p, size_t *n);
    void (*close)(struct client_transport *t); /* frees it */
};

struct client_transport {
    const struct client_transport_ops *ops;
    int fd;           /* may change while connecting */
    bool wants_write; /* what RC_AGAIN of connect waits for; else it is input */
    const char *why;  /* of RC_CLOSED, where it is known; static */
};

/* Look the name up and begin to connect. NULL when that fails at once; err has the sentence. */
struct client_transport *client_socket_open(const struct client_endpoint *at, struct err *err);

#endif
