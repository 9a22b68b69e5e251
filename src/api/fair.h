/* fair - a queue in which everybody has a turn, however much others have put into it.
 *
 * Items come from origins (connections). Origins are hashed into flows, and flows are served in
 * turn, FAIR_QUANTUM bytes at a time, what is left over being kept for the next turn. So who sends
 * a little waits for little, beside others who send all they can; two origins may share a flow.
 * Stochastic fairness queueing (P. McKenney, 1990) by deficit round robin (Shreedhar and Varghese,
 * 1995). */
#ifndef MOAT_API_FAIR_H
#define MOAT_API_FAIR_H

#include "base/list.h"

#include <stdint.h>

#define FAIR_FLOWS   64u
#define FAIR_QUANTUM (64u << 10) /* bytes */

struct fair_item { /* embedded in what waits */
    struct list link;
    struct fair_flow *flow;
    size_t size;
};

struct fair {
    struct fair_flow {
        struct list items;  /* oldest first */
        struct list active; /* among the flows that have some */
        size_t bytes;
        size_t credit; /* what it may take in this turn */
    } flows[FAIR_FLOWS];
    struct list active;
    size_t bytes; /* of all that waits */
};

void fair_init(struct fair *f);
void fair_push(struct fair *f, struct fair_item *item, uint64_t origin, size_t size);
/* Whose turn it is; NULL: nobody waits. The same until something is pushed or removed. */
struct fair_item *fair_first(struct fair *f);
/* The newest item of the flow that has the most bytes; NULL: nobody waits. */
struct fair_item *fair_excess(struct fair *f);
void fair_remove(struct fair *f, struct fair_item *item);
void fair_check(const struct fair *f);

static inline bool fair_empty(const struct fair *f)
{
    return list_empty(&f->active);
}

#endif
