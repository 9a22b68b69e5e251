#include "quorum/tail.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

#define TAIL_CAP_MIN 64u

void tail_init(struct tail *t, uint64_t first)
{
    *t = (struct tail){.first = first};
}

void tail_fini(struct tail *t)
{
    while (t->n > 0)
        tail_pop_last(t);
    free(t->ring);
    *t = (struct tail){0};
}

static struct tail_entry *slot(const struct tail *t, size_t i)
{
    return &t->ring[(t->head + i) & (t->cap - 1)];
}

static void grow(struct tail *t)
{
    size_t cap = t->cap ? t->cap * 2 : TAIL_CAP_MIN;
    struct tail_entry *ring = mem_calloc(cap, sizeof(*ring));
    for (size_t i = 0; i < t->n; i++)
        ring[i] = *slot(t, i);
    free(t->ring);
    t->ring = ring;
    t->cap = cap;
    t->head = 0;
}

struct tail_entry *tail_push(struct tail *t, uint64_t term, enum wal_entry_kind kind,
                             struct buf *body, void *ctx)
{
    if (t->n == t->cap)
        grow(t);
    struct tail_entry *e = slot(t, t->n++);
    *e = (struct tail_entry){.term = term, .kind = kind, .body = *body, .ctx = ctx};
    *body = (struct buf){0};
    t->bytes += e->body.n;
    return e;
}

struct tail_entry *tail_at(const struct tail *t, uint64_t index)
{
    if (index < t->first || index - t->first >= t->n)
        return NULL;
    return slot(t, (size_t)(index - t->first));
}

struct tail_entry tail_take(struct tail *t, uint64_t index)
{
    must(t->n > 0 && index == t->first);
    struct tail_entry e = *slot(t, 0);
    t->bytes -= e.body.n;
    t->head = (t->head + 1) & (t->cap - 1);
    t->first++;
    t->n--;
    return e;
}

void tail_pop_last(struct tail *t)
{
    must(t->n > 0);
    struct tail_entry *e = slot(t, t->n - 1);
    t->bytes -= e->body.n;
    buf_fini(&e->body);
    t->n--;
}
