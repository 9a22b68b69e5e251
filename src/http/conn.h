/* conn - what http's files share: a connection, its streams, and the two protocols behind them.
 *
 * conn.c sniffs the protocol and keeps the deadlines; stream.c is the protocol-free half of a
 * stream; h1.c and h2.c stand below both, reached by struct http_proto. Private to this folder. */
#ifndef MOAT_HTTP_CONN_H
#define MOAT_HTTP_CONN_H

#include "base/arena.h"
#include "base/list.h"
#include "http/h2_head.h"
#include "http/http.h"

#define HTTP_PEER_MAX           64u  /* bytes kept of the peer's name */
#define HTTP_STREAM_FIRST       512u /* bytes of arena inside a stream: a gRPC request's headers */
#define HTTP_HEADER_COUNT_FIRST 8u
#define HTTP_HEADER_OVERHEAD    32u /* RFC 9113 6.5.2: added to each header's name and value */
#define HTTP_RESPONSE_HEADERS   32u /* headers, or trailers, of one response */

struct http_stream {
    struct list link;  /* in the connection's streams */
    struct list ready; /* HTTP/2: has a response to submit */
    struct http_conn *conn;
    void *ctx; /* the handler's, once opened */
    struct http_source *source;
    struct http_request request;
    struct http_header *headers; /* request's, for us to add to */
    size_t header_cap;
    size_t list_size; /* of the headers so far, as RFC 9113 6.5.2 counts */
    struct http_header *response;
    struct http_header *trailers;
    size_t response_count;
    size_t trailer_count;
    struct buf body; /* the whole body, unless there is a source */
    size_t body_at;  /* sent so far */
    int64_t length;  /* of the response's body, or -1 */
    size_t unconsumed;
    size_t held; /* charged to the budget */
    struct arena arena;
    struct h2_head head; /* HTTP/2: the request as judged so far */
    int32_t id;          /* HTTP/2 */
    uint32_t empty_frames;
    uint16_t status; /* of the response; 0: none yet */
    bool opened;     /* the handler has it */
    bool request_ended;
    bool body_set;  /* body is all there will be */
    bool bodiless;  /* HEAD, 204, 304: headers are all */
    bool submitted; /* HTTP/2: headers are with the session */
    bool grpc;      /* trailers are those of http_stream_grpc_reply */
    bool over_limit;
    bool waiting; /* HTTP/1: the source has nothing now */
    bool classed; /* HTTP/2: has its place in the order of DATA */
    bool dead;    /* reset by us: nothing of the handler's is heard any more */
    bool peer_reset;
    bool ended; /* the response is out */
    uint8_t first[HTTP_STREAM_FIRST];
};

/* One version of HTTP on a connection. State is in conn->h1 or conn->h2. */
struct http_proto {
    enum rc (*feed)(struct http_conn *c, struct slice in);
    enum rc (*emit)(struct http_conn *c, struct buf *out, size_t max);
    bool (*pending)(const struct http_conn *c);
    void (*timeout)(struct http_conn *c); /* the connection's timer fired */
    void (*shutdown)(struct http_conn *c);
    void (*fini)(struct http_conn *c); /* after the streams are gone */
    /* The stream's response has more to say than before. */
    void (*respond)(struct http_stream *s);
    void (*consumed)(struct http_stream *s, size_t n);
    void (*reset)(struct http_stream *s, enum http_reset why);
    void (*set_class)(struct http_stream *s, enum http_class class);
};

struct http_conn {
    struct layer layer;
    const struct http_proto *proto; /* NULL while the first bytes are awaited */
    struct h1 *h1;
    struct h2 *h2;
    struct env *env;
    struct http_handler *handler;
    struct http_budget *budget;
    struct http_limits limits;
    struct timer timer;
    struct list streams;
    size_t stream_count;
    bool finished;
    bool closed;   /* below is gone */
    bool shutting; /* asked to shut down before the protocol was known */
    uint8_t sniffed_count;
    uint8_t sniffed[16];
    uint8_t peer_len;
    char peer[HTTP_PEER_MAX];
};

/* conn.c */
void http_conn_wake(struct http_conn *c);
void http_conn_finish(struct http_conn *c); /* close once everything is sent; repeatable */
void http_conn_timer(struct http_conn *c, uint32_t ms); /* 0: stop */
void http_conn_charge(struct http_conn *c, size_t n);
void http_conn_uncharge(struct http_conn *c, size_t n);
bool http_conn_over_budget(const struct http_conn *c);

/* stream.c */
MUST_USE struct http_stream *http_stream_new(struct http_conn *c);
/* Copy one request header; the name is lower case and not empty. False: over the list limit, and
 * not kept. */
MUST_USE bool http_stream_add(struct http_stream *s, struct slice name, struct slice value);
/* Count a header that is kept elsewhere (a pseudo header) against the list limit. */
MUST_USE bool http_stream_count(struct http_stream *s, size_t name, size_t value);
void http_stream_open(struct http_stream *s); /* tell the handler */
void http_stream_data(struct http_stream *s, struct slice piece);
void http_stream_end(struct http_stream *s);
void http_stream_over(struct http_stream *s, enum rc why); /* tell the handler; frees s */
/* Mark as reset: the handler's later calls on it are ignored. */
void http_stream_kill(struct http_stream *s);
/* Append the next piece of the response's body to out, at most max bytes. */
enum http_pull http_stream_pull(struct http_stream *s, struct buf *out, size_t max);
/* True once headers, and nothing behind them, make up the response. */
bool http_stream_headers_only(const struct http_stream *s);

/* h1.c, h2.c: take the connection over. */
void h1_attach(struct http_conn *c);
void h2_attach(struct http_conn *c);

/* date.c: RFC 9110 5.6.7, "Sun, 06 Nov 1994 08:49:37 GMT" and a zero. */
#define HTTP_DATE_SIZE 30u
void http_date(uint64_t wall_ns, char out[HTTP_DATE_SIZE]);

#endif
