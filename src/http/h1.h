/* h1 - one HTTP/1 connection: what its receiving (h1.c) and sending (h1_send.c) halves share.
 *
 * One request at a time: bytes behind it wait in a bounded buffer, and the layers below are told
 * to pause. So a response is never mixed with the next, and pipelining costs no state. A request
 * may turn the connection into a WebSocket (h1_socket.c), and is then the last. */
#ifndef MOAT_HTTP_H1_H
#define MOAT_HTTP_H1_H

#include "http/h1_parse.h"

#define H1_WAITING_MAX (256u << 10) /* bytes fed beyond what can be taken now; more: close */
#define H1_DRAIN_MAX   (64u << 10)  /* bytes of an unwanted request body before we close */

enum h1_state {
    H1_HEAD,   /* between requests, or within a head */
    H1_BODY,   /* the request's body is being received */
    H1_READY,  /* the request is complete, its response is not */
    H1_DRAIN,  /* the response is out, the request's body is not in */
    H1_SOCKET, /* it is a WebSocket's from now on */
    H1_DEAD,   /* nothing is taken any more; what is queued goes out */
    H1_STATE_COUNT
};

struct h1_socket;

struct h1 {
    struct http_conn *conn;
    struct http_stream *stream; /* the request at hand */
    enum h1_state state;
    struct buf in;  /* bytes that wait */
    size_t in_at;   /* of them, taken */
    size_t in_held; /* charged to the budget for them */
    struct h1_scan scan;
    struct h1_head head;
    struct h1_chunks chunks;
    struct h1_socket *socket; /* with H1_SOCKET */
    uint64_t body_left;       /* with H1_LENGTH */
    uint64_t drained;
    struct buf out;    /* 100 Continue; a refusal */
    uint64_t out_left; /* of a response with a length, or of a chunk that was begun */
    bool out_chunked;
    bool close_after; /* no request follows this one */
    bool head_timed;  /* the timer is that of the head under way */
    bool paused;
    bool again; /* waiting bytes can be taken: emit does it */
};

/* h1.c */
void h1_move(struct h1 *h, enum h1_state next);
void h1_run(struct h1 *h);           /* take waiting bytes as far as possible */
void h1_response_over(struct h1 *h); /* the response is out */
void h1_die(struct h1 *h);           /* close once everything queued is sent */

/* h1_send.c */
enum rc h1_emit(struct http_conn *c, struct buf *out, size_t max);
bool h1_pending(const struct http_conn *c);
void h1_queue_refusal(struct h1 *h, struct h1_refusal no);

/* h1_socket.c */
bool h1_socket_run(struct h1 *h);                   /* true: something was taken */
bool h1_socket_send(struct h1 *h, struct buf *out); /* true: something was done */
void h1_socket_shutdown(struct h1 *h);
void h1_socket_free(struct h1 *h);

#endif
