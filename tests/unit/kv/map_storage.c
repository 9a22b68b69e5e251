/* The ordered map must lose exactly what LMDB may lose, and nothing else: held against a model that
 * keeps a plain copy of everything after each commit. (That it answers as LMDB does is what
 * tests/unit/store/differential.c holds.) */
#include "kv/map_storage.h"
#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS      40
#define VALUE_MAX 12

/* Key i of a table is the byte i + 1; n[t][i] is 0 when absent, else the value's bytes plus one. */
struct image {
    uint8_t n[TABLE_COUNT][KEYS];
    uint8_t fill[TABLE_COUNT][KEYS];
};

struct lookup {
    const struct image *image;
    enum table table;
    unsigned next;
};

static void same_value(const struct image *m, enum table t, unsigned i, struct slice value)
{
    assert_int_equal(value.n + 1, m->n[t][i]);
    for (size_t b = 0; b < value.n; b++)
        assert_int_equal(value.p[b], m->fill[t][i]);
}

static bool expect_pair(void *arg, struct slice key, struct slice value)
{
    struct lookup *l = arg;
    while (l->next < KEYS && l->image->n[l->table][l->next] == 0)
        l->next++;
    assert_true(l->next < KEYS);
    assert_int_equal(key.n, 1);
    assert_int_equal(key.p[0], l->next + 1);
    same_value(l->image, l->table, l->next, value);
    l->next++;
    return true;
}

static void expect_image(struct storage *s, struct storage_view *v, const struct image *m)
{
    for (unsigned t = 0; t < TABLE_COUNT; t++) {
        struct lookup l = {.image = m, .table = (enum table)t};
        enum rc rc = v ? s->ops->view_scan(v, l.table, (struct slice){0}, expect_pair, &l)
                       : storage_scan(s, l.table, (struct slice){0}, expect_pair, &l);
        assert_int_equal(rc, RC_OK);
        for (; l.next < KEYS; l.next++)
            assert_int_equal(m->n[t][l.next], 0);
        uint8_t key = (uint8_t)(1 + t * 7 % KEYS);
        struct slice value;
        rc = v ? s->ops->view_get(v, l.table, slice_of(&key, 1), &value)
               : storage_get(s, l.table, slice_of(&key, 1), &value);
        assert_int_equal(rc, m->n[t][key - 1] ? RC_OK : RC_NOT_FOUND);
        if (rc == RC_OK)
            same_value(m, l.table, key - 1u, value);
    }
}

/* A random batch, committed to s and applied to m. */
static void commit_random(struct storage *s, struct rng *rng, struct image *m)
{
    struct storage_op ops[20];
    uint8_t keys[20];
    uint8_t values[20][VALUE_MAX];
    size_t n = rng_between(rng, 1, 20);
    for (size_t i = 0; i < n; i++) {
        unsigned key = (unsigned)rng_below(rng, KEYS);
        keys[i] = (uint8_t)(key + 1);
        uint8_t fill = (uint8_t)rng_u64(rng);
        memset(values[i], fill, VALUE_MAX);
        struct storage_op *op = &ops[i];
        *op = (struct storage_op){.table = (enum table)rng_below(rng, TABLE_COUNT),
                                  .change = rng_below(rng, 3) ? STORAGE_PUT : STORAGE_DELETE,
                                  .key = slice_of(&keys[i], 1),
                                  .value = slice_of(values[i], rng_below(rng, VALUE_MAX))};
        m->n[op->table][key] = op->change == STORAGE_PUT ? (uint8_t)(op->value.n + 1) : 0;
        m->fill[op->table][key] = fill;
    }
    assert_int_equal(storage_commit(s, ops, n), RC_OK);
    memset(values, 0xee, sizeof(values)); /* they were only borrowed */
}

static void test_power_loss(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct storage *s = map_storage_new();
        struct image seen = {0};
        struct image last = {0};
        struct image safe = {0};
        struct rng rng;
        rng_seed(&rng, seed);
        for (unsigned i = 0; i < 200; i++) {
            switch (rng_below(&rng, 8)) {
            default:
                safe = last;
                commit_random(s, &rng, &last);
                break;
            case 0:
                assert_int_equal(storage_sync(s), RC_OK);
                safe = last;
                break;
            case 1:
            case 2:
                storage_refresh(s);
                seen = last;
                break;
            case 3: {
                bool undo = rng_below(&rng, 2);
                map_storage_power_loss(s, undo);
                if (undo)
                    last = safe;
                seen = safe = last;
                break;
            }
            }
            expect_image(s, NULL, &seen);
            struct storage_view *v = s->ops->view_open(s);
            expect_image(s, v, &last);
            s->ops->view_close(v);
        }
        storage_close(s);
    }
}

/* A view shows the commit that it was opened at, whatever follows. */
static void test_views_stay(void **state)
{
    (void)state;
    struct storage *s = map_storage_new();
    struct image images[8] = {{{{0}}}};
    struct storage_view *views[8];
    struct rng rng;
    rng_seed(&rng, 5);
    for (unsigned i = 0; i < 8; i++) {
        if (i > 0)
            images[i] = images[i - 1];
        commit_random(s, &rng, &images[i]);
        views[i] = s->ops->view_open(s);
    }
    map_storage_power_loss(s, true);
    expect_image(s, NULL, &images[6]);
    for (unsigned i = 0; i < 8; i++) {
        expect_image(s, views[i], &images[i]);
        s->ops->view_close(views[i]);
    }
    storage_close(s);
}

static enum rc change(struct storage *s, enum storage_change what, const char *key, size_t n)
{
    uint8_t *value = mem_zalloc(n);
    struct storage_op op = {TABLE_KEY, what, slice_str(key), slice_of(value, n)};
    enum rc rc = storage_commit(s, &op, 1);
    free(value);
    return rc;
}

/* A full disk refuses what grows, leaves everything, and takes what shrinks. */
static void test_capacity(void **state)
{
    (void)state;
    struct storage *s = map_storage_new();
    struct storage_stats before;
    struct storage_stats after;
    struct slice value;
    assert_int_equal(change(s, STORAGE_PUT, "a", 10000), RC_OK);
    storage_stats(s, &before);
    assert_in_range(before.used_bytes, 10000, 30000);
    map_storage_set_capacity(s, before.used_bytes);
    assert_int_equal(change(s, STORAGE_PUT, "b", 10000), RC_NO_SPACE);
    storage_refresh(s);
    assert_int_equal(storage_get(s, TABLE_KEY, SLICE_LIT("b"), &value), RC_NOT_FOUND);
    storage_stats(s, &after);
    assert_memory_equal(&after.used_bytes, &before.used_bytes, sizeof(before.used_bytes));
    map_storage_set_capacity(s, 1);
    assert_int_equal(change(s, STORAGE_PUT, "c", 100000), RC_NO_SPACE);
    assert_int_equal(change(s, STORAGE_DELETE, "a", 0), RC_OK);
    storage_stats(s, &after);
    assert_true(after.used_bytes < before.used_bytes);
    assert_int_equal(after.file_bytes, before.file_bytes);
    map_storage_set_capacity(s, UINT64_MAX);
    assert_int_equal(change(s, STORAGE_PUT, "b", 10000), RC_OK);
    storage_close(s);
}

/* A refused commit is not half there, and does not make the one before it safe. */
static void test_failures(void **state)
{
    (void)state;
    struct storage *s = map_storage_new();
    struct slice value;
    assert_int_equal(change(s, STORAGE_APPEND, "b", 1), RC_OK);
    assert_int_equal(storage_sync(s), RC_OK);
    assert_int_equal(change(s, STORAGE_APPEND, "c", 1), RC_OK);
    assert_int_equal(change(s, STORAGE_APPEND, "c", 1), RC_OK); /* the same again */
    assert_int_equal(change(s, STORAGE_APPEND, "d", 1), RC_OK);
    map_storage_fail_commit(s, RC_NO_SPACE);
    assert_int_equal(storage_commit(s, NULL, 0), RC_OK);
    assert_int_equal(change(s, STORAGE_APPEND, "e", 1), RC_NO_SPACE);
    struct storage_op half[] = {{TABLE_META, STORAGE_PUT, SLICE_LIT("m"), SLICE_LIT("1")},
                                {TABLE_KEY, STORAGE_APPEND, SLICE_LIT("a"), SLICE_LIT("1")}};
    assert_int_equal(storage_commit(s, half, 2), RC_CORRUPT);
    assert_int_equal(change(s, STORAGE_PUT, "z", 1), RC_IO);
    assert_int_equal(storage_sync(s), RC_IO);
    storage_refresh(s);
    assert_int_equal(storage_get(s, TABLE_META, SLICE_LIT("m"), &value), RC_NOT_FOUND);
    assert_int_equal(storage_get(s, TABLE_KEY, SLICE_LIT("d"), &value), RC_OK);
    map_storage_power_loss(s, true);
    assert_int_equal(storage_get(s, TABLE_KEY, SLICE_LIT("d"), &value), RC_NOT_FOUND);
    assert_int_equal(storage_get(s, TABLE_KEY, SLICE_LIT("c"), &value), RC_OK);
    map_storage_power_loss(s, true); /* what survived one loss survives the next */
    assert_int_equal(storage_get(s, TABLE_KEY, SLICE_LIT("c"), &value), RC_OK);
    assert_int_equal(change(s, STORAGE_APPEND, "d", 1), RC_OK);
    storage_close(s);
}

/* Held: a server closes its storage, and the next one finds everything there. */
static void test_hold(void **state)
{
    (void)state;
    struct storage *s = map_storage_new();
    struct slice value;
    map_storage_hold(s);
    assert_int_equal(change(s, STORAGE_PUT, "a", 3), RC_OK);
    storage_close(s);
    map_storage_power_loss(s, true); /* closing made it durable */
    assert_int_equal(storage_get(s, TABLE_KEY, SLICE_LIT("a"), &value), RC_OK);
    assert_int_equal(value.n, 3);
    storage_close(s);
    storage_close(NULL);
}

struct stop {
    unsigned left;
    uint8_t last;
};

static bool stop_after(void *arg, struct slice key, struct slice value)
{
    (void)value;
    struct stop *stop = arg;
    stop->last = key.p[0];
    return --stop->left > 0;
}

/* A scan begins at the first key not below `from`, and ends when told. */
static void test_scan_from(void **state)
{
    (void)state;
    struct storage *s = map_storage_new();
    for (char key[] = "b"; key[0] <= 'x'; key[0] = (char)(key[0] + 2))
        assert_int_equal(change(s, STORAGE_APPEND, key, 1), RC_OK);
    storage_refresh(s);
    struct stop stop = {.left = 3};
    assert_int_equal(storage_scan(s, TABLE_KEY, SLICE_LIT("c"), stop_after, &stop), RC_OK);
    assert_int_equal(stop.left, 0);
    assert_int_equal(stop.last, 'h');
    stop = (struct stop){.left = 3};
    assert_int_equal(storage_scan(s, TABLE_KEY, SLICE_LIT("y"), stop_after, &stop), RC_OK);
    assert_int_equal(stop.left, 3);
    storage_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_loss), cmocka_unit_test(test_views_stay),
        cmocka_unit_test(test_capacity),   cmocka_unit_test(test_failures),
        cmocka_unit_test(test_hold),       cmocka_unit_test(test_scan_from),
    };
    return cmocka_run_group_tests_name("kv/map_storage", tests, NULL, NULL);
}
