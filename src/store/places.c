#include "store/places.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"

#include <stdlib.h>

#define SETS_BITS 15 /* 65,536 places: 3 MB once all are in use */
#define WAYS      2

static const uint8_t *page_of(const void *within, uint32_t page_bytes)
{
    const uint8_t *p = within;
    return p - ((uintptr_t)p & (page_bytes - 1));
}

void places_fini(struct places *p)
{
    free(p->of);
    *p = (struct places){0};
}

/* A revision's two numbers, mixed (Knuth 6.4: Fibonacci hashing). */
static struct place *set_of(const struct places *p, struct slice key)
{
    uint64_t main = load_u64_big(key.p);
    uint64_t sub = load_u64_big(key.p + PLACES_KEY_LEN - sizeof(sub));
    uint64_t mixed = (main ^ sub << 32) * 0x9e3779b97f4a7c15u;
    return &p->of[(mixed >> (64 - SETS_BITS)) * WAYS];
}

static bool is_at(const struct places *p, const struct place *place, struct slice key)
{
    return place->value && place->epoch == p->epoch &&
           memcmp(place->key, key.p, PLACES_KEY_LEN) == 0;
}

bool places_find(const struct places *p, struct slice key, struct slice *value)
{
    if (!p->of || key.n != PLACES_KEY_LEN)
        return false;
    const struct place *set = set_of(p, key);
    for (unsigned i = 0; i < WAYS; i++) {
        if (!is_at(p, &set[i], key))
            continue;
        *value = slice_of(set[i].value, set[i].len);
        return true;
    }
    return false;
}

void places_keep(struct places *p, struct slice key, struct slice value, uint32_t page_bytes)
{
    if (key.n != PLACES_KEY_LEN || page_of(value.p, page_bytes) == p->last_leaf)
        return;
    must(value.n <= UINT32_MAX);
    if (!p->of)
        p->of = mem_calloc((size_t)WAYS << SETS_BITS, sizeof(*p->of));
    struct place *set = set_of(p, key);
    set[1] = set[0];
    set[0] = (struct place){.len = (uint32_t)value.n, .epoch = p->epoch, .value = value.p};
    memcpy(set[0].key, key.p, PLACES_KEY_LEN);
}

void places_renew(struct places *p, bool rewritten, const void *last, uint32_t page_bytes)
{
    p->epoch += rewritten;
    p->last_leaf = last ? page_of(last, page_bytes) : NULL;
}
