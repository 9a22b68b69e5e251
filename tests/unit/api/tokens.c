/* A token that was verified is known without its signature, as long as it is good. */
#include "api/tokens.h"

#include "people.h"
#include "pki/jwt.h"

static const struct jwt_options options = {
    .method = "HS256", .private_key = {(const uint8_t *)"shared", 6}, .ttl_s = 10};

static void what_is_kept_is_no_more_than_what_was_verified(void **state)
{
    struct lab l;
    struct err err;
    struct jwt *jwt = NULL;
    struct auth_who who;
    struct buf token = {0};
    struct api a = {.opt = {.env = &l.env}};
    (void)state;
    assert_int_equal(jwt_new(&options, &jwt, &err), RC_OK);
    lab_open(&l, NULL);
    a.opt.jwt = jwt;
    assert_int_equal(jwt_sign(jwt, SLICE_LIT("alice"), 7, 0, &token), RC_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(tokens_verify(&a, buf_slice(&token), &who));
        assert_true(slice_eq(who.user, SLICE_LIT("alice")));
        assert_int_equal(who.revision, 7);
    }
    token.p[token.n - 5] ^= 1;
    assert_false(tokens_verify(&a, buf_slice(&token), &who));
    token.p[token.n - 5] ^= 1;
    l.now_ns = 9 * (uint64_t)NS_PER_S;
    assert_true(tokens_verify(&a, buf_slice(&token), &who));
    l.now_ns = 10 * (uint64_t)NS_PER_S;
    assert_false(tokens_verify(&a, buf_slice(&token), &who)); /* kept, and too old */
    tokens_free(&a);
    buf_fini(&token);
    lab_close(&l);
    jwt_free(jwt);
}

static void more_tokens_than_are_kept_are_all_good(void **state)
{
    struct lab l;
    struct err err;
    struct jwt *jwt = NULL;
    struct api a = {.opt = {.env = &l.env}};
    (void)state;
    assert_int_equal(jwt_new(&options, &jwt, &err), RC_OK);
    lab_open(&l, NULL);
    a.opt.jwt = jwt;
    for (unsigned round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < 2 * TOKENS_KEPT; i++) {
            struct auth_who who;
            struct buf token = {0};
            assert_int_equal(jwt_sign(jwt, SLICE_LIT("alice"), i, 0, &token), RC_OK);
            assert_true(tokens_verify(&a, buf_slice(&token), &who));
            assert_int_equal(who.revision, i);
            buf_fini(&token);
        }
    }
    tokens_free(&a);
    lab_close(&l);
    jwt_free(jwt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_no_more_than_what_was_verified),
        cmocka_unit_test(more_tokens_than_are_kept_are_all_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
