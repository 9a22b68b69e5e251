/* The index must say at any revision what a full list of everything that happened says, whatever
 * was split, joined, compacted or restored in between. The model keeps that list and answers by
 * looking through it; compaction follows etcd's keyIndex.compact on it. */
#include "kv/index.h"
#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEY_LEN_MAX 40

struct event {
    unsigned key;
    struct revision rev;
    bool tombstone;
    bool dropped;
    uint32_t size;
    struct revision create; /* of puts */
    int64_t version;
    size_t previous; /* event of the same key before, or NONE */
};

#define NONE SIZE_MAX

struct model {
    struct index *x;
    struct rng rng;
    unsigned keys;
    struct slice *key; /* sorted */
    size_t *newest;    /* of each key the last event, or NONE */
    struct event *event;
    size_t events;
    size_t cap;
    int64_t rev;       /* current */
    int64_t compacted; /* lookups below are not asked */
    size_t swept;      /* events before were offered to the sweep */
};

static int by_key(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* Keys with long common beginnings, keys that begin others, zeros and 0xff inside. */
static struct slice odd_key(struct rng *rng, unsigned i)
{
    static const char *const stem[] = {"", "/", "/registry/pods/default/", "\xff\xff", "a\0b"};
    char text[KEY_LEN_MAX];
    unsigned which = (unsigned)rng_below(rng, 5);
    size_t n = which == 4 ? 3 : strlen(stem[which]);
    memcpy(text, stem[which], n);
    n += (size_t)snprintf(text + n, sizeof(text) - n, "%0*u", (int)rng_between(rng, 1, 9), i);
    size_t zeros = rng_below(rng, 3);
    memset(text + n, 0, zeros);
    uint8_t *copy = mem_alloc(n + zeros);
    memcpy(copy, text, n + zeros);
    return slice_of(copy, n + zeros);
}

static void model_init(struct model *m, uint64_t seed, unsigned keys)
{
    *m = (struct model){.x = index_new(), .keys = keys, .rev = 1};
    rng_seed(&m->rng, seed);
    m->key = mem_calloc(keys, sizeof(*m->key));
    m->newest = mem_calloc(keys, sizeof(*m->newest));
    for (unsigned i = 0; i < keys; i++) {
        m->key[i] = odd_key(&m->rng, i);
        m->newest[i] = NONE;
    }
    qsort(m->key, keys, sizeof(*m->key), by_key);
    for (unsigned i = 1; i < keys; i++)
        assert_true(slice_cmp(m->key[i - 1], m->key[i]) < 0);
}

static void model_fini(struct model *m)
{
    index_free(m->x);
    for (unsigned i = 0; i < m->keys; i++)
        free((void *)(uintptr_t)m->key[i].p);
    free(m->key);
    free(m->newest);
    free(m->event);
}

static const struct event *newest_of(const struct model *m, unsigned key, int64_t at)
{
    size_t i = m->newest[key];
    while (i != NONE && m->event[i].rev.main > at)
        i = m->event[i].previous;
    return i == NONE ? NULL : &m->event[i];
}

/* The put that a look at the key as of `at` finds. */
static const struct event *seen(const struct model *m, unsigned key, int64_t at)
{
    const struct event *e = newest_of(m, key, at);
    return e && !e->tombstone ? e : NULL;
}

static struct event *record(struct model *m, unsigned key, struct revision rev, bool tombstone)
{
    if (m->events == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 64;
        m->event = mem_realloc(m->event, m->cap * sizeof(*m->event));
    }
    const struct event *before = seen(m, key, INDEX_NOW);
    struct event *e = &m->event[m->events];
    *e = (struct event){.key = key, .rev = rev, .tombstone = tombstone};
    e->create = before ? before->create : rev;
    e->version = before ? before->version + 1 : 1;
    e->previous = m->newest[key];
    m->newest[key] = m->events++;
    return e;
}

static void do_put(struct model *m, unsigned key, struct revision rev)
{
    struct event *e = record(m, key, rev, false);
    e->size = (uint32_t)rng_below(&m->rng, 5000);
    index_put(m->x, m->key[key], rev, e->size);
}

static void do_delete(struct model *m, unsigned key, struct revision rev)
{
    bool alive = seen(m, key, INDEX_NOW);
    assert_int_equal(index_tombstone(m->x, m->key[key], rev), alive ? RC_OK : RC_NOT_FOUND);
    if (alive)
        record(m, key, rev, true);
}

/* A transaction of one to three operations, sometimes on one key. */
static void do_txn(struct model *m, unsigned delete_percent)
{
    unsigned n = (unsigned)rng_between(&m->rng, 1, 3);
    unsigned key = (unsigned)rng_below(&m->rng, m->keys);
    m->rev++;
    for (unsigned sub = 0; sub < n; sub++) {
        if (rng_below(&m->rng, 100) < delete_percent)
            do_delete(m, key, (struct revision){m->rev, sub});
        else
            do_put(m, key, (struct revision){m->rev, sub});
        if (rng_below(&m->rng, 4) > 0)
            key = (unsigned)rng_below(&m->rng, m->keys);
    }
}

/* etcd keeps, of the key's generations that end at or above c, the newest revision at or below c.
 * More than one tombstone of the key at c itself cannot come from etcd; each is kept. */
static bool must_keep(const struct model *m, size_t i, int64_t c)
{
    const struct event *e = &m->event[i];
    if (e->rev.main > c)
        return true;
    if (e->tombstone)
        return e->rev.main == c;
    size_t next = NONE;
    for (size_t j = m->newest[e->key]; j != i; j = m->event[j].previous)
        next = j;
    return next == NONE || m->event[next].rev.main > c;
}

/* Up to `most` events of the sweep to `compacted`. */
static void do_sweep(struct model *m, size_t most)
{
    for (; most > 0 && m->swept < m->events; most--) {
        struct event *e = &m->event[m->swept];
        if (e->rev.main > m->compacted)
            return;
        bool keep = must_keep(m, m->swept, m->compacted);
        struct slice key = m->key[e->key];
        if (!e->dropped) {
            assert_int_equal(index_may_drop(m->x, key, e->rev, m->compacted), !keep);
            if (!keep)
                index_drop(m->x, key, e->rev);
            e->dropped = !keep;
        }
        m->swept++;
    }
}

static void do_compact(struct model *m)
{
    do_sweep(m, SIZE_MAX); /* the one before is through first, as in etcd */
    m->compacted = (int64_t)rng_between(&m->rng, (uint64_t)m->compacted, (uint64_t)m->rev);
    m->swept = 0;
}

static bool is_dropped(const struct model *m, unsigned key, struct revision rev)
{
    for (size_t i = m->newest[key]; i != NONE; i = m->event[i].previous)
        if (revision_cmp(m->event[i].rev, rev) == 0)
            return m->event[i].dropped;
    fail();
    return true;
}

static void expect_hit(const struct model *m, const struct event *e, const struct index_hit *hit)
{
    assert_true(slice_eq(hit->key, m->key[e->key]));
    assert_int_equal(revision_cmp(hit->mod, e->rev), 0);
    assert_int_equal(hit->create.main, e->create.main);
    assert_int_equal(hit->create.sub, is_dropped(m, e->key, e->create) ? 0 : e->create.sub);
    assert_int_equal(hit->version, e->version);
    assert_int_equal(hit->size, e->size);
}

static void check_get(const struct model *m, const struct index *x, unsigned key, int64_t at)
{
    struct index_hit hit;
    const struct event *e = seen(m, key, at);
    assert_int_equal(index_get(x, m->key[key], at, &hit), e ? RC_OK : RC_NOT_FOUND);
    if (e)
        expect_hit(m, e, &hit);
}

static int64_t some_revision(struct model *m)
{
    return rng_below(&m->rng, 3) == 0
               ? INDEX_NOW
               : (int64_t)rng_between(&m->rng, (uint64_t)m->compacted, (uint64_t)m->rev);
}

/* A range between two keys, that may be absent, empty or turned around; its first and end key. */
static struct index_range some_range(struct model *m, unsigned *first, unsigned *end)
{
    *first = (unsigned)rng_below(&m->rng, m->keys);
    *end = (unsigned)rng_below(&m->rng, m->keys);
    struct index_range r = {.from = m->key[*first], .to = m->key[*end]};
    if (rng_below(&m->rng, 4) == 0) {
        r.open_end = true;
        r.to = (struct slice){0};
        *end = m->keys;
    }
    if (rng_below(&m->rng, 4) == 0) {
        r.from = (struct slice){0};
        *first = 0;
    }
    return r;
}

/* Walk, count and n-th of one range against the model. */
static void check_range(struct model *m)
{
    unsigned key;
    unsigned end;
    struct index_range r = some_range(m, &key, &end);
    int64_t at = some_revision(m);
    uint64_t count = 0;
    uint64_t bytes = 0;
    struct index_iter it;
    struct index_hit hit;
    index_iter_init(&it, m->x, &r, at);
    for (; key < end; key++) {
        const struct event *e = seen(m, key, at);
        if (!e)
            continue;
        assert_true(index_iter_next(&it, &hit));
        expect_hit(m, e, &hit);
        if (at == INDEX_NOW && rng_below(&m->rng, 16) == 0) {
            assert_int_equal(index_nth(m->x, &r, count, &hit), RC_OK);
            expect_hit(m, e, &hit);
        }
        count++;
        bytes += e->size;
    }
    assert_false(index_iter_next(&it, &hit));
    assert_false(index_iter_next(&it, &hit));
    index_iter_fini(&it);
    uint64_t got = 0;
    assert_int_equal(index_count(m->x, &r, at, &got), count);
    assert_int_equal(got, bytes);
    assert_int_equal(index_count(m->x, &r, at, NULL), count);
    if (at == INDEX_NOW)
        assert_int_equal(index_nth(m->x, &r, count, &hit), RC_NOT_FOUND);
}

static void check_stats(const struct model *m, const struct index *x)
{
    struct index_stats stats;
    index_stats(x, &stats);
    uint64_t keys = 0;
    uint64_t alive = 0;
    uint64_t revisions = 0;
    for (unsigned key = 0; key < m->keys; key++) {
        uint64_t before = revisions;
        for (size_t i = m->newest[key]; i != NONE; i = m->event[i].previous)
            revisions += !m->event[i].dropped;
        keys += revisions > before;
        alive += seen(m, key, INDEX_NOW) != NULL;
    }
    assert_int_equal(stats.keys, keys);
    assert_int_equal(stats.alive, alive);
    assert_int_equal(stats.revisions, revisions);
}

static void check_all_revisions(struct model *m, const struct index *x)
{
    for (unsigned key = 0; key < m->keys; key++) {
        for (int64_t at = m->compacted; at <= m->rev; at++)
            check_get(m, x, key, at);
        check_get(m, x, key, INDEX_NOW);
    }
}

/* An index built from what a store still has is the same index. */
static void check_restored(struct model *m)
{
    struct index *x = index_new();
    for (size_t i = 0; i < m->events; i++) {
        const struct event *e = &m->event[i];
        if (e->dropped)
            continue;
        enum rc rc = e->tombstone ? index_restore_tombstone(x, m->key[e->key], e->rev)
                                  : index_restore_put(x, m->key[e->key], e->rev, e->create.main,
                                                      e->version, e->size);
        assert_int_equal(rc, RC_OK);
    }
    index_check(x);
    check_stats(m, x);
    check_all_revisions(m, x);
    index_free(x);
}

static void test_few_keys(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct model m;
        model_init(&m, seed, (unsigned)(1 + seed % 9));
        for (unsigned i = 0; i < 300; i++) {
            do_txn(&m, 30);
            if (rng_below(&m.rng, 20) == 0)
                do_compact(&m);
            do_sweep(&m, rng_below(&m.rng, 8));
            index_check(m.x);
            check_get(&m, m.x, (unsigned)rng_below(&m.rng, m.keys), some_revision(&m));
            check_range(&m);
        }
        check_all_revisions(&m, m.x);
        check_stats(&m, m.x);
        check_restored(&m);
        model_fini(&m);
    }
}

/* Grow, churn, and shrink to nothing: nodes split and join on two levels and more. */
static void test_many_keys(void **state)
{
    (void)state;
    static const unsigned delete_percent[] = {5, 50, 95, 20, 100};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct model m;
        model_init(&m, seed, 9000);
        for (unsigned phase = 0; phase < 5; phase++) {
            for (unsigned i = 0; i < 12000; i++) {
                do_txn(&m, delete_percent[phase]);
                if (rng_below(&m.rng, 4000) == 0)
                    do_compact(&m);
                do_sweep(&m, rng_below(&m.rng, 5));
                check_get(&m, m.x, (unsigned)rng_below(&m.rng, m.keys), some_revision(&m));
                if (i % 1000 == 0)
                    check_range(&m);
            }
            index_check(m.x);
            check_stats(&m, m.x);
        }
        for (unsigned key = 0; key < m.keys; key++)
            do_delete(&m, key, (struct revision){++m.rev, 0});
        m.rev++;
        do_sweep(&m, SIZE_MAX);
        m.compacted = m.rev;
        m.swept = 0;
        do_sweep(&m, SIZE_MAX);
        index_check(m.x);
        struct index_stats stats;
        index_stats(m.x, &stats);
        assert_int_equal(stats.keys, 0);
        assert_int_equal(stats.revisions, 0);
        assert_true(stats.heap_bytes < 2000);
        model_fini(&m);
    }
}

/* A walk sees each key that stays, in order and once, however the tree moves under it. */
static void test_walk_over_changes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct model m;
        model_init(&m, seed, 2000);
        for (unsigned key = 0; key < m.keys; key += 2)
            do_put(&m, key, (struct revision){++m.rev, 0});
        struct index_range all = {.open_end = true};
        struct index_iter it;
        struct index_hit hit;
        index_iter_init(&it, m.x, &all, m.rev);
        for (unsigned key = 0; key < m.keys; key += 2) {
            assert_true(index_iter_next(&it, &hit));
            assert_true(slice_eq(hit.key, m.key[key]));
            if (rng_below(&m.rng, 2) == 0)
                do_put(&m, (unsigned)rng_below(&m.rng, m.keys / 2) * 2 + 1,
                       (struct revision){++m.rev, 0});
            if (rng_below(&m.rng, 3) == 0) /* the key last returned goes */
                index_drop(m.x, m.key[key], hit.mod);
        }
        assert_false(index_iter_next(&it, &hit));
        index_iter_fini(&it);
        index_check(m.x);
        model_fini(&m);
    }
}

static struct slice number_key(char *text, unsigned i)
{
    snprintf(text, KEY_LEN_MAX, "/bench/keys/%011u", i);
    return slice_str(text);
}

/* Ordered keys leave full nodes, and a key costs what the header promises. */
static void test_memory(void **state)
{
    (void)state;
    struct index *x = index_new();
    char text[KEY_LEN_MAX];
    const unsigned n = 50000;
    for (unsigned i = 0; i < n; i++)
        index_put(x, number_key(text, i), (struct revision){i + 2, 0}, 300);
    index_check(x);
    struct index_stats stats;
    index_stats(x, &stats);
    assert_true(stats.heap_bytes / n - strlen(text) < 60);
    struct index_range all = {.open_end = true};
    struct index_hit hit;
    for (unsigned i = 0; i < n; i += 777) {
        assert_int_equal(index_nth(x, &all, i, &hit), RC_OK);
        assert_true(slice_eq(hit.key, number_key(text, i)));
    }
    index_free(x);

    /* Each rewritten and compacted: create and version take a little more. */
    x = index_new();
    for (unsigned i = 0; i < n; i++) {
        struct slice key = number_key(text, i);
        for (unsigned j = 0; j < 5; j++)
            index_put(x, key, (struct revision){5 * i + j + 2, 0}, 300);
        for (unsigned j = 0; j < 4; j++)
            index_drop(x, key, (struct revision){5 * i + j + 2, 0});
        assert_int_equal(index_get(x, key, INDEX_NOW, &hit), RC_OK);
        assert_int_equal(hit.version, 5);
        assert_int_equal(hit.create.main, 5 * i + 2);
    }
    index_stats(x, &stats);
    assert_true(stats.heap_bytes / n - strlen(text) < 140);
    index_free(x);
}

/* One key rewritten often, or locked and unlocked often: neither looking nor compacting may walk
 * all its revisions each time (this test would take minutes). */
static void test_hot_key(void **state)
{
    (void)state;
    const int64_t n = 200000;
    struct slice key = SLICE_LIT("counter");
    for (int locking = 0; locking < 2; locking++) {
        struct index *x = index_new();
        struct index_hit hit;
        for (int64_t i = 1; i <= n; i++) {
            if (locking && i % 2 == 0)
                assert_int_equal(index_tombstone(x, key, (struct revision){i, 0}), RC_OK);
            else
                index_put(x, key, (struct revision){i, 0}, 8);
            enum rc rc = index_get(x, key, INDEX_NOW, &hit);
            assert_int_equal(rc, locking && i % 2 == 0 ? RC_NOT_FOUND : RC_OK);
        }
        index_put(x, key, (struct revision){n + 1, 0}, 8);
        for (int64_t i = 1; i <= n; i++) {
            assert_true(index_may_drop(x, key, (struct revision){i, 0}, n + 1));
            index_drop(x, key, (struct revision){i, 0});
        }
        index_check(x);
        assert_int_equal(index_get(x, key, INDEX_NOW, &hit), RC_OK);
        assert_int_equal(hit.version, locking ? 1 : n + 1);
        assert_int_equal(hit.create.main, locking ? n + 1 : 1);
        struct index_stats stats;
        index_stats(x, &stats);
        assert_int_equal(stats.revisions, 1);
        assert_true(stats.heap_bytes < 2500);
        index_free(x);
    }
}

/* The next key in order is found without a search; whatever changes the tree in between. */
static void test_tombstones_in_order(void **state)
{
    (void)state;
    struct index *x = index_new();
    struct index_hit hit;
    char text[16];
    int64_t rev = 1;
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(text, sizeof(text), "k%05d", 2 * i);
        index_put(x, slice_str(text), (struct revision){++rev, 0}, 1);
    }
    for (int i = 0; i < 3000; i++) {
        if (i % 7 == 3) { /* one is put right behind the last tombstone */
            (void)snprintf(text, sizeof(text), "k%05d", 2 * i - 1);
            index_put(x, slice_str(text), (struct revision){++rev, 0}, 1);
        }
        (void)snprintf(text, sizeof(text), "k%05d", 2 * i);
        if (i % 11 == 5) /* not this one: the one behind is not the next */
            continue;
        assert_int_equal(index_tombstone(x, slice_str(text), (struct revision){++rev, 0}), RC_OK);
        assert_int_equal(index_get(x, slice_str(text), INDEX_NOW, &hit), RC_NOT_FOUND);
        assert_int_equal(index_tombstone(x, slice_str(text), (struct revision){rev + 1, 0}),
                         RC_NOT_FOUND);
    }
    index_check(x);
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(text, sizeof(text), "k%05d", 2 * i);
        assert_int_equal(index_get(x, slice_str(text), INDEX_NOW, &hit),
                         i % 11 == 5 ? RC_OK : RC_NOT_FOUND);
        (void)snprintf(text, sizeof(text), "k%05d", 2 * i - 1);
        assert_int_equal(index_get(x, slice_str(text), INDEX_NOW, &hit),
                         i % 7 == 3 ? RC_OK : RC_NOT_FOUND);
    }
    index_free(x);
}

/* The table of etcd's key_index tests in small: what compaction at c keeps of
 * put 2, put 4, tombstone 6, put 8, put 12, tombstone 15. */
static void test_compaction_keeps(void **state)
{
    (void)state;
    static const int64_t main_rev[] = {2, 4, 6, 8, 12, 15};
    static const struct {
        int64_t c;
        const char *kept; /* k kept, - dropped, one letter for each revision */
    } rows[] = {{1, "kkkkkk"},  {2, "kkkkkk"},  {3, "kkkkkk"}, {4, "-kkkkk"},  {5, "-kkkkk"},
                {6, "--kkkk"},  {7, "---kkk"},  {8, "---kkk"}, {11, "---kkk"}, {12, "----kk"},
                {14, "----kk"}, {15, "-----k"}, {16, "------"}};
    struct slice key = SLICE_LIT("foo");
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        struct index *x = index_new();
        for (unsigned i = 0; i < 6; i++) {
            struct revision rev = {main_rev[i], 0};
            if (i == 2 || i == 5)
                assert_int_equal(index_tombstone(x, key, rev), RC_OK);
            else
                index_put(x, key, rev, 1);
        }
        for (unsigned i = 0; i < 6; i++) {
            struct revision rev = {main_rev[i], 0};
            bool drop = index_may_drop(x, key, rev, rows[row].c);
            assert_int_equal(drop, rows[row].kept[i] == '-');
            if (drop)
                index_drop(x, key, rev);
        }
        index_check(x);
        struct index_stats stats;
        index_stats(x, &stats);
        assert_int_equal(stats.keys, rows[row].c < 16);
        index_free(x);
    }
}

/* What a store could not hold is refused, and leaves nothing behind. */
static void test_restore_contradictions(void **state)
{
    (void)state;
    struct index *x = index_new();
    struct slice key = SLICE_LIT("k");
    struct index_stats stats;
    assert_int_equal(index_restore_put(x, key, (struct revision){5, 0}, 6, 2, 1), RC_CORRUPT);
    assert_int_equal(index_restore_put(x, key, (struct revision){5, 0}, 3, 1, 1), RC_CORRUPT);
    assert_int_equal(index_restore_put(x, key, (struct revision){5, 0}, 5, 0, 1), RC_CORRUPT);
    index_stats(x, &stats);
    assert_int_equal(stats.keys, 0);
    assert_int_equal(index_restore_put(x, key, (struct revision){5, 0}, 3, 7, 1), RC_OK);
    assert_int_equal(index_restore_put(x, key, (struct revision){5, 0}, 3, 8, 1), RC_CORRUPT);
    assert_int_equal(index_restore_put(x, key, (struct revision){6, 0}, 3, 9, 1), RC_CORRUPT);
    assert_int_equal(index_restore_put(x, key, (struct revision){6, 0}, 6, 1, 1), RC_CORRUPT);
    assert_int_equal(index_restore_put(x, key, (struct revision){6, 0}, 3, 8, 1), RC_OK);
    assert_int_equal(index_restore_tombstone(x, key, (struct revision){6, 0}), RC_CORRUPT);
    assert_int_equal(index_restore_tombstone(x, key, (struct revision){9, 1}), RC_OK);
    assert_int_equal(index_restore_put(x, key, (struct revision){12, 0}, 8, 2, 1), RC_CORRUPT);
    struct index_hit hit;
    assert_int_equal(index_get(x, key, 7, &hit), RC_OK);
    assert_int_equal(hit.version, 8);
    assert_int_equal(hit.create.main, 3);
    assert_int_equal(index_get(x, key, 4, &hit), RC_NOT_FOUND);
    assert_int_equal(index_get(x, key, 9, &hit), RC_NOT_FOUND);
    index_check(x);
    index_stats(x, &stats);
    assert_int_equal(stats.revisions, 3);
    index_free(x);
}

static void test_absent(void **state)
{
    (void)state;
    struct index *x = index_new();
    struct slice key = SLICE_LIT("k");
    struct index_hit hit;
    struct index_range none = {.from = key}; /* ends before the empty key: has nothing */
    assert_int_equal(index_get(x, key, INDEX_NOW, &hit), RC_NOT_FOUND);
    assert_int_equal(index_tombstone(x, key, (struct revision){2, 0}), RC_NOT_FOUND);
    index_drop(x, key, (struct revision){2, 0});
    assert_true(index_may_drop(x, key, (struct revision){2, 0}, 2));
    assert_false(index_may_drop(x, key, (struct revision){2, 0}, 1));
    index_put(x, key, (struct revision){2, 0}, 1);
    index_drop(x, key, (struct revision){3, 0});
    assert_int_equal(index_count(x, &none, INDEX_NOW, NULL), 0);
    assert_int_equal(index_count(x, &none, 2, NULL), 0);
    assert_int_equal(index_nth(x, &none, 0, &hit), RC_NOT_FOUND);
    index_check(x);
    index_free(x);
    index_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_few_keys),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_walk_over_changes),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_hot_key),
        cmocka_unit_test(test_tombstones_in_order),
        cmocka_unit_test(test_compaction_keeps),
        cmocka_unit_test(test_restore_contradictions),
    };
    return cmocka_run_group_tests_name("kv/index", tests, NULL, NULL);
}
