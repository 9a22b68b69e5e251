/* A request is refused before it is proposed for exactly the reasons etcd has, and judging a
 * transaction made to be slow to judge is not slow. */
#include "state/check.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/rng.h"
#include "state/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

/* ---- Building transactions ---- */

struct branch {
    struct pb_request_op ops[CHECK_TXN_OPS_MAX + 1];
    size_t n;
};

static struct branch *branch_new(struct arena *a)
{
    return arena_zalloc(a, sizeof(struct branch));
}

static void add_put(struct arena *a, struct branch *b, struct slice key)
{
    struct pb_put_request *r = arena_zalloc(a, sizeof(*r));
    r->key = key;
    b->ops[b->n++] = (struct pb_request_op){.request_case = PB_OP_PUT, .request_put = r};
}

static void add_delete(struct arena *a, struct branch *b, struct slice key, struct slice range_end)
{
    struct pb_delete_range_request *r = arena_zalloc(a, sizeof(*r));
    r->key = key;
    r->range_end = range_end;
    b->ops[b->n++] =
        (struct pb_request_op){.request_case = PB_OP_DELETE_RANGE, .request_delete_range = r};
}

static struct pb_txn_request *txn_of(struct arena *a, const struct branch *then,
                                     const struct branch *otherwise)
{
    struct pb_txn_request *t = arena_zalloc(a, sizeof(*t));
    if (then) {
        t->success = arena_alloc(a, then->n * sizeof(*t->success));
        memcpy(t->success, then->ops, then->n * sizeof(*t->success));
        t->success_n = then->n;
    }
    if (otherwise) {
        t->failure = arena_alloc(a, otherwise->n * sizeof(*t->failure));
        memcpy(t->failure, otherwise->ops, otherwise->n * sizeof(*t->failure));
        t->failure_n = otherwise->n;
    }
    return t;
}

static void add_txn(struct branch *b, struct pb_txn_request *t)
{
    b->ops[b->n++] = (struct pb_request_op){.request_case = PB_OP_TXN, .request_txn = t};
}

static enum etcd_error judge(const struct pb_txn_request *t)
{
    return check_txn(t, CHECK_TXN_OPS_MAX);
}

/* ---- Single requests ---- */

static void judges_ranges(void **state)
{
    (void)state;
    struct pb_range_request r = {.key = SLICE_LIT("k")};
    assert_int_equal(check_range(&r), ETCD_OK);
    for (int32_t order = -1; order <= 3; order++)
        for (int32_t target = -1; target <= 5; target++) {
            r.sort_order = order;
            r.sort_target = target;
            bool fine = order >= 0 && order <= 2 && target >= 0 && target <= 4;
            assert_int_equal(check_range(&r), fine ? ETCD_OK : ETCD_INVALID_SORT_OPTION);
        }
    r.key.n = 0; /* the key is judged first */
    assert_int_equal(check_range(&r), ETCD_EMPTY_KEY);
}

static void judges_puts(void **state)
{
    (void)state;
    struct pb_put_request r = {.key = SLICE_LIT("k"), .value = SLICE_LIT("v"), .lease = 1};
    assert_int_equal(check_put(&r), ETCD_OK);
    r.ignore_value = true;
    assert_int_equal(check_put(&r), ETCD_VALUE_PROVIDED);
    r.ignore_lease = true;
    assert_int_equal(check_put(&r), ETCD_VALUE_PROVIDED);
    r.value.n = 0;
    assert_int_equal(check_put(&r), ETCD_LEASE_PROVIDED);
    r.lease = 0;
    assert_int_equal(check_put(&r), ETCD_OK);
    r.key.n = 0;
    assert_int_equal(check_put(&r), ETCD_EMPTY_KEY);
}

static void judges_deletes(void **state)
{
    (void)state;
    struct pb_delete_range_request r = {.key = SLICE_LIT("k")};
    assert_int_equal(check_delete(&r), ETCD_OK);
    r.key.n = 0;
    assert_int_equal(check_delete(&r), ETCD_EMPTY_KEY);
}

/* ---- Operations ---- */

static void every_operation_of_either_branch_is_judged(void **state)
{
    (void)state;
    struct arena a = {0};
    struct pb_range_request sorted = {.key = SLICE_LIT("k"), .sort_order = 9};
    struct pb_put_request ignoring = {
        .key = SLICE_LIT("k"), .value = SLICE_LIT("v"), .ignore_value = true};
    struct pb_delete_range_request keyless = {0};
    const struct {
        struct pb_request_op op;
        enum etcd_error error;
    } cases[] = {
        {{.request_case = PB_OP_RANGE, .request_range = &sorted}, ETCD_INVALID_SORT_OPTION},
        {{.request_case = PB_OP_PUT, .request_put = &ignoring}, ETCD_VALUE_PROVIDED},
        {{.request_case = PB_OP_DELETE_RANGE, .request_delete_range = &keyless}, ETCD_EMPTY_KEY},
        {{.request_case = 0}, ETCD_KEY_NOT_FOUND},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct branch *b = branch_new(&a);
        b->ops[b->n++] = cases[i].op;
        struct branch *outer = branch_new(&a);
        add_txn(outer, txn_of(&a, NULL, b));
        assert_int_equal(judge(txn_of(&a, b, NULL)), cases[i].error);
        assert_int_equal(judge(txn_of(&a, NULL, b)), cases[i].error);
        assert_int_equal(judge(txn_of(&a, outer, NULL)), cases[i].error);
        assert_int_equal(judge(txn_of(&a, NULL, outer)), cases[i].error);
    }
    struct pb_compare compare = {0};
    struct pb_txn_request t = {.compare = &compare, .compare_n = 1};
    assert_int_equal(judge(&t), ETCD_EMPTY_KEY);
    compare.key = SLICE_LIT("k");
    assert_int_equal(judge(&t), ETCD_OK);
    arena_fini(&a);
}

static void too_many_operations(void **state)
{
    (void)state;
    struct arena a = {0};
    struct branch *b = branch_new(&a);
    for (int i = 0; i < 4; i++)
        add_delete(&a, b, SLICE_LIT("k"), (struct slice){0});
    assert_int_equal(check_txn(txn_of(&a, b, NULL), 4), ETCD_OK);
    assert_int_equal(check_txn(txn_of(&a, NULL, b), 4), ETCD_OK);
    assert_int_equal(check_txn(txn_of(&a, b, NULL), 3), ETCD_TOO_MANY_OPS);
    assert_int_equal(check_txn(txn_of(&a, NULL, b), 3), ETCD_TOO_MANY_OPS);
    struct pb_compare compares[5] = {{.key = SLICE_LIT("k")}};
    assert_int_equal(check_txn(&(struct pb_txn_request){.compare = compares, .compare_n = 5}, 4),
                     ETCD_TOO_MANY_OPS);
    /* What a level has is taken off for those below. */
    struct branch *outer = branch_new(&a);
    add_txn(outer, txn_of(&a, b, NULL));
    add_delete(&a, outer, SLICE_LIT("x"), (struct slice){0});
    assert_int_equal(check_txn(txn_of(&a, outer, NULL), 6), ETCD_OK);
    assert_int_equal(check_txn(txn_of(&a, outer, NULL), 5), ETCD_TOO_MANY_OPS);
    arena_fini(&a);
}

/* ---- No key twice ---- */

static void duplicates_by_example(void **state)
{
    (void)state;
    struct arena a = {0};
    struct branch *twice = branch_new(&a);
    add_put(&a, twice, SLICE_LIT("k"));
    add_put(&a, twice, SLICE_LIT("k"));
    assert_int_equal(judge(txn_of(&a, twice, NULL)), ETCD_DUPLICATE_KEY);
    assert_int_equal(judge(txn_of(&a, NULL, twice)), ETCD_DUPLICATE_KEY);

    struct branch *once = branch_new(&a);
    add_put(&a, once, SLICE_LIT("k"));
    assert_int_equal(judge(txn_of(&a, once, once)), ETCD_OK); /* one branch or the other */
    struct branch *nested = branch_new(&a);
    add_txn(nested, txn_of(&a, once, once));
    assert_int_equal(judge(txn_of(&a, nested, NULL)), ETCD_OK);
    add_txn(nested, txn_of(&a, once, NULL));
    assert_int_equal(judge(txn_of(&a, nested, NULL)), ETCD_DUPLICATE_KEY);

    struct branch *put_under = branch_new(&a);
    add_put(&a, put_under, SLICE_LIT("k"));
    add_txn(put_under, txn_of(&a, NULL, once));
    assert_int_equal(judge(txn_of(&a, put_under, NULL)), ETCD_DUPLICATE_KEY);

    struct branch *put_and_delete = branch_new(&a);
    add_put(&a, put_and_delete, SLICE_LIT("k"));
    add_delete(&a, put_and_delete, SLICE_LIT("a"), SLICE_LIT("l"));
    assert_int_equal(judge(txn_of(&a, put_and_delete, NULL)), ETCD_DUPLICATE_KEY);
    struct branch *beside = branch_new(&a);
    add_put(&a, beside, SLICE_LIT("k"));
    add_delete(&a, beside, SLICE_LIT("a"), SLICE_LIT("k"));
    add_delete(&a, beside, SLICE_LIT("a"), SLICE_LIT("c")); /* deletes may overlap */
    add_delete(&a, beside, SLICE_LIT("k\1"), SLICE_LIT("l"));
    assert_int_equal(judge(txn_of(&a, beside, NULL)), ETCD_OK);
    arena_fini(&a);
}

/* What a nested transaction deletes counts against later ones and this level's puts; an earlier
 * nested put is not held against it. */
static void the_order_of_nested_transactions_matters(void **state)
{
    (void)state;
    struct arena a = {0};
    struct branch *put = branch_new(&a);
    struct branch *gone = branch_new(&a);
    add_put(&a, put, SLICE_LIT("k"));
    add_delete(&a, gone, SLICE_LIT("k"), (struct slice){0});
    struct branch *put_first = branch_new(&a);
    add_txn(put_first, txn_of(&a, put, NULL));
    add_txn(put_first, txn_of(&a, gone, NULL));
    assert_int_equal(judge(txn_of(&a, put_first, NULL)), ETCD_OK);
    struct branch *gone_first = branch_new(&a);
    add_txn(gone_first, txn_of(&a, gone, NULL));
    add_txn(gone_first, txn_of(&a, put, NULL));
    assert_int_equal(judge(txn_of(&a, gone_first, NULL)), ETCD_DUPLICATE_KEY);
    struct branch *own = branch_new(&a);
    add_put(&a, own, SLICE_LIT("k"));
    add_txn(own, txn_of(&a, NULL, gone));
    assert_int_equal(judge(txn_of(&a, own, NULL)), ETCD_DUPLICATE_KEY);
    struct branch *apart = branch_new(&a);
    add_txn(apart, txn_of(&a, gone, put));
    assert_int_equal(judge(txn_of(&a, apart, NULL)), ETCD_OK);
    arena_fini(&a);
}

/* etcd's interval tree has such an interval meet no key, not even the one it begins with. */
static void a_from_key_delete_is_not_held_against_puts(void **state)
{
    (void)state;
    struct arena a = {0};
    static const struct slice ends[] = {SLICE_INIT("\0"), SLICE_INIT("k"), SLICE_INIT("a")};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct branch *b = branch_new(&a);
        add_delete(&a, b, SLICE_LIT("k"), ends[i]);
        add_put(&a, b, SLICE_LIT("k"));
        add_put(&a, b, SLICE_LIT("l"));
        assert_int_equal(judge(txn_of(&a, b, NULL)), ETCD_OK);
    }
    arena_fini(&a);
}

/* ---- The same verdicts as etcd's checkIntervals, told in the plainest way: lists that are
 * searched from end to end ---- */

#define PLAIN_PUTS_MAX 32
#define PLAIN_DELS_MAX 2048

struct plain {
    struct slice puts[PLAIN_PUTS_MAX];
    size_t put_n;
    const struct pb_delete_range_request *dels[PLAIN_DELS_MAX];
    size_t del_n;
};

static bool plain_has(const struct plain *p, struct slice key)
{
    for (size_t i = 0; i < p->put_n; i++)
        if (slice_eq(p->puts[i], key))
            return true;
    return false;
}

static void plain_put(struct plain *p, struct slice key)
{
    if (!plain_has(p, key))
        p->puts[p->put_n++] = key;
}

static bool plain_deletes(const struct plain *p, struct slice key)
{
    for (size_t i = 0; i < p->del_n; i++) {
        const struct pb_delete_range_request *d = p->dels[i];
        if (d->range_end.n == 0 ? slice_eq(d->key, key)
                                : slice_cmp(d->key, key) <= 0 && slice_cmp(key, d->range_end) < 0)
            return true;
    }
    return false;
}

static bool plain_check(const struct pb_request_op *ops, size_t n, struct plain *out);

static bool plain_nested(const struct pb_txn_request *t, struct plain *out)
{
    struct plain *then = mem_alloc(2 * sizeof(*then));
    struct plain *otherwise = then + 1;
    then->put_n = then->del_n = otherwise->put_n = otherwise->del_n = 0;
    bool fine = plain_check(t->success, t->success_n, then) &&
                plain_check(t->failure, t->failure_n, otherwise);
    for (size_t i = 0; fine && i < then->put_n; i++) {
        fine = !plain_has(out, then->puts[i]) && !plain_deletes(out, then->puts[i]);
        plain_put(out, then->puts[i]);
    }
    for (size_t i = 0; fine && i < otherwise->put_n; i++) {
        struct slice key = otherwise->puts[i];
        fine = (!plain_has(out, key) || plain_has(then, key)) && !plain_deletes(out, key);
        plain_put(out, key);
    }
    for (size_t i = 0; fine && i < then->del_n; i++)
        out->dels[out->del_n++] = then->dels[i];
    for (size_t i = 0; fine && i < otherwise->del_n; i++)
        out->dels[out->del_n++] = otherwise->dels[i];
    free(then);
    return fine;
}

static bool plain_check(const struct pb_request_op *ops, size_t n, struct plain *out)
{
    bool fine = true;
    for (size_t i = 0; i < n; i++)
        if (ops[i].request_case == PB_OP_DELETE_RANGE)
            out->dels[out->del_n++] = ops[i].request_delete_range;
    for (size_t i = 0; i < n && fine; i++)
        if (ops[i].request_case == PB_OP_TXN)
            fine = plain_nested(ops[i].request_txn, out);
    for (size_t i = 0; i < n && fine; i++)
        if (ops[i].request_case == PB_OP_PUT) {
            struct slice key = ops[i].request_put->key;
            fine = !plain_has(out, key) && !plain_deletes(out, key);
            plain_put(out, key);
        }
    return fine;
}

static const char *random_key(struct rng *rng)
{
    static const char *const keys[] = {"a", "aa", "ab", "b", "ba", "c", "ca", "d",
                                       "e", "f",  "g",  "h", "i",  "j", "k",  "l"};
    return keys[rng_below(rng, ARRAY_LEN(keys))];
}

static struct branch *random_branch(struct rng *rng, struct arena *a, unsigned depth)
{
    struct branch *b = branch_new(a);
    uint64_t n = rng_below(rng, 4);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t kind = rng_below(rng, 10);
        if (kind < 5) {
            add_put(a, b, slice_str(random_key(rng)));
        } else if (kind < 7 || depth == 0) {
            uint64_t end = rng_below(rng, 5);
            const char *key = random_key(rng);
            add_delete(a, b, slice_str(key),
                       end == 0  ? SLICE_LIT("\0")
                       : end < 3 ? slice_str(random_key(rng))
                                 : (struct slice){0});
        } else {
            struct branch *then = random_branch(rng, a, depth - 1);
            struct branch *otherwise = random_branch(rng, a, depth - 1);
            add_txn(b, txn_of(a, then, otherwise));
        }
    }
    return b;
}

static void verdicts_are_those_of_the_plain_rule(void **state)
{
    (void)state;
    struct plain *p = mem_alloc(2 * sizeof(*p));
    unsigned refused = 0;
    struct rng rng;
    rng_seed(&rng, 1);
    for (int round = 0; round < 8000; round++) {
        struct arena a = {0};
        struct branch *then = random_branch(&rng, &a, 3);
        struct branch *otherwise = random_branch(&rng, &a, 1);
        p[0].put_n = p[0].del_n = p[1].put_n = p[1].del_n = 0;
        bool fine = plain_check(then->ops, then->n, &p[0]) &&
                    plain_check(otherwise->ops, otherwise->n, &p[1]);
        assert_int_equal(judge(txn_of(&a, then, otherwise)), fine ? ETCD_OK : ETCD_DUPLICATE_KEY);
        refused += !fine;
        arena_fini(&a);
    }
    assert_true(refused > 1500 && refused < 6500);
    free(p);
}

/* ---- Cost ---- */

static struct slice numbered_key(struct arena *a, size_t i)
{
    uint8_t key[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
    return arena_copy(a, slice_of(key, sizeof(key)));
}

/* A tree of transactions `wide` broad below a chain `deep` long; every leaf puts a key, or deletes
 * one. */
static struct pb_txn_request *build(struct arena *a, unsigned deep, unsigned levels, size_t wide,
                                    size_t *next)
{
    struct branch *b = branch_new(a);
    if (deep > 0) {
        struct pb_txn_request *rest = build(a, deep - 1, levels, wide, next);
        add_txn(b, rest);
        add_delete(a, b, SLICE_LIT("x"), SLICE_LIT("y"));
        return txn_of(a, b, NULL);
    }
    for (size_t i = 0; i < wide; i++) {
        if (levels > 0) {
            add_txn(b, build(a, 0, levels - 1, wide, next));
            continue;
        }
        struct slice key = numbered_key(a, (*next)++);
        if (i % 2)
            add_delete(a, b, key, (struct slice){0});
        else
            add_put(a, b, key);
    }
    return txn_of(a, b, NULL);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void judging_stays_cheap(void **state)
{
    (void)state;
    /* Chain and breadth share the limit on operations; each is near 1.4 MB, or deeper than that
     * allows. */
    static const struct {
        unsigned deep;
        unsigned levels;
        size_t wide;
    } shapes[] = {{0, 2, 42}, {20, 2, 29}, {30, 2, 22}, {0, 3, 17}, {40, 2, 16}};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct arena a = {0};
        size_t next = 0;
        struct pb_txn_request *t =
            build(&a, shapes[i].deep, shapes[i].levels, shapes[i].wide, &next);
        double begun = cpu_seconds();
        assert_int_equal(judge(t), ETCD_OK);
        double took = cpu_seconds() - begun;
        print_message("# %zu operations in %.3f s\n", next, took);
        assert_true(took < 0.5);
        arena_fini(&a);
    }
}

/* ---- What else is asked of a transaction ---- */

static void kinds_of_transactions(void **state)
{
    (void)state;
    struct pb_range_request now = {.key = SLICE_LIT("k")};
    struct pb_range_request any = {.key = SLICE_LIT("k"), .serializable = true};
    struct pb_put_request put = {.key = SLICE_LIT("k")};
    struct pb_txn_request nested = {0};
    struct pb_request_op ops[] = {
        {.request_case = PB_OP_RANGE, .request_range = &any},
        {.request_case = PB_OP_RANGE, .request_range = &now},
        {.request_case = PB_OP_PUT, .request_put = &put},
        {.request_case = PB_OP_TXN, .request_txn = &nested},
    };
    assert_true(txn_is_read_only(&(struct pb_txn_request){0}));
    assert_true(txn_is_serializable(&(struct pb_txn_request){0}));
    const struct pb_txn_request serializable = {.success = ops, .success_n = 1};
    assert_true(txn_is_read_only(&serializable) && txn_is_serializable(&serializable));
    const struct pb_txn_request reads = {
        .success = ops, .success_n = 1, .failure = ops + 1, .failure_n = 1};
    assert_true(txn_is_read_only(&reads));
    assert_false(txn_is_serializable(&reads));
    for (size_t i = 2; i < 4; i++) { /* a nested transaction counts as a write, even empty */
        const struct pb_txn_request then = {.success = ops + i, .success_n = 1};
        const struct pb_txn_request otherwise = {.failure = ops + i, .failure_n = 1};
        assert_false(txn_is_read_only(&then) || txn_is_read_only(&otherwise));
        assert_false(txn_is_serializable(&then) || txn_is_serializable(&otherwise));
    }
}

static void the_costlier_branch_counts(void **state)
{
    (void)state;
    struct pb_put_request put = {.key = SLICE_LIT("key"), .value = SLICE_LIT("value")};
    size_t one = STATE_QUOTA_OVERHEAD + 8;
    assert_int_equal(put_cost(&put), one);
    struct pb_request_op ops[] = {{.request_case = PB_OP_PUT, .request_put = &put},
                                  {.request_case = PB_OP_PUT, .request_put = &put},
                                  {.request_case = PB_OP_TXN}};
    struct pb_txn_request inner = {.success = ops, .success_n = 1, .failure = ops, .failure_n = 2};
    assert_int_equal(txn_cost(&inner), 2 * one);
    ops[2].request_txn = &inner;
    struct pb_txn_request outer = {.success = ops + 1, .success_n = 2};
    assert_int_equal(txn_cost(&outer), 3 * one);
    assert_int_equal(txn_cost(&(struct pb_txn_request){0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_ranges),
        cmocka_unit_test(judges_puts),
        cmocka_unit_test(judges_deletes),
        cmocka_unit_test(every_operation_of_either_branch_is_judged),
        cmocka_unit_test(too_many_operations),
        cmocka_unit_test(duplicates_by_example),
        cmocka_unit_test(the_order_of_nested_transactions_matters),
        cmocka_unit_test(a_from_key_delete_is_not_held_against_puts),
        cmocka_unit_test(verdicts_are_those_of_the_plain_rule),
        cmocka_unit_test(judging_stays_cheap),
        cmocka_unit_test(kinds_of_transactions),
        cmocka_unit_test(the_costlier_branch_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
