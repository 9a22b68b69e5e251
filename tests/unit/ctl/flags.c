/* Options are read by the rules of etcdctl's library, and refused in its words. */
#include "ctl/flags.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct flag set[] = {
    {"list", FLAG_STRINGS, "one", "a list"},     {"text", FLAG_STRING, "none", "a text", 't'},
    {"yes", FLAG_BOOL, NULL, "a switch", 'y'},   {"number", FLAG_INT, NULL, "a number", 'n'},
    {"wait", FLAG_DURATION, "5s", "a time"},     {"count", FLAG_UINT, "128", "a count"},
    {"on", FLAG_BOOL, "true", "another switch"},
};

struct parsed {
    struct flag_values values;
    struct flag_args args;
    struct err err;
    enum rc rc;
};

static void parse(struct parsed *p, int argc, char **argv)
{
    *p = (struct parsed){0};
    flag_values_add(&p->values, set, ARRAY_LEN(set));
    p->rc = flag_values_parse(&p->values, argc, argv, &p->args, &p->err);
}

static void fini(struct parsed *p)
{
    flag_args_fini(&p->args);
    flag_values_fini(&p->values);
}

#define PARSE(p, ...)                                                                              \
    do {                                                                                           \
        const char *words[] = {__VA_ARGS__};                                                       \
        parse(p, (int)ARRAY_LEN(words), (char **)(uintptr_t)words);                                \
    } while (0)

static void without_options_there_are_initial_values(void **state)
{
    (void)state;
    struct parsed p;
    PARSE(&p, "a", "-", "b");
    assert_int_equal(p.rc, RC_OK);
    assert_string_equal(flag_string(&p.values, "text"), "none");
    assert_int_equal(flag_duration(&p.values, "wait"), 5000000000);
    assert_int_equal(flag_uint(&p.values, "count"), 128);
    assert_true(flag_bool(&p.values, "on"));
    assert_false(flag_changed(&p.values, "wait"));
    assert_int_equal(p.args.n, 3);
    assert_string_equal(p.args.v[1], "-");
    assert_false(p.args.has_dash);
    fini(&p);
}

static void options_stand_between_arguments(void **state)
{
    (void)state;
    struct parsed p;
    PARSE(&p, "a", "--text", "--yes", "b", "--number=-3", "-yn5", "-t=x", "c");
    assert_int_equal(p.rc, RC_OK);
    assert_string_equal(flag_string(&p.values, "text"), "x");
    assert_true(flag_bool(&p.values, "yes"));
    assert_int_equal(flag_int(&p.values, "number"), 5);
    assert_true(flag_changed(&p.values, "number"));
    assert_int_equal(p.args.n, 3);
    fini(&p);
}

static void what_an_option_takes_may_look_like_one(void **state)
{
    (void)state;
    struct parsed p;
    PARSE(&p, "--text", "--yes");
    assert_int_equal(p.rc, RC_OK);
    assert_string_equal(flag_string(&p.values, "text"), "--yes");
    assert_false(flag_bool(&p.values, "yes"));
    fini(&p);
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    struct parsed p;
    PARSE(&p, "a", "--", "-y", "--", "b");
    assert_int_equal(p.rc, RC_OK);
    assert_false(flag_bool(&p.values, "yes"));
    assert_true(p.args.has_dash);
    assert_int_equal(p.args.dash, 1);
    assert_int_equal(p.args.n, 4);
    assert_string_equal(p.args.v[2], "--");
    fini(&p);
}

static void a_list_replaces_its_initial_value_and_then_grows(void **state)
{
    (void)state;
    struct parsed p;
    PARSE(&p, "--list", "a,b", "--list=c");
    struct flag_value *v = flag_find(&p.values, SLICE_LIT("list"));
    assert_int_equal(v->list_n, 3);
    assert_true(strcmp(v->list[0], "a") == 0);
    assert_true(strcmp(v->list[2], "c") == 0);
    fini(&p);
}

static void refused(struct parsed *p, const char *why)
{
    assert_int_not_equal(p->rc, RC_OK);
    assert_string_equal(p->err.text, why);
    fini(p);
}

static void mistakes_are_told_in_etcdctls_words(void **state)
{
    (void)state;
    struct parsed p;
    PARSE(&p, "--bogus=1");
    refused(&p, "unknown flag: --bogus");
    PARSE(&p, "-yz");
    refused(&p, "unknown shorthand flag: 'z' in -z");
    PARSE(&p, "--text");
    refused(&p, "flag needs an argument: --text");
    PARSE(&p, "-yt");
    refused(&p, "flag needs an argument: 't' in -t");
    PARSE(&p, "--=x");
    refused(&p, "bad flag syntax: --=x");
    PARSE(&p, "-n", "x");
    refused(&p, "invalid argument \"x\" for \"-n, --number\" flag: strconv.ParseInt: parsing "
                "\"x\": invalid syntax");
    PARSE(&p, "--yes=maybe");
    refused(&p, "invalid argument \"maybe\" for \"-y, --yes\" flag: strconv.ParseBool: parsing "
                "\"maybe\": invalid syntax");
    PARSE(&p, "--wait", "5");
    refused(&p, "invalid argument \"5\" for \"--wait\" flag: time: missing unit in duration \"5\"");
}

static void usage_is_sorted_and_aligned(void **state)
{
    (void)state;
    struct flag_values values = {0};
    AUTO(buf_fini) struct buf out = {0};
    flag_values_add(&values, set, ARRAY_LEN(set));
    flags_usage(&values, &out);
    buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.p,
                        "      --count uint      a count (default 128)\n"
                        "      --list strings    a list (default [one])\n"
                        "  -n, --number int      a number\n"
                        "      --on              another switch (default true)\n"
                        "  -t, --text string     a text (default \"none\")\n"
                        "      --wait duration   a time (default 5s)\n"
                        "  -y, --yes             a switch\n");
    flag_values_fini(&values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_there_are_initial_values),
        cmocka_unit_test(options_stand_between_arguments),
        cmocka_unit_test(what_an_option_takes_may_look_like_one),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(a_list_replaces_its_initial_value_and_then_grows),
        cmocka_unit_test(mistakes_are_told_in_etcdctls_words),
        cmocka_unit_test(usage_is_sorted_and_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
