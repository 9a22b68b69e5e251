#include "state/leases.h"

#include "base/fnv.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"

#include <stdlib.h>

struct leased_key {
    struct map_node node;
    struct list link; /* in its lease's keys */
    struct lease *lease;
    size_t n;
    uint8_t bytes[];
};

struct slice leased_key_bytes(const struct leased_key *k)
{
    return slice_of(k->bytes, k->n);
}

void leases_init(struct leases *ls, struct rng *rng)
{
    map_init(&ls->ids, rng);
    map_init(&ls->keys, rng);
    for (size_t i = 0; i < LEASE_SIZES; i++)
        list_init(&ls->sizes[i]);
    list_init(&ls->taken);
}

void leases_fini(struct leases *ls)
{
    for (struct map_node *n = map_after(&ls->ids, NULL); n; n = map_after(&ls->ids, NULL))
        leases_remove(ls, CONTAINER_OF(n, struct lease, node));
    must(ls->keys.n == 0);
    while (leases_tidy(ls)) {
    }
    map_fini(&ls->ids);
    map_fini(&ls->keys);
}

static uint64_t hash_id(const struct leases *ls, int64_t id)
{
    return map_hash(&ls->ids, slice_of(&id, sizeof(id)));
}

struct lease *leases_find(const struct leases *ls, int64_t id)
{
    for (struct map_node *n = map_find(&ls->ids, hash_id(ls, id)); n; n = map_find_next(n)) {
        struct lease *l = CONTAINER_OF(n, struct lease, node);
        if (l->id == id)
            return l;
    }
    return NULL;
}

/* The class of a number of keys: how many bits it has. */
static unsigned size_of(size_t keys)
{
    return keys ? 64 - (unsigned)__builtin_clzll(keys) : 0;
}

static void resize(struct leases *ls, struct lease *l, size_t keys)
{
    bool same = size_of(keys) == size_of(l->key_n);
    l->key_n = keys;
    if (same)
        return;
    list_remove(&l->sized);
    list_add_tail(&ls->sizes[size_of(keys)], &l->sized);
}

struct lease *leases_add(struct leases *ls, int64_t id, int64_t ttl, uint64_t granted)
{
    must(id != 0 && !leases_find(ls, id));
    struct lease *l = mem_zalloc(sizeof(*l));
    l->id = id;
    l->ttl = ttl;
    l->granted = granted;
    if (ls->last_granted < granted)
        ls->last_granted = granted;
    list_init(&l->keys);
    list_init(&l->term.renewals);
    list_add_tail(&ls->sizes[0], &l->sized);
    map_add(&ls->ids, &l->node, hash_id(ls, id));
    return l;
}

static void unbind(struct leases *ls, struct leased_key *k)
{
    map_remove(&ls->keys, &k->node);
    list_remove(&k->link);
    resize(ls, k->lease, k->lease->key_n - 1);
    free(k);
}

void leases_remove(struct leases *ls, struct lease *l)
{
    must(!timer_active(&l->term.timer) && list_empty(&l->term.renewals));
    list_each (item, &l->keys)
        unbind(ls, CONTAINER_OF(item, struct leased_key, link));
    list_remove(&l->sized);
    map_remove(&ls->ids, &l->node);
    free(l);
}

static struct leased_key *find_key(const struct leases *ls, struct slice key, uint64_t hash)
{
    for (struct map_node *n = map_find(&ls->keys, hash); n; n = map_find_next(n)) {
        struct leased_key *k = CONTAINER_OF(n, struct leased_key, node);
        if (slice_eq(leased_key_bytes(k), key))
            return k;
    }
    return NULL;
}

static void bind(struct leases *ls, struct lease *l, struct slice key, uint64_t hash)
{
    struct leased_key *k = mem_alloc(sizeof(*k) + key.n);
    k->lease = l;
    k->n = key.n;
    memcpy(k->bytes, key.p, key.n);
    map_add(&ls->keys, &k->node, hash);
    list_add_tail(&l->keys, &k->link);
    resize(ls, l, l->key_n + 1);
    l->bound++;
}

void leases_bind(struct leases *ls, struct slice key, int64_t id)
{
    if (id == 0 && ls->keys.n == 0)
        return; /* every put and delete comes here, and most stores have no leased keys */
    uint64_t hash = map_hash(&ls->keys, key);
    struct leased_key *k = find_key(ls, key, hash);
    struct lease *l = id != 0 ? leases_find(ls, id) : NULL;
    if (k && k->lease == l)
        return;
    if (k)
        unbind(ls, k);
    if (l)
        bind(ls, l, key, hash);
}

const struct lease *leases_of_key(const struct leases *ls, struct slice key)
{
    const struct leased_key *k = find_key(ls, key, map_hash(&ls->keys, key));
    return k ? k->lease : NULL;
}

/* ---- The keys in order. A lease may have a million, and all the server waits meanwhile: keys are
 * compared by the first bytes in which they differ, which stand beside them, and not at all if they
 * were bound in order. ---- */

struct ordered {
    uint64_t word; /* of the bytes behind what all keys begin with */
    struct slice key;
};

static int compare_ordered(const void *a, const void *b)
{
    const struct ordered *x = a;
    const struct ordered *y = b;
    if (x->word != y->word)
        return x->word < y->word ? -1 : 1;
    return slice_cmp(x->key, y->key);
}

static size_t common_len(struct slice a, struct slice b, size_t max)
{
    size_t n = 0;
    while (n < max && n < a.n && n < b.n && a.p[n] == b.p[n])
        n++;
    return n;
}

static uint64_t word_at(struct slice key, size_t at)
{
    uint8_t bytes[8] = {0};
    size_t left = key.n > at ? key.n - at : 0;
    if (left > 0)
        memcpy(bytes, key.p + at, left < 8 ? left : 8);
    return load_u64_big(bytes);
}

static void sort(struct slice *keys, size_t n, struct arena *a)
{
    bool in_order = true;
    size_t common = SIZE_MAX;
    for (size_t i = 1; i < n; i++) {
        in_order = in_order && slice_cmp(keys[i - 1], keys[i]) < 0;
        common = common_len(keys[i - 1], keys[i], common);
    }
    if (in_order)
        return;
    struct ordered *all = arena_alloc(a, n * sizeof(*all));
    for (size_t i = 0; i < n; i++)
        all[i] = (struct ordered){word_at(keys[i], common), keys[i]};
    qsort(all, n, sizeof(*all), compare_ordered);
    for (size_t i = 0; i < n; i++)
        keys[i] = all[i].key;
}

struct slice *lease_keys(const struct lease *l, struct arena *a)
{
    struct slice *keys = arena_alloc(a, (l->key_n + 1) * sizeof(*keys));
    size_t n = 0;
    list_each (item, &l->keys)
        keys[n++] = leased_key_bytes(CONTAINER_OF(item, struct leased_key, link));
    must(n == l->key_n);
    sort(keys, n, a);
    return keys;
}

struct slice *leases_take_keys(struct leases *ls, struct lease *l, struct arena *a)
{
    enum { AHEAD = 8 }; /* as many waits for memory at once */
    size_t n = l->key_n;
    size_t i = 0;
    struct slice *keys = arena_alloc(a, (n + 1) * sizeof(*keys));
    struct leased_key **taken = arena_alloc(a, (n + 1) * sizeof(struct leased_key *));
    list_each (item, &l->keys)
        taken[i++] = CONTAINER_OF(item, struct leased_key, link);
    must(i == n);
    for (i = 0; i < n; i++) {
        if (i + AHEAD < n)
            map_expect(&ls->keys, &taken[i + AHEAD]->node);
        keys[i] = leased_key_bytes(taken[i]);
        map_remove(&ls->keys, &taken[i]->node);
    }
    list_move_all(&ls->taken, &l->keys);
    resize(ls, l, 0);
    sort(keys, n, a);
    return keys;
}

bool leases_tidy(struct leases *ls)
{
    struct list *item = NULL;
    for (unsigned i = 0; i < LEASES_TIDY_MAX && (item = list_pop(&ls->taken)); i++)
        free(CONTAINER_OF(item, struct leased_key, link));
    return !list_empty(&ls->taken);
}

const struct leased_key *lease_key_before(const struct lease *l, const struct leased_key *k)
{
    struct list *at = k ? k->link.prev : l->keys.prev;
    return at == &l->keys ? NULL : CONTAINER_OF(at, struct leased_key, link);
}

size_t leases_count(const struct leases *ls)
{
    return ls->ids.n;
}

struct lease *leases_after(const struct leases *ls, const struct lease *l)
{
    struct map_node *n = map_after(&ls->ids, l ? &l->node : NULL);
    return n ? CONTAINER_OF(n, struct lease, node) : NULL;
}

size_t leases_key_count(const struct leases *ls)
{
    return ls->keys.n;
}

/* Keep the max biggest in order. */
static size_t insert(const struct lease **out, size_t n, size_t max, const struct lease *l)
{
    if (n == max && (max == 0 || out[n - 1]->key_n >= l->key_n))
        return n;
    size_t i = n < max ? n++ : n - 1;
    for (; i > 0 && out[i - 1]->key_n < l->key_n; i--)
        out[i] = out[i - 1];
    out[i] = l;
    return n;
}

size_t leases_biggest(const struct leases *ls, const struct lease **out, size_t max)
{
    size_t n = 0;
    for (unsigned size = LEASE_SIZES - 1; size > 0 && n < max; size--) {
        const struct list *same = &ls->sizes[size];
        unsigned looked = 0;
        for (struct list *i = same->next; i != same && looked < LEASE_LOOK_MAX;
             i = i->next, looked++)
            n = insert(out, n, max, CONTAINER_OF(i, struct lease, sized));
    }
    return n;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = fnv_add(h, v);
    return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        h = mix(h, s.p[i]);
    return h;
}

/* Sums, so that the order in which members hold leases and keys does not matter. */
uint64_t leases_hash(const struct leases *ls)
{
    uint64_t sum = 0;
    for (const struct lease *l = leases_after(ls, NULL); l; l = leases_after(ls, l)) {
        uint64_t h = mix(0xcbf29ce484222325u, (uint64_t)l->id);
        h = mix(mix(mix(h, (uint64_t)l->ttl), (uint64_t)l->remaining), l->granted);
        sum += h;
        list_each (item, &l->keys)
            sum += mix_bytes(h, leased_key_bytes(CONTAINER_OF(item, struct leased_key, link)));
    }
    return sum;
}

void leases_check(const struct leases *ls)
{
    size_t keys = 0;
    for (const struct lease *l = leases_after(ls, NULL); l; l = leases_after(ls, l)) {
        size_t n = 0;
        list_each (item, &l->keys) {
            must(CONTAINER_OF(item, struct leased_key, link)->lease == l);
            n++;
        }
        must(n == l->key_n && !list_empty(&ls->sizes[size_of(n)]));
        keys += n;
    }
    must(keys == ls->keys.n);
}
