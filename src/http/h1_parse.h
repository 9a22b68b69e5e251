/* h1_parse - the grammar of an HTTP/1 request: head and chunked body. RFC 9112.
 *
 * Pure functions and cursors without a connection. On doubt they refuse: what two readers could
 * frame differently is how requests are smuggled (RFC 9112 11.2). So a line ends in CRLF and
 * nothing else, no line is folded, no field is read twice. The verdict on bytes does not depend
 * on how they were cut into pieces. */
#ifndef MOAT_HTTP_H1_PARSE_H
#define MOAT_HTTP_H1_PARSE_H

#include "http/conn.h"

#define H1_CHUNK_LINE_MAX 256u        /* bytes of a chunk's size and extensions */
#define H1_CHUNK_WASTE    (16u << 10) /* bytes of all extensions of a body */
#define H1_TRAILER_MAX    (4u << 10)  /* bytes of the trailer section */

/* Where a request's head ends. {0} begins. */
struct h1_scan {
    size_t at;   /* bytes looked at */
    size_t line; /* where the line under way begins */
};

enum h1_found { H1_FOUND_NOTHING, H1_FOUND_HEAD, H1_FOUND_BAD };

/* Look on in the bytes of a head so far. HEAD: it is in[0, scan->at). */
enum h1_found h1_scan_head(struct h1_scan *scan, struct slice in);

/* False when no request begins with this byte (a TLS hello, say). */
bool h1_may_begin(uint8_t c);

/* Why a request is refused; status 0: it is not. */
struct h1_refusal {
    unsigned status;
    const char *why;
};

enum h1_framing { H1_NO_BODY, H1_LENGTH, H1_CHUNKED };

struct h1_head {
    enum h1_framing framing;
    uint64_t length; /* with H1_LENGTH; more than 0 */
    unsigned minor;  /* 0 or 1 */
    bool keep_alive;
    bool expect_continue;
};

/* Parse a whole head, both CRLF at its end included. Fills s->request; *out only when not refused.
 */
MUST_USE struct h1_refusal h1_parse_head(struct slice in, struct http_stream *s,
                                         struct h1_head *out);

/* Has a header of that name this token in its list, in whatever case (RFC 9110 5.6.1)? */
bool h1_has_token(const struct http_request *r, const char *name, const char *token);

/* The chunked coding (RFC 9112 7.1), in pieces. {0} begins. */
enum h1_chunk_state {
    H1_CHUNK_SIZE_FIRST,
    H1_CHUNK_SIZE,
    H1_CHUNK_EXTENSION,
    H1_CHUNK_SIZE_LF,
    H1_CHUNK_DATA,
    H1_CHUNK_DATA_CR,
    H1_CHUNK_DATA_LF,
    H1_TRAILER_FIRST,
    H1_TRAILER_NAME,
    H1_TRAILER_VALUE,
    H1_TRAILER_LF,
    H1_CHUNKS_LF,
    H1_CHUNKS_END
};

struct h1_chunks {
    enum h1_chunk_state state;
    uint64_t left; /* of the chunk */
    uint32_t line; /* bytes of the size line, or of the trailer section */
    uint32_t waste;
};

enum h1_step { H1_STEP_MORE, H1_STEP_PIECE, H1_STEP_END, H1_STEP_BAD };

/* Take bytes from in until a piece of the body (at most max bytes), the end, or a fault. */
enum h1_step h1_chunks_next(struct h1_chunks *c, struct slice *in, size_t max, struct slice *piece);

#endif
