/* rpc - gRPC calls and plain HTTP routes on the server side of src/http.
 *
 * A request with content-type application/grpc is a call of "/service/method", one below /v3/ is a
 * call in JSON, and every other is looked up among the routes. A unary call's message is gathered
 * (to a limit), handed to the method, and answered exactly once: rpc_reply, rpc_reply_source or
 * rpc_fail, at once or later. A client that goes away, or whose deadline passes, does not free the
 * call: answering it then does nothing but that. So a method may wait for consensus without asking
 * who is still there.
 *
 * A method with struct rpc_stream_ops may send several messages (rpc_send …, then rpc_end or
 * rpc_fail), and take several. It is told when the client has gone, and its call ends with that.
 *
 * How answers reach the client is a table in the call (struct rpc_carrier_ops): gRPC's, or that of
 * somebody in this process who opened the call (rpc_call_open). Methods do not see which.
 *
 * Status codes and texts are etcd's to the letter, as clients look the whole text up; what
 * explains them goes into the trailer `moat-explain`. gRPC: its "HTTP2" protocol document. */
#ifndef MOAT_RPC_RPC_H
#define MOAT_RPC_RPC_H

#include "base/arena.h"
#include "base/blob.h"
#include "base/list.h"
#include "env/env.h"
#include "http/http.h"
#include "wire/status.h"

#define RPC_FRAME_LEN 5 /* bytes before a message: flag, big-endian length */
#define RPC_MESSAGE_OVERHEAD                                                                       \
    (512u << 10)           /* what etcd's gRPC limit allows beyond --max-request-bytes */
#define RPC_CALL_ARENA 512 /* bytes of a call's first arena block, inside the call */
#define RPC_QUEUED_MAX                                                                             \
    (256u << 10) /* bytes of answers waiting, beyond which a stream's client is not heard */

struct rpc_server;

struct rpc_call {
    struct rpc_server *server;
    const struct rpc_method *method;
    /* For what decoding needs. Freed when the call is answered for good; of a method that takes
     * several messages, after each of them. */
    struct arena arena;
    struct slice token; /* metadata "token", or "authorization" without "Bearer "; p NULL: none. As
                           long as the call */
    bool needs_leader;  /* metadata "hasleader: true" (clientv3's WithRequireLeader) */
    void *user;         /* a streaming method's own; NULL at first */
    struct call_inner { /* rpc's own */
        const struct rpc_carrier_ops *ops;
        void *carrier;
        struct http_stream *stream; /* gRPC: NULL once it is gone */
        struct grpc_out *out;       /* gRPC: once several messages are sent */
        uint64_t origin;            /* not gRPC: of the connection it came by; 0: unknown */
        struct rpc_call *next_free;
        struct list needing; /* in the server's, with needs_leader */
        struct buf message;  /* as far as it has arrived */
        struct buf waiting;  /* what arrived and is not taken yet */
        struct buf token;
        size_t charged;    /* bytes of these counted in the budget */
        uint64_t begun_ns; /* with method_seconds */
        uint8_t head[RPC_FRAME_LEN];
        uint8_t head_n;
        bool head_done;
        bool served;   /* handed to its method */
        bool answered; /* the client has its answer, or is gone */
        bool finished; /* the method is done with it */
        bool attached; /* the client's side still refers to it */
        bool busy;     /* its method runs, called with what arrived */
        bool held;     /* rpc_hold */
        bool ended;    /* the client sends no more */
        struct timer deadline;
    } in;
    uint8_t arena_first[RPC_CALL_ARENA];
};

/* What a streaming method has besides, or instead of, serve. All but closed may be NULL. */
struct rpc_stream_ops {
    /* The call begins, before any message. May refuse it at once. Without serve only. */
    void (*open)(void *arg, struct rpc_call *call);
    /* The next message, borrowed for the call. Without serve only. */
    void (*message)(void *arg, struct rpc_call *call, struct slice message);
    /* The client sends no more messages, and still hears. Without serve only. */
    void (*half_close)(void *arg, struct rpc_call *call);
    /* No more than 32 KiB waits to be sent, and more did. Called while bytes are taken to be sent.
     */
    void (*drained)(void *arg, struct rpc_call *call);
    /* The client is gone, its deadline has passed, or what it sent is no message: the call is over,
     * nothing may be done with it any more. Not called after rpc_end and rpc_fail. */
    void (*closed)(void *arg, struct rpc_call *call);
    bool urgent; /* its bytes go out ahead of others' (HTTP_CLASS_URGENT) */
    bool unary;  /* there is one answer, and closed is told who did not wait for it */
};

struct rpc_method {
    const char *path; /* "/etcdserverpb.KV/Range" */
    /* The whole message has arrived. Answer the call once, now or later. NULL: the client sends
     * several, see stream. */
    void (*serve)(void *arg, struct rpc_call *call, struct slice message);
    const struct rpc_stream_ops *stream; /* may be NULL where there is one answer */
    bool secret;                         /* its request is wiped when the call is over */
};

/* What gRPC calls a streaming method: messages may be several, one way or the other. */
static inline bool rpc_method_streams(const struct rpc_method *m)
{
    return m->stream && !m->stream->unary;
}

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
/* Equal for the calls of one connection, and else for nobody: to be fair between connections. */
uint64_t rpc_call_origin(const struct rpc_call *call);
/* The client's address ("127.0.0.1:54321"), for people; empty when it is not known. */
struct slice rpc_call_peer(const struct rpc_call *call);
/* Nobody waits for the answer any more. */
bool rpc_gone(const struct rpc_call *call);

/* ---- Streaming methods ---- */

/* Send one of several messages; a body as for rpc_reply. What is sent waits, without a limit, until
 * the client takes it: look at rpc_queued. */
void rpc_send(struct rpc_call *call, struct buf *body);
/* A message of two parts: head is copied, tail shared (one more owner). No frame is in either. */
void rpc_send_shared(struct rpc_call *call, struct slice head, struct blob *tail);
/* A message of len bytes, at most 4 GiB - 1, pulled from src, which is taken over. */
void rpc_send_source(struct rpc_call *call, struct http_source *src, uint64_t len);
/* A source that said WAIT has something. */
void rpc_send_resume(struct rpc_call *call);
/* Bytes that wait to be taken; those of sources are not known. */
size_t rpc_queued(const struct rpc_call *call);
/* No further message; status OK. The call is gone after. rpc_fail ends with another status. */
void rpc_end(struct rpc_call *call);
/* Take no further message from the client until rpc_unhold, which may deliver some at once, unless
 * it is called from within the call's own methods: then they come when those return. */
void rpc_hold(struct rpc_call *call);
void rpc_unhold(struct rpc_call *call);

/* ---- Calls from within the process ---- */

/* Where a call's answers go. None of these is called after the last message or the end, and none
 * may use the call. Not needed by methods. */
struct rpc_carrier_ops {
    /* A message, behind RPC_FRAME_LEN bytes that mean nothing; taken over and emptied. last: the
     * only or last one, status OK; the call is gone. */
    void (*message)(void *carrier, struct buf *body, bool last);
    /* A message in two parts, as of rpc_send_shared. NULL: message gets a copy. */
    void (*shared)(void *carrier, struct slice head, struct blob *tail);
    /* A message of len bytes, to be pulled and released. */
    void (*source)(void *carrier, struct http_source *src, uint64_t len, bool last);
    void (*resume)(void *carrier); /* rpc_send_resume; may be NULL if sources are pulled at once */
    /* Nothing more: OK, or a refusal (explain may be NULL). The call is gone. */
    void (*end)(void *carrier, enum grpc_code code, const char *text, const char *explain);
    size_t (*queued)(const void *carrier); /* bytes that its client has not taken; NULL: 0 */
};

/* Open a call of "/etcdserverpb.KV/Range". NULL: there is no such method, or it was refused at once
 * (ops->end was called). token.p NULL: none. */
struct rpc_call *rpc_call_open(struct rpc_server *s, struct slice path,
                               const struct rpc_carrier_ops *ops, void *carrier,
                               struct slice token);
/* Hand it a request message, and the end of them. An answer may come from within: then, as after
 * any last message or end, the call is gone. A unary method needs no end. */
void rpc_call_feed(struct rpc_call *call, struct slice message);
void rpc_call_feed_end(struct rpc_call *call);
/* Its client has taken what was queued, down to less than 32 KiB. */
void rpc_call_drained(struct rpc_call *call);
/* Its client is gone; the carrier is not called any more. Not from within the carrier. */
void rpc_call_abandon(struct rpc_call *call);

/* ---- Plain HTTP ---- */

struct rpc_http_request {
    struct slice path;  /* without the query */
    struct slice query; /* without the '?', may be empty */
};

struct rpc_http_reply {
    unsigned status; /* 200 unless set */
    bool nosniff;    /* say that the type is meant; errors do in any case */
    const char *content_type;
    const char *extra_name; /* one more header, lower case; NULL: none */
    char extra_value[32];
    struct buf body;
};

struct rpc_route {
    const char *path; /* "/version" */
    void (*serve)(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out);
    bool any_method; /* else only GET */
};

/* ---- JSON ---- */

struct wire_message;

/* POST /v3/PATH with a JSON body is a call of the method. Also under /v3beta/. */
struct rpc_gateway_route {
    const char *path;   /* "kv/range" */
    const char *method; /* "/etcdserverpb.KV/Range" */
    const struct wire_message *request;
    const struct wire_message *response;
    bool many;    /* takes several messages */
    bool streams; /* answers with several */
};

/* ---- The server ---- */

/* Who may speak plain HTTP, JSON included (etcd's --cors and --host-whitelist). A list that is
 * empty, or has "*", lets everybody in. Strings borrow. */
struct rpc_access {
    bool cors; /* say in each answer which origins may read it */
    const char *const *origins;
    size_t origin_count;
    const char *const *hosts;
    size_t host_count;
};

struct rpc_options {
    struct env *env;
    const struct rpc_method *methods;
    size_t method_count;
    const struct rpc_route *routes;
    size_t route_count;
    const struct rpc_gateway_route *gateway; /* sorted by path; NULL: no JSON */
    size_t gateway_count;
    bool gateway_v3alpha; /* serve it under /v3alpha/, too, as etcd 3.2 did */
    struct rpc_access access;
    void *arg; /* for methods and routes */
    /* Asked before a method gets a message. False: the call was refused. NULL: all may pass. */
    bool (*admit)(void *arg, struct rpc_call *call, struct slice message);
    size_t message_max;         /* bytes of one request message; 0: 2 MiB */
    struct http_budget *budget; /* may be NULL */
    /* A call with one message each way took longer than slow_ns. May be NULL. */
    void (*slow)(void *arg, const struct rpc_call *call, uint64_t took_ns);
    uint64_t slow_ns;
    bool method_seconds; /* count how long calls take, for each method (--metrics) */
};

struct rpc_server *rpc_server_new(const struct rpc_options *opt);
void rpc_server_free(struct rpc_server *s); /* no call may be open */
/* What a connection may ask for: anything, or gRPC alone, or anything but gRPC. */
enum rpc_door { RPC_DOOR_ALL, RPC_DOOR_GRPC, RPC_DOOR_HTTP, RPC_DOOR_COUNT };
struct http_handler *rpc_server_handler(struct rpc_server *s, enum rpc_door door);
/* End all streams that need a leader: there has been none for too long. */
void rpc_refuse_leaderless(struct rpc_server *s, enum grpc_code code, const char *text,
                           const char *explain);

size_t rpc_server_calls(const struct rpc_server *s);                       /* open ones */
size_t rpc_server_calls_of(const struct rpc_server *s, struct slice path); /* of one method */
/* Append what is counted of each method (grpc_server_started_total …), as text for Prometheus. */
void rpc_server_metrics(const struct rpc_server *s, struct buf *out);

#endif
