#include "aim.h"

#include "base/cc.h"

#include <string.h>

#define AROUND 3u /* records before and behind an event that is aimed at */
#define CLOSE  4u /* records behind a sync that is missed */
#define HALF   500000u

/* Events worth aiming at: losses just before, within and just after them. */
static const unsigned targets[] = {
    TO(TRACE_CREATE) | TO(TRACE_MKDIR),
    TO(TRACE_RENAME),
    TO(TRACE_UNLINK),
    TO(TRACE_SIZE),
    TO(TRACE_SYNC),
    TO(TRACE_SYNC_DIR),
    TO(TRACE_LIFE),
    TO(TRACE_ACK),
    TO(TRACE_COMPACT_ACK),
};

/* The k-th record of these kinds; count (may be NULL): how many there are. */
static size_t nth_of(const struct tracefile *t, unsigned kinds, size_t k, size_t *count)
{
    size_t found = 0;
    size_t at = 0;
    for (size_t i = 0; i < t->n; i++)
        if ((TO(t->v[i].head.kind) & kinds) && found++ == k)
            at = i;
    if (count)
        *count = found;
    return at;
}

size_t aim_anywhere(const struct tracefile *t, struct rng *rng)
{
    size_t count = 0;
    unsigned kinds = targets[rng_below(rng, ARRAY_LEN(targets))];
    if (rng_chance(rng, HALF))
        nth_of(t, kinds, 0, &count);
    if (count == 0)
        return (size_t)rng_below(rng, t->n + 1);
    size_t at = nth_of(t, kinds, (size_t)rng_below(rng, count), NULL);
    size_t from = at > AROUND ? at - AROUND : 0;
    size_t end = at + AROUND < t->n ? at + AROUND : t->n;
    return (size_t)rng_between(rng, from, end);
}

static bool same_thing(const struct tracefile_record *a, const struct tracefile_record *b)
{
    if (a->head.kind != b->head.kind)
        return false;
    return a->head.kind == TRACE_SYNC
               ? a->head.file == b->head.file
               : strcmp((const char *)a->payload, (const char *)b->payload) == 0;
}

/* The record that makes up for the sync at `at`: of the same file or directory, and not of this
 * site; or the end. */
static size_t made_up_for(const struct tracefile *t, const struct sites *s, int site, size_t at)
{
    size_t i = at + 1;
    while (i < t->n && !(same_thing(&t->v[at], &t->v[i]) && sites_find(s, &t->v[i]) != site))
        i++;
    return i;
}

bool aim_behind(const struct tracefile *t, const struct sites *s, int site, struct rng *rng,
                size_t *cut)
{
    size_t found = 0;
    size_t at = 0;
    for (size_t i = 0; i < t->n; i++) /* each of them as likely as any other */
        if (site >= 0 && sites_find(s, &t->v[i]) == site && rng_below(rng, ++found) == 0)
            at = i;
    if (found == 0)
        return false;
    size_t first = at + 1;
    size_t last = made_up_for(t, s, site, at);
    switch (rng_below(rng, 3)) {
    case 0:
        last = first + CLOSE < last ? first + CLOSE : last;
        break;
    case 1: /* when most builds on it */
        first = last;
        break;
    default:
        break;
    }
    *cut = (size_t)rng_between(rng, first, last);
    return true;
}
