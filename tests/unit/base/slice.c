/* Order is bytewise, a prefix before what it begins. */
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void order_is_bytewise(void **state)
{
    (void)state;
    static const struct slice sorted[] = {
        SLICE_INIT(""),  SLICE_INIT("\0"),   SLICE_INIT("\0\0"),
        SLICE_INIT("a"), SLICE_INIT("a\0"),  SLICE_INIT("ab"),
        SLICE_INIT("b"), SLICE_INIT("\x80"), SLICE_INIT("\xff"),
    };
    size_t n = sizeof(sorted) / sizeof(sorted[0]);
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
            int c = slice_cmp(sorted[a], sorted[b]);
            assert_int_equal((c > 0) - (c < 0), (a > b) - (a < b));
            assert_int_equal(slice_eq(sorted[a], sorted[b]), a == b);
        }
}

static void an_empty_slice_needs_no_bytes(void **state)
{
    (void)state;
    struct slice none = {0};
    assert_true(slice_eq(none, SLICE_LIT("")));
    assert_int_equal(slice_cmp(none, SLICE_LIT("")), 0);
    assert_true(slice_has_prefix(none, none));
    assert_true(slice_has_prefix(SLICE_LIT("a"), none));
    assert_int_equal(slice_skip(none, 0).n, 0);
}

static void prefixes(void **state)
{
    (void)state;
    assert_true(slice_has_prefix(SLICE_LIT("abc"), SLICE_LIT("ab")));
    assert_true(slice_has_prefix(SLICE_LIT("ab"), SLICE_LIT("ab")));
    assert_false(slice_has_prefix(SLICE_LIT("a"), SLICE_LIT("ab")));
    assert_false(slice_has_prefix(SLICE_LIT("xb"), SLICE_LIT("ab")));
    assert_true(slice_eq(slice_skip(slice_str("abc"), 2), SLICE_LIT("c")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_bytewise),
        cmocka_unit_test(an_empty_slice_needs_no_bytes),
        cmocka_unit_test(prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
