/* A token says who it is for until it expires; one cut, bent, or of another making says nothing. */
#include "pki/jwt.h"

#include "base/base64.h"
#include "base/cc.h"
#include "pki/jwt_key.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW 1000000u

static const struct jwt_options options = {
    .method = "HS256", .private_key = {(const uint8_t *)"secret", 6}, .ttl_s = 300};

static struct jwt *open_jwt(const struct jwt_options *opt)
{
    struct err err = {0};
    struct jwt *j = NULL;
    assert_int_equal(jwt_new(opt, &j, &err), RC_OK);
    return j;
}

static void append_part(struct buf *out, const char *json)
{
    base64_encode(slice_str(json), out);
    while (out->p[out->n - 1] == '=')
        out->n--;
    for (size_t i = 0; i < out->n; i++)
        out->p[i] = out->p[i] == '+' ? '-' : out->p[i] == '/' ? '_' : out->p[i];
}

/* A token with this header and these claims, rightly signed. */
static void craft(const char *header, const char *claims, struct buf *out)
{
    struct err err = {0};
    struct jwt_key *key = NULL;
    struct buf sig = {0};
    assert_int_equal(jwt_key_new(&options, &key, &err), RC_OK);
    append_part(out, header);
    buf_append_u8(out, '.');
    append_part(out, claims);
    assert_int_equal(jwt_key_sign(key, buf_slice(out), &sig), RC_OK);
    buf_append_u8(out, '.');
    struct buf text = {0};
    base64_encode(buf_slice(&sig), &text);
    while (text.p[text.n - 1] == '=')
        text.n--;
    for (size_t i = 0; i < text.n; i++)
        text.p[i] = text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' : text.p[i];
    buf_append_slice(out, buf_slice(&text));
    buf_fini(&text);
    buf_fini(&sig);
    jwt_key_free(key);
}

static enum rc verify(const char *header, const char *claims, struct jwt_claims *out)
{
    struct buf token = {0};
    struct jwt *j = open_jwt(&options);
    craft(header, claims, &token);
    enum rc rc = jwt_verify(j, buf_slice(&token), NOW, out);
    buf_fini(&token);
    jwt_free(j);
    return rc;
}

#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static enum rc verify_claims(const char *claims)
{
    struct jwt_claims out = {0};
    enum rc rc = verify(HEADER, claims, &out);
    buf_fini(&out.user);
    return rc;
}

static void a_token_names_its_user_until_it_expires(void **state)
{
    static const char *const users[] = {"alice", "n\xc3\xa9\x65", "quo\"te\\", "\x01", ""};
    struct jwt *j = open_jwt(&options);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        struct buf token = {0};
        struct jwt_claims claims = {0};
        assert_int_equal(jwt_sign(j, slice_str(users[i]), 17, NOW, &token), RC_OK);
        assert_int_equal(jwt_verify(j, buf_slice(&token), NOW, &claims), RC_OK);
        assert_true(slice_eq(buf_slice(&claims.user), slice_str(users[i])));
        assert_int_equal(claims.revision, 17);
        assert_int_equal(claims.expires_s, NOW + 300);
        buf_fini(&claims.user);
        assert_int_equal(jwt_verify(j, buf_slice(&token), NOW + 299, &claims), RC_OK);
        buf_fini(&claims.user);
        assert_int_equal(jwt_verify(j, buf_slice(&token), NOW + 300, &claims), RC_PERMISSION);
        buf_fini(&token);
    }
    jwt_free(j);
}

static void a_name_that_json_cannot_have_is_refused(void **state)
{
    struct jwt *j = open_jwt(&options);
    struct buf token = {0};
    (void)state;
    assert_int_equal(jwt_sign(j, SLICE_LIT("\xff\xfe"), 1, NOW, &token), RC_UNSUPPORTED);
    assert_int_equal(token.n, 0);
    buf_fini(&token);
    jwt_free(j);
}

static void a_token_cut_anywhere_or_bent_says_nothing(void **state)
{
    struct jwt *j = open_jwt(&options);
    struct buf token = {0};
    struct jwt_claims claims;
    (void)state;
    assert_int_equal(jwt_sign(j, SLICE_LIT("alice"), 17, NOW, &token), RC_OK);
    for (size_t n = 0; n < token.n; n++)
        assert_int_not_equal(jwt_verify(j, slice_of(token.p, n), NOW, &claims), RC_OK);
    /* The last letter's two lowest bits are spare: Go takes them as they are, too. */
    for (size_t i = 0; i + 1 < token.n; i++) {
        uint8_t was = token.p[i];
        token.p[i] = was == 'A' ? 'B' : 'A';
        assert_int_not_equal(jwt_verify(j, buf_slice(&token), NOW, &claims), RC_OK);
        token.p[i] = was;
    }
    buf_append_u8(&token, '.');
    assert_int_not_equal(jwt_verify(j, buf_slice(&token), NOW, &claims), RC_OK);
    buf_fini(&token);
    jwt_free(j);
}

/* What the header claims is not what decides (RFC 8725 3.1). */
static void another_algorithm_is_refused(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}", "{\"alg\":\"HS512\"}", "{\"alg\":\"hs256\"}", "{\"typ\":\"JWT\"}",
        "{\"alg\":1}",        "[\"HS256\"]",         "\"HS256\"",           "{",
    };
    struct jwt_claims claims;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        assert_int_not_equal(verify(headers[i], "{\"username\":\"alice\",\"revision\":1}", &claims),
                             RC_OK);
}

static void claims_are_read_as_etcd_reads_them(void **state)
{
    (void)state;
    assert_int_equal(verify_claims("{\"username\":\"a\",\"revision\":1}"), RC_OK); /* for ever */
    assert_int_equal(verify_claims("{\"username\":\"a\",\"revision\":1.0,\"more\":[{}]}"), RC_OK);
    assert_int_equal(verify_claims("{\"username\":\"a\",\"revision\":1,\"exp\":1000000.9}"),
                     RC_PERMISSION);
    assert_int_equal(verify_claims("{\"username\":\"a\",\"revision\":1,\"exp\":1000001}"), RC_OK);
    assert_int_equal(verify_claims("{\"username\":\"a\",\"revision\":1,\"exp\":-5}"),
                     RC_PERMISSION);
    assert_int_equal(verify_claims("{\"username\":\"a\",\"revision\":1,\"exp\":\"1000001\"}"),
                     RC_MALFORMED);
    assert_int_equal(verify_claims("{\"username\":\"a\",\"revision\":1,\"nbf\":1000001}"),
                     RC_PERMISSION);
    assert_int_equal(verify_claims("{\"username\":\"a\",\"revision\":1,\"exp\":1e300}"), RC_OK);
}

static void missing_claims_are_malformed(void **state)
{
    static const char *const claims[] = {
        "{}",
        "{\"username\":\"a\"}",
        "{\"revision\":1}",
        "{\"username\":1,\"revision\":1}",
        "{\"username\":\"a\",\"revision\":\"1\"}",
        "{\"username\":\"a\",\"revision\":-1}",
        "{\"username\":\"a\",\"revision\":1e300}",
        "{\"username\":\"a\",\"revision\":1} x",
        "[]",
        "{\"username\":\"\xff\",\"revision\":1}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(claims); i++)
        assert_int_equal(verify_claims(claims[i]), RC_MALFORMED);
}

static void a_token_of_another_secret_is_refused(void **state)
{
    struct jwt_options opt = options;
    struct buf token = {0};
    struct jwt_claims claims;
    (void)state;
    opt.private_key = SLICE_LIT("another");
    struct jwt *j = open_jwt(&options);
    struct jwt *other = open_jwt(&opt);
    assert_int_equal(jwt_sign(other, SLICE_LIT("root"), 1, NOW, &token), RC_OK);
    assert_int_equal(jwt_verify(j, buf_slice(&token), NOW, &claims), RC_PERMISSION);
    jwt_free(j);
    jwt_free(other);
    buf_fini(&token);
}

static void a_huge_token_is_none(void **state)
{
    struct jwt *j = open_jwt(&options);
    struct buf token = {0};
    struct jwt_claims claims;
    (void)state;
    memset(buf_extend(&token, JWT_BYTES_MAX + 1), 'A', JWT_BYTES_MAX + 1);
    token.p[10] = token.p[20] = '.';
    assert_int_equal(jwt_verify(j, buf_slice(&token), NOW, &claims), RC_MALFORMED);
    buf_fini(&token);
    jwt_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_names_its_user_until_it_expires),
        cmocka_unit_test(a_name_that_json_cannot_have_is_refused),
        cmocka_unit_test(a_token_cut_anywhere_or_bent_says_nothing),
        cmocka_unit_test(another_algorithm_is_refused),
        cmocka_unit_test(claims_are_read_as_etcd_reads_them),
        cmocka_unit_test(missing_claims_are_malformed),
        cmocka_unit_test(a_token_of_another_secret_is_refused),
        cmocka_unit_test(a_huge_token_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
