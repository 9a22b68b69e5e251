/* caller - a gRPC client on nghttp2, and the connection of a server that it speaks to: bytes go
 * from one to the other without a socket. */
#ifndef MOAT_TESTS_RPC_CALLER_H
#define MOAT_TESTS_RPC_CALLER_H

#include "http/http.h"

#include <nghttp2/nghttp2.h>

#define CALLER_STREAMS_MAX 300

struct caller_request {
    const char *method; /* NULL: POST */
    const char *path;
    const char *content_type; /* NULL: application/grpc; "": none */
    const char *timeout;      /* grpc-timeout; NULL: none */
    const char *encoding;     /* grpc-encoding; NULL: none */
    const char *token;        /* NULL: none */
    const char *hasleader;    /* NULL: none */
    struct slice body;        /* as it is, frame and all */
    bool open;                /* more of the body follows (caller_more) */
    bool no_body;             /* END_STREAM with the headers */
};

/* What has come back on a stream. */
struct caller_reply {
    int32_t id;
    unsigned status;
    int grpc_status; /* -1: none */
    char message[512];
    char explain[512];
    struct buf headers; /* "name: value\n" in order, trailers too */
    struct buf body;
    bool ended;
    bool reset;
    struct buf to_send;
    size_t sent;
    bool open;
};

struct caller {
    nghttp2_session *session;
    struct layer *layer;
    struct layer_below below;
    struct buf out;
    bool finished;
    struct caller_reply *replies[CALLER_STREAMS_MAX];
    size_t n;
};

/* stream_window: bytes the server may send ahead on a stream; 0: plenty. */
void caller_open(struct caller *c, struct env *env, struct http_handler *handler,
                 struct http_budget *budget, uint32_t stream_window);
void caller_close(struct caller *c);

/* Send a request and see what comes back at once; valid until caller_close. */
struct caller_reply *caller_send(struct caller *c, const struct caller_request *r);
void caller_more(struct caller *c, struct caller_reply *r, struct slice body, bool end);
void caller_cancel(struct caller *c, struct caller_reply *r);
void caller_allow(struct caller *c, struct caller_reply *r, int32_t n); /* window, both */
void caller_pump(struct caller *c); /* both ways until nothing moves */

/* POST a message in its frame. */
struct caller_reply *caller_call(struct caller *c, const char *path, struct slice message);
/* The message of an answer; the test fails unless it is exactly one, with status 0. */
struct slice caller_message(const struct caller_reply *r);
/* The next of several messages, *at moved behind it; p NULL: none has come whole. */
struct slice caller_next(const struct caller_reply *r, size_t *at);
void caller_say(struct caller *c, struct caller_reply *r, const char *text); /* one more message */
/* The test fails unless the call was refused with this code and text. */
void caller_refused(const struct caller_reply *r, int code, const char *text);

void caller_frame(struct buf *out, uint8_t flag, struct slice message);

/* Speak HTTP/1 on a connection of its own; the answer is a string to be freed. */
char *caller_http1(struct env *env, struct http_handler *handler, const char *text);

#endif
