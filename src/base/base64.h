/* base64 - RFC 4648, both alphabets. */
#ifndef MOAT_BASE_BASE64_H
#define MOAT_BASE_BASE64_H

#include "base/buf.h"
#include "base/rc.h"

/* Append the standard form of in, padded. */
void base64_encode(struct slice in, struct buf *out);

/* Append what in stands for. As Go's protojson reads: the URL alphabet when in has one of its
 * letters, padding unless the length says that there is none, line ends skipped, and the bits that
 * nobody needs are not looked at. RC_MALFORMED, with something appended or not. */
MUST_USE enum rc base64_decode(struct slice in, struct buf *out);

#endif
