/* What is counted is written, under names that are sorted and fit their type. */
#include "env/metrics.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_numbers_and_durations_are_written(void **state)
{
    struct metrics m;
    struct env env = {.metrics = &m};
    struct buf out = {0};
    (void)state;
    metrics_init(&m);
    env_count(&env, mvcc_puts, 2);
    env_count(&env, mvcc_puts, 1);
    env_observe_ns(&env, wal_fsync, 1500000);
    metrics_write(&m, &out);
    buf_append_u8(&out, 0);
    const char *text = (const char *)out.p;
    assert_non_null(strstr(text, "# HELP etcd_mvcc_put_total Total number of puts seen by this "
                                 "member.\n# TYPE etcd_mvcc_put_total counter\n"
                                 "etcd_mvcc_put_total 3\n"));
    assert_non_null(strstr(text, "# TYPE etcd_disk_wal_fsync_duration_seconds histogram\n"));
    assert_non_null(strstr(text, "\netcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.001\"} 0\n"
                                 "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.002\"} 1\n"));
    assert_non_null(strstr(text, "\netcd_disk_wal_fsync_duration_seconds_sum 0.0015\n"));
    buf_fini(&out);
}

static void test_without_metrics_nothing_happens(void **state)
{
    struct env env = {0};
    (void)state;
    env_count(&env, mvcc_puts, 1);
    env_observe_ns(&env, wal_fsync, 1);
}

/* Prometheus' own checker (promtool check metrics) says so. */
static void test_names_fit_their_types(void **state)
{
    static const struct {
        const char *name;
        enum metric_type type;
    } all[] = {
#define X(field, type, name, help) {name, METRIC_##type},
        METRICS_NUMBERS(X)
#undef X
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        size_t n = strlen(all[i].name);
        bool total = n > 6 && strcmp(all[i].name + n - 6, "_total") == 0;
        if (all[i].type != METRIC_UNTYPED && total != (all[i].type == METRIC_COUNTER))
            fail_msg("%s", all[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_durations_are_written),
        cmocka_unit_test(test_without_metrics_nothing_happens),
        cmocka_unit_test(test_names_fit_their_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
