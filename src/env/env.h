/* env - the outside world, as kv, state, wal and quorum see it.
 *
 * They get time, randomness, files and threads only from here, so that src/sim can run them with
 * a simulated disk and clock, repeatably from a seed. src/io implements all of it on libuv. */
#ifndef MOAT_ENV_ENV_H
#define MOAT_ENV_ENV_H

#include "base/log.h"
#include "base/rng.h"
#include "base/timers.h"
#include "env/disk.h"
#include "env/fault.h"
#include "env/worker.h"

#define NS_PER_MS 1000000u
#define NS_PER_S  1000000000u

struct clock {
    uint64_t (*mono_ns)(struct clock *c); /* never goes back; compare only with itself */
    uint64_t (*wall_ns)(struct clock *c); /* since 1970, may jump */
};

struct metrics;

struct env {
    struct clock *clock;
    struct timers *timers; /* due times are mono_ns */
    struct rng *rng;
    struct disk *disk;
    struct workers *workers;
    struct faults *faults; /* NULL: no fault points armed */
    struct log *log;
    struct metrics *metrics; /* NULL: nothing is counted (env/metrics.h) */
};

static inline uint64_t env_now_ns(const struct env *env)
{
    return env->clock->mono_ns(env->clock);
}

/* Start a timer that fires after delay_ns. */
static inline void env_after(struct env *env, struct timer *t, uint64_t delay_ns)
{
    timer_start(env->timers, t, env_now_ns(env) + delay_ns);
}

#endif
