/* ETCDCTL_ variables set options, unless the option itself is there. */
#include "ctl/environment.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct flag set[] = {
    {"write-out", FLAG_STRING, "simple", "", 'w'},
    {"hex", FLAG_BOOL, NULL, ""},
    {"endpoints", FLAG_STRINGS, "one", ""},
};

struct lab {
    struct flag_values values;
    struct buf warnings;
    struct err err;
};

static enum rc apply(struct lab *l, const char **envp)
{
    return environment_apply(&l->values, set, ARRAY_LEN(set), (char **)(uintptr_t)envp,
                             &l->warnings, &l->err);
}

static void init(struct lab *l)
{
    *l = (struct lab){0};
    flag_values_add(&l->values, set, ARRAY_LEN(set));
}

static void fini(struct lab *l)
{
    flag_values_fini(&l->values);
    buf_fini(&l->warnings);
}

static void variables_are_taken(void **state)
{
    (void)state;
    struct lab l;
    const char *envp[] = {"PATH=/bin", "ETCDCTL_WRITE_OUT=json", "ETCDCTL_HEX=true",
                          "ETCDCTL_ENDPOINTS=a,b", NULL};
    init(&l);
    assert_int_equal(apply(&l, envp), RC_OK);
    assert_string_equal(flag_string(&l.values, "write-out"), "json");
    assert_true(flag_bool(&l.values, "hex"));
    assert_int_equal(flag_find(&l.values, SLICE_LIT("endpoints"))->list_n, 2);
    assert_int_equal(l.warnings.n, 0);
    fini(&l);
}

static void an_empty_variable_changes_nothing(void **state)
{
    (void)state;
    struct lab l;
    const char *envp[] = {"ETCDCTL_WRITE_OUT=", NULL};
    init(&l);
    assert_int_equal(apply(&l, envp), RC_OK);
    assert_string_equal(flag_string(&l.values, "write-out"), "simple");
    fini(&l);
}

static void beside_its_option_it_is_refused(void **state)
{
    (void)state;
    struct lab l;
    const char *argv[] = {"-w", "table"};
    const char *envp[] = {"ETCDCTL_WRITE_OUT=json", NULL};
    struct flag_args args;
    init(&l);
    assert_int_equal(flag_values_parse(&l.values, 2, (char **)(uintptr_t)argv, &args, &l.err),
                     RC_OK);
    assert_int_equal(apply(&l, envp), RC_EXISTS);
    assert_non_null(strstr(l.err.text, "\"ETCDCTL_WRITE_OUT\" is shadowed"));
    flag_args_fini(&args);
    fini(&l);
}

static void a_wrong_value_is_left_out_and_said(void **state)
{
    (void)state;
    struct lab l;
    const char *envp[] = {"ETCDCTL_HEX=maybe", NULL};
    init(&l);
    assert_int_equal(apply(&l, envp), RC_OK);
    assert_false(flag_bool(&l.values, "hex"));
    assert_true(
        slice_has_prefix(buf_slice(&l.warnings), SLICE_LIT("warning: ETCDCTL_HEX is left out: ")));
    fini(&l);
}

static void what_means_nothing_is_said_without_its_value(void **state)
{
    (void)state;
    struct lab l;
    const char *envp[] = {"ETCDCTL_COLOUR=secret", "ETCDCTL_API=3", "ETCDCTL_WATCH_KEY=k", NULL};
    init(&l);
    assert_int_equal(apply(&l, envp), RC_OK);
    assert_true(slice_eq(buf_slice(&l.warnings),
                         SLICE_LIT("warning: unrecognized environment variable ETCDCTL_COLOUR\n")));
    fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_taken),
        cmocka_unit_test(an_empty_variable_changes_nothing),
        cmocka_unit_test(beside_its_option_it_is_refused),
        cmocka_unit_test(a_wrong_value_is_left_out_and_said),
        cmocka_unit_test(what_means_nothing_is_said_without_its_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
