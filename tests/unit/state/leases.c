/* The table of leases and their keys, held against a plain array under random changes. */
#include "state/leases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define IDS  6
#define KEYS 40

struct model {
    bool lease[IDS];  /* of ID i + 1 */
    int of_key[KEYS]; /* an ID, or 0 */
};

static struct slice key_of(int i, char text[16])
{
    snprintf(text, 16, "key%02d", i);
    return slice_str(text);
}

static void lease_is_the_models(const struct leases *ls, const struct model *m, int id)
{
    struct arena a = {0};
    char text[16];
    const struct lease *l = leases_find(ls, id);
    assert_int_equal(l != NULL, m->lease[id - 1]);
    if (!l)
        return;
    const struct slice *keys = lease_keys(l, &a);
    size_t n = 0;
    for (int i = 0; i < KEYS; i++)
        if (m->of_key[i] == id)
            assert_true(slice_eq(keys[n++], key_of(i, text)));
    assert_int_equal(l->key_n, n);
    arena_fini(&a);
}

static void change(struct leases *ls, struct model *m, struct rng *rng)
{
    char text[16];
    int id = (int)rng_between(rng, 1, IDS);
    int key = (int)rng_below(rng, KEYS);
    struct lease *l = leases_find(ls, id);
    if (rng_below(rng, 10) > 0) {
        int to = rng_below(rng, 3) == 0 ? 0 : id;
        leases_bind(ls, key_of(key, text), to);
        m->of_key[key] = to > 0 && m->lease[to - 1] ? to : 0;
    } else if (l) {
        leases_remove(ls, l);
        m->lease[id - 1] = false;
        for (int i = 0; i < KEYS; i++)
            m->of_key[i] = m->of_key[i] == id ? 0 : m->of_key[i];
    } else {
        assert_int_equal(leases_add(ls, id, 10 * id, 1)->ttl, 10 * id);
        m->lease[id - 1] = true;
    }
}

static void biggest_are_the_models(const struct leases *ls, const struct model *m)
{
    const struct lease *got[IDS];
    size_t of_lease[IDS + 1] = {0};
    size_t leased = 0;
    size_t n = leases_biggest(ls, got, IDS);
    for (int i = 0; i < KEYS; i++)
        of_lease[m->of_key[i]]++;
    for (int id = 1; id <= IDS; id++)
        leased += of_lease[id] > 0;
    assert_int_equal(n, leased);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got[i]->key_n, of_lease[got[i]->id]);
        assert_true(i == 0 || got[i - 1]->key_n >= got[i]->key_n);
    }
    assert_int_equal(leases_biggest(ls, got, 1), n > 0);
    for (int id = 1; n > 0 && id <= IDS; id++)
        assert_true(got[0]->key_n >= of_lease[id]);
}

static void test_keys_belong_to_one_lease_at_most(void **state)
{
    (void)state;
    struct leases ls;
    struct rng rng;
    struct model m = {.lease = {false}};
    char text[16];
    rng_seed(&rng, 3);
    leases_init(&ls, &rng);
    for (int step = 0; step < 5000; step++) {
        change(&ls, &m, &rng);
        leases_check(&ls);
        size_t n = 0;
        for (int id = 1; id <= IDS; id++) {
            lease_is_the_models(&ls, &m, id);
            n += m.lease[id - 1];
        }
        assert_int_equal(leases_count(&ls), n);
        biggest_are_the_models(&ls, &m);
        int key = (int)rng_below(&rng, KEYS);
        const struct lease *l = leases_of_key(&ls, key_of(key, text));
        assert_int_equal(l ? l->id : 0, m.of_key[key]);
    }
    leases_fini(&ls);
}

static void fill(struct leases *ls, struct rng *rng, bool backwards)
{
    leases_init(ls, rng);
    for (int i = 0; i < 20; i++)
        leases_add(ls, backwards ? 20 - i : i + 1, 60, 1);
    for (int i = 0; i < 20; i++) {
        char text[16];
        int k = backwards ? 19 - i : i;
        leases_bind(ls, key_of(k, text), k / 2 + 1);
    }
}

/* Members hash with keys of their own and see entries in other orders after a snapshot. */
static void test_the_digest_does_not_depend_on_order(void **state)
{
    (void)state;
    struct leases a;
    struct leases b;
    struct rng rng;
    rng_seed(&rng, 4);
    fill(&a, &rng, false);
    fill(&b, &rng, true);
    assert_true(leases_hash(&a) == leases_hash(&b));
    leases_bind(&b, SLICE_LIT("key00"), 2);
    assert_true(leases_hash(&a) != leases_hash(&b));
    leases_bind(&b, SLICE_LIT("key00"), 1);
    assert_true(leases_hash(&a) == leases_hash(&b));
    leases_find(&b, 5)->remaining = 7;
    assert_true(leases_hash(&a) != leases_hash(&b));
    leases_fini(&a);
    leases_fini(&b);
}

/* etcd#14239 */
static void test_negative_ids_are_ids(void **state)
{
    (void)state;
    struct leases ls;
    struct rng rng;
    rng_seed(&rng, 5);
    leases_init(&ls, &rng);
    leases_add(&ls, -1, 5, 1);
    leases_add(&ls, INT64_MIN, 5, 2);
    leases_bind(&ls, SLICE_LIT("k"), -1);
    assert_int_equal(leases_of_key(&ls, SLICE_LIT("k"))->id, -1);
    leases_bind(&ls, SLICE_LIT("k"), INT64_MIN);
    assert_int_equal(leases_find(&ls, -1)->key_n, 0);
    assert_int_equal(leases_find(&ls, INT64_MIN)->key_n, 1);
    leases_fini(&ls);
}

/* However many leases there are; within a factor of two where too many are alike. */
static void test_the_biggest_is_found_in_a_crowd(void **state)
{
    (void)state;
    const struct lease *got[3];
    struct leases ls;
    struct rng rng;
    char text[16];
    rng_seed(&rng, 6);
    leases_init(&ls, &rng);
    for (int i = 1; i <= 2 * (int)LEASE_LOOK_MAX; i++) {
        leases_add(&ls, i, 60, 1);
        leases_bind(&ls, key_of(i, text), i);
    }
    for (int i = 1; i <= 5; i++)
        leases_bind(&ls, key_of(i, text), 20000);
    for (int i = 6; i <= 8; i++)
        leases_bind(&ls, key_of(i, text), 19999);
    assert_int_equal(leases_biggest(&ls, got, 3), 3);
    assert_int_equal(got[0]->id, 20000);
    assert_int_equal(got[0]->key_n, 6);
    assert_int_equal(got[1]->id, 19999);
    assert_int_equal(got[2]->key_n, 1);
    assert_int_equal(leases_key_count(&ls), 20000);
    leases_fini(&ls);
}

/* A lease that ends gives up its keys in order, however they were bound; their memory is not all
 * given back at once. */
static void test_the_keys_of_a_large_lease_are_taken(void **state)
{
    (void)state;
    enum { MANY = 3 * LEASES_TIDY_MAX };
    struct leases ls;
    struct rng rng;
    struct arena a = {0};
    rng_seed(&rng, 7);
    leases_init(&ls, &rng);
    struct lease *l = leases_add(&ls, 1, 60, 1);
    leases_add(&ls, 2, 60, 1);
    leases_bind(&ls, SLICE_LIT("/other"), 2);
    /* Some begin with others, some differ only behind what a word holds. */
    for (int i = 0; i < MANY; i++) {
        char text[64];
        snprintf(text, sizeof(text), "/a/%llu/%.*s%d", (unsigned long long)rng_below(&rng, 40),
                 (int)rng_below(&rng, 20), "a long way to differ", i);
        if (i == 0)
            snprintf(text, sizeof(text), "/");
        leases_bind(&ls, slice_str(text), 1);
    }
    assert_int_equal(l->key_n, MANY);
    const struct slice *keys = leases_take_keys(&ls, l, &a);
    for (int i = 1; i < MANY; i++)
        assert_true(slice_cmp(keys[i - 1], keys[i]) < 0);
    assert_int_equal(l->key_n, 0);
    assert_int_equal(leases_key_count(&ls), 1);
    assert_null(leases_of_key(&ls, keys[MANY / 2]));
    leases_check(&ls);
    leases_bind(&ls, keys[MANY / 2], 2); /* again, before the old one is freed */
    assert_true(leases_tidy(&ls));
    assert_true(leases_tidy(&ls));
    assert_false(leases_tidy(&ls));
    assert_int_equal(leases_find(&ls, 2)->key_n, 2);
    leases_take_keys(&ls, leases_find(&ls, 2), &a); /* whose memory the end gives back */
    arena_fini(&a);
    leases_fini(&ls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_belong_to_one_lease_at_most),
        cmocka_unit_test(test_the_digest_does_not_depend_on_order),
        cmocka_unit_test(test_negative_ids_are_ids),
        cmocka_unit_test(test_the_keys_of_a_large_lease_are_taken),
        cmocka_unit_test(test_the_biggest_is_found_in_a_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
