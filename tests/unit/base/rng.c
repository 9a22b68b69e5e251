/* One seed is one sequence; numbers stay within their bounds and reach all of them. */
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_seed_decides(void **state)
{
    (void)state;
    struct rng a;
    struct rng b;
    struct rng c;
    rng_seed(&a, 1);
    rng_seed(&b, 1);
    rng_seed(&c, 2);
    unsigned same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t v = rng_u64(&a);
        assert_true(v == rng_u64(&b));
        same += v == rng_u64(&c);
    }
    assert_int_equal(same, 0);
}

/* The generator's reference: state 1, 2, 3, 4. */
static void is_xoshiro256starstar(void **state)
{
    (void)state;
    struct rng r = {{1, 2, 3, 4}};
    static const uint64_t first[] = {11520, 0, 1509978240, 1215971899390074240};
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
        assert_true(rng_u64(&r) == first[i]);
}

static void bounds_hold_and_are_reached(void **state)
{
    (void)state;
    struct rng r;
    unsigned low = 0;
    unsigned high = 0;
    rng_seed(&r, 3);
    for (int i = 0; i < 1000; i++) {
        assert_true(rng_below(&r, 7) < 7);
        uint64_t v = rng_between(&r, 5, 8);
        assert_true(v >= 5 && v <= 8);
        low += v == 5;
        high += v == 8;
        assert_int_equal(rng_below(&r, 1), 0);
        assert_int_equal(rng_between(&r, 9, 9), 9);
    }
    assert_true(low > 100 && high > 100);
    (void)rng_between(&r, 0, UINT64_MAX); /* the whole span does not overflow */
}

static void chance_is_about_what_it_says(void **state)
{
    (void)state;
    struct rng r;
    unsigned hits = 0;
    rng_seed(&r, 4);
    for (int i = 0; i < 10000; i++) {
        hits += rng_chance(&r, 250000);
        assert_false(rng_chance(&r, 0));
        assert_true(rng_chance(&r, 1000000));
    }
    assert_true(hits > 2200 && hits < 2800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_decides),
        cmocka_unit_test(is_xoshiro256starstar),
        cmocka_unit_test(bounds_hold_and_are_reached),
        cmocka_unit_test(chance_is_about_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
