/* conn - one HTTP/2 connection to a server, and the gRPC calls on it.
 *
 * A call is a stream with messages each way; a unary call is one with one message each way. What
 * arrives is gathered in the call until client_call_next takes it; the window is given back only
 * then, so a caller that does not read is felt by the server. A connection that ends takes its
 * calls along: each is over, with UNAVAILABLE.
 *
 * While calls are open and nothing arrives for keepalive_ms, a ping is sent; no answer within
 * keepalive_timeout_ms ends the connection (grpc's keepalive). */
#ifndef MOAT_CLIENT_CONN_H
#define MOAT_CLIENT_CONN_H

#include "client/loop.h"
#include "client/status.h"
#include "client/transport.h"

#define CLIENT_WINDOW      (4u << 20)  /* bytes a server may send ahead of us, in each call */
#define CLIENT_HEADERS_MAX 16          /* of our own in a call */
#define CLIENT_TEXT_MAX    (64u << 10) /* bytes of a status message that are kept */

struct client_conn;
struct client_call;

struct client_header {
    const char *name;
    struct slice value;
};

struct client_conn_options {
    uint64_t keepalive_ms;
    uint64_t keepalive_timeout_ms;
    size_t recv_max; /* bytes of one message */
};

/* Begin to connect; takes t over. */
struct client_conn *client_conn_new(struct client_loop *loop, struct client_transport *t,
                                    const struct client_endpoint *to,
                                    const struct client_conn_options *opt);
/* Its calls are over after. NULL is fine. */
void client_conn_free(struct client_conn *c);

/* RC_OK: connected, for further calls, too; RC_AGAIN: not yet; else how it ended, and err has the
 * sentence. */
enum rc client_conn_state(const struct client_conn *c, struct err *err);
bool client_conn_heard(const struct client_conn *c); /* did the server say anything? */

/* What the loop needs. */
struct client_conn *client_conn_of(struct list *item);
int client_conn_fd(const struct client_conn *c);
short client_conn_events(const struct client_conn *c);
void client_conn_ready(struct client_conn *c);

/* Begin a call. path and headers are copied; path is "/package.Service/Method". The connection must
 * be connected. */
struct client_call *client_call_new(struct client_conn *c, const char *path,
                                    const struct client_header *headers, size_t headers_n);
void client_call_send(struct client_call *call, struct slice message);
void client_call_finish(struct client_call *call); /* no more messages from us */

/* Take the next message into out (cleared first). RC_AGAIN: none yet; RC_END: the call is over, and
 * its status says how. */
MUST_USE enum rc client_call_next(struct client_call *call, struct buf *out);
bool client_call_is_over(const struct client_call *call);
/* Whether the server never saw the call (RFC 9113 8.7: it may be made again safely). */
bool client_call_is_unseen(const struct client_call *call);
const struct client_status *client_call_status(const struct client_call *call);
void client_call_free(struct client_call *call); /* cancels it if it is not over; NULL is fine */

#endif
