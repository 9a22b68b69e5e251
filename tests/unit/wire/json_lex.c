/* Strictness, word by word: what RFC 8259 allows and nothing else, at every place, and cut at every
 * byte; whole numbers in every notation. */
#include "wire/json_lex.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static enum rc taken(struct slice text, size_t *at)
{
    struct json_lex l = {.all = text};
    struct buf scratch = {0};
    json_skip(&l, &scratch);
    json_peek(&l);
    *at = l.at;
    buf_fini(&scratch);
    return l.failed;
}

static const char *const good[] = {
    "null",
    "true",
    " false ",
    "0",
    "-0.10e-07",
    "1E+2",
    "\"\"",
    "\"a\\u00e4\\ud83d\\ude00\\n\\/\"",
    "[]",
    "{}",
    " [ 1 , [ ] , { } , \"]\" ] ",
    "{\"a\":{\"b\":[{\"c\":null}]},\"a\":1}",
};

static const char *const bad[] = {
    "",
    "nul",
    "nulll",
    "True",
    "+1",
    "01",
    "1.",
    ".5",
    "1e",
    "0x1",
    "-",
    "\"",
    "\"\\x\"",
    "\"\\u12g4\"",
    "\"\\ud800\"",
    "\"\\ud800\\u0041\"",
    "\"\\udc00\"",
    "\"\n\"",
    "\"\xff\"",
    "[",
    "]",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{",
    "{\"a\"}",
    "{\"a\":}",
    "{a:1}",
    "{\"a\":1,}",
    "{,}",
    "{1:2}",
    "[1}",
    "{\"a\":1]",
    "'a'",
    "NaN",
    "1-",
    "\"\\ud800\\ud800\"",
};

static void test_good_texts_are_taken_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct slice text = slice_str(good[i]);
        size_t at;
        assert_int_equal(taken(text, &at), RC_OK);
        assert_int_equal(at, text.n);
    }
}

static void test_bad_texts_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        size_t at;
        if (taken(slice_str(bad[i]), &at) != RC_MALFORMED)
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_what_is_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct slice text = slice_str("{\"a\":{\"b\":[1,\"x\\u00e4\",true]}}");
    for (size_t n = 0; n < text.n; n++) {
        size_t at;
        assert_int_equal(taken(slice_of(text.p, n), &at), RC_MALFORMED);
    }
}

static void test_nesting_has_an_end(void **state)
{
    char text[2 * JSON_DEPTH_MAX + 2];
    size_t at;
    (void)state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_int_equal(taken(slice_of(text, 2 * JSON_DEPTH_MAX), &at), RC_OK);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    assert_int_equal(taken(slice_of(text, sizeof(text)), &at), RC_LIMIT);
}

static void test_escapes_are_undone(void **state)
{
    struct json_lex l = {
        .all = slice_str("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u20ac\\ud83d\\ude00.\"")};
    struct buf scratch = {0};
    (void)state;
    struct slice s = json_string(&l, &scratch);
    assert_true(slice_eq(s, slice_str("\"\\/\b\f\n\r\tA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80.")));
    buf_fini(&scratch);
}

static void test_a_fault_has_its_place(void **state)
{
    struct json_lex l = {.all = slice_str("{\n  \"\xc3\xa4\": nope}")};
    struct buf scratch = {0};
    (void)state;
    json_skip(&l, &scratch);
    assert_string_equal(l.why, "proto: syntax error (line 2:8): invalid value nope");
    json_fail(&l, RC_LIMIT, 0, "later");
    assert_int_equal(l.failed, RC_MALFORMED); /* the first one stays */
    buf_fini(&scratch);
}

static void test_whole_numbers_in_every_notation(void **state)
{
    static const struct {
        const char *text;
        bool negative;
        uint64_t v;
    } whole[] = {
        {"0", false, 0},
        {"-0", true, 0},
        {"18446744073709551615", false, UINT64_MAX},
        {"-9223372036854775808", true, (uint64_t)1 << 63},
        {"1.0", false, 1},
        {"1.500e1", false, 15},
        {"1e2", false, 100},
        {"1200e-2", false, 12},
        {"0.0e-99999999999", false, 0},
        {"0e99999999999", false, 0},
        {"10000000000000000000000e-22", false, 1},
    };
    static const char *const parts[] = {
        "18446744073709551616", "0.5", "1e20", "15e-1", "1e-1", "1.25e1", "1e99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        bool negative;
        uint64_t v = 7;
        assert_true(json_number_whole(slice_str(whole[i].text), &negative, &v));
        assert_int_equal(negative, whole[i].negative);
        assert_true(v == whole[i].v);
    }
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        bool negative;
        uint64_t v;
        assert_false(json_number_whole(slice_str(parts[i]), &negative, &v));
    }
}

static size_t span(struct slice text, size_t piece, bool *complete)
{
    struct json_span s = {0};
    size_t at = 0;
    *complete = false;
    while (at < text.n && !*complete) {
        size_t n = text.n - at < piece ? text.n - at : piece;
        at += json_span_feed(&s, slice_of(text.p + at, n), complete);
    }
    return at;
}

static void test_the_end_of_a_value_is_found_in_any_pieces(void **state)
{
    struct slice text = slice_str(" {\"a\\\"}\":[{}, \"]\\\\\"]} {\"b\":1}");
    bool complete;
    (void)state;
    for (size_t piece = 1; piece <= text.n; piece++) {
        assert_int_equal(span(text, piece, &complete), 21);
        assert_true(complete);
    }
    span(slice_of(text.p, 20), 3, &complete);
    assert_false(complete);
    assert_int_equal(span(slice_str(" null"), 5, &complete), 5);
    assert_true(complete);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_texts_are_taken_whole),
        cmocka_unit_test(test_bad_texts_are_refused),
        cmocka_unit_test(test_what_is_cut_anywhere_is_refused),
        cmocka_unit_test(test_nesting_has_an_end),
        cmocka_unit_test(test_escapes_are_undone),
        cmocka_unit_test(test_a_fault_has_its_place),
        cmocka_unit_test(test_whole_numbers_in_every_notation),
        cmocka_unit_test(test_the_end_of_a_value_is_found_in_any_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
