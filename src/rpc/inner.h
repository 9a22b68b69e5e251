/* inner - what the files of this folder share; not for others. */
#ifndef MOAT_RPC_INNER_H
#define MOAT_RPC_INNER_H

#include "rpc/client_versions.h"
#include "rpc/counts.h"

#define RPC_MESSAGE_MAX_DEFAULT (2u << 20)
#define RPC_CALL_COST           (sizeof(struct rpc_call) + 1024) /* bytes: with HTTP's part of it */
#define RPC_FREE_CALLS_MAX      1024u                            /* kept for use again */

struct rpc_server {
    struct door {
        struct http_handler handler;
        struct rpc_server *server;
    } doors[RPC_DOOR_COUNT];
    struct rpc_options opt;
    struct rpc_call *free_calls;
    size_t free_count;
    struct list needing; /* calls that need a leader */
    struct counts *counts;
    struct client_versions clients;
    size_t open;
};

/* ---- call.c: a call's life and its answers ---- */

struct rpc_call *call_new(struct rpc_server *s, const struct rpc_method *method,
                          struct slice token);
/* It has its carrier: begin. False: it is over already, and freed. */
bool call_open(struct rpc_call *call);
/* Count what the call holds in the server's budget. False: there is too much. */
MUST_USE bool call_charge(struct rpc_call *call);
/* Free what nobody needs any more, perhaps the call itself. */
void call_settle(struct rpc_call *call);
/* What came is no message: end the call, and tell a method that has it. */
void call_reject(struct rpc_call *call, enum grpc_code code, const char *text);
/* The client is gone. */
void call_leave(struct rpc_call *call);
void call_close(struct rpc_call *call);

static inline bool call_takes_one(const struct rpc_call *call)
{
    return call->method->serve != NULL;
}

/* ---- request.c: from headers and bytes to messages ---- */

/* NULL: there is none. */
const struct rpc_method *request_method(const struct rpc_server *s, struct slice path);
/* What is said of a path that is no method, with a zero behind it. */
void request_describe_unknown(const struct rpc_server *s, struct slice path, struct buf *text);
/* Judge the request's headers: a call, or NULL when the stream was answered. */
struct rpc_call *request_begin(struct rpc_server *s, struct http_stream *stream,
                               const struct http_request *request);
void request_data(struct rpc_call *call, struct slice piece);
void request_end(struct rpc_call *call);
/* The call's method may take messages again. */
void request_go_on(struct rpc_call *call);

/* ---- grpc.c: answers on an HTTP/2 stream ---- */

extern const struct rpc_carrier_ops grpc_carrier; /* the carrier is the call */

/* A refusal on a stream that has no call: the status is in the headers, there is no body. */
void grpc_refuse(struct http_stream *stream, unsigned http_status, enum grpc_code code,
                 const char *text, const char *explain);

/* ---- route.c: plain HTTP ---- */

/* Answer what no route has a say in: a foreign Host, OPTIONS, a path that wants cleaning. */
bool route_refuse(const struct rpc_server *s, struct http_stream *stream,
                  const struct http_request *request);
void route_not_found(struct rpc_server *s, struct http_stream *stream,
                     const struct http_request *request);
/* What asks to become a WebSocket and cannot: 400 or 405. */
void route_refuse_handshake(const struct rpc_server *s, struct http_stream *stream,
                            const struct http_request *request, unsigned status);
void route_serve(struct rpc_server *s, struct http_stream *stream,
                 const struct http_request *request);

/* ---- metadata.c ---- */

/* A grpc-timeout value ("10S") in nanoseconds. RC_MALFORMED. */
MUST_USE enum rc metadata_timeout(struct slice value, uint64_t *out_ns);
/* Percent-encode for grpc-message. */
void metadata_encode_text(const char *text, struct buf *out);
/* Is this content type gRPC's? "application/grpc", or that with a suffix behind + or ;. */
bool metadata_is_grpc(struct slice content_type);

#endif
