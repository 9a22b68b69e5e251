/* majority - a second voter that never starts, and --force-new-cluster, in the simulated world.
 *
 * From the moment at which the entry that adds it was applied, nothing may be acknowledged and no
 * linearizable read answered, over whatever crashes and starts, until one was made with
 * --force-new-cluster; and that one, even if it is cut short, leaves all members or this one. */
#ifndef MOAT_SIM_MAJORITY_H
#define MOAT_SIM_MAJORITY_H

#include "sim/node.h"

struct majority {
    bool lost;   /* others vote, and do not answer */
    bool forced; /* a start was tried that drops them */
    uint64_t times;
};

/* An entry that adds a voter nobody else is. */
void majority_entry(uint64_t id, struct buf *out);

/* Is the next start to be with --force-new-cluster? */
bool majority_forces(struct majority *m, struct rng *rng);

/* How it is now: after each turn and each start. NULL, or what is wrong. */
const char *majority_note(struct majority *m, const struct node *n);

#endif
