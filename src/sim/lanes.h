/* lanes - when a simulated server's threads run their jobs, and when they are done with them. */
#ifndef MOAT_SIM_LANES_H
#define MOAT_SIM_LANES_H

#include "base/rng.h"
#include "sim/workers.h"

struct lanes {
    struct lane_clock {
        uint64_t begin_ns; /* when the lane's next job runs; 0: not decided */
        uint64_t end_ns;   /* when it is done */
    } v[LANE_COUNT];
};

/* The lane that is the first to go on, if that is before *due_ns, which becomes its time; else
 * LANE_COUNT. */
enum lane lanes_next(struct lanes *l, const struct sim_workers *w, struct rng *rng, uint64_t now_ns,
                     uint64_t *due_ns);
/* It runs its job, or the job's end. */
void lanes_step(struct lanes *l, struct sim_workers *w, enum lane lane);

#endif
