/* Buckets hold what they say, and the text is what Prometheus' format page asks for. */
#include "base/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void is(struct buf *out, const char *want)
{
    if (!slice_eq(buf_slice(out), slice_str(want)))
        fail_msg("%.*s", (int)out->n, (const char *)out->p);
    buf_fini(out);
}

static void test_bounds_ascend_and_are_what_they_say(void **state)
{
    static const struct metric_buckets *const all[] = {
        &metric_buckets_disk, &metric_buckets_rpc,      &metric_buckets_apply,
        &metric_buckets_hash, &metric_buckets_snapshot, &metric_buckets_defrag};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        for (size_t j = 0; j < all[i]->n; j++) {
            assert_true(strtod(all[i]->v[j].text, NULL) == all[i]->v[j].bound);
            assert_true(j == 0 || all[i]->v[j - 1].bound < all[i]->v[j].bound);
        }
    }
}

static void test_a_value_is_in_the_first_bucket_that_holds_it(void **state)
{
    struct metric_histogram h = {.buckets = &metric_buckets_rpc};
    struct buf out = {0};
    (void)state;
    metric_observe(&h, 0.01); /* on the bound */
    metric_observe(&h, 0.0101);
    metric_observe(&h, 11);
    metric_observe_ns(&h, 5000000000);
    assert_int_equal(metric_count(&h), 4);
    metric_sample_histogram(&out, "h", "a=\"b\"", &h);
    is(&out, "h_bucket{a=\"b\",le=\"0.005\"} 0\nh_bucket{a=\"b\",le=\"0.01\"} 1\n"
             "h_bucket{a=\"b\",le=\"0.025\"} 2\nh_bucket{a=\"b\",le=\"0.05\"} 2\n"
             "h_bucket{a=\"b\",le=\"0.1\"} 2\nh_bucket{a=\"b\",le=\"0.25\"} 2\n"
             "h_bucket{a=\"b\",le=\"0.5\"} 2\nh_bucket{a=\"b\",le=\"1\"} 2\n"
             "h_bucket{a=\"b\",le=\"2.5\"} 2\nh_bucket{a=\"b\",le=\"5\"} 3\n"
             "h_bucket{a=\"b\",le=\"10\"} 3\nh_bucket{a=\"b\",le=\"+Inf\"} 4\n"
             "h_sum{a=\"b\"} 16.0201\nh_count{a=\"b\"} 4\n");
}

static void test_samples(void **state)
{
    struct buf out = {0};
    (void)state;
    metric_family(&out, "a_total", METRIC_COUNTER, "As.");
    metric_sample(&out, "a_total", "", UINT64_MAX);
    metric_family(&out, "b", METRIC_GAUGE, "Bs.");
    metric_sample_signed(&out, "b", "", -5);
    metric_sample_real(&out, "b", "x=\"1\"", 0.1);
    metric_sample_real(&out, "b", "x=\"2\"", 1795981454.05);
    is(&out, "# HELP a_total As.\n# TYPE a_total counter\na_total 18446744073709551615\n"
             "# HELP b Bs.\n# TYPE b gauge\nb -5\nb{x=\"1\"} 0.1\nb{x=\"2\"} 1795981454.05\n");
}

static void test_labels_are_escaped(void **state)
{
    struct buf out = {0};
    (void)state;
    metric_label(&out, "a", slice_str("x\"y\\z\n\xc3\xa4"));
    is(&out, "a=\"x\\\"y\\\\z\\n\xc3\xa4\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_ascend_and_are_what_they_say),
        cmocka_unit_test(test_a_value_is_in_the_first_bucket_that_holds_it),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_labels_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
