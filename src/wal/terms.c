#include "wal/terms.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>
#include <string.h>

void terms_fini(struct terms *t)
{
    free(t->v);
    *t = (struct terms){0};
}

static void push(struct terms *t, uint64_t index, uint64_t term)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 8;
        t->v = mem_realloc(t->v, t->cap * sizeof(*t->v));
    }
    t->v[t->n++] = (struct term_run){index, term};
}

void terms_init(struct terms *t, uint64_t index, uint64_t term)
{
    t->n = 0;
    push(t, index, term);
}

void terms_put(struct terms *t, uint64_t index, uint64_t term)
{
    while (t->n > 0 && t->v[t->n - 1].index >= index)
        t->n--;
    must(t->n > 0);
    if (t->v[t->n - 1].term != term)
        push(t, index, term);
}

void terms_trim(struct terms *t, uint64_t index)
{
    size_t gone = 0;
    while (gone + 1 < t->n && t->v[gone + 1].index <= index)
        gone++;
    t->n -= gone;
    memmove(t->v, t->v + gone, t->n * sizeof(*t->v));
    if (t->v[0].index < index)
        t->v[0].index = index;
}

uint64_t terms_at(const struct terms *t, uint64_t index)
{
    must(t->n > 0 && index >= t->v[0].index);
    size_t lo = 0;
    size_t hi = t->n;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->v[mid].index <= index)
            lo = mid;
        else
            hi = mid;
    }
    return t->v[lo].term;
}
