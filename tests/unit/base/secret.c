/* Secrets are compared whole and wiped. */
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void wiping_leaves_zeros(void **state)
{
    char text[] = "password";
    (void)state;
    secret_wipe(text, sizeof(text));
    for (size_t i = 0; i < sizeof(text); i++)
        assert_int_equal(text[i], 0);
    secret_wipe(NULL, 0);
}

static void a_copy_is_its_own(void **state)
{
    char text[] = "password";
    (void)state;
    struct secret s = secret_copy(slice_str(text));
    secret_wipe(text, sizeof(text));
    assert_true(slice_eq(secret_slice(&s), SLICE_LIT("password")));
    secret_fini(&s);
    assert_null(s.p);
    secret_fini(&s);
    s = secret_copy((struct slice){0});
    assert_int_equal(s.n, 0);
    secret_fini(&s);
}

static void only_equal_bytes_are_equal(void **state)
{
    (void)state;
    assert_true(secret_eq(SLICE_LIT("abc"), SLICE_LIT("abc")));
    assert_true(secret_eq((struct slice){0}, (struct slice){0}));
    assert_false(secret_eq(SLICE_LIT("abc"), SLICE_LIT("abd")));
    assert_false(secret_eq(SLICE_LIT("xbc"), SLICE_LIT("abc")));
    assert_false(secret_eq(SLICE_LIT("abc"), SLICE_LIT("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wiping_leaves_zeros),
        cmocka_unit_test(a_copy_is_its_own),
        cmocka_unit_test(only_equal_bytes_are_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
