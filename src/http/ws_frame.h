/* ws_frame - the frames of a WebSocket, read and written. RFC 6455 5.
 *
 * A cursor without a connection: bytes in, and out come pieces of messages, their ends, and control
 * frames. A peer masks what it sends (5.1), and its bytes are unmasked where they lie. The verdict
 * does not depend on how the bytes were cut. No extension is agreed on, so no reserved bit is set.
 *
 * Whether a text is UTF-8 (8.1) is for its reader to judge, and so is the reason of a Close. */
#ifndef MOAT_HTTP_WS_FRAME_H
#define MOAT_HTTP_WS_FRAME_H

#include "base/buf.h"

#define WS_HEAD_MAX    14u  /* bytes before a frame's payload: two, a long length, a mask */
#define WS_CONTROL_MAX 125u /* bytes of a control frame's payload */

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

/* Why a connection is closed: RFC 6455 7.4.1. */
enum ws_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_NO_CODE = 1005, /* a Close without one; never sent */
    WS_TOO_BIG = 1009,
};

struct ws_reader {
    uint64_t message_max; /* bytes of a message */
    uint64_t message;     /* of the one under way, as announced so far */
    uint64_t left;        /* of the frame's payload */
    uint32_t masked;      /* of the frame's payload, seen */
    uint8_t head[WS_HEAD_MAX];
    uint8_t head_n;
    uint8_t control_n;
    bool head_done;
    bool in_message; /* a fragment has come that was not the last */
    uint8_t control[WS_CONTROL_MAX];
};

enum ws_step {
    WS_STEP_MORE,        /* all was taken */
    WS_STEP_PIECE,       /* *piece is of a message, in place */
    WS_STEP_MESSAGE_END, /* the message is complete */
    WS_STEP_PING,        /* *piece is what to send back */
    WS_STEP_PONG,
    WS_STEP_CLOSE, /* *code is the peer's, or WS_NO_CODE */
    WS_STEP_BAD,   /* *code is what to close with; the reader is of no use any more */
};

struct ws_found {
    struct slice piece; /* borrowed until the next step */
    enum ws_code code;
};

void ws_reader_init(struct ws_reader *r, uint64_t message_max);
/* Take some of the n bytes at in, a piece of max bytes at most; *used is how many. */
enum ws_step ws_next(struct ws_reader *r, uint8_t *in, size_t n, size_t max, size_t *used,
                     struct ws_found *found);

/* Append a frame. A server's is not masked. */
void ws_append(struct buf *out, enum ws_opcode opcode, bool fin, struct slice payload);
void ws_append_close(struct buf *out, enum ws_code code);

#endif
