#include "kv/keys.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"

#include <stdlib.h>

static size_t common_len(struct slice a, struct slice b)
{
    size_t max = a.n < b.n ? a.n : b.n;
    size_t n = 0;
    while (n < max && a.p[n] == b.p[n])
        n++;
    return n;
}

struct entry *entry_new(struct slice key, struct history history)
{
    must(key.n <= UINT32_MAX);
    struct entry *e = mem_alloc(offsetof(struct entry, key) + key.n);
    e->history = history;
    e->key_len = (uint32_t)key.n;
    if (key.n)
        memcpy(e->key, key.p, key.n);
    return e;
}

struct entry *entry_between(struct slice a, struct slice b)
{
    size_t n = common_len(a, b) + 1;
    must(n <= b.n);
    return entry_new(slice_of(b.p, n), (struct history){0});
}

void entry_free(struct entry *e)
{
    if (!e)
        return;
    history_fini(&e->history);
    free(e);
}

/* Four bytes of key from skip on, as a number that sorts as they do. */
static uint32_t head_of(struct slice key, uint32_t skip)
{
    uint8_t bytes[4] = {0};
    must(key.n >= skip);
    if (key.n - skip >= sizeof(bytes))
        memcpy(bytes, key.p + skip, sizeof(bytes));
    else if (key.n > skip)
        memcpy(bytes, key.p + skip, key.n - skip);
    return __builtin_bswap32(load_u32(bytes));
}

static void set_skip(struct keys *k, size_t skip)
{
    k->skip = (uint32_t)skip;
    for (unsigned i = 0; i < k->n; i++)
        k->head[i] = head_of(entry_key(k->of[i]), k->skip);
}

/* The first slot whose head is not below head. */
static unsigned find_head(const struct keys *k, uint32_t head)
{
    unsigned lo = 0;
    unsigned hi = k->n;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (k->head[mid] < head)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

unsigned keys_find(const struct keys *k, struct slice key, bool *found)
{
    *found = false;
    if (k->n == 0)
        return 0;
    bool reaches = key.n >= k->skip;
    uint32_t head = reaches ? head_of(key, k->skip) : 0;
    unsigned lo = reaches ? find_head(k, head) : 0;
    /* Heads mean something only if the key has what all have in common: ask the one at hand. */
    const struct entry *near = k->of[lo < k->n ? lo : lo - 1];
    struct slice front = {key.p, reaches ? k->skip : key.n};
    int c = slice_cmp(front, slice_of(near->key, k->skip));
    if (c != 0)
        return c < 0 ? 0 : k->n;
    unsigned hi = lo;
    if (lo < k->n && k->head[lo] == head)
        hi = head == UINT32_MAX ? k->n : find_head(k, head + 1);
    while (lo < hi && !*found) {
        unsigned mid = (lo + hi) / 2;
        c = slice_cmp(entry_key(k->of[mid]), key);
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
        if (c == 0) {
            *found = true;
            lo = mid;
        }
    }
    return lo;
}

void keys_put(struct keys *k, unsigned at, struct entry *e)
{
    must(k->n < NODE_CAP && at <= k->n);
    struct slice key = entry_key(e);
    if (k->n == 0)
        k->skip = e->key_len;
    /* Any will do; the search before has this one in the cache. */
    const struct entry *near = k->n ? k->of[at < k->n ? at : at - 1] : e;
    size_t common = common_len(key, slice_of(near->key, k->skip));
    if (common < k->skip)
        set_skip(k, common);
    memmove(&k->of[at + 1], &k->of[at], (k->n - at) * sizeof(struct entry *));
    memmove(&k->head[at + 1], &k->head[at], (k->n - at) * sizeof(k->head[0]));
    k->of[at] = e;
    k->head[at] = head_of(key, k->skip);
    k->n++;
}

struct entry *keys_take(struct keys *k, unsigned at)
{
    must(at < k->n);
    struct entry *e = k->of[at];
    k->n--;
    memmove(&k->of[at], &k->of[at + 1], (k->n - at) * sizeof(struct entry *));
    memmove(&k->head[at], &k->head[at + 1], (k->n - at) * sizeof(k->head[0]));
    return e;
}

static void keys_set(struct keys *k, struct entry *const *e, unsigned n)
{
    must(n <= NODE_CAP);
    memcpy(k->of, e, n * sizeof(struct entry *));
    k->n = n;
    /* What the first and the last have in common, all have. */
    if (n > 0)
        set_skip(k, common_len(entry_key(e[0]), entry_key(e[n - 1])));
}

void keys_share(struct keys *left, struct keys *right, struct entry **between, unsigned want)
{
    struct entry *all[2 * NODE_CAP + 1];
    unsigned n = 0;
    for (unsigned i = 0; i < left->n; i++)
        all[n++] = left->of[i];
    if (between && *between)
        all[n++] = *between;
    for (unsigned i = 0; i < right->n; i++)
        all[n++] = right->of[i];
    must(want <= n);
    keys_set(left, all, want);
    if (between)
        *between = want < n ? all[want++] : NULL;
    keys_set(right, all + want, n - want);
}

void keys_check(const struct keys *k)
{
    must(k->n <= NODE_CAP);
    for (unsigned i = 0; i < k->n; i++) {
        struct slice key = entry_key(k->of[i]);
        must(key.n >= k->skip && memcmp(key.p, k->of[0]->key, k->skip) == 0);
        must(k->head[i] == head_of(key, k->skip));
        must(i == 0 || k->head[i - 1] <= k->head[i]);
        must(i == 0 || slice_cmp(entry_key(k->of[i - 1]), key) < 0);
        history_check(&k->of[i]->history);
    }
}
