/* workers - threads, as struct workers (env/worker.h).
 *
 * LANE_WAL and LANE_STORE have a thread each, LANE_POOL a few. A thread that has run a job puts it
 * on its lane's list of finished ones and calls notify, from that thread; the loop's thread then
 * calls io_workers_complete, which runs the done callbacks. Within a lane done runs in the order in
 * which the jobs finished, also when a done callback itself drains the lane. */
#ifndef MOAT_IO_WORKERS_H
#define MOAT_IO_WORKERS_H

#include "base/err.h"
#include "env/worker.h"

struct io_workers;

/* notify is called with arg, on any thread, when there may be something to complete. */
MUST_USE enum rc io_workers_new(unsigned pool_threads, void (*notify)(void *arg), void *arg,
                                struct io_workers **out, struct err *err);

/* Drain every lane, end the threads. */
void io_workers_free(struct io_workers *ws);

struct workers *io_workers_env(struct io_workers *ws);
void io_workers_complete(struct io_workers *ws);

#endif
