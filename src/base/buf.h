/* buf - bytes that we own, growing at the end.
 *
 * {0} is empty. Appending never fails (base/mem.h). Invariant: n <= cap. */
#ifndef MOAT_BASE_BUF_H
#define MOAT_BASE_BUF_H

#include "base/cc.h"
#include "base/slice.h"

struct buf {
    uint8_t *p;
    size_t n;
    size_t cap;
};

void buf_fini(struct buf *b);                 /* free the bytes; b is empty after */
void buf_reserve(struct buf *b, size_t more); /* make room for more bytes beyond n */
uint8_t *buf_extend(struct buf *b, size_t n); /* add n bytes, unset, and return where they are */
void buf_append(struct buf *b, const void *p, size_t n);
void buf_append_slice(struct buf *b, struct slice s);
void buf_append_str(struct buf *b, const char *s);
void buf_append_u8(struct buf *b, uint8_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3); /* no terminating zero */
void buf_consume(struct buf *b, size_t n);                         /* drop the first n bytes */

static inline void buf_clear(struct buf *b)
{
    b->n = 0;
}

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->p, b->n};
}

#endif
