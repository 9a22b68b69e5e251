#include "store/recall.h"

#include "base/mem.h"
#include "base/wr.h"

#include <stdlib.h>

#define SETS 32768u /* 2 MB once all are in use */
#define WAYS 2

_Static_assert(sizeof(struct recalled) * WAYS == 64, "a set is a line of the cache");

static const uint8_t *page_of(const void *within, uint32_t page_bytes)
{
    const uint8_t *p = within;
    return p - ((uintptr_t)p & (page_bytes - 1));
}

void recall_fini(struct recall *p)
{
    free(p->of);
    *p = (struct recall){0};
}

/* The revision that a key of the right length names; false: one that is never kept. */
static bool parse(struct slice key, uint64_t *main, uint32_t *sub)
{
    uint64_t wide = load_u64_big(key.p + RECALL_KEY_LEN - sizeof(wide));
    *main = load_u64_big(key.p);
    *sub = (uint32_t)wide;
    return wide <= UINT32_MAX;
}

/* Revisions that follow each other stand side by side: what was written together is mostly read
 * together. */
static struct recalled *set_of(const struct recall *p, uint64_t main, uint32_t sub)
{
    return &p->of[(main + sub) % SETS * WAYS];
}

bool recall_find(const struct recall *p, struct slice key, struct slice *value)
{
    uint64_t main;
    uint32_t sub;
    if (!p->of || key.n != RECALL_KEY_LEN || !parse(key, &main, &sub))
        return false;
    const struct recalled *set = set_of(p, main, sub);
    for (unsigned i = 0; i < WAYS; i++) {
        const struct recalled *at = &set[i];
        if (!at->value || at->main != main || at->sub != sub || at->epoch != p->epoch)
            continue;
        *value = slice_of(at->value, at->len);
        return true;
    }
    return false;
}

void recall_keep(struct recall *p, struct slice key, struct slice value, uint32_t page_bytes)
{
    struct recalled new = {.value = value.p, .epoch = p->epoch};
    if (key.n != RECALL_KEY_LEN || !parse(key, &new.main, &new.sub) || value.n > UINT32_MAX ||
        page_of(value.p, page_bytes) == p->last_leaf)
        return;
    new.len = (uint32_t)value.n;
    if (!p->of)
        p->of = mem_calloc((size_t)SETS * WAYS, sizeof(*p->of));
    struct recalled *set = set_of(p, new.main, new.sub);
    set[1] = set[0];
    set[0] = new;
}

void recall_renew(struct recall *p, bool rewritten, const void *last, uint32_t page_bytes)
{
    p->epoch += rewritten;
    p->last_leaf = last ? page_of(last, page_bytes) : NULL;
}
