/* base64 - bytes as letters (RFC 4648), in the two forms that etcd's clients use.
 *
 * As Go reads them: line ends are skipped, the unused bits of the last letter may be anything. */
#ifndef MOAT_BASE_BASE64_H
#define MOAT_BASE_BASE64_H

#include "base/buf.h"
#include "base/rc.h"

enum base64_form {
    BASE64_STD, /* section 4: + and /, padded with = */
    BASE64_URL  /* section 5: - and _, without padding; line ends are refused */
};

void base64_encode(enum base64_form form, struct slice in, struct buf *out);
/* Append what in stands for. RC_MALFORMED; out is then as it was. */
MUST_USE enum rc base64_decode(enum base64_form form, struct slice in, struct buf *out);

#endif
