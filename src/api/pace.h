/* pace - how slowly an answer may be read that holds a revision: whoever takes nothing for
 * API_PIN_MS_MAX is late, and whoever is so far behind API_PIN_BYTES_PER_MS.
 *
 * A revision that is held keeps compaction from giving back what is newer. So neither a reader that
 * stops in the middle nor one that takes a byte now and then may hold it for long; all together it
 * is held no longer than API_PIN_MS_MAX and a millisecond for each API_PIN_BYTES_PER_MS taken. */
#ifndef MOAT_API_PACE_H
#define MOAT_API_PACE_H

#include "base/timers.h"
#include "env/env.h"

#define API_PIN_MS_MAX       30000u
#define API_PIN_BYTES_PER_MS 1024u

struct pace { /* {0}: not begun */
    struct env *env;
    struct timer timer;
    uint64_t begun_ns;
    uint64_t moved_ns; /* when something was taken the last time */
    uint64_t bytes;    /* taken so far */
    void (*late)(struct pace *p);
};

/* late runs once, unless pace_end comes before. */
void pace_begin(struct pace *p, struct env *env, void (*late)(struct pace *p));
void pace_moved(struct pace *p, size_t bytes); /* so many were taken */
void pace_end(struct pace *p);                 /* harmless when not begun */

#endif
