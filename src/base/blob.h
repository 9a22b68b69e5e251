/* blob - bytes that several own: made once, then never changed, freed with the last of them.
 *
 * What many are sent (an event that a thousand watch) is encoded once and shared. Not for threads.
 */
#ifndef MOAT_BASE_BLOB_H
#define MOAT_BASE_BLOB_H

#include "base/buf.h"
#include "base/cc.h"

struct blob {
    size_t n;
    uint32_t owners;
    uint32_t queues; /* of the owners, those that count its bytes in a budget: the first one does */
    uint8_t *p;
    struct blob *json; /* the same for those who read JSON, once one did; freed with this */
};

/* With one owner, the caller. Takes over the bytes of b, which is empty after. */
MUST_USE struct blob *blob_new(struct buf *b);
struct blob *blob_share(struct blob *b); /* one more owner; returns b */
void blob_release(struct blob *b);       /* NULL is fine */

static inline struct slice blob_slice(const struct blob *b)
{
    return (struct slice){b->p, b->n};
}

#endif
