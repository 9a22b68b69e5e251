#include "base/timers.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

static bool before(const struct timer *a, const struct timer *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->seq < b->seq);
}

static void place(struct timers *ts, size_t slot, struct timer *t)
{
    ts->heap[slot] = t;
    t->slot = slot + 1;
}

static void sift_up(struct timers *ts, size_t slot)
{
    struct timer *t = ts->heap[slot];
    while (slot > 0 && before(t, ts->heap[(slot - 1) / 2])) {
        place(ts, slot, ts->heap[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    place(ts, slot, t);
}

static void sift_down(struct timers *ts, size_t slot)
{
    struct timer *t = ts->heap[slot];
    for (;;) {
        size_t child = 2 * slot + 1;
        if (child >= ts->n)
            break;
        if (child + 1 < ts->n && before(ts->heap[child + 1], ts->heap[child]))
            child++;
        if (!before(ts->heap[child], t))
            break;
        place(ts, slot, ts->heap[child]);
        slot = child;
    }
    place(ts, slot, t);
}

void timers_fini(struct timers *ts)
{
    for (size_t i = 0; i < ts->n; i++)
        ts->heap[i]->slot = 0;
    free(ts->heap);
    *ts = (struct timers){0};
}

void timer_start(struct timers *ts, struct timer *t, uint64_t due_ns)
{
    timer_stop(ts, t);
    if (ts->n == ts->cap) {
        ts->cap = ts->cap ? ts->cap * 2 : 16;
        ts->heap = mem_realloc(ts->heap, ts->cap * sizeof(struct timer *));
    }
    t->due_ns = due_ns;
    t->seq = ts->seq++;
    ts->heap[ts->n] = t;
    sift_up(ts, ts->n++);
}

void timer_stop(struct timers *ts, struct timer *t)
{
    if (t->slot == 0)
        return;
    size_t slot = t->slot - 1;
    must(slot < ts->n && ts->heap[slot] == t);
    t->slot = 0;
    struct timer *last = ts->heap[--ts->n];
    if (last == t)
        return;
    place(ts, slot, last);
    sift_up(ts, slot);
    sift_down(ts, last->slot - 1);
}

void timers_run(struct timers *ts, uint64_t now_ns)
{
    uint64_t seq_max = ts->seq;
    ts->now_ns = now_ns;
    while (ts->n > 0 && ts->heap[0]->due_ns <= now_ns && ts->heap[0]->seq < seq_max) {
        struct timer *t = ts->heap[0];
        timer_stop(ts, t);
        t->fire(t);
    }
}

struct timer *timers_take(struct timers *ts, uint64_t now_ns)
{
    struct timer *t = ts->n > 0 ? ts->heap[0] : NULL;
    if (!t || t->due_ns > now_ns)
        return NULL;
    timer_stop(ts, t);
    return t;
}

uint64_t timers_next(const struct timers *ts)
{
    return ts->n ? ts->heap[0]->due_ns : TIMERS_NEVER;
}
