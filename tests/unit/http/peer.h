/* peer - the other end of a lab's HTTP/2 connection: a well-behaved client on nghttp2, and frames
 * written by hand for the ill-behaved ones. */
#ifndef TEST_HTTP_PEER_H
#define TEST_HTTP_PEER_H

#include "lab.h"

#include <nghttp2/nghttp2.h>

#define PEER_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct peer {
    struct lab *lab;
    nghttp2_session *session;
    struct buf body; /* to send, of the request under way */
    size_t body_at;
    bool body_ends;
    bool date;        /* date headers are noted */
    struct buf notes; /* what came in, one frame a line: "data 1 5 end" */
    size_t data;      /* bytes in all */
};

/* stream_window: what the server may send on a stream; 0: the default, 65,535. Updates of both
 * windows are sent only by peer_allow. */
void peer_open(struct peer *p, struct lab *l, uint32_t stream_window);
void peer_close(struct peer *p);
int32_t peer_get(struct peer *p, const char *path);
int32_t peer_post(struct peer *p, const char *path, size_t n, bool end); /* n bytes 'b' */
void peer_more(struct peer *p, int32_t id, size_t n, bool end); /* of the last peer_post's body */
void peer_allow(struct peer *p, int32_t id, int32_t n);         /* window; id 0: the connection's */
void peer_pump(struct peer *p);                                 /* both ways until nothing moves */
const char *peer_notes(struct peer *p);                         /* and clear them */

/* By hand. */
void raw_begin(struct buf *b); /* preface and empty SETTINGS */
void raw_frame(struct buf *b, uint8_t type, uint8_t flags, int32_t id, struct slice payload);
void raw_get(struct buf *b, int32_t id, const char *path);  /* HEADERS, stream ended */
void raw_open(struct buf *b, int32_t id, const char *path); /* HEADERS, stream open */
void raw_send(struct lab *l, struct buf *b);                /* feed and clear */
unsigned raw_count(const struct lab *l, uint8_t type);      /* frames that came out */
size_t raw_last(const struct lab *l);                       /* where the last frame is in out */
int64_t raw_goaway(const struct lab *l);                    /* error of the last GOAWAY, or -1 */

#endif
