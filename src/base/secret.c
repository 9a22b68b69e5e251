#include "base/secret.h"

#include "base/mem.h"

#include <stdlib.h>

void secret_wipe(void *p, size_t n)
{
    if (n > 0)
        explicit_bzero(p, n);
}

struct secret secret_copy(struct slice s)
{
    struct secret copy = {.p = mem_alloc(s.n + 1), .n = s.n};
    if (s.n > 0)
        memcpy(copy.p, s.p, s.n);
    return copy;
}

void secret_fini(struct secret *s)
{
    secret_wipe(s->p, s->n);
    free(s->p);
    *s = (struct secret){0};
}

void secret_buf_fini(struct buf *b)
{
    secret_wipe(b->p, b->cap);
    buf_fini(b);
}

bool secret_eq(struct slice a, struct slice b)
{
    volatile uint8_t differ = 0;
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        differ = (uint8_t)(differ | (a.p[i] ^ b.p[i]));
    return differ == 0;
}
