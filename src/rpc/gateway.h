/* gateway - JSON beside gRPC: POST /v3/kv/range with a JSON body is the call KV/Range.
 *
 * As etcd's (grpc-gateway): a body of one or, where the method takes several, more JSON objects,
 * one after the other; an answer in JSON, or several as lines {"result":…}, each in an HTTP/1 chunk
 * of its own, since clients parse chunk by chunk. The caller is who its token says, or nobody.
 *
 * A WebSocket (GET with Upgrade) has these lines and objects as its messages, and its token in the
 * subprotocol: `Bearer, TOKEN`, as browsers can set no header.
 *
 * gateway.c has the request's side, gateway_out.c the answer's. Private to this folder. */
#ifndef MOAT_RPC_GATEWAY_H
#define MOAT_RPC_GATEWAY_H

#include "base/list.h"
#include "rpc/inner.h"
#include "wire/json_lex.h"

/* What JSON may need for a message beyond its bytes: base64 and names. */
#define GATEWAY_TEXT_FACTOR 2u

struct gateway {
    struct rpc_server *server;
    struct http_stream *stream;
    const struct http_request *request; /* NULL once the stream is closed */
    const struct rpc_gateway_route *route;
    struct rpc_call *call; /* NULL before the first message, and once it is answered */
    /* the request */
    uint64_t timeout_ns; /* UINT64_MAX: none */
    struct json_span span;
    struct buf text; /* of the JSON value under way */
    size_t text_charged;
    size_t unconsumed; /* bytes of the body whose window is still closed */
    bool socket;       /* the connection is a WebSocket */
    bool begun;        /* the call was opened */
    bool deaf;         /* nothing more is taken */
    /* the answer */
    struct http_source source;
    struct list pieces;
    size_t waiting; /* bytes in pieces */
    bool high;      /* the call is to be told when few wait */
    bool answering; /* the headers are sent */
    bool ended;     /* nothing follows what waits */
};

/* ---- gateway.c ---- */

/* Is the path the gateway's to answer? */
bool gateway_owns(const struct rpc_server *s, const struct http_request *request);
/* NULL: it was answered at once. */
struct gateway *gateway_begin(struct rpc_server *s, struct http_stream *stream,
                              const struct http_request *request);
void gateway_data(struct gateway *g, struct slice piece);
void gateway_end(struct gateway *g);
/* Open the window again, unless messages wait: a call that does not hear is not fed without end. */
void gateway_give_back(struct gateway *g);
void gateway_close(struct gateway *g); /* frees it */

/* ---- gateway_out.c ---- */

extern const struct rpc_carrier_ops gateway_carrier; /* the carrier is the gateway */

void gateway_out_init(struct gateway *g);
void gateway_out_drop(struct gateway *g); /* what still waits */
/* Refuse a request that is none; the status follows from the code. */
void gateway_refuse(struct gateway *g, enum grpc_code code, const char *text);
/* A refusal where there is no gateway. */
void gateway_refuse_request(const struct rpc_server *s, struct http_stream *stream,
                            const struct http_request *request, enum grpc_code code,
                            const char *text);

#endif
