/* client - unary calls over one blocking connection: gRPC, or the same in JSON.
 *
 * Calls are started, then finished together: what was started before one client_finish is under
 * way at once, in no promised order. An answer holds what arrived as it arrived, the form of the
 * refusal included: a test compares it. Source: gRPC's PROTOCOL-HTTP2 document. */
#ifndef TEST_DIFFERENTIAL_CLIENT_H
#define TEST_DIFFERENTIAL_CLIENT_H

#include "base/buf.h"
#include "base/cc.h"
#include "base/rc.h"

#define CLIENT_TEXT_MAX  512 /* bytes of a grpc-message, terminating zero included */
#define CLIENT_WAIT_S    20  /* without a byte: the server is taken for hung */
#define CLIENT_CALLS_MAX 64  /* started and not finished */
#define GRPC_FRAME_LEN   5   /* flag and length before a message */

struct client;

struct answer {
    bool complete;      /* the stream ended, and not by a reset */
    uint32_t reset;     /* HTTP/2 error code of a reset */
    int http_status;    /* 0: none came */
    int code;           /* grpc-status; -1: none came */
    bool has_text;      /* a grpc-message came, empty or not */
    bool trailers_only; /* the only header block ended the stream */
    char text[CLIENT_TEXT_MAX];
    char content_type[64];
    struct buf message; /* of the one frame; empty when there was none */
    bool framed_wrong;  /* the body is not exactly one uncompressed frame, or, refused, not
                           empty */
};

void answer_fini(struct answer *a);

enum client_form { CLIENT_GRPC, CLIENT_JSON /* one call at a time, whatever was started */ };

/* Connect to 127.0.0.1. NULL when nobody listens. */
struct client *client_open(uint16_t port, enum client_form form);
void client_close(struct client *c);

/* Send message to path ("/etcdserverpb.KV/Put"), with a token unless that is empty. The answer is
 * filled while finishing; the rest is copied. */
void client_start(struct client *c, const char *path, struct slice token, struct slice message,
                  struct answer *a);
/* Send what was started, without waiting for any answer. */
MUST_USE enum rc client_flush(struct client *c);
/* Until all started are answered. RC_TIMEOUT, RC_CLOSED, RC_PROTOCOL: the connection is of no more
 * use; answers that had come are complete. */
MUST_USE enum rc client_finish(struct client *c);

/* A stream of one request, which is framed here, or of several, framed already; no call may be
 * under way. What comes is gathered until enough says so of all of it; then the stream is reset.
 * RC_END: the server ended it before. */
MUST_USE enum rc client_stream(struct client *c, const char *path, struct slice token,
                               struct slice framed, bool (*enough)(void *arg, struct slice body),
                               void *arg, struct buf *out);
void frame_append(struct buf *out, struct slice message);
/* Take the first message of a body. False: there is no whole one. */
bool frame_next(struct slice *body, struct slice *message);

/* One call, start to end, by nobody. */
MUST_USE enum rc client_call(struct client *c, const char *path, struct slice message,
                             struct answer *a);

#endif
