#include "wal/marks.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void marks_fini(struct marks *m)
{
    free(m->v);
    *m = (struct marks){0};
}

/* The number of marks with an index below this one. */
static size_t count_below(const struct marks *m, uint64_t index)
{
    size_t lo = 0;
    size_t hi = m->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->v[mid].index < index)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void marks_add(struct marks *m, const struct mark *at)
{
    bool follows = at->index == m->next_index;
    if (!follows)
        m->n = count_below(m, at->index);
    m->next_index = at->index + 1;
    if (follows && m->n > 0) {
        const struct mark *last = &m->v[m->n - 1];
        if (last->seq == at->seq && at->at + at->skip < last->at + last->skip + MARKS_EVERY)
            return;
    }
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 16;
        m->v = mem_realloc(m->v, m->cap * sizeof(*m->v));
    }
    must(m->n == 0 || m->v[m->n - 1].index < at->index);
    m->v[m->n++] = *at;
}

void marks_trim(struct marks *m, uint64_t seq)
{
    size_t gone = 0;
    while (gone < m->n && m->v[gone].seq < seq)
        gone++;
    m->n -= gone;
    memmove(m->v, m->v + gone, m->n * sizeof(*m->v));
}

const struct mark *marks_find(const struct marks *m, uint64_t index, uint64_t *end)
{
    size_t below = count_below(m, index + 1);
    if (below == 0 || index >= m->next_index)
        return NULL;
    *end = below < m->n ? m->v[below].index : m->next_index;
    return &m->v[below - 1];
}
