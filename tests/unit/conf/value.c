/* Texts become values by Go's rules: what etcd takes we take, what it refuses we refuse. */
#include "conf/value.h"

#include "conf/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_whole_numbers(void **state)
{
    static const struct {
        const char *text;
        enum rc rc;
        uint64_t value;
    } cases[] = {
        {"0", RC_OK, 0},
        {"10", RC_OK, 10},
        {"0x1F", RC_OK, 31},
        {"0b101", RC_OK, 5},
        {"0o17", RC_OK, 15},
        {"017", RC_OK, 15},
        {"1_000", RC_OK, 1000},
        {"0x_ff", RC_OK, 255},
        {"18446744073709551615", RC_OK, UINT64_MAX},
        {"18446744073709551616", RC_LIMIT, 0},
        {"99999999999999999999999", RC_LIMIT, 0},
        {"", RC_MALFORMED, 0},
        {"x", RC_MALFORMED, 0},
        {"-1", RC_MALFORMED, 0},
        {"+1", RC_MALFORMED, 0},
        {"1 ", RC_MALFORMED, 0},
        {"0x", RC_MALFORMED, 0},
        {"08", RC_MALFORMED, 0},
        {"0b2", RC_MALFORMED, 0},
        {"1__0", RC_MALFORMED, 0},
        {"_1", RC_MALFORMED, 0},
        {"1_", RC_MALFORMED, 0},
        {"1.5", RC_MALFORMED, 0},
        {"99999999999999999999999x", RC_MALFORMED, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t v = 7;
        if (conf_parse_uint(cases[i].text, UINT64_MAX, &v) != cases[i].rc)
            fail_msg("%s", cases[i].text);
        assert_int_equal(v, cases[i].rc == RC_OK ? cases[i].value : 7);
    }
}

static void test_signed_numbers(void **state)
{
    int64_t v = 0;
    (void)state;
    assert_int_equal(conf_parse_int("-1", &v), RC_OK);
    assert_int_equal(v, -1);
    assert_int_equal(conf_parse_int("+0x10", &v), RC_OK);
    assert_int_equal(v, 16);
    assert_int_equal(conf_parse_int("9223372036854775807", &v), RC_OK);
    assert_int_equal(v, INT64_MAX);
    assert_int_equal(conf_parse_int("-9223372036854775808", &v), RC_OK);
    assert_int_equal(v, INT64_MIN);
    assert_int_equal(conf_parse_int("9223372036854775808", &v), RC_LIMIT);
    assert_int_equal(conf_parse_int("-9223372036854775809", &v), RC_LIMIT);
    assert_int_equal(conf_parse_int("-", &v), RC_MALFORMED);
    assert_int_equal(conf_parse_int("--1", &v), RC_MALFORMED);
}

static void test_booleans(void **state)
{
    bool v = false;
    (void)state;
    assert_int_equal(conf_parse_bool("T", &v), RC_OK);
    assert_true(v);
    assert_int_equal(conf_parse_bool("False", &v), RC_OK);
    assert_false(v);
    assert_int_equal(conf_parse_bool("1", &v), RC_OK);
    assert_true(v);
    assert_int_equal(conf_parse_bool("yes", &v), RC_MALFORMED);
    assert_int_equal(conf_parse_bool("tRUE", &v), RC_MALFORMED);
    assert_int_equal(conf_parse_bool("", &v), RC_MALFORMED);
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        enum rc rc;
        int64_t ns;
    } cases[] = {
        {"0", RC_OK, 0},
        {"5s", RC_OK, 5000000000},
        {"5000ms", RC_OK, 5000000000},
        {"1h30m", RC_OK, 5400000000000},
        {"1.5h", RC_OK, 5400000000000},
        {".5s", RC_OK, 500000000},
        {"1.s", RC_OK, 1000000000},
        {"-1ms", RC_OK, -1000000},
        {"+2us", RC_OK, 2000},
        {"3\xc2\xb5s", RC_OK, 3000},
        {"3\xce\xbcs", RC_OK, 3000},
        {"9223372036854775807ns", RC_OK, INT64_MAX},
        {"9223372036854775808ns", RC_MALFORMED, 0},
        {"9999999999999h", RC_MALFORMED, 0},
        {"2562047h48m", RC_MALFORMED, 0},
        {"", RC_MALFORMED, 0},
        {"5", RC_MALFORMED, 0},
        {"s", RC_MALFORMED, 0},
        {".s", RC_MALFORMED, 0},
        {"5x", RC_MALFORMED, 0},
        {"5 s", RC_MALFORMED, 0},
        {"-", RC_MALFORMED, 0},
        {"1s-1s", RC_MALFORMED, 0},
        {"99999999999999999999999s", RC_MALFORMED, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = 7;
        if (conf_parse_duration(cases[i].text, &v) != cases[i].rc)
            fail_msg("%s", cases[i].text);
        assert_int_equal(v, cases[i].rc == RC_OK ? cases[i].ns : 7);
    }
}

static void test_choices(void **state)
{
    unsigned v = 9;
    (void)state;
    assert_int_equal(conf_parse_choice("new|existing", "existing", &v), RC_OK);
    assert_int_equal(v, 1);
    assert_int_equal(conf_parse_choice("new|existing", "new", &v), RC_OK);
    assert_int_equal(v, 0);
    assert_int_equal(conf_parse_choice("new|existing", "exist", &v), RC_NOT_FOUND);
    assert_int_equal(conf_parse_choice("new|existing", "", &v), RC_NOT_FOUND);
    assert_int_equal(conf_parse_choice("new|existing", "new|existing", &v), RC_NOT_FOUND);
}

static void test_lists_keep_order_and_drop_repeats(void **state)
{
    struct conf_strings list;
    (void)state;
    conf_parse_strings("b,a,b,,c", &list);
    assert_int_equal(list.n, 4);
    assert_string_equal(list.v[0], "b");
    assert_string_equal(list.v[1], "a");
    assert_string_equal(list.v[2], "");
    assert_string_equal(list.v[3], "c");
    conf_strings_fini(&list);
    conf_parse_strings("", &list);
    assert_int_equal(list.n, 0);
    conf_strings_fini(&list);
}

static bool same(const char *name, const char *a, const char *b)
{
    return conf_value_same(conf_flag_find(slice_str(name)), a, b);
}

static void test_equal_values_in_other_words(void **state)
{
    (void)state;
    assert_true(same("grpc-keepalive-interval", "2h0m0s", "7200s"));
    assert_false(same("grpc-keepalive-interval", "2h0m0s", "1h"));
    assert_true(same("auto-tls", "false", "0"));
    assert_false(same("auto-tls", "false", "T"));
    assert_true(same("bcrypt-cost", "10", "0xa"));
    assert_true(same("max-learners", "1", "+1"));
    assert_false(same("max-learners", "1", "-1"));
    assert_false(same("cors", "*", "http://a"));
}

static void test_reasons_are_in_words_of_go(void **state)
{
    static const struct {
        const char *flag, *text, *why;
    } cases[] = {
        {"snapshot-count", "x", "parse error"},
        {"snapshot-count", "18446744073709551616", "value out of range"},
        {"quota-backend-bytes", "-9223372036854775809", "value out of range"},
        {"pre-vote", "maybe", "parse error"},
        {"grpc-keepalive-timeout", "5", "parse error"},
        {"initial-cluster-state", "foo", "invalid value"},
        {"max-concurrent-streams", "5000000000",
         "strconv.ParseUint: parsing \"5000000000\": value out of range"},
        {"max-concurrent-streams", "x", "strconv.ParseUint: parsing \"x\": invalid syntax"},
        {"listen-client-urls", "foo", "URL scheme must be http, https, unix, or unixs: foo"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        assert_int_not_equal(
            conf_value_check(conf_flag_find(slice_str(cases[i].flag)), cases[i].text, &err), RC_OK);
        assert_string_equal(err.text, cases[i].why);
    }
}

static void test_quoting(void **state)
{
    char out[CONF_QUOTED_MAX];
    char longest[1000];
    (void)state;
    assert_string_equal(conf_quote(SLICE_LIT(""), out), "\"\"");
    assert_string_equal(conf_quote(SLICE_LIT("a\"b\\c\n\t\r\x01\x7f"), out),
                        "\"a\\\"b\\\\c\\n\\t\\r\\x01\\x7f\"");
    memset(longest, 1, sizeof(longest));
    conf_quote(slice_of(longest, sizeof(longest)), out);
    assert_true(strlen(out) < CONF_QUOTED_MAX);
    assert_string_equal(out + strlen(out) - 4, "...\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_signed_numbers),
        cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_lists_keep_order_and_drop_repeats),
        cmocka_unit_test(test_equal_values_in_other_words),
        cmocka_unit_test(test_reasons_are_in_words_of_go),
        cmocka_unit_test(test_quoting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
