/* aim - at which moment of a trace the power is lost: after how many of its records. */
#ifndef TEST_POWERLOSS_AIM_H
#define TEST_POWERLOSS_AIM_H

#include "base/rng.h"
#include "sites.h"

/* Anywhere, or near an event that is worth it. */
size_t aim_anywhere(const struct tracefile *t, struct rng *rng);

/* Where a sync of this site is missed: behind it, and before another one makes up for it. False:
 * the trace has none. */
bool aim_behind(const struct tracefile *t, const struct sites *s, int site, struct rng *rng,
                size_t *cut);

#endif
