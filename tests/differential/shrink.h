/* shrink - make a failing sequence of steps short.
 *
 * Steps are taken out, then parts of the transactions that are left, as long as fresh servers still
 * disagree about the rest. */
#ifndef TEST_DIFFERENTIAL_SHRINK_H
#define TEST_DIFFERENTIAL_SHRINK_H

#include "execute.h"

#define SHRINK_TRIALS_MAX 200 /* each starts two servers */

/* A step, and its place in the whole sequence. */
struct placed {
    struct step *step;
    size_t place;
};

struct sequence {
    struct placed *at;
    size_t n;
};

/* Shrink s in place; out becomes what the servers disagree in at its end. False when the sequence
 * does not fail again. rig has no servers running, before and after; parts that are taken out of
 * transactions stay out. */
bool shrink(struct rig *rig, struct sequence *s, struct disagreement *out);

#endif
