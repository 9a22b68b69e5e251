/* Lines of txn and watch become the words that etcdctl sees, and comparisons what they say. */
#include "ctl/words.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct lab {
    struct arena arena;
    struct words words;
    struct pb_compare compare;
    struct err err;
};

static void splits(const char *line, int n, const char *const *wanted)
{
    struct lab l = {0};
    assert_int_equal(words_split(slice_str(line), &l.arena, &l.words, &l.err), RC_OK);
    assert_int_equal(l.words.n, n);
    for (int i = 0; i < n; i++)
        assert_string_equal(l.words.v[i], wanted[i]);
    assert_null(l.words.v[n]);
    arena_fini(&l.arena);
}

#define SPLITS(line, ...)                                                                          \
    do {                                                                                           \
        const char *wanted[] = {__VA_ARGS__};                                                      \
        splits(line, (int)ARRAY_LEN(wanted), wanted);                                              \
    } while (0)

static void words_are_bare_or_quoted(void **state)
{
    (void)state;
    splits("", 0, NULL);
    splits(" \t ", 0, NULL);
    SPLITS("put a b", "put", "a", "b");
    SPLITS("  put\ta  'x y' \"\"", "put", "a", "x y", "");
    SPLITS("a'b c\"d e", "a'b", "c\"d", "e");
    SPLITS("\"a\\x32\\101\\u00e9\\U0001f600\\n\\\\\\\"\"", "a2A\xc3\xa9\xf0\x9f\x98\x80\n\\\"");
    SPLITS("'it is \\n so'", "it is \\n so");
}

static void an_open_quote_is_left_out(void **state)
{
    (void)state;
    SPLITS("\"abc d", "abc", "d");
    SPLITS("x 'y", "x", "y");
}

static void a_wrong_escape_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {"\"\\q\"",         "\"\\x1\"",    "\"\\u12\"", "\"\\400\"",
                                        "\"\\U00110000\"", "\"\\ud800\"", "\"\\'\"",   "\"\\08\""};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct lab l = {0};
        assert_int_equal(words_split(slice_str(lines[i]), &l.arena, &l.words, &l.err), RC_INVALID);
        assert_string_equal(l.err.text, "invalid syntax");
        arena_fini(&l.arena);
    }
}

static void too_many_words_are_refused(void **state)
{
    (void)state;
    struct lab l = {0};
    AUTO(buf_fini) struct buf line = {0};
    for (int i = 0; i <= WORDS_MAX; i++)
        buf_append_str(&line, "w ");
    assert_int_equal(words_split(buf_slice(&line), &l.arena, &l.words, &l.err), RC_LIMIT);
    arena_fini(&l.arena);
}

static void compares(struct lab *l, const char *line)
{
    *l = (struct lab){0};
    assert_int_equal(words_compare(slice_str(line), &l->arena, &l->compare, &l->err), RC_OK);
}

static void comparisons_are_understood(void **state)
{
    (void)state;
    struct lab l;
    compares(&l, "mod(\"k\") > \"5\"");
    assert_int_equal(l.compare.target, PB_COMPARE_TARGET_MOD);
    assert_int_equal(l.compare.target_union_case, PB_TARGET_MOD_REVISION);
    assert_int_equal(l.compare.result, PB_COMPARE_RESULT_GREATER);
    assert_int_equal(l.compare.mod_revision, 5);
    assert_true(slice_eq(l.compare.key, SLICE_LIT("k")));
    arena_fini(&l.arena);
    compares(&l, "value(\"a b\") != \"x \\\"y\\\"\"");
    assert_int_equal(l.compare.result, PB_COMPARE_RESULT_NOT_EQUAL);
    assert_true(slice_eq(l.compare.value, SLICE_LIT("x \"y\"")));
    arena_fini(&l.arena);
    compares(&l, "c(\"k\") = \"-1\"");
    assert_int_equal(l.compare.create_revision, -1);
    assert_int_equal(l.compare.result, PB_COMPARE_RESULT_EQUAL);
    arena_fini(&l.arena);
    compares(&l, "version(\"k\") < \"3\"");
    assert_int_equal(l.compare.version, 3);
    assert_int_equal(l.compare.result, PB_COMPARE_RESULT_LESS);
    arena_fini(&l.arena);
    compares(&l, "lease(\"k\") = \"694d81417acd4754\"");
    assert_true(l.compare.lease == 0x694d81417acd4754);
    assert_int_equal(l.compare.target_union_case, PB_TARGET_LEASE);
    arena_fini(&l.arena);
}

static void mistakes_are_told_in_etcdctls_words(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"garbage", "malformed comparison: garbage"},
        {"mod(\"k\" > \"0\"", "malformed comparison: mod(\"k\" > \"0\"; got mod(\"k\")  \"\""},
        {"mod(k) > \"0\"", "malformed comparison: mod(k) > \"0\"; got mod(\"\")  \"\""},
        {"mod(\"k\") > 0", "malformed comparison: mod(\"k\") > 0; got mod(\"k\") > \"\""},
        {"mod(\"k\") > \"x\"", "invalid txn compare request: mod(\"k\") > \"x\""},
        {"size(\"k\") > \"1\"", "malformed comparison: size(\"k\") > \"1\" (unknown target size)"},
        {"mod(\"k\") ~ \"1\"", "malformed comparison: mod(\"k\") ~ \"1\" (unknown operator ~)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lab l = {0};
        assert_int_equal(words_compare(slice_str(cases[i][0]), &l.arena, &l.compare, &l.err),
                         RC_INVALID);
        assert_string_equal(l.err.text, cases[i][1]);
        arena_fini(&l.arena);
    }
}

static void no_beginning_of_a_comparison_is_taken_for_it(void **state)
{
    (void)state;
    struct slice line = SLICE_LIT("mod(\"k\") > \"12\"");
    for (size_t n = 0; n < line.n; n++) {
        struct lab l = {0};
        assert_int_equal(words_compare(slice_of(line.p, n), &l.arena, &l.compare, &l.err),
                         RC_INVALID);
        arena_fini(&l.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_bare_or_quoted),
        cmocka_unit_test(an_open_quote_is_left_out),
        cmocka_unit_test(a_wrong_escape_is_refused),
        cmocka_unit_test(too_many_words_are_refused),
        cmocka_unit_test(comparisons_are_understood),
        cmocka_unit_test(mistakes_are_told_in_etcdctls_words),
        cmocka_unit_test(no_beginning_of_a_comparison_is_taken_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
