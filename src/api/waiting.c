#include "api/waiting.h"

#include "base/must.h"

void waiting_init(struct waiting *w)
{
    fair_init(&w->small);
    fair_init(&w->large);
    list_init(&w->by_age);
}

static struct fair *queue_of(struct waiting *w, size_t bytes)
{
    return bytes <= WAITING_SMALL ? &w->small : &w->large;
}

static bool has_room(size_t bytes, struct waiting_load load)
{
    bool small = bytes <= WAITING_SMALL;
    return load.log < (small ? WAITING_LOG_SMALL : WAITING_LOG_LARGE) &&
           load.store < (small ? WAITING_STORE_SMALL : WAITING_STORE_LARGE);
}

bool waiting_may_pass(const struct waiting *w, size_t bytes, struct waiting_load load)
{
    const struct fair *queue = bytes <= WAITING_SMALL ? &w->small : &w->large;
    return fair_empty(queue) && has_room(bytes, load);
}

void waiting_add(struct waiting *w, struct waiter *waiter, uint64_t origin)
{
    size_t bytes = waiter->entry.n;
    fair_push(queue_of(w, bytes), &waiter->fair, origin, bytes);
    list_add_tail(&w->by_age, &waiter->by_age);
}

static struct waiter *take(struct waiting *w, struct waiter *waiter)
{
    fair_remove(queue_of(w, waiter->fair.size), &waiter->fair);
    list_remove(&waiter->by_age);
    return waiter;
}

struct waiter *waiting_next(struct waiting *w, struct waiting_load load)
{
    struct fair *queues[] = {&w->small, &w->large};
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        struct fair_item *item = fair_first(queues[i]);
        if (item && has_room(item->size, load))
            return take(w, CONTAINER_OF(item, struct waiter, fair));
    }
    return NULL;
}

struct waiter *waiting_excess(struct waiting *w, size_t max)
{
    if (w->small.bytes + w->large.bytes <= max || waiting_empty(w))
        return NULL;
    struct fair *most = w->large.bytes >= w->small.bytes ? &w->large : &w->small;
    return take(w, CONTAINER_OF(fair_excess(most), struct waiter, fair));
}

struct waiter *waiting_old(struct waiting *w, bool (*old)(void *arg, struct waiter *waiter),
                           void *arg)
{
    if (waiting_empty(w))
        return NULL;
    struct waiter *waiter = CONTAINER_OF(w->by_age.next, struct waiter, by_age);
    return old(arg, waiter) ? take(w, waiter) : NULL;
}

void waiting_check(const struct waiting *w)
{
    fair_check(&w->small);
    fair_check(&w->large);
    must(waiting_empty(w) == (fair_empty(&w->small) && fair_empty(&w->large)));
}
