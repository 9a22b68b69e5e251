/* picks - selected pairs in an order that is not the index's, and no more of them than are wanted.
 *
 * Whoever wants the first ten of a million keys costs the memory of a few, and a million
 * comparisons rather than twenty: what cannot be among them any more is dropped on the way. */
#ifndef MOAT_KV_PICKS_H
#define MOAT_KV_PICKS_H

#include "kv/index.h"

#define PICKS_SPARE 1000 /* at least so many beyond those wanted, before they are sorted */

struct range_pick {
    struct revision rev;
    uint32_t size;      /* what it takes in the answer, its prefix included */
    int64_t number;     /* what it is sorted by, if a number … */
    struct slice bytes; /* … or the value or key; valid until picks_finish only */
};

/* Set want, by_bytes and descend; all else 0 at first. */
struct picks {
    struct range_pick *v; /* the caller's to free */
    size_t n;
    size_t cap;
    uint64_t seen; /* all that were added */
    uint64_t want; /* the first so many; 0: all */
    bool by_bytes;
    bool descend;
};

/* In the keys' order, which stays the order among equals. */
void picks_add(struct picks *p, const struct range_pick *pick);
/* That was all: sort them, and keep those that are wanted. */
void picks_finish(struct picks *p);

#endif
