#include "sim/workers.h"

#include "base/cc.h"
#include "base/must.h"

static struct sim_workers *of(struct workers *w)
{
    return CONTAINER_OF(w, struct sim_workers, workers);
}

static void submit(struct workers *workers, enum lane lane, struct job *job)
{
    struct sim_lane *l = &of(workers)->lanes[lane];
    job->next = NULL;
    if (l->last)
        l->last->next = job;
    else
        l->first = job;
    l->last = job;
}

static void drain(struct workers *workers, enum lane lane)
{
    while (sim_workers_run_one(of(workers), lane)) {
    }
}

static const struct workers_ops ops = {.submit = submit, .drain = drain};

void sim_workers_init(struct sim_workers *w)
{
    *w = (struct sim_workers){.workers.ops = &ops};
}

bool sim_workers_idle(const struct sim_workers *w, enum lane lane)
{
    return !w->lanes[lane].first && !w->lanes[lane].ran;
}

bool sim_workers_begin(struct sim_workers *w, enum lane lane)
{
    struct sim_lane *l = &w->lanes[lane];
    struct job *job = l->first;
    if (!job || l->ran)
        return false;
    l->first = job->next;
    if (!l->first)
        l->last = NULL;
    l->ran = job;
    job->run(job);
    return true;
}

bool sim_workers_finish(struct sim_workers *w, enum lane lane)
{
    struct sim_lane *l = &w->lanes[lane];
    struct job *job = l->ran;
    if (!job)
        return false;
    l->ran = NULL;
    job->done(job);
    return true;
}

bool sim_workers_run_one(struct sim_workers *w, enum lane lane)
{
    if (!w->lanes[lane].ran && !sim_workers_begin(w, lane))
        return false;
    return sim_workers_finish(w, lane);
}

void sim_workers_forget(struct sim_workers *w)
{
    for (int i = 0; i < LANE_COUNT; i++)
        w->lanes[i] = (struct sim_lane){0};
}
