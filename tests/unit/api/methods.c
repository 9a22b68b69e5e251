/* The list of methods is searched by halves, so it must be in order; what reads passwords is wiped.
 */
#include "api/inner.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void methods_are_in_order(void **state)
{
    (void)state;
    for (size_t i = 1; i < api_method_count; i++)
        assert_true(strcmp(api_methods[i - 1].path, api_methods[i].path) < 0);
}

static void requests_with_passwords_are_secret(void **state)
{
    static const char *const secret[] = {"/etcdserverpb.Auth/Authenticate",
                                         "/etcdserverpb.Auth/UserAdd",
                                         "/etcdserverpb.Auth/UserChangePassword"};
    size_t found = 0;
    (void)state;
    for (size_t i = 0; i < api_method_count; i++)
        for (size_t k = 0; k < ARRAY_LEN(secret); k++)
            if (strcmp(api_methods[i].path, secret[k]) == 0)
                found += api_methods[i].secret;
    assert_int_equal(found, ARRAY_LEN(secret));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_are_in_order),
        cmocka_unit_test(requests_with_passwords_are_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
