/* timers - deadlines in an intrusive binary heap.
 *
 * Knows no clock: the owner (the event loop, or the simulator) passes the time in, so a run is
 * repeatable. Timers due at one instant fire in the order they were started.
 * Read beside it: libuv's src/timer.c, for the same tie rule. */
#ifndef MOAT_BASE_TIMERS_H
#define MOAT_BASE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMERS_NEVER UINT64_MAX

struct timer {
    void (*fire)(struct timer *t);
    uint64_t due_ns;
    uint64_t seq;
    size_t slot; /* position in the heap plus one; 0: not started */
};

struct timers {
    struct timer **heap;
    size_t n;
    size_t cap;
    uint64_t seq;
    uint64_t now_ns; /* as last told by timers_run */
};

void timers_fini(struct timers *ts);

/* Start, or move, a timer. fire runs from timers_run, once, with the timer stopped. */
void timer_start(struct timers *ts, struct timer *t, uint64_t due_ns);
void timer_stop(struct timers *ts, struct timer *t); /* harmless when not started */

static inline bool timer_active(const struct timer *t)
{
    return t->slot != 0;
}

/* Fire what is due at now_ns. A timer started by one that fires waits for the next call. */
void timers_run(struct timers *ts, uint64_t now_ns);

/* Instead of timers_run: the next timer that is due, stopped and not fired; NULL: none. For timers
 * that mean something only together. */
struct timer *timers_take(struct timers *ts, uint64_t now_ns);

/* When the next timer is due, or TIMERS_NEVER. */
uint64_t timers_next(const struct timers *ts);

#endif
