/* One series is found in a page of metrics, by its whole name. */
#include "ctl/metric.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char page[] = "# TYPE process_memory gauge\r\n"
                           "process_memory_peak 7\n"
                           "process_memory 2.5e+07\n"
                           "labelled{a=\"b\"} 3\n"
                           "odd x\n"
                           "last 12";

static void the_whole_name_counts(void **state)
{
    (void)state;
    double v = 0;
    assert_int_equal(metric_find(SLICE_LIT(page), "process_memory", &v), RC_OK);
    assert_float_equal(v, 25000000, 0);
    assert_int_equal(metric_find(SLICE_LIT(page), "last", &v), RC_OK);
    assert_float_equal(v, 12, 0);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    double v = 4;
    assert_int_equal(metric_find(SLICE_LIT(page), "process", &v), RC_NOT_FOUND);
    assert_int_equal(metric_find(SLICE_LIT(page), "labelled", &v), RC_NOT_FOUND);
    assert_int_equal(metric_find(SLICE_LIT(""), "last", &v), RC_NOT_FOUND);
    assert_int_equal(metric_find(SLICE_LIT(page), "odd", &v), RC_MALFORMED);
}

static void nobody_there_is_a_sentence(void **state)
{
    (void)state;
    double v = 0;
    struct err err = {0};
    assert_int_not_equal(
        metric_fetch(SLICE_LIT("unix:///proc/nonexistent/socket"), "last", &v, &err), RC_OK);
    assert_non_null(strstr(err.text, "/proc/nonexistent/socket"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_name_counts),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(nobody_there_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
