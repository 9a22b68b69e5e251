/* A version is read as etcd reads it, only the one before is a target, and the job outlasts a
 * restart. */
#include "state/downgrade.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void versions_are_read_as_etcd_reads_them(void **state)
{
    (void)state;
    static const char *const good[] = {"3.6", "3.6.0", "3.6.12", "3.6.0-rc.1", "3.6.0+x"};
    static const char *const bad[] = {"",      "3",      "x",    "3.",      "3.6.",        "v3.6",
                                      "3.6.x", "3.06",   "03.6", "3.6.0.0", "-3.6",        "3 .6",
                                      "3.6 ",  "3.6.0 ", ".6",   "3..6",    "3.6666666666"};
    unsigned major;
    unsigned minor;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(downgrade_parse(slice_str(good[i]), &major, &minor), ETCD_OK);
        assert_int_equal(major, 3);
        assert_int_equal(minor, 6);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(downgrade_parse(slice_str(bad[i]), &major, &minor),
                         ETCD_WRONG_DOWNGRADE_VERSION_FORMAT);
}

static void only_the_version_before_is_a_target(void **state)
{
    (void)state;
    assert_int_equal(downgrade_check("3.7.0", 3, 6), ETCD_OK);
    assert_int_equal(downgrade_check("3.7.0", 3, 7), ETCD_INVALID_DOWNGRADE_TARGET_VERSION);
    assert_int_equal(downgrade_check("3.7.0", 3, 5), ETCD_INVALID_DOWNGRADE_TARGET_VERSION);
    assert_int_equal(downgrade_check("3.7.0", 2, 6), ETCD_INVALID_DOWNGRADE_TARGET_VERSION);
}

static void set(struct lab *l, bool enabled, const char *target, const char *answer)
{
    struct pb_downgrade_info_set_request r = {.enabled = enabled, .ver = slice_str(target)};
    struct pb_downgrade_response out;
    assert_int_equal(
        lab_apply(l, RAFT_REQUEST_DOWNGRADE_INFO_SET, &wire_downgrade_info_set_request, &r),
        ETCD_OK);
    lab_response(l, &wire_downgrade_response, &out);
    assert_true(slice_eq(out.version, slice_str(answer)));
}

static void the_job_outlasts_a_restart(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    assert_string_equal(state_downgrade(l.state), "");
    set(&l, true, "3.6", "3.7");
    assert_string_equal(state_downgrade(l.state), "3.6.0");
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_turns(&l);
    assert_int_equal(lab_restart(&l), RC_OK);
    assert_string_equal(state_downgrade(l.state), "3.6.0");
    set(&l, false, "", "3.6");
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_turns(&l);
    assert_int_equal(lab_restart(&l), RC_OK);
    assert_string_equal(state_downgrade(l.state), "");
    lab_close(&l);
}

static void a_damaged_target_is_not_believed(void **state)
{
    (void)state;
    static const char *const stored[] = {"x",      "3",        "3.6",
                                         "3.06.0", "3.6.0-\"", "a.very.long.text.0"};
    for (size_t i = 0; i < ARRAY_LEN(stored); i++) {
        struct lab l = {0};
        lab_open(&l);
        set(&l, true, "3.6", "3.7");
        lab_pass_ms(&l, STATE_FLUSH_MS);
        lab_turns(&l);
        const struct storage_op op = {.table = TABLE_META,
                                      .change = STORAGE_PUT,
                                      .key = SLICE_LIT("downgrade"),
                                      .value = slice_str(stored[i])};
        assert_int_equal(storage_commit(l.storage, &op, 1), RC_OK);
        storage_refresh(l.storage);
        assert_int_equal(lab_restart(&l), RC_CORRUPT);
        lab_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_read_as_etcd_reads_them),
        cmocka_unit_test(only_the_version_before_is_a_target),
        cmocka_unit_test(the_job_outlasts_a_restart),
        cmocka_unit_test(a_damaged_target_is_not_believed),
    };
    return cmocka_run_group_tests_name("state/downgrade", tests, NULL, NULL);
}
