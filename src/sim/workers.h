/* workers - the lanes of env/worker.h on one thread: a job runs when the simulation says so.
 *
 * Its run and its done are two steps, with time for anything in between, as with real threads. */
#ifndef MOAT_SIM_WORKERS_H
#define MOAT_SIM_WORKERS_H

#include "env/worker.h"

#include <stdbool.h>
#include <stddef.h>

struct sim_lane {
    struct job *first;
    struct job *last;
    struct job *ran; /* run has returned, done has not been called */
};

struct sim_workers {
    struct workers workers;
    struct sim_lane lanes[LANE_COUNT];
};

void sim_workers_init(struct sim_workers *w);

bool sim_workers_idle(const struct sim_workers *w, enum lane lane);

/* Call run of the lane's next job; false when there is none, or one waits for its done. */
bool sim_workers_begin(struct sim_workers *w, enum lane lane);

/* Call done of the job that ran; false when none did. */
bool sim_workers_finish(struct sim_workers *w, enum lane lane);

/* The next step to a job's end: begin if need be, then finish. False when the lane is idle. */
bool sim_workers_run_one(struct sim_workers *w, enum lane lane);

/* The process died: forget all jobs, without a call. */
void sim_workers_forget(struct sim_workers *w);

#endif
