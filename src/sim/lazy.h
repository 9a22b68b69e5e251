/* lazy - a range read in pieces while the world goes on, and what it must come to. */
#ifndef MOAT_SIM_LAZY_H
#define MOAT_SIM_LAZY_H

#include "base/rng.h"
#include "kv/range.h"

struct lazy {
    bool open;
    struct kv_range range;
    struct buf got;
    struct buf want;
};

/* Now and then open one; read some bytes of one that is open. NULL, or what is wrong. */
const char *lazy_step(struct lazy *l, struct rng *rng, struct kv *kv, struct arena *a);
void lazy_close(struct lazy *l); /* harmless when closed */

#endif
