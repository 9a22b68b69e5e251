#include "base/buf.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_CAP_MIN 64 /* bytes */

void buf_fini(struct buf *b)
{
    free(b->p);
    *b = (struct buf){0};
}

void buf_reserve(struct buf *b, size_t more)
{
    must(more <= SIZE_MAX / 2 - b->n);
    if (b->cap - b->n >= more)
        return;
    size_t cap = b->cap ? b->cap : BUF_CAP_MIN;
    while (cap < b->n + more)
        cap *= 2;
    b->p = mem_realloc(b->p, cap);
    b->cap = cap;
}

uint8_t *buf_extend(struct buf *b, size_t n)
{
    buf_reserve(b, n ? n : 1); /* so that there is a place, also for nothing */
    uint8_t *at = b->p + b->n;
    b->n += n;
    return at;
}

void buf_append(struct buf *b, const void *p, size_t n)
{
    if (n)
        memcpy(buf_extend(b, n), p, n);
}

void buf_append_slice(struct buf *b, struct slice s)
{
    buf_append(b, s.p, s.n);
}

void buf_append_str(struct buf *b, const char *s)
{
    buf_append(b, s, strlen(s));
}

void buf_append_u8(struct buf *b, uint8_t v)
{
    *buf_extend(b, 1) = v;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    char none[1];
    int n = vsnprintf(none, sizeof(none), fmt, args);
    va_end(args);
    must(n >= 0);
    buf_reserve(b, (size_t)n + 1);
    vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
    va_end(again);
    b->n += (size_t)n;
}

void buf_consume(struct buf *b, size_t n)
{
    must(n <= b->n);
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}
