#include "kv/picks.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static int by_number(const struct range_pick *a, const struct range_pick *b)
{
    return (a->number > b->number) - (a->number < b->number);
}

static int by_bytes(const struct range_pick *a, const struct range_pick *b)
{
    return slice_cmp(a->bytes, b->bytes);
}

/* Stable, as etcd's order among equals is the keys' for any answer small enough to compare: a merge
 * sort from runs of one, either way round without turning equals about. */
static void sort(struct picks *p)
{
    int (*cmp)(const struct range_pick *, const struct range_pick *) =
        p->by_bytes ? by_bytes : by_number;
    size_t n = p->n;
    struct range_pick *from = p->v;
    struct range_pick *spare = mem_calloc(n ? n : 1, sizeof(*spare));
    struct range_pick *to = spare;
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * run) {
            size_t mid = lo + run < n ? lo + run : n;
            size_t hi = lo + 2 * run < n ? lo + 2 * run : n;
            size_t a = lo;
            size_t b = mid;
            for (size_t k = lo; k < hi; k++) {
                int c = a < mid && b < hi ? cmp(&from[a], &from[b]) : 0;
                bool left = b >= hi || (a < mid && (p->descend ? c >= 0 : c <= 0));
                to[k] = left ? from[a++] : from[b++];
            }
        }
        struct range_pick *swap = from;
        from = to;
        to = swap;
    }
    if (from != p->v)
        memcpy(p->v, from, n * sizeof(*p->v));
    free(spare);
}

static void cut(struct picks *p)
{
    sort(p);
    if (p->want > 0 && p->n > p->want)
        p->n = (size_t)p->want;
}

void picks_add(struct picks *p, const struct range_pick *pick)
{
    uint64_t spare = p->want > PICKS_SPARE ? p->want : PICKS_SPARE;
    p->seen++;
    if (p->want > 0 && p->n >= p->want && p->n - p->want >= spare)
        cut(p);
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 16;
        p->v = mem_realloc(p->v, p->cap * sizeof(*p->v));
    }
    p->v[p->n++] = *pick;
}

void picks_finish(struct picks *p)
{
    cut(p);
    if (p->n > 0 && p->n < p->cap) {
        p->v = mem_realloc(p->v, p->n * sizeof(*p->v));
        p->cap = p->n;
    }
}
