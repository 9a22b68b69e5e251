/* utf8 - is it? */
#ifndef MOAT_WIRE_UTF8_H
#define MOAT_WIRE_UTF8_H

#include "base/buf.h"

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_valid(struct slice s);
/* The bytes of the character at s, which is not empty; 0 when it is none. */
size_t utf8_len(struct slice s);
/* Append the character c, which is one. */
void utf8_append(uint32_t c, struct buf *out);

#endif
