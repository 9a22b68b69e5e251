/* http - HTTP/1.1 and HTTP/2 on one connection's bytes, as a layer (env/layer.h).
 *
 * The first bytes tell which: HTTP/2's preface (prior knowledge) or an HTTP/1 request line. Above
 * both stands one struct http_stream: a request with headers and a body that arrives in pieces,
 * a response with headers, a body that is pulled in pieces, and trailers. So /version and gRPC
 * routes are written once. Sans I/O: bytes in by feed, bytes out by emit; deadlines by env timers.
 *
 * Everything a peer sends meets a named limit here (struct http_limits, docs/LIMITS.md). RFC 9110,
 * 9112 (HTTP/1.1), 9113 (HTTP/2), 7541 (HPACK). */
#ifndef MOAT_HTTP_HTTP_H
#define MOAT_HTTP_HTTP_H

#include "env/env.h"
#include "env/layer.h"

struct http_stream;
struct http_conn;

struct http_header {
    struct slice name;  /* lower case */
    struct slice value; /* of a request: no control byte but the tab, no space around it */
};

struct http_request {
    struct slice method;
    /* Path and query as sent; never empty. Of HTTP/1: begins with '/' or is '*'. Of HTTP/2: any
     * bytes that a value may have, as gRPC names its methods ("malformed" is for rpc to say). */
    struct slice path;
    struct slice authority; /* :authority or Host as sent: a host, a whole URL, or empty */
    const struct http_header *headers; /* without pseudo headers */
    size_t header_count;
    unsigned version; /* 1 or 2 */
};

/* The value of the first header of that name, or an empty slice with p == NULL. */
struct slice http_request_header(const struct http_request *r, const char *name);

/* What a response body is pulled from. */
struct http_source;
enum http_pull { HTTP_PULL_MORE, HTTP_PULL_WAIT, HTTP_PULL_END, HTTP_PULL_FAIL };
struct http_source_ops {
    /* Append at most max bytes of body to out. MORE: there is more now; WAIT: nothing now, go on
     * after http_stream_resume; END: that was all (trailers follow if set); FAIL: reset the stream.
     */
    enum http_pull (*pull)(struct http_source *src, struct buf *out, size_t max);
    /* The stream needs it no longer: ended, reset, or the connection is gone. Called once. */
    void (*release)(struct http_source *src);
    /* Bytes, all there already, that HTTP/1 is to send as one chunk, however many, for clients that
     * take a chunk for a message. NULL, or 0: it does not matter. */
    size_t (*whole)(const struct http_source *src);
};
struct http_source {
    const struct http_source_ops *ops;
};

/* The server above: rpc. Calls come on the loop thread, from within feed, emit, close and timers;
 * each may call any http_stream function on any open stream, none is answered by a call back. */
struct http_handler;
struct http_handler_ops {
    /* Headers are complete; request borrows until on_close. Return a context that the later calls
     * get. Responding from here is allowed. */
    void *(*on_request)(struct http_handler *h, struct http_stream *s,
                        const struct http_request *request);
    /* A piece of the request body. Its bytes count against the stream's receive window until
     * http_stream_consumed gives them back: do it at once, or when memory for more is there. */
    void (*on_data)(struct http_handler *h, void *ctx, struct slice piece);
    /* The request body is complete (once, also for a request without a body). */
    void (*on_end)(struct http_handler *h, void *ctx);
    /* The stream is over: its response is out (why RC_OK), the peer reset it (RC_CANCELED), or we
     * did, or the connection is gone (RC_CLOSED). RC_OK may come before on_end, when the response
     * was complete before the request. Last call: the stream must not be touched after. */
    void (*on_close)(struct http_handler *h, void *ctx, enum rc why);
};
struct http_handler {
    const struct http_handler_ops *ops;
};

/* Respond. Headers once; then a source, or http_stream_send for a small body, at once or later: the
 * headers do not wait for it beyond this turn. Neither is needed when length is 0. To HEAD, and
 * with 204 and 304, no body is sent, whatever is given. Trailers may be set until the body's end
 * and are sent behind it. In HTTP/1 a body is sent with content-length when length is known (>= 0),
 * else chunked; in HTTP/2 content-length is added when length > 0 and the type is not gRPC's.
 * Status and headers are copied; names in lower case, at most 32. Date is added (not to gRPC).
 * After a reset, by whomever, these calls do nothing until on_close; a source is released. */
void http_stream_headers(struct http_stream *s, unsigned status, const struct http_header *h,
                         size_t n, int64_t length);
void http_stream_source(struct http_stream *s, struct http_source *src); /* takes it over */
/* The whole body at once, copied; may be empty. Ends the response. */
void http_stream_send(struct http_stream *s, struct slice body);
/* gRPC's hot answer in one call: status 200, `content-type: application/grpc`, body taken over
 * from *body (emptied), trailers grpc-status 0 and an empty grpc-message. */
void http_stream_grpc_reply(struct http_stream *s, struct buf *body);
void http_stream_trailers(struct http_stream *s, const struct http_header *h, size_t n);
void http_stream_resume(struct http_stream *s); /* a source that said WAIT has something */
void http_stream_consumed(struct http_stream *s, size_t n);
/* Responses ahead of bulk: streams of class URGENT (watch) get their DATA turn first. */
enum http_class { HTTP_CLASS_NORMAL, HTTP_CLASS_URGENT };
void http_stream_class(struct http_stream *s, enum http_class c);

/* Why we end a stream by force; HTTP/1 closes the connection instead. RFC 9113 7. */
enum http_reset {
    HTTP_RESET_NO_ERROR,
    HTTP_RESET_CANCEL,
    HTTP_RESET_REFUSED,
    HTTP_RESET_INTERNAL,
    HTTP_RESET_CALM
};
void http_stream_reset(struct http_stream *s, enum http_reset why);

/* ---- WebSocket (RFC 6455), over HTTP/1.1 ---- */

/* Does the request ask for the connection to become one? */
bool http_websocket_asked(const struct http_request *r);
/* From on_request: it does become one; the response has no headers, only a source or a body. The
 * peer's messages are the request's body, a line feed behind each; lines of the response's body are
 * messages, and its end closes. The request never ends: a peer that closes is gone (on_close).
 * protocol is the subprotocol to agree on, or empty; a message of more than message_max bytes
 * closes with 1009. Returns 0, or the status of the refusal that is to be made instead. */
MUST_USE unsigned http_stream_websocket(struct http_stream *s, struct slice protocol,
                                        uint64_t message_max);

const char *http_reason(unsigned status); /* RFC 9110 15: "Not Found"; "" when unknown */

struct http_conn *http_stream_conn(struct http_stream *s);
struct slice http_conn_peer(const struct http_conn *c); /* "127.0.0.1:54321", for logs */

/* Limits; 0 in a field of the options means the default beside it. */
#define HTTP_STREAMS_MAX       UINT32_MAX  /* MAX_CONCURRENT_STREAMS announced: etcd's default */
#define HTTP_HEADER_LIST_MAX   (16u << 10) /* bytes, decoded */
#define HTTP_CONTINUATIONS_MAX 8u
#define HTTP_RESETS_PER_S_MAX  200u  /* of both sides; beyond: GOAWAY ENHANCE_YOUR_CALM */
#define HTTP_EMPTY_FRAMES_MAX  100u  /* empty DATA frames in a row of a stream that does not end */
#define HTTP_CONTROL_QUEUE_MAX 1000u /* SETTINGS and PING acknowledgements waiting to be sent */
#define HTTP_PREFACE_MS_MAX    5000u /* until the preface, or an HTTP/1 head, is complete */
#define HTTP_H1_HEAD_MAX       (16u << 10) /* bytes of request line and headers */
#define HTTP_DATA_TURN         (16u << 10) /* bytes of one stream before the next has its turn */
#define HTTP_FED_MAX           (64u << 10) /* bytes taken from a peer that does not read its answers */
#define HTTP_WINDOW_DEFAULT    (1u << 20) /* bytes a stream may send ahead of being consumed */
#define HTTP_WINDOW_MAX        (1u << 28) /* more is cut: four times it must be a window, too */

#define HTTP_KEEPALIVE_MS         7200000u /* a quiet HTTP/2 connection is pinged (gRPC's default) */
#define HTTP_KEEPALIVE_TIMEOUT_MS 20000u   /* … and ended, if nothing comes back */
#define HTTP_PING_MIN_MS          300000u  /* between PINGs of a peer; the third too soon: GOAWAY */

struct http_limits {
    uint32_t streams;
    uint32_t header_list;
    uint32_t resets_per_s;
    uint32_t preface_ms;
    uint32_t idle_ms; /* HTTP/1 between requests, HTTP/2 without streams; 0: for ever */
    uint32_t keepalive_ms;
    uint32_t keepalive_timeout_ms;
    uint32_t ping_min_ms;
    uint32_t window; /* receive window of a stream, bytes; 0: 1 MiB; a connection has 4 times it */
};

/* Memory that waits in connections (requests half read, responses half sent), for one server. */
struct http_budget {
    uint64_t used;
    uint64_t max; /* beyond it new streams are refused (REFUSED_STREAM, or 503) */
};

struct http_options {
    struct env *env;
    struct http_handler *handler;
    struct http_limits limits;
    struct http_budget *budget; /* shared by the connections of a server; may be NULL */
    struct slice peer;          /* copied */
};

/* A new connection's layer; freed by its close. */
struct layer *http_conn_new(const struct http_options *opt);
/* Say GOAWAY (or, HTTP/1, close after this response); the connection ends when its streams have. */
void http_conn_shutdown(struct layer *l);

#endif
