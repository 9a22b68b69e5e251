/* worker - work away from the loop thread.
 *
 * A job's run is called on another thread and may block; then its done on the loop thread. A
 * lane runs its jobs one at a time, in order; the pool runs several at once, in any order. The
 * job's memory is the caller's until done has begun.
 * The simulator runs both on its one thread, at times of its choosing. */
#ifndef MOAT_ENV_WORKER_H
#define MOAT_ENV_WORKER_H

struct workers;

enum lane {
    LANE_WAL,   /* log writes and syncs */
    LANE_STORE, /* commits of the applied state */
    LANE_POOL,  /* what may take long: cold reads, hashing */
    LANE_COUNT
};

struct job {
    void (*run)(struct job *job);
    void (*done)(struct job *job);
    struct job *next; /* the lane's */
};

struct workers_ops {
    void (*submit)(struct workers *w, enum lane lane, struct job *job);
    /* Block the loop until the lane has run everything submitted to it, calling done in order. */
    void (*drain)(struct workers *w, enum lane lane);
};

struct workers {
    const struct workers_ops *ops;
};

static inline void worker_submit(struct workers *w, enum lane lane, struct job *job)
{
    w->ops->submit(w, lane, job);
}

static inline void worker_drain(struct workers *w, enum lane lane)
{
    w->ops->drain(w, lane);
}

#endif
