/* secret - bytes that must not outlive their use: passwords, tokens, keys.
 *
 * Wiping is not removed by the compiler. {0} is empty. Nothing of a secret is ever logged. */
#ifndef MOAT_BASE_SECRET_H
#define MOAT_BASE_SECRET_H

#include "base/buf.h"

struct secret {
    uint8_t *p;
    size_t n;
};

void secret_wipe(void *p, size_t n); /* p may be NULL when n is 0 */
struct secret secret_copy(struct slice s);
void secret_fini(struct secret *s);  /* wiped and freed; empty after */
void secret_buf_fini(struct buf *b); /* the same for a buf, all that it has room for */

/* Equal, in a time that depends on the lengths alone. */
bool secret_eq(struct slice a, struct slice b);

static inline struct slice secret_slice(const struct secret *s)
{
    return (struct slice){s->p, s->n};
}

#endif
