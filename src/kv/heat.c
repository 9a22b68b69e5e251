#include "kv/heat.h"

#include "base/crc32c.h"

#include <stdlib.h>

/* What stands for the key: up to and with its last '/', or nothing. */
static struct slice prefix_of(struct slice key)
{
    const uint8_t *slash = key.n ? memrchr(key.p, '/', key.n) : NULL;
    size_t n = slash ? (size_t)(slash - key.p) + 1 : 0;
    return slice_of(key.p, n < HEAT_PREFIX_MAX ? n : HEAT_PREFIX_MAX);
}

static uint64_t hash_of(struct slice s)
{
    return (uint64_t)s.n << 32 | crc32c(0, s);
}

static unsigned coldest(const struct heat *h)
{
    unsigned least = 0;
    for (unsigned i = 1; i < h->n; i++)
        if (h->slots[i].now < h->slots[least].now)
            least = i;
    return least;
}

static void take(struct heat *h, unsigned i, struct slice prefix, uint64_t hash)
{
    struct heat_slot *slot = &h->slots[i];
    h->hash[i] = hash;
    slot->before = 0;
    slot->prefix_n = (uint8_t)prefix.n;
    if (prefix.n > 0)
        memcpy(slot->prefix, prefix.p, prefix.n);
}

void heat_note(struct heat *h, struct slice key)
{
    struct slice prefix = prefix_of(key);
    uint64_t hash = hash_of(prefix);
    unsigned i = 0;
    while (i < h->n && h->hash[i] != hash)
        i++;
    if (i == h->n) {
        if (h->n < HEAT_SLOTS)
            h->n++;
        else
            i = coldest(h);
        take(h, i, prefix, hash);
    }
    h->slots[i].now++;
}

void heat_turn(struct heat *h, uint64_t now_ns)
{
    if (h->window_ns == 0)
        h->window_ns = now_ns;
    if (now_ns - h->window_ns < HEAT_WINDOW_NS)
        return;
    bool next = now_ns - h->window_ns < 2 * HEAT_WINDOW_NS; /* else a whole one was quiet */
    unsigned kept = 0;
    for (unsigned i = 0; i < h->n; i++) {
        struct heat_slot *slot = &h->slots[i];
        slot->before = next ? slot->now : 0;
        slot->now = 0;
        if (slot->before == 0)
            continue;
        h->hash[kept] = h->hash[i];
        h->slots[kept++] = *slot;
    }
    for (unsigned i = kept; i < h->n; i++)
        h->slots[i] = (struct heat_slot){0};
    h->n = kept;
    h->before_ns = now_ns - h->window_ns;
    h->window_ns = now_ns;
}

static int compare(const void *left, const void *right)
{
    const struct heat_prefix *a = left;
    const struct heat_prefix *b = right;
    if (a->changes != b->changes)
        return a->changes < b->changes ? 1 : -1;
    return slice_cmp(a->prefix, b->prefix);
}

/* Did anything happen in the last whole window? Else this one is told, as far as it has come. */
static bool tells_before(const struct heat *h)
{
    for (unsigned i = 0; i < h->n; i++)
        if (h->slots[i].before > 0)
            return true;
    return false;
}

unsigned heat_hottest(const struct heat *h, struct heat_prefix *out, unsigned max)
{
    struct heat_prefix all[HEAT_SLOTS];
    bool whole = tells_before(h);
    unsigned n = 0;
    for (unsigned i = 0; i < h->n; i++) {
        const struct heat_slot *slot = &h->slots[i];
        uint64_t changes = whole ? slot->before : slot->now;
        if (changes > 0)
            all[n++] = (struct heat_prefix){slice_of(slot->prefix, slot->prefix_n), changes};
    }
    if (n > 1)
        qsort(all, n, sizeof(all[0]), compare);
    n = n < max ? n : max;
    if (n > 0)
        memcpy(out, all, n * sizeof(all[0]));
    return n;
}

uint64_t heat_told_ns(const struct heat *h, uint64_t now_ns)
{
    return tells_before(h) ? h->before_ns : now_ns - h->window_ns;
}
