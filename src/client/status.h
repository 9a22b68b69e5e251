/* status - how a call ended, and the sentence for it.
 *
 * Texts are those of etcd's Go client: an error that etcd knows is its text alone, anything else
 * reads "rpc error: code = Unavailable desc = …". */
#ifndef MOAT_CLIENT_STATUS_H
#define MOAT_CLIENT_STATUS_H

#include "base/buf.h"
#include "wire/status.h"

struct client_status {
    enum grpc_code code;
    struct buf text;    /* grpc-message, decoded */
    struct buf explain; /* moat-explain, decoded: a moat server's words for people, or empty */
};

void client_status_fini(struct client_status *s);
/* A status of our own making. */
void client_status_set(struct client_status *s, enum grpc_code code, const char *fmt, ...)
    PRINTF(3, 4);
void client_status_copy(struct client_status *to, const struct client_status *from);

/* Take in what follows: %XX are bytes (gRPC's PROTOCOL-HTTP2, Status-Message). */
void client_status_message(struct client_status *s, struct slice value);
void client_status_explain(struct client_status *s, struct slice value);

/* Whether it is this error of etcd's. */
bool client_status_is(const struct client_status *s, enum etcd_error e);

/* Whether a status or a watch ended with this text since the token is no longer taken: the server
 * has forgotten it (simple tokens do not survive a restart), or users and roles have changed. */
bool client_status_is_stale(struct slice text);

/* Append the sentence. */
void client_status_print(const struct client_status *s, struct buf *out);

#endif
