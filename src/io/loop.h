/* loop - the event loop and the struct env that stands on it.
 *
 * One thread, its turns: wait for descriptors, read and feed, run completions and timers; then, at
 * the end of the turn, before waiting again, the on_turn hook (which submits the next log batch:
 * the disk should start first), and after it each dirty connection is flushed once. One send per
 * connection and turn is worth five times the CPU of one send per response (docs/ARCHITECTURE.md).
 *
 * All calls but io_loop_new are made on the loop's thread. From io_loop_new on SIGPIPE is ignored,
 * and so are SIGUSR1 and SIGUSR2, by which scripts for log files and the like mean well.
 * The only folder that knows libuv is this one; a loop owns its handles, buffers and threads. */
#ifndef MOAT_IO_LOOP_H
#define MOAT_IO_LOOP_H

#include "env/env.h"

#define IO_POOL_THREADS_DEFAULT 2u
#define IO_POOL_THREADS_MAX     64u

struct io_loop;

struct io_loop_options {
    struct log *log;       /* may be NULL */
    unsigned pool_threads; /* of LANE_POOL; 0: IO_POOL_THREADS_DEFAULT */
};

/* Counted since the start; for metrics and tests. */
struct io_stats {
    uint64_t turns;
    uint64_t accepted;
    uint64_t refused; /* closed at accept: a limit, no descriptors, or on_accept said no */
    uint64_t recvs;   /* system calls */
    uint64_t recv_bytes;
    uint64_t sends; /* system calls */
    uint64_t send_bytes;
    uint64_t connections; /* open now */
};

MUST_USE enum rc io_loop_new(const struct io_loop_options *opt, struct io_loop **out,
                             struct err *err);

/* Closes what connections are left (RC_CLOSED), runs all submitted jobs with their done callbacks,
 * ends the threads. Listeners must have been closed before. Timers left are not fired. */
void io_loop_free(struct io_loop *loop);

/* Close every connection (RC_CLOSED) now: for a stop, while what the layers stand on still exists.
 * Not from within a layer's calls. */
void io_loop_close_conns(struct io_loop *loop);

/* Until io_loop_stop. The end of the last turn has run when this returns. May be called again. */
void io_loop_run(struct io_loop *loop);
void io_loop_stop(struct io_loop *loop);

/* The end of each turn; see above. fn NULL: none. */
void io_loop_on_turn(struct io_loop *loop, void (*fn)(void *arg), void *arg);

/* Called, on the loop, for each SIGINT and SIGTERM that arrives. Before this they kill as ever. */
MUST_USE enum rc io_loop_on_signal(struct io_loop *loop, void (*fn)(void *arg, int signum),
                                   void *arg, struct err *err);

/* Do not block before the next turn: the end of this one left work (for use in on_turn and emit;
 * elsewhere the turn's end is still to come anyway). */
void io_loop_again(struct io_loop *loop);

struct env *io_loop_env(struct io_loop *loop); /* lives as long as the loop */
const struct io_stats *io_loop_stats(const struct io_loop *loop);

#endif
