/* loop_private - the loop's inside, for the sockets that live on it. */
#ifndef MOAT_IO_LOOP_PRIVATE_H
#define MOAT_IO_LOOP_PRIVATE_H

#include "base/buf.h"
#include "base/list.h"
#include "io/loop.h"
#include "io/workers.h"

#include <uv.h>

#define LOOP_SIGNALS 2 /* SIGINT, SIGTERM */

struct io_loop {
    uv_loop_t uv;
    struct env env;
    struct clock clock;
    struct disk disk;
    struct rng rng;
    struct timers timers;
    struct io_workers *workers;

    uv_prepare_t turn_end; /* runs right before the wait */
    uv_idle_t no_wait;     /* active: the next turn does not wait */
    uv_timer_t alarm;      /* drives timers */
    uint64_t alarm_ns;     /* what it is set to; TIMERS_NEVER: stopped */
    uv_async_t completion; /* a worker has finished a job */
    uv_signal_t signals[LOOP_SIGNALS];
    unsigned signal_count;

    void (*on_turn)(void *arg);
    void *on_turn_arg;
    void (*on_signal)(void *arg, int signum);
    void *on_signal_arg;
    bool again;
    bool stop_asked;

    struct list conns;     /* all of them */
    struct list dirty;     /* those with something to flush */
    unsigned listen_count; /* open listeners */
    uint8_t *in;           /* IO_READ_MAX bytes */
    struct buf out;        /* what one emit gives */
    struct io_stats stats;
};

#endif
