/* The term of every entry is known, after cuts and trims too: held against a plain array. */
#include "wal/terms.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define INDEX_MAX 500

static void as_an_array(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    for (int round = 0; round < 50; round++) {
        uint64_t want[INDEX_MAX] = {[10] = 2};
        uint64_t first = 10;
        uint64_t next = 11;
        uint64_t term = 2;
        struct terms t = {0};
        terms_init(&t, 10, 2);
        while (next < INDEX_MAX) {
            if (rng_chance(&rng, 50000)) {
                term++;
                next = rng_between(&rng, first + 1, next);
            }
            terms_put(&t, next, term);
            want[next++] = term;
            if (rng_chance(&rng, 20000)) {
                first = rng_between(&rng, first, next - 1);
                terms_trim(&t, first);
            }
            for (uint64_t i = first; i < next; i++)
                assert_int_equal(terms_at(&t, i), want[i]);
        }
        assert_true(t.n <= term);
        terms_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_an_array)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
