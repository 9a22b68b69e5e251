/* The store and the ordered map in memory (kv/map_storage.h) are one contract: after any batches,
 * refused ones and restarts in between, every get, scan and view answers the same. */
#include "helper.h"

#include "base/buf.h"
#include "base/cc.h"
#include "base/rng.h"
#include "base/wr.h"
#include "kv/map_storage.h"

#define OPS_MAX   60
#define VALUE_MAX 6000
#define ROUNDS    200
#define SEEDS     3

struct run {
    struct place *p;
    struct storage *map;
    struct rng rng;
    uint64_t next; /* revision key to append */
    uint8_t keys[OPS_MAX][24];
    uint8_t value[VALUE_MAX];
    struct storage_op ops[OPS_MAX];
    size_t n;
};

static size_t random_key(struct run *r, uint8_t key[24])
{
    static const char alphabet[] = "\x00\x01/ab\xff";
    size_t n = (size_t)rng_between(&r->rng, 1, 3);
    for (size_t i = 0; i < n; i++)
        key[i] = (uint8_t)alphabet[rng_below(&r->rng, sizeof(alphabet) - 1)];
    return n;
}

static void random_op(struct run *r, size_t i)
{
    struct storage_op *op = &r->ops[i];
    size_t n = rng_chance(&r->rng, 50000) ? rng_below(&r->rng, VALUE_MAX) : rng_below(&r->rng, 40);
    *op = (struct storage_op){.table = (enum table)rng_below(&r->rng, TABLE_COUNT),
                              .value = slice_of(r->value + rng_below(&r->rng, VALUE_MAX - n), n)};
    op->change = rng_chance(&r->rng, 400000) ? STORAGE_DELETE : STORAGE_PUT;
    if (op->table == TABLE_KEY) {
        bool sweep = op->change == STORAGE_DELETE && r->next > 1;
        op->change = sweep ? STORAGE_DELETE : STORAGE_APPEND;
        uint64_t revision = sweep ? rng_below(&r->rng, r->next) : r->next++;
        store_u64_big(r->keys[i], revision);
        op->key = slice_of(r->keys[i], 8);
    } else {
        op->key = slice_of(r->keys[i], random_key(r, r->keys[i]));
    }
    if (op->change == STORAGE_DELETE)
        op->value = (struct slice){0};
}

struct dump {
    struct buf bytes;
    size_t left; /* pairs to go */
};

static bool dump_pair(void *arg, struct slice key, struct slice value)
{
    struct dump *d = arg;
    buf_append_u32(&d->bytes, (uint32_t)key.n);
    buf_append_slice(&d->bytes, key);
    buf_append_u32(&d->bytes, (uint32_t)value.n);
    buf_append_slice(&d->bytes, value);
    return --d->left > 0;
}

static void same(struct dump *a, struct dump *b)
{
    assert_int_equal(a->bytes.n, b->bytes.n);
    if (a->bytes.n)
        assert_memory_equal(a->bytes.p, b->bytes.p, a->bytes.n);
    buf_fini(&a->bytes);
    buf_fini(&b->bytes);
}

static void same_scan(struct run *r, enum table t, struct slice from, size_t limit)
{
    struct dump a = {.left = limit};
    struct dump b = {.left = limit};
    assert_int_equal(storage_scan(r->p->s, t, from, dump_pair, &a), RC_OK);
    assert_int_equal(storage_scan(r->map, t, from, dump_pair, &b), RC_OK);
    same(&a, &b);
}

static void same_view_scan(struct storage_view *va, struct storage *sa, struct storage_view *vb,
                           struct storage *sb)
{
    for (unsigned t = 0; t < TABLE_COUNT; t++) {
        struct dump a = {.left = SIZE_MAX};
        struct dump b = {.left = SIZE_MAX};
        assert_int_equal(sa->ops->view_scan(va, (enum table)t, (struct slice){0}, dump_pair, &a),
                         RC_OK);
        assert_int_equal(sb->ops->view_scan(vb, (enum table)t, (struct slice){0}, dump_pair, &b),
                         RC_OK);
        same(&a, &b);
    }
}

static void same_get(struct run *r, enum table t, struct slice key)
{
    struct slice a = {0};
    struct slice b = {0};
    enum rc rc = storage_get(r->p->s, t, key, &a);
    assert_int_equal(rc, storage_get(r->map, t, key, &b));
    assert_true(rc != RC_OK || slice_eq(a, b));
}

static void compare(struct run *r)
{
    uint8_t key[24];
    for (unsigned t = 0; t < TABLE_COUNT; t++) {
        same_scan(r, (enum table)t, (struct slice){0}, SIZE_MAX);
        size_t n = random_key(r, key);
        same_scan(r, (enum table)t, slice_of(key, n), (size_t)rng_between(&r->rng, 1, 5));
        same_get(r, (enum table)t, slice_of(key, n));
    }
    for (size_t i = 0; i < r->n; i++)
        same_get(r, r->ops[i].table, r->ops[i].key);
}

static void commit_both(struct run *r)
{
    r->n = (size_t)rng_between(&r->rng, 1, OPS_MAX);
    for (size_t i = 0; i < r->n; i++)
        random_op(r, i);
    if (rng_chance(&r->rng, 100000)) { /* refused first: as if it had not been */
        arm(r->p, "store.full", (unsigned)rng_below(&r->rng, r->n), 1);
        assert_int_equal(storage_commit(r->p->s, r->ops, r->n), RC_NO_SPACE);
    }
    assert_int_equal(storage_commit(r->p->s, r->ops, r->n), RC_OK);
    assert_int_equal(storage_commit(r->map, r->ops, r->n), RC_OK);
}

static void turn(struct run *r)
{
    struct storage *s = r->p->s;
    struct storage_view *a = s->ops->view_open(s);
    struct storage_view *b = r->map->ops->view_open(r->map);
    commit_both(r);
    compare(r); /* the loop's view has not moved yet */
    if (rng_chance(&r->rng, 200000))
        same_view_scan(a, s, b, r->map); /* nor have those */
    s->ops->view_close(a);
    r->map->ops->view_close(b);
    storage_refresh(s);
    storage_refresh(r->map);
    compare(r);
    if (rng_chance(&r->rng, 20000)) {
        place_reopen(r->p);
        compare(r);
    }
}

static void both_answer_the_same(void **state)
{
    struct run r = {.p = *state};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        rng_seed(&r.rng, seed);
        for (size_t i = 0; i < VALUE_MAX; i++)
            r.value[i] = (uint8_t)rng_u64(&r.rng);
        place_reopen(r.p);
        r.map = map_storage_new();
        r.next = 1;
        for (unsigned round = 0; round < ROUNDS; round++)
            turn(&r);
        storage_close(r.map);
        place_close(r.p);
        write_file(r.p->path, "", 0); /* anew */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_answer_the_same, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
