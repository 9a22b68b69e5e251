/* peer - a gRPC server in a process of its own, with answers that the test decides.
 *
 * It serves one connection after the other, with nghttp2 alone. For each message that arrives the
 * test's function runs in that process: what it keeps in static variables lives as long as the
 * peer. */
#ifndef MOAT_TEST_CLIENT_PEER_H
#define MOAT_TEST_CLIENT_PEER_H

#include "base/buf.h"
#include "wire/etcd.h"
#include "wire/status.h"

#include <sys/types.h>

struct peer_call; /* a stream */

struct peer_request {
    const char *path;
    const char *token; /* "" when there is none */
    struct slice message;
};

typedef void peer_serve(struct peer_call *call, const struct peer_request *request);

struct peer {
    pid_t pid;
    uint16_t port;
    char endpoint[32]; /* "127.0.0.1:PORT" */
};

void peer_start(struct peer *p, peer_serve *serve);
void peer_stop(struct peer *p);

/* A port on which nobody listens. */
void peer_nobody(struct peer *p);

/* For the function: */
void peer_reply(struct peer_call *call, const struct wire_message *m, const void *message);
void peer_end(struct peer_call *call, enum grpc_code code, const char *text); /* percent-encoded */
void peer_reset(struct peer_call *call, uint32_t error);
void peer_raw(struct peer_call *call, struct slice bytes); /* into the stream as they are */
void peer_go_away(struct peer_call *call);                 /* take no further stream */
void peer_hang_up(struct peer_call *call);                 /* close the connection at once */

#endif
