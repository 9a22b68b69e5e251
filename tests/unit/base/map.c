/* A map finds what was added and not removed, also when hashes are equal; held against an array.
 * The hash is SipHash-1-3. */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ITEMS 300

struct item {
    struct map_node node;
    uint32_t id;
    bool in;
    bool seen;
};

static struct item *find(const struct map *m, uint64_t hash, uint32_t id)
{
    for (struct map_node *n = map_find(m, hash); n; n = map_find_next(n))
        if (CONTAINER_OF(n, struct item, node)->id == id)
            return CONTAINER_OF(n, struct item, node);
    return NULL;
}

static uint64_t hash_of(const struct map *m, const struct item *i, bool poor)
{
    return poor ? i->id % 3 : map_hash(m, slice_of(&i->id, sizeof(i->id)));
}

static void walk_sees_exactly_what_is_in(const struct map *m, struct item *items)
{
    size_t n = 0;
    for (struct map_node *node = map_after(m, NULL); node; node = map_after(m, node)) {
        struct item *i = CONTAINER_OF(node, struct item, node);
        assert_true(i->in && !i->seen);
        i->seen = true;
        n++;
    }
    assert_int_equal(n, m->n);
    for (size_t i = 0; i < ITEMS; i++)
        items[i].seen = false;
}

static void holds_against_an_array(bool poor)
{
    struct rng rng;
    struct map m;
    struct item items[ITEMS] = {{.id = 0}};
    rng_seed(&rng, 7);
    map_init(&m, &rng);
    for (size_t i = 0; i < ITEMS; i++)
        items[i].id = (uint32_t)i;
    for (int step = 0; step < 20000; step++) {
        struct item *i = &items[rng_below(&rng, ITEMS)];
        uint64_t hash = hash_of(&m, i, poor);
        assert_ptr_equal(find(&m, hash, i->id), i->in ? i : NULL);
        if (i->in)
            map_remove(&m, &i->node);
        else
            map_add(&m, &i->node, hash);
        i->in = !i->in;
        if (step % 500 == 0)
            walk_sees_exactly_what_is_in(&m, items);
    }
    map_fini(&m);
    assert_null(map_find(&m, 1));
    assert_null(map_after(&m, NULL));
}

static void test_what_was_added_is_found(void **state)
{
    (void)state;
    holds_against_an_array(false);
}

static void test_equal_hashes_are_told_apart(void **state)
{
    (void)state;
    holds_against_an_array(true);
}

/* The reference implementation with one and three rounds, key 00 01 … 0f, input 00 01 … */
static void test_the_hash_is_siphash_1_3(void **state)
{
    (void)state;
    struct map m = {.key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u}};
    uint8_t in[16];
    for (uint8_t i = 0; i < sizeof(in); i++)
        in[i] = i;
    assert_true(map_hash(&m, slice_of(in, 0)) == 0xabac0158050fc4dcu);
    assert_true(map_hash(&m, slice_of(in, 1)) == 0xc9f49bf37d57ca93u);
    assert_true(map_hash(&m, slice_of(in, 7)) == 0xd3927d989bb11140u);
    assert_true(map_hash(&m, slice_of(in, 8)) == 0x369095118d299a8eu);
    assert_true(map_hash(&m, slice_of(in, 16)) == 0xcc4fdd1a7d908b66u);
    struct map other = {.key = {1, 2}};
    assert_true(map_hash(&m, slice_of(in, 16)) != map_hash(&other, slice_of(in, 16)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_added_is_found),
        cmocka_unit_test(test_equal_hashes_are_told_apart),
        cmocka_unit_test(test_the_hash_is_siphash_1_3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
