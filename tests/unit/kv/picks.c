/* Picks come out as if all had been sorted at once, stable, and cost what is wanted. */
#include "kv/picks.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MANY 20000

/* What sorts a before b: numbers, and places where they are equal. */
static bool is_before(const struct range_pick *a, const struct range_pick *b, bool descend)
{
    if (a->number != b->number)
        return descend ? a->number > b->number : a->number < b->number;
    return a->rev.main < b->rev.main;
}

/* Add MANY with numbers below `kinds`; their places are in rev. Then compare: in order, and as many
 * of all come before the last one as were kept. */
static void sorts(uint64_t want, uint64_t kinds, bool descend)
{
    struct rng rng;
    struct picks p = {.want = want, .descend = descend};
    struct range_pick *all = calloc(MANY, sizeof(*all));
    rng_seed(&rng, want + kinds);
    assert_non_null(all);
    for (size_t i = 0; i < MANY; i++) {
        all[i] = (struct range_pick){.rev = {(int64_t)i, 0}};
        all[i].number = (int64_t)rng_below(&rng, kinds);
        picks_add(&p, &all[i]);
        if (want > 0)
            assert_true(p.n <= want + (want > PICKS_SPARE ? want : PICKS_SPARE));
    }
    picks_finish(&p);
    assert_int_equal(p.seen, MANY);
    assert_int_equal(p.n, want > 0 && want < MANY ? want : MANY);
    size_t before = 0;
    for (size_t i = 0; i < MANY; i++)
        before += is_before(&all[i], &p.v[p.n - 1], descend);
    assert_int_equal(before, p.n - 1);
    for (size_t i = 1; i < p.n; i++)
        assert_true(is_before(&p.v[i - 1], &p.v[i], descend));
    free(p.v);
    free(all);
}

static void the_first_of_many_are_those_of_a_whole_sort(void **state)
{
    static const uint64_t wants[] = {0, 1, 2, 10, 999, 1000, 1001, 7000, MANY - 1, MANY, INT64_MAX};
    static const uint64_t kinds[] = {1, 3, 1000, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            sorts(wants[i], kinds[k], false);
            sorts(wants[i], kinds[k], true);
        }
    }
}

static void none_are_none(void **state)
{
    struct picks p = {.want = 3};
    (void)state;
    picks_finish(&p);
    assert_int_equal(p.n, 0);
    assert_null(p.v);
}

static void bytes_are_compared_as_bytes(void **state)
{
    struct picks p = {.want = 2, .by_bytes = true};
    static const char *const texts[] = {"b", "\xff", "", "a"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        picks_add(&p, &(struct range_pick){.bytes = slice_str(texts[i])});
    picks_finish(&p);
    assert_int_equal(p.n, 2);
    assert_true(slice_eq(p.v[0].bytes, slice_str("")));
    assert_true(slice_eq(p.v[1].bytes, slice_str("a")));
    free(p.v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_of_many_are_those_of_a_whole_sort),
        cmocka_unit_test(none_are_none),
        cmocka_unit_test(bytes_are_compared_as_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
