/* message - gRPC's length-prefixed messages in a stream of bytes (PROTOCOL-HTTP2). */
#ifndef MOAT_CLIENT_MESSAGE_H
#define MOAT_CLIENT_MESSAGE_H

#include "base/buf.h"
#include "base/rc.h"

#define MESSAGE_HEAD 5 /* bytes before a message: a flag and its length */

void message_frame(struct slice message, struct buf *out);

/* The first message of in, if it is there as a whole. RC_OK: it is *out, which borrows; RC_AGAIN:
 * more must come; RC_LIMIT: longer than max, *announced says how long; RC_UNSUPPORTED:
 * compressed, which nobody asked for. */
MUST_USE enum rc message_first(struct slice in, size_t max, struct slice *out, size_t *announced);

#endif
