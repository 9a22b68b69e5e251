/* What etcdctl's users read is written as Go writes it; the texts here were printed by Go. */
#include "ctl/gotext.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void quotes(struct slice text, const char *wanted)
{
    AUTO(buf_fini) struct buf out = {0};
    go_quote(text, &out);
    buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.p, wanted);
}

static void quotes_as_percent_q(void **state)
{
    (void)state;
    quotes(SLICE_LIT(""), "\"\"");
    quotes(SLICE_LIT("a \"b\" \\"), "\"a \\\"b\\\" \\\\\"");
    quotes(SLICE_LIT("\a\b\f\n\r\t\v"), "\"\\a\\b\\f\\n\\r\\t\\v\"");
    quotes(SLICE_LIT("\0\x01\x7f"), "\"\\x00\\x01\\x7f\"");
    quotes(SLICE_LIT("\xff\xc3("), "\"\\xff\\xc3(\"");
    quotes(SLICE_LIT("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\"");
    quotes(SLICE_LIT("\xc2\xa0\xe2\x80\xa8\xef\xbb\xbf"), "\"\\u00a0\\u2028\\ufeff\"");
    quotes(SLICE_LIT("\xf3\xa0\x80\x81"), "\"\\U000e0001\"");
}

static void a_cut_rune_is_quoted_byte_by_byte(void **state)
{
    (void)state;
    quotes(SLICE_LIT("\xf0\x9f\x98"), "\"\\xf0\\x9f\\x98\"");
}

static void prints(int64_t ns, const char *wanted)
{
    AUTO(buf_fini) struct buf out = {0};
    go_duration(ns, &out);
    buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.p, wanted);
}

static void prints_durations(void **state)
{
    (void)state;
    prints(0, "0s");
    prints(1, "1ns");
    prints(1100, "1.1µs");
    prints(2200000, "2.2ms");
    prints(3300000000, "3.3s");
    prints(245000000000, "4m5s");
    prints(245001000000, "4m5.001s");
    prints(18367001000000, "5h6m7.001s");
    prints(3600000000000, "1h0m0s");
    prints(-1000, "-1µs");
}

static void reads(const char *text, int64_t wanted)
{
    int64_t ns = -1;
    struct err err = {0};
    assert_int_equal(go_duration_parse(text, &ns, &err), RC_OK);
    assert_int_equal(ns, wanted);
}

static void refuses_duration(const char *text, const char *why)
{
    int64_t ns = -1;
    struct err err = {0};
    assert_int_not_equal(go_duration_parse(text, &ns, &err), RC_OK);
    assert_string_equal(err.text, why);
    assert_int_equal(ns, -1);
}

static void reads_durations(void **state)
{
    (void)state;
    reads("0", 0);
    reads("5s", 5000000000);
    reads("-1m30s", -90000000000);
    reads("1.5ms", 1500000);
    reads("+.5s", 500000000);
    reads("1h2m3s4ms5us6ns", 3723004005006);
    refuses_duration("", "time: invalid duration \"\"");
    refuses_duration(".s", "time: invalid duration \".s\"");
    refuses_duration("abc", "time: invalid duration \"abc\"");
    refuses_duration("5", "time: missing unit in duration \"5\"");
    refuses_duration("5x", "time: unknown unit \"x\" in duration \"5x\"");
    refuses_duration("1.2.3s", "time: invalid duration \"1.2.3s\"");
    refuses_duration("99999999999h", "time: invalid duration \"99999999999h\"");
}

static void reads_numbers(void **state)
{
    (void)state;
    int64_t v = 0;
    uint64_t u = 0;
    struct err err = {0};
    assert_int_equal(go_int_parse("0x1F", 0, &v, &err), RC_OK);
    assert_int_equal(v, 31);
    assert_int_equal(go_int_parse("-017", 0, &v, &err), RC_OK);
    assert_int_equal(v, -15);
    assert_int_equal(go_int_parse("0", 0, &v, &err), RC_OK);
    assert_int_equal(v, 0);
    assert_int_equal(go_int_parse("-9223372036854775808", 10, &v, &err), RC_OK);
    assert_true(v == INT64_MIN);
    assert_int_equal(go_uint_parse("ffffffffffffffff", 16, &u, &err), RC_OK);
    assert_true(u == UINT64_MAX);
    assert_int_equal(go_int_parse("9223372036854775808", 10, &v, &err), RC_MALFORMED);
    assert_string_equal(err.text,
                        "strconv.ParseInt: parsing \"9223372036854775808\": value out of range");
}

static void refuses_what_is_no_number(void **state)
{
    (void)state;
    static const char *const texts[] = {"", " 1", "1 ", "+", "-", "0x", "x1", "1e3", "--1"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int64_t v = 7;
        struct err err = {0};
        assert_int_equal(go_int_parse(texts[i], 10, &v, &err), RC_MALFORMED);
        assert_non_null(strstr(err.text, "invalid syntax"));
        assert_int_equal(v, 7);
    }
    uint64_t u = 7;
    struct err err = {0};
    assert_int_equal(go_uint_parse("-1", 10, &u, &err), RC_MALFORMED);
    assert_string_equal(err.text, "strconv.ParseUint: parsing \"-1\": invalid syntax");
}

static void reads_booleans(void **state)
{
    (void)state;
    bool v = false;
    struct err err = {0};
    assert_int_equal(go_bool_parse("True", &v, &err), RC_OK);
    assert_true(v);
    assert_int_equal(go_bool_parse("f", &v, &err), RC_OK);
    assert_false(v);
    assert_int_equal(go_bool_parse("yes", &v, &err), RC_MALFORMED);
    assert_string_equal(err.text, "strconv.ParseBool: parsing \"yes\": invalid syntax");
}

static void sizes(uint64_t bytes, const char *wanted)
{
    AUTO(buf_fini) struct buf out = {0};
    go_size(bytes, &out);
    buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.p, wanted);
}

static void prints_sizes_by_thousands(void **state)
{
    (void)state;
    sizes(0, "0 B");
    sizes(9, "9 B");
    sizes(999, "999 B");
    sizes(1000, "1.0 kB");
    sizes(20480, "20 kB");
    sizes(9949, "9.9 kB");
    sizes(9950, "10 kB");
    sizes(2147483648, "2.1 GB");
    sizes(UINT64_MAX, "18 EB");
}

static void errors_begin_in_lower_case(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf out = {0};
    go_errno(ENOENT, &out);
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("no such file or directory")));
}

static void hex_has_a_backslash_for_each_byte(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf out = {0};
    go_hex(SLICE_LIT("a\0\xff"), &out);
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("\\x61\\x00\\xff")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_as_percent_q),
        cmocka_unit_test(a_cut_rune_is_quoted_byte_by_byte),
        cmocka_unit_test(prints_durations),
        cmocka_unit_test(reads_durations),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(reads_booleans),
        cmocka_unit_test(prints_sizes_by_thousands),
        cmocka_unit_test(errors_begin_in_lower_case),
        cmocka_unit_test(hex_has_a_backslash_for_each_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
