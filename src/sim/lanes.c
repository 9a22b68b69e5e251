#include "sim/lanes.h"

#include "env/env.h"

static uint64_t due(struct lanes *l, const struct sim_workers *w, struct rng *rng, uint64_t now_ns,
                    enum lane lane)
{
    struct lane_clock *c = &l->v[lane];
    if (sim_workers_idle(w, lane)) {
        *c = (struct lane_clock){0};
        return UINT64_MAX;
    }
    if (c->begin_ns == 0) {
        bool slow = rng_chance(rng, 20000);
        uint64_t most = slow ? 300 * (uint64_t)NS_PER_MS : 2 * (uint64_t)NS_PER_MS;
        c->begin_ns = now_ns + 1 + rng_below(rng, most);
        c->end_ns = c->begin_ns + rng_below(rng, NS_PER_MS);
    }
    return w->lanes[lane].ran ? c->end_ns : c->begin_ns;
}

enum lane lanes_next(struct lanes *l, const struct sim_workers *w, struct rng *rng, uint64_t now_ns,
                     uint64_t *due_ns)
{
    enum lane first = LANE_COUNT;
    for (enum lane lane = 0; lane < LANE_COUNT; lane++) {
        uint64_t at = due(l, w, rng, now_ns, lane);
        if (at >= *due_ns)
            continue;
        *due_ns = at;
        first = lane;
    }
    return first;
}

void lanes_step(struct lanes *l, struct sim_workers *w, enum lane lane)
{
    if (!w->lanes[lane].ran) {
        sim_workers_begin(w, lane);
        return;
    }
    l->v[lane] = (struct lane_clock){0};
    sim_workers_finish(w, lane);
}
