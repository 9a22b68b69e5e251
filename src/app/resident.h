/* resident - keeps the data file's pages from counting as this program's memory for ever.
 *
 * Pages of the map that were read count as ours until they are given back; the page cache keeps
 * them, so a next touch costs little. */
#ifndef MOAT_APP_RESIDENT_H
#define MOAT_APP_RESIDENT_H

#include "env/env.h"
#include "kv/storage.h"

#define RESIDENT_LOOK_NS ((uint64_t)10 * NS_PER_S)
#define RESIDENT_MAX     (64u << 20) /* bytes of mapped files; above: given back */

struct resident { /* {0}: not begun */
    struct env *env;
    struct storage *storage;
    size_t max_bytes;
    struct timer timer;
    struct job job;
    bool busy; /* the job is on its way */
};

/* Look from time to time, and give back when there is more. */
void resident_begin(struct resident *r, struct env *env, struct storage *storage, size_t max_bytes);
/* A job on its way needs the storage: drain LANE_POOL before that goes. */
void resident_end(struct resident *r);

#endif
