#include "authz/range_set.h"

#include "base/mem.h"

#include <stdlib.h>

void range_set_fini(struct range_set *s)
{
    free(s->v);
    arena_fini(&s->arena);
    *s = (struct range_set){0};
}

static bool is_open_end(struct slice range_end)
{
    return range_end.n == 1 && range_end.p[0] == 0;
}

/* Order of exclusive ends: an empty one is beyond all. */
static int compare_ends(struct slice a, struct slice b)
{
    if (a.n == 0 || b.n == 0)
        return (a.n == 0) - (b.n == 0);
    return slice_cmp(a, b);
}

/* The first key after this one: itself and a zero byte. */
static struct slice successor(struct arena *a, struct slice key)
{
    uint8_t *p = arena_alloc(a, key.n + 1);
    if (key.n > 0)
        memcpy(p, key.p, key.n);
    p[key.n] = 0;
    return slice_of(p, key.n + 1);
}

void range_set_add(struct range_set *s, struct slice key, struct slice range_end)
{
    struct key_range r = {.from = arena_copy(&s->arena, key)};
    if (range_end.n == 0)
        r.to = successor(&s->arena, key);
    else if (slice_cmp(key, range_end) < 0)
        r.to = arena_copy(&s->arena, range_end);
    else if (!is_open_end(range_end))
        return;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 8;
        s->v = mem_realloc(s->v, s->cap * sizeof(*s->v));
    }
    s->v[s->n++] = r;
}

static int compare_starts(const void *a, const void *b)
{
    const struct key_range *x = a;
    const struct key_range *y = b;
    return slice_cmp(x->from, y->from);
}

void range_set_merge(struct range_set *s)
{
    size_t kept = 0;
    if (s->n > 1)
        qsort(s->v, s->n, sizeof(*s->v), compare_starts);
    for (size_t i = 0; i < s->n; i++) {
        struct key_range *last = kept > 0 ? &s->v[kept - 1] : NULL;
        if (!last || (last->to.n > 0 && slice_cmp(last->to, s->v[i].from) < 0))
            s->v[kept++] = s->v[i];
        else if (compare_ends(last->to, s->v[i].to) < 0)
            last->to = s->v[i].to;
    }
    s->n = kept;
}

bool range_set_covers(const struct range_set *s, struct slice key, struct slice range_end)
{
    size_t lo = 0;
    size_t hi = s->n;
    while (lo < hi) { /* the last range that begins at or before key */
        size_t mid = lo + (hi - lo) / 2;
        if (slice_cmp(s->v[mid].from, key) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0)
        return false;
    struct slice to = s->v[lo - 1].to;
    if (to.n > 0 && slice_cmp(key, to) >= 0)
        return false;
    if (range_end.n == 0)
        return true;
    return compare_ends(is_open_end(range_end) ? (struct slice){0} : range_end, to) <= 0;
}
