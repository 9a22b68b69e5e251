/* h2 - HTTP/2 on nghttp2: what its receiving (h2.c) and sending (h2_send.c) halves share.
 *
 * nghttp2 keeps frames, HPACK, flow control and stream states, and orders DATA by urgency (RFC
 * 9218), round robin among equals. Ours are the limits, and what a session error costs.
 * nghttp2_session_del tells nobody about open streams: conn.c closes them first. */
#ifndef MOAT_HTTP_H2_H
#define MOAT_HTTP_H2_H

#include "http/conn.h"
#include "http/h2_alive.h"

#include <nghttp2/nghttp2.h>

/* Events of one kind within the second that began with the first of them. */
struct h2_rate {
    uint64_t start_ns;
    uint32_t count;
};

struct h2 {
    nghttp2_session *session;
    struct http_conn *conn;
    struct http_stream *head;   /* whose header block is being received */
    struct http_stream *recent; /* found last: frames of one stream come in a row */
    struct list ready;          /* streams with a response to submit */
    struct buf *out;            /* emit's, while it runs */
    size_t out_stop;            /* out is full at this size */
    size_t fed;                 /* bytes taken since the last emit */
    bool paused;                /* … too many, with answers waiting to be read */
    size_t frame_at;            /* in out: the header of the DATA frame under way */
    uint64_t idle_since_ns;     /* no streams since */
    uint32_t error;             /* what to say GOAWAY with; 0: all is well */
    bool settled;               /* the peer's first SETTINGS arrived: its preface is complete */
    bool failed;                /* the last GOAWAY is queued */
    bool going_away;            /* asked to shut down */
    struct h2_rate resets_in;
    struct h2_rate resets_out;
    struct h2_alive alive;
};

/* h2.c */
bool h2_rate_hit(struct h2 *h, struct h2_rate *rate);  /* one more; false: too many */
struct http_stream *h2_find(struct h2 *h, int32_t id); /* NULL: gone, or never taken */
void h2_fail(struct h2 *h);                            /* queue the last GOAWAY, with h->error */
void h2_check_over(struct h2 *h); /* finish the connection when its session is through */

/* h2_send.c */
enum rc h2_emit(struct http_conn *c, struct buf *out, size_t max);
bool h2_pending(const struct http_conn *c);
void h2_respond(struct http_stream *s);
void h2_consumed(struct http_stream *s, size_t n);
void h2_reset(struct http_stream *s, enum http_reset why);
void h2_set_class(struct http_stream *s, enum http_class class);
void h2_answer_status(struct http_stream *s, unsigned status); /* our own, without a body */
void h2_continue(struct http_stream *s);                       /* 100 Continue */
int h2_on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user);
int h2_on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                    size_t length, nghttp2_data_source *source, void *user);

#endif
