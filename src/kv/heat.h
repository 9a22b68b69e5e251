/* heat - which prefixes change most just now, in bounded memory.
 *
 * Counts changes by the key's prefix up to its last '/', for as many prefixes as there are slots;
 * another one takes the place, and the count, of the coldest: a prefix that is really hot is never
 * missed, and its count is at most that much too high (Space-Saving: Metwally, Agrawal and El
 * Abbadi, 2005). Windows follow each other; the last whole one is what is told. */
#ifndef MOAT_KV_HEAT_H
#define MOAT_KV_HEAT_H

#include "base/slice.h"

#define HEAT_SLOTS      128u
#define HEAT_PREFIX_MAX 96u            /* bytes kept of a prefix */
#define HEAT_WINDOW_NS  10000000000ull /* 10 s */

struct heat {
    uint64_t hash[HEAT_SLOTS]; /* of the prefix; beside each other, to be searched */
    struct heat_slot {
        uint64_t now;    /* changes in this window */
        uint64_t before; /* … in the last whole one */
        uint8_t prefix_n;
        uint8_t prefix[HEAT_PREFIX_MAX];
    } slots[HEAT_SLOTS];
    unsigned n;
    uint64_t window_ns; /* when this one began; 0: not yet */
    uint64_t before_ns; /* how long the last whole one was */
};

void heat_note(struct heat *h, struct slice key);
/* Begin a new window if it is time. Call it now and then, and before looking. */
void heat_turn(struct heat *h, uint64_t now_ns);

struct heat_prefix {
    struct slice prefix; /* valid until the next change */
    uint64_t changes;    /* in the last whole window, or in this one when that was quiet */
};
/* The hottest first; returns how many, at most max. */
unsigned heat_hottest(const struct heat *h, struct heat_prefix *out, unsigned max);
/* How long the window is of which heat_hottest tells, in ns. */
uint64_t heat_told_ns(const struct heat *h, uint64_t now_ns);

#endif
