/* Rate, slowest and deviation of a run are those of its latencies. */
#include "ctl/load.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void figures_are_those_of_the_latencies(void **state)
{
    (void)state;
    double latencies[] = {0.2, 0.4, 0.4, 0.4, 0.5, 0.5, 0.7, 0.9}; /* mean 0.5, deviation 0.2 */
    const struct load_result r = {.latencies = latencies, .n = ARRAY_LEN(latencies), .seconds = 2};
    assert_float_equal(load_rate(&r), 4.0, 1e-9);
    assert_float_equal(load_slowest(&r), 0.9, 1e-9);
    assert_float_equal(load_deviation(&r), 0.2, 1e-9);
}

static void a_run_without_answers_has_zeros(void **state)
{
    (void)state;
    const struct load_result r = {0};
    assert_float_equal(load_rate(&r), 0, 0);
    assert_float_equal(load_slowest(&r), 0, 0);
    assert_float_equal(load_deviation(&r), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_the_latencies),
        cmocka_unit_test(a_run_without_answers_has_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
