/* rpc - gRPC calls and plain HTTP routes on the server side of src/http.
 *
 * A request with content-type application/grpc is a call of "/service/method"; every other is
 * looked up among the routes. A unary call's message is gathered (to a limit), handed to the
 * method, and answered exactly once: rpc_reply, rpc_reply_source or rpc_fail, at once or later. A
 * client that goes away, or whose deadline passes, does not free the call: answering it then does
 * nothing but that. So a method may wait for consensus without asking who is still there.
 *
 * Status codes and texts are etcd's to the letter, as clients look the whole text up; what
 * explains them goes into the trailer `moat-explain`. gRPC: its "HTTP2" protocol document. */
#ifndef MOAT_RPC_RPC_H
#define MOAT_RPC_RPC_H

#include "base/arena.h"
#include "env/env.h"
#include "http/http.h"
#include "wire/status.h"

#define RPC_FRAME_LEN 5 /* bytes before a message: flag, big-endian length */
#define RPC_MESSAGE_OVERHEAD                                                                       \
    (512u << 10)           /* what etcd's gRPC limit allows beyond --max-request-bytes */
#define RPC_CALL_ARENA 512 /* bytes of a call's first arena block, inside the call */

struct rpc_server;

struct rpc_call {
    struct rpc_server *server;
    const struct rpc_method *method;
    struct arena arena; /* for what decoding needs; freed when the call is answered for good */
    struct slice token; /* metadata "token", in the arena; p NULL: none */
    struct call_inner { /* rpc's own */
        struct http_stream *stream; /* NULL once it is gone */
        struct rpc_call *next_free;
        struct buf message; /* as far as it has arrived */
        size_t charged;     /* bytes of it counted in the budget */
        uint8_t head[RPC_FRAME_LEN];
        uint8_t head_n;
        bool head_done;
        bool served;   /* handed to its method */
        bool answered; /* the client has its answer, or is gone */
        bool finished; /* the method is done with it */
        struct timer deadline;
    } in;
    uint8_t arena_first[RPC_CALL_ARENA];
};

struct rpc_method {
    const char *path; /* "/etcdserverpb.KV/Range" */
    /* The whole message has arrived. Answer the call once, now or later. */
    void (*serve)(void *arg, struct rpc_call *call, struct slice message);
};

/* Answer with a message. A body begins with RPC_FRAME_LEN bytes for the frame (rpc_body_begin); it
 * is taken over and emptied. The call is gone after. */
void rpc_body_begin(struct buf *body);
void rpc_reply(struct rpc_call *call, struct buf *body);
/* Answer with a message of len bytes that is pulled from src (without the frame). */
void rpc_reply_source(struct rpc_call *call, struct http_source *src, uint64_t len);
/* Refuse. explain may be NULL: a sentence for people, not for programs. */
void rpc_fail(struct rpc_call *call, enum grpc_code code, const char *text, const char *explain);
void rpc_fail_etcd(struct rpc_call *call, enum etcd_error error, const char *explain);
/* Refuse now, but keep the call: whoever works on it still finishes it with one of the above, which
 * then only frees it. For requests that take too long and cannot be called back. */
void rpc_fail_early(struct rpc_call *call, enum etcd_error error, const char *explain);
/* The method needs the request's message no longer, nor what it decoded out of it. */
void rpc_message_done(struct rpc_call *call);
/* Equal for the calls of one connection: to be fair between connections. */
uint64_t rpc_call_origin(const struct rpc_call *call);
/* Nobody waits for the answer any more. */
bool rpc_gone(const struct rpc_call *call);

/* ---- Plain HTTP ---- */

struct rpc_http_request {
    struct slice path;  /* without the query */
    struct slice query; /* without the '?', may be empty */
};

struct rpc_http_reply {
    unsigned status; /* 200 unless set */
    const char *content_type;
    const char *extra_name; /* one more header, lower case; NULL: none */
    char extra_value[32];
    struct buf body;
};

struct rpc_route {
    const char *path; /* "/version" */
    void (*serve)(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out);
};

/* ---- The server ---- */

struct rpc_options {
    struct env *env;
    const struct rpc_method *methods;
    size_t method_count;
    const struct rpc_route *routes;
    size_t route_count;
    bool cors;                  /* let browsers in: etcd's client port, with its default --cors=* */
    void *arg;                  /* for methods and routes */
    size_t message_max;         /* bytes of one request message; 0: 2 MiB */
    struct http_budget *budget; /* may be NULL */
};

struct rpc_server *rpc_server_new(const struct rpc_options *opt);
void rpc_server_free(struct rpc_server *s); /* no call may be open */
struct http_handler *rpc_server_handler(struct rpc_server *s);
size_t rpc_server_calls(const struct rpc_server *s); /* open ones */

#endif
