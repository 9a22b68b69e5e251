/* --auth-token is taken apart as etcd takes it, and what etcd calls invalid has a sentence here. */
#include "conf/auth_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct conf_notes notes;

static void test_simple_leaves_no_jwt(void **state)
{
    struct conf_jwt jwt = {0};
    struct err err = {0};
    (void)state;
    assert_int_equal(conf_auth_token_parse("simple", &notes, &jwt, &err), RC_OK);
    assert_int_equal(conf_auth_token_parse("simple,any=thing", &notes, &jwt, &err), RC_OK);
    assert_null(jwt.sign_method);
}

static void test_jwt_options_in_any_order(void **state)
{
    struct conf_jwt jwt = {0};
    struct err err = {0};
    (void)state;
    assert_int_equal(conf_auth_token_parse("jwt,ttl=10m,priv-key=/k,sign-method=RS256,pub-key=/p",
                                           &notes, &jwt, &err),
                     RC_OK);
    assert_string_equal(jwt.sign_method, "RS256");
    assert_string_equal(jwt.private_key, "/k");
    assert_string_equal(jwt.public_key, "/p");
    assert_int_equal(jwt.ttl_s, 600);
    conf_jwt_fini(&jwt);
    assert_int_equal(conf_auth_token_parse("jwt,sign-method=HS256", &notes, &jwt, &err), RC_OK);
    assert_null(jwt.private_key);
    assert_int_equal(jwt.ttl_s, CONF_JWT_TTL_S);
    conf_jwt_fini(&jwt);
}

static void test_an_unknown_option_is_noted(void **state)
{
    struct conf_jwt jwt = {0};
    struct err err = {0};
    (void)state;
    size_t before = notes.n;
    assert_int_equal(conf_auth_token_parse("jwt,sign-method=HS256,color=red", &notes, &jwt, &err),
                     RC_OK);
    assert_int_equal(notes.n, before + 1);
    assert_non_null(strstr(notes.v[before].text, "color"));
    conf_jwt_fini(&jwt);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    static const char *const bad[][2] = {
        {"", "must begin with simple or jwt"},
        {"JWT,sign-method=HS256", "must begin with simple or jwt"},
        {"jwt", "needs sign-method="},
        {"jwt,", "is not NAME=VALUE"},
        {"jwt,sign-method", "is not NAME=VALUE"},
        {"jwt,sign-method=a=b", "is not NAME=VALUE"},
        {"jwt,sign-method=HS256,sign-method=HS256", "given twice"},
        {"jwt,sign-method=HS256,ttl=1h,ttl=1h", "given twice"},
        {"jwt,sign-method=HS256,ttl=5", "is no duration"},
        {"jwt,sign-method=HS256,ttl=-5m", "is no duration"},
        {"jwt,sign-method=HS256,ttl=1ms", "is no duration"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct conf_jwt jwt = {0};
        struct err err = {0};
        assert_int_equal(conf_auth_token_parse(bad[i][0], &notes, &jwt, &err), RC_INVALID);
        if (!strstr(err.text, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], err.text);
        assert_null(jwt.sign_method);
    }
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < notes.n; i++)
        free(notes.v[i].text);
    free(notes.v);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_leaves_no_jwt),
        cmocka_unit_test(test_jwt_options_in_any_order),
        cmocka_unit_test(test_an_unknown_option_is_noted),
        cmocka_unit_test(test_what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
