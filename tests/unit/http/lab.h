/* lab - one server connection without a socket, under a clock that the test moves.
 *
 * Its handler does what the path says and notes every call in a journal:
 *   /echo        body back, once complete          /grpc       the same, as a gRPC reply
 *   /early       "early", before the body          /error      headers only (trailers-only gRPC)
 *   /list?N      N bytes 'a' from a source         /urgent?N   the same, class URGENT
 *   /unsized?N   /list of unknown length           /trailers?N /unsized with a trailer
 *   /whole?N     /unsized as one chunk
 *   /wait        a source that waits for lab_say   /fail       a source that fails after 3 bytes
 *   /hold        never answered, body not consumed /short      a source shorter than its length
 *   /late        "late", at the first piece of the body
 *   /reset       reset at once                     /sink       body consumed, "ok" at the end
 *   /socket      a WebSocket that sends back what it gets, and ends after a line "bye"
 *   /socket-hold one that consumes nothing */
#ifndef TEST_HTTP_LAB_H
#define TEST_HTTP_LAB_H

#include "http/http.h"

#define LAB_START_NS 1000000000000u
#define LAB_WALL_NS  784111777000000000u /* Sun, 06 Nov 1994 08:49:37 GMT */

#define LAB_SOCKET_MAX 1000u /* bytes of a message to /socket */

struct lab {
    struct env env;
    struct clock clock;
    struct log log;
    struct timers timers;
    struct layer_below below;
    struct http_handler handler;
    struct http_budget budget;
    struct layer *layer;
    uint64_t now_ns;
    bool finished; /* asked for, or feed failed */
    bool paused;
    bool woken;
    enum rc feed_rc;    /* the last feed's */
    struct buf out;     /* all that was emitted and not taken */
    struct buf journal; /* "request GET /x", "data 3", "end", "close ok": one a line */
    struct lab_stream *streams;
    unsigned live;
    unsigned requests;
    unsigned released; /* sources */
};

void lab_open(struct lab *l, const struct http_limits *limits, uint64_t budget_max);
void lab_close(struct lab *l); /* also checks that nothing is left behind */
void lab_feed(struct lab *l, struct slice in);
void lab_emit(struct lab *l, size_t max); /* one emit */
void lab_flush(struct lab *l);            /* emit until there is nothing */
void lab_pass_ms(struct lab *l, uint64_t ms);
/* For /wait: hand out n bytes more; end: they are the last. For every such stream. */
void lab_say(struct lab *l, size_t n, bool end);
/* For /hold: give back n bytes of window on the first stream. */
void lab_consume(struct lab *l, size_t n);
void lab_cancel(struct lab *l, enum http_reset why); /* the first stream */

/* Feed text, flush, and return what came out (borrowed until the next call). */
const char *lab_talk(struct lab *l, const char *text);
const char *lab_journal(struct lab *l); /* and clear it; borrowed likewise */

#endif
