#include "api/fair.h"

#include "base/must.h"

void fair_init(struct fair *f)
{
    list_init(&f->active);
    f->bytes = 0;
    for (size_t i = 0; i < FAIR_FLOWS; i++) {
        list_init(&f->flows[i].items);
        list_init(&f->flows[i].active);
        f->flows[i].bytes = f->flows[i].credit = 0;
    }
}

/* Fibonacci hashing: origins are addresses, which differ in their middle bits. */
static size_t flow_of(uint64_t origin)
{
    _Static_assert(FAIR_FLOWS == 64, "the six highest bits choose");
    return (size_t)(origin * 0x9e3779b97f4a7c15u >> 58);
}

void fair_push(struct fair *f, struct fair_item *item, uint64_t origin, size_t size)
{
    struct fair_flow *flow = &f->flows[flow_of(origin)];
    item->flow = flow;
    item->size = size;
    if (list_empty(&flow->items)) {
        flow->credit = FAIR_QUANTUM;
        list_add_tail(&f->active, &flow->active);
    }
    list_add_tail(&flow->items, &item->link);
    flow->bytes += size;
    f->bytes += size;
}

struct fair_item *fair_first(struct fair *f)
{
    if (fair_empty(f))
        return NULL;
    for (;;) {
        struct fair_flow *flow = CONTAINER_OF(f->active.next, struct fair_flow, active);
        struct fair_item *item = CONTAINER_OF(flow->items.next, struct fair_item, link);
        if (flow->credit >= item->size)
            return item;
        flow->credit += FAIR_QUANTUM; /* so its turn comes once it has gathered enough */
        list_remove(&flow->active);
        list_add_tail(&f->active, &flow->active);
    }
}

struct fair_item *fair_excess(struct fair *f)
{
    struct fair_flow *most = NULL;
    list_each (at, &f->active) {
        struct fair_flow *flow = CONTAINER_OF(at, struct fair_flow, active);
        if (!most || flow->bytes > most->bytes)
            most = flow;
    }
    return most ? CONTAINER_OF(most->items.prev, struct fair_item, link) : NULL;
}

void fair_remove(struct fair *f, struct fair_item *item)
{
    struct fair_flow *flow = item->flow;
    must(flow && flow->bytes >= item->size);
    list_remove(&item->link);
    flow->bytes -= item->size;
    flow->credit -= item->size < flow->credit ? item->size : flow->credit;
    f->bytes -= item->size;
    item->flow = NULL;
    if (list_empty(&flow->items))
        list_remove(&flow->active);
}

void fair_check(const struct fair *f)
{
    size_t bytes = 0;
    for (size_t i = 0; i < FAIR_FLOWS; i++) {
        const struct fair_flow *flow = &f->flows[i];
        must(list_empty(&flow->items) == list_empty(&flow->active));
        must(flow->bytes == 0 || !list_empty(&flow->items));
        bytes += flow->bytes;
    }
    must(bytes == f->bytes);
}
