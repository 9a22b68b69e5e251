#include "sim/lanes.h"

#include "env/env.h"

uint64_t lanes_due(struct lanes *l, const struct sim_workers *workers, struct rng *rng,
                   uint64_t now_ns, enum lane lane)
{
    struct lane_clock *c = &l->clocks[lane];
    if (sim_workers_idle(workers, lane)) {
        *c = (struct lane_clock){0};
        return UINT64_MAX;
    }
    if (c->begin_ns == 0) {
        bool slow = rng_chance(rng, 20000);
        uint64_t most = slow ? 300 * (uint64_t)NS_PER_MS : 2 * (uint64_t)NS_PER_MS;
        c->begin_ns = now_ns + 1 + rng_below(rng, most);
        c->end_ns = c->begin_ns + rng_below(rng, NS_PER_MS);
    }
    return workers->lanes[lane].ran ? c->end_ns : c->begin_ns;
}

void lanes_step(struct lanes *l, struct sim_workers *workers, enum lane lane)
{
    if (!workers->lanes[lane].ran) {
        sim_workers_begin(workers, lane);
        return;
    }
    l->clocks[lane] = (struct lane_clock){0};
    sim_workers_finish(workers, lane);
}
