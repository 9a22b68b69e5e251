/* waiting - writes that wait until log and storage have room for them.
 *
 * How much may be on its way at once is bounded, so that a batch of the log, or of storage, stays
 * short and whoever writes little is not held up by who writes much. What does not fit waits here,
 * in a fair queue; only when that is full as well is a write refused, the newest of whoever has
 * most in it. Small writes have a queue of their own, which is asked first and may use the room
 * that large ones must leave. */
#ifndef MOAT_API_WAITING_H
#define MOAT_API_WAITING_H

#include "api/fair.h"
#include "base/buf.h"
#include "state/state.h"

#define WAITING_BYTES_MAX   (128u << 20) /* that wait */
#define WAITING_SMALL       (64u << 10)  /* an entry up to here is small */
#define WAITING_LOG_LARGE   (8u << 20) /* bytes on their way through the log, for a large one … */
#define WAITING_LOG_SMALL   (16u << 20) /* … and for a small one to follow */
#define WAITING_STORE_LARGE (48u << 20) /* the same, of what waits for storage; */
#define WAITING_STORE_SMALL STATE_UNFLUSHED_MAX

/* What is on its way. */
struct waiting_load {
    size_t log;   /* bytes proposed and not applied yet */
    size_t store; /* bytes applied and not in storage yet */
};

struct waiter { /* embedded in what waits */
    struct fair_item fair;
    struct list by_age;
    struct buf entry;
};

struct waiting {
    struct fair small;
    struct fair large;
    struct list by_age; /* of both, oldest first */
};

void waiting_init(struct waiting *w);
/* Need an entry of so many bytes not wait? */
bool waiting_may_pass(const struct waiting *w, size_t bytes, struct waiting_load load);
/* waiter->entry is set. */
void waiting_add(struct waiting *w, struct waiter *waiter, uint64_t origin);
/* Each of these gives a waiter, which waits no longer, or NULL: the one that may go now; … */
struct waiter *waiting_next(struct waiting *w, struct waiting_load load);
/* … one of more than max bytes that wait: the newest of who has most; … */
struct waiter *waiting_excess(struct waiting *w, size_t max);
/* … the oldest, if old() says that it waited too long. */
struct waiter *waiting_old(struct waiting *w, bool (*old)(void *arg, struct waiter *waiter),
                           void *arg);
void waiting_check(const struct waiting *w);

static inline bool waiting_empty(const struct waiting *w)
{
    return list_empty(&w->by_age);
}

#endif
