/* The rotation of the log is told in JSON, and what is wrong with it is said. */
#include "conf/rotation.h"

#include "check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void expect_refusal(const char *text, const char *why)
{
    struct conf_rotation r = {.days_max = 77};
    struct err err = {0};
    assert_int_equal(conf_rotation_parse(text, &r, &err), RC_INVALID);
    if (!strstr(err.text, why))
        fail_msg("%s: %s", text, err.text);
    assert_int_equal(r.days_max, 77);
}

static void all_members_are_read(void **state)
{
    (void)state;
    struct conf_rotation r;
    assert_int_equal(conf_rotation_parse("{\"maxsize\": 7, \"maxage\": 3, \"maxbackups\": 2, "
                                         "\"localtime\": true, \"compress\": false}",
                                         &r, NULL),
                     RC_OK);
    assert_int_equal(r.bytes_max, 7 << 20);
    assert_int_equal(r.days_max, 3);
    assert_int_equal(r.backups_max, 2);
    assert_true(r.local_time);
    assert_false(r.compress);
    assert_int_equal(conf_rotation_parse("{\"MaxBackups\":5,\"other\":[1]}", &r, NULL), RC_OK);
    assert_int_equal(r.bytes_max, 100 << 20); /* the default */
    assert_int_equal(r.backups_max, 5);
}

static void what_is_no_configuration_is_refused(void **state)
{
    (void)state;
    expect_refusal("{", "improperly formatted log rotation config: ");
    expect_refusal("", "improperly formatted log rotation config: ");
    expect_refusal("[1]", "improperly formatted log rotation config: ");
    expect_refusal("{\"maxsize\":true}",
                   "invalid log rotation config: json: cannot unmarshal bool into Go struct field "
                   "logRotationConfig.Logger.maxsize of type int");
    expect_refusal("{\"localtime\":\"true\"}", "cannot unmarshal string into Go struct field "
                                               "logRotationConfig.Logger.localtime of type bool");
    expect_refusal("{\"maxage\":{}}", "cannot unmarshal object");
    expect_refusal("{\"maxage\":-1}", "none is negative");
    expect_refusal("{\"maxsize\":99999999}", "maxsize is megabytes up to");
}

static void it_takes_one_file(void **state)
{
    (void)state;
    const char *why = "--log-outputs requires a single file path when --log-rotate-config-json is "
                      "defined";
    struct check check;
    check_refused("--enable-log-rotation", RC_INVALID, why);
    check_refused("--enable-log-rotation --log-outputs=a,b", RC_INVALID, why);
    check_load(
        &check,
        "--enable-log-rotation --log-outputs=a --log-rotation-config-json={\"compress\":true}",
        NULL);
    check_ok(&check);
    assert_true(check.conf.log_rotation.compress);
    check_fini(&check);
    check_load(&check, "--enable-log-rotation --log-outputs=stderr,a", NULL);
    check_ok(&check);
    assert_int_equal(check.conf.log_rotation.bytes_max, 100 << 20);
    check_fini(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_members_are_read),
        cmocka_unit_test(what_is_no_configuration_is_refused),
        cmocka_unit_test(it_takes_one_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
