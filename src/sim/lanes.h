/* lanes - when the jobs of each lane begin and end: as the seed has it, now and then slowly. */
#ifndef MOAT_SIM_LANES_H
#define MOAT_SIM_LANES_H

#include "base/rng.h"
#include "sim/workers.h"

struct lanes {
    struct lane_clock {
        uint64_t begin_ns; /* when the lane's next job runs; 0: not decided */
        uint64_t end_ns;   /* when it is done */
    } clocks[LANE_COUNT];
};

/* When something happens on the lane next; UINT64_MAX: nothing does. */
uint64_t lanes_due(struct lanes *l, const struct sim_workers *workers, struct rng *rng,
                   uint64_t now_ns, enum lane lane);
/* Let it happen. */
void lanes_step(struct lanes *l, struct sim_workers *workers, enum lane lane);

#endif
