/* The command line and the environment are read as etcd reads them: same forms, same refusals, same
 * words, same exit status. */
#include "check.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_forms_of_a_flag(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "-name a --data-dir=d=e -snapshot-count=0x10 --max-txn-ops 1_0 -debug --",
               NULL);
    check_ok(&check);
    assert_int_equal(check.action, CONF_RUN);
    assert_string_equal(check.conf.name, "a");
    assert_string_equal(check.conf.data_dir, "d=e");
    assert_int_equal(check.conf.snapshot_count, 16);
    assert_int_equal(check.conf.max_txn_ops, 10);
    assert_true(check.conf.debug);
    check_fini(&check);
}

static void test_the_last_of_equal_flags_counts(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "--name a --name b --debug --debug=false", NULL);
    check_ok(&check);
    assert_string_equal(check.conf.name, "b");
    assert_int_equal(check.conf.log_level, LOG_INFO);
    check_fini(&check);
}

static void test_a_value_may_look_like_a_flag(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "--name --version", NULL);
    check_ok(&check);
    assert_int_equal(check.action, CONF_RUN);
    assert_string_equal(check.conf.name, "--version");
    check_fini(&check);
}

static void test_lines_that_cannot_be_read(void **state)
{
    (void)state;
    check_refused("--zzz", RC_MALFORMED, "flag provided but not defined: -zzz");
    check_refused("--zzz=1", RC_MALFORMED, "flag provided but not defined: -zzz");
    check_refused("--nam a", RC_MALFORMED,
                  "flag provided but not defined: -nam (the nearest flag is --name)");
    check_refused("--name", RC_MALFORMED, "flag needs an argument: -name");
    check_refused("---name", RC_MALFORMED, "bad flag syntax: ---name");
    check_refused("-=x", RC_MALFORMED, "bad flag syntax: -=x");
    check_refused("--=x", RC_MALFORMED, "bad flag syntax: --=x");
    check_refused("--snapshot-count=x", RC_MALFORMED,
                  "invalid value \"x\" for flag -snapshot-count: parse error");
    check_refused("-snapshot-count -1", RC_MALFORMED,
                  "invalid value \"-1\" for flag -snapshot-count: parse error");
    check_refused("--pre-vote=maybe", RC_MALFORMED,
                  "invalid boolean value \"maybe\" for -pre-vote: parse error");
    check_refused("--initial-cluster-state=foo", RC_MALFORMED,
                  "invalid value \"foo\" for flag -initial-cluster-state: invalid value");
    check_refused("--listen-client-urls=foo", RC_MALFORMED,
                  "invalid value \"foo\" for flag -listen-client-urls: URL scheme must be http, "
                  "https, unix, or unixs: foo");
    assert_int_equal(conf_exit_status(RC_MALFORMED), 2);
}

#define NO_PROXY                                                                                   \
    " does not work in this version of moat yet: let clients name the endpoints themselves, or "   \
    "put a TCP proxy before them"

static void test_words_that_are_no_flags(void **state)
{
    (void)state;
    check_refused("foo", RC_INVALID, "'foo' is not a valid flag");
    check_refused("--name a foo bar", RC_INVALID, "'foo' is not a valid flag");
    check_refused("gateway start", RC_UNSUPPORTED, "etcd's gateway" NO_PROXY);
    check_refused("grpc-proxy start", RC_UNSUPPORTED, "etcd's grpc-proxy" NO_PROXY);
    check_refused("-", RC_INVALID, "'-' is not a valid flag");
    check_refused("-- foo", RC_INVALID, "'foo' is not a valid flag");
    check_refused("--pre-vote false", RC_INVALID, "'false' is not a valid flag");
    check_refused("--version foo", RC_INVALID, "'foo' is not a valid flag");
    assert_int_equal(conf_exit_status(RC_INVALID), 1);
    assert_int_equal(conf_exit_status(RC_OK), 0);
}

static void expect_action(const char *flags, enum conf_action action)
{
    struct check check;
    check_load(&check, flags, NULL);
    check_ok(&check);
    assert_int_equal(check.action, action);
    if (action != CONF_RUN)
        assert_null(check.conf.name);
    check_fini(&check);
}

static void test_help_and_version(void **state)
{
    (void)state;
    expect_action("--help", CONF_HELP);
    expect_action("-h", CONF_HELP);
    expect_action("--help=no --zzz", CONF_HELP); /* what comes behind is not read */
    expect_action("--name a -help foo", CONF_HELP);
    expect_action("--version", CONF_VERSION);
    expect_action("-version=1 --listen-client-urls http://foo:1", CONF_VERSION);
    expect_action("--version=false", CONF_RUN);
    check_refused("--zzz --help", RC_MALFORMED, "flag provided but not defined: -zzz");
}

static void test_flags_of_etcd_2_are_passed_over(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "-snapshot --cluster-active-size=3 -vv", NULL);
    check_ok(&check);
    assert_true(check_noted(&check.conf, LOG_WARN,
                            "flag \"-snapshot\" is no longer supported - ignoring."));
    assert_true(check_noted(&check.conf, LOG_WARN,
                            "flag \"-cluster-active-size\" is no longer supported - ignoring."));
    check_fini(&check);
}

static char *const *env(const char *a, const char *b)
{
    static char *vars[3];
    free(vars[0]);
    free(vars[1]);
    vars[0] = a ? mem_strdup(a) : NULL;
    vars[1] = b ? mem_strdup(b) : NULL;
    return vars;
}

static void test_variables_fill_what_no_flag_set(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "--name n", env("ETCD_DATA_DIR=x=y", "ETCD_SNAPSHOT_COUNT=5"));
    check_ok(&check);
    assert_string_equal(check.conf.data_dir, "x=y");
    assert_int_equal(check.conf.snapshot_count, 5);
    assert_true(check_noted(&check.conf, LOG_INFO,
                            "recognized and used environment variable ETCD_DATA_DIR=x=y"));
    check_fini(&check);
}

static void test_an_old_name_works_as_variable(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "", env("ETCD_LOG_OUTPUT=stdout", NULL));
    check_ok(&check);
    assert_string_equal(check.conf.log_outputs.v[0], "stdout");
    check_fini(&check);
}

static void refused_env(const char *flags, const char *a, const char *b, const char *sentence)
{
    struct check check;
    check_load(&check, flags, env(a, b));
    check_fails(&check, RC_INVALID, sentence);
    check_fini(&check);
}

static void test_flag_and_variable_conflict(void **state)
{
    static const char conflict[] =
        "conflicting environment variable \"ETCD_NAME\" is shadowed by corresponding command-line "
        "flag (either unset environment variable or disable flag)";
    (void)state;
    refused_env("--name a", "ETCD_NAME=b", NULL, conflict);
    refused_env("--name a", "ETCD_NAME=a", NULL, conflict);
    refused_env("--name a", "ETCD_NAME=", NULL, conflict);
    /* it comes before what else is wrong */
    refused_env("--name a", "ETCD_SNAPSHOT_COUNT=x", "ETCD_NAME=b", conflict);
}

static void test_wrong_variables(void **state)
{
    (void)state;
    refused_env("", "ETCD_SNAPSHOT_COUNT=x", NULL,
                "invalid value \"x\" for ETCD_SNAPSHOT_COUNT: parse error");
    refused_env("", "ETCD_PRE_VOTE=maybe", NULL,
                "invalid value \"maybe\" for ETCD_PRE_VOTE: parse error");
    refused_env("", "ETCD_LISTEN_CLIENT_URLS=http://127.0.0.1:1", NULL,
                "--advertise-client-urls is required when --listen-client-urls is set explicitly");
}

static void test_unknown_variables_warn_without_their_value(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "", env("ETCD_ROOT_PASSWORD=secret", "ETCD_NAME="));
    check_ok(&check);
    assert_true(
        check_noted(&check.conf, LOG_WARN, "unrecognized environment variable ETCD_ROOT_PASSWORD"));
    assert_true(check_noted(&check.conf, LOG_WARN, "unrecognized environment variable ETCD_NAME="));
    assert_string_equal(check.conf.name, "default");
    for (size_t i = 0; i < check.conf.notes.n; i++)
        assert_null(strstr(check.conf.notes.v[i].text, "secret"));
    check_fini(&check);
}

static void test_commands_are_no_variables(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "", env("ETCD_VERSION=true", "ETCDCTL_API=3"));
    check_ok(&check);
    assert_int_equal(check.action, CONF_RUN);
    assert_true(
        check_noted(&check.conf, LOG_WARN, "cannot set special environment variable ETCD_VERSION"));
    assert_int_equal(check.conf.notes.n, 1);
    check_fini(&check);
}

static void test_a_secret_stays_out_of_the_log(void **state)
{
    struct check check;
    (void)state;
    check_load(&check, "", env("ETCD_DISCOVERY_PASSWORD=secret", NULL));
    check_ok(&check);
    for (size_t i = 0; i < check.conf.notes.n; i++)
        assert_null(strstr(check.conf.notes.v[i].text, "secret"));
    check_fini(&check);
}

static void test_notes_have_a_limit(void **state)
{
    char *vars[CONF_NOTES_MAX + 11] = {0};
    struct check check;
    (void)state;
    for (size_t i = 0; i + 1 < ARRAY_LEN(vars); i++)
        vars[i] = mem_printf("ETCD_UNKNOWN_%zu=1", i);
    check_load(&check, "", vars);
    check_ok(&check);
    assert_int_equal(check.conf.notes.n, CONF_NOTES_MAX);
    assert_int_equal(check.conf.notes.dropped, 10);
    check_fini(&check);
    for (size_t i = 0; vars[i]; i++)
        free(vars[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_of_a_flag),
        cmocka_unit_test(test_the_last_of_equal_flags_counts),
        cmocka_unit_test(test_a_value_may_look_like_a_flag),
        cmocka_unit_test(test_lines_that_cannot_be_read),
        cmocka_unit_test(test_words_that_are_no_flags),
        cmocka_unit_test(test_help_and_version),
        cmocka_unit_test(test_flags_of_etcd_2_are_passed_over),
        cmocka_unit_test(test_variables_fill_what_no_flag_set),
        cmocka_unit_test(test_an_old_name_works_as_variable),
        cmocka_unit_test(test_flag_and_variable_conflict),
        cmocka_unit_test(test_wrong_variables),
        cmocka_unit_test(test_unknown_variables_warn_without_their_value),
        cmocka_unit_test(test_commands_are_no_variables),
        cmocka_unit_test(test_a_secret_stays_out_of_the_log),
        cmocka_unit_test(test_notes_have_a_limit),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    env(NULL, NULL);
    return failed;
}
