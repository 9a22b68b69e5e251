/* Each method's signatures verify under its own key and text alone, have the form of RFC 7518, and
 * keys that do not fit are refused with a sentence. */
#include "pki/jwt_key.h"

#include "base/base64.h"
#include "base/cc.h"
#include "keys.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *method;
    const char *key;
    size_t len; /* of a signature; 0: not fixed here */
} methods[] = {
    {"RS256", "RSA", 256},    {"RS384", "RSA", 256},  {"RS512", "RSA", 256},
    {"PS256", "RSA", 256},    {"PS384", "RSA", 256},  {"PS512", "RSA", 256},
    {"ES256", "P-256", 64},   {"ES384", "P-384", 96}, {"ES512", "P-521", 132},
    {"EdDSA", "ED25519", 64}, {"HS256", NULL, 32},    {"HS384", NULL, 48},
    {"HS512", NULL, 64},
};

static struct key_pair pair_for(const char *type)
{
    struct key_pair pair = {0};
    if (type)
        return keys_make(type);
    buf_append_str(&pair.private_pem, "a shared secret of some length");
    return pair;
}

static struct jwt_key *open_key(const char *method, struct slice private_key,
                                struct slice public_key)
{
    struct err err = {0};
    struct jwt_key *k = NULL;
    const struct jwt_options opt = {
        .method = method, .private_key = private_key, .public_key = public_key};
    enum rc rc = jwt_key_new(&opt, &k, &err);
    if (rc != RC_OK)
        fail_msg("%s: %s", method, err.text);
    return k;
}

static void every_method_verifies_what_it_signed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct key_pair pair = pair_for(methods[i].key);
        struct key_pair stranger = pair_for(methods[i].key);
        struct buf sig = {0};
        buf_append_str(&stranger.private_pem, "!"); /* makes another shared secret */
        struct jwt_key *k =
            open_key(methods[i].method, buf_slice(&pair.private_pem), buf_slice(&pair.public_pem));
        struct jwt_key *other =
            open_key(methods[i].method, buf_slice(&stranger.private_pem), (struct slice){0});
        assert_string_equal(jwt_key_method(k), methods[i].method);
        assert_true(jwt_key_may_sign(k));
        assert_int_equal(jwt_key_sign(k, SLICE_LIT("text"), &sig), RC_OK);
        assert_int_equal(sig.n, methods[i].len);
        assert_true(jwt_key_verify(k, SLICE_LIT("text"), buf_slice(&sig)));
        assert_false(jwt_key_verify(k, SLICE_LIT("texT"), buf_slice(&sig)));
        assert_false(jwt_key_verify(other, SLICE_LIT("text"), buf_slice(&sig)));
        assert_false(jwt_key_verify(k, SLICE_LIT("text"), slice_of(sig.p, sig.n - 1)));
        assert_false(jwt_key_verify(k, SLICE_LIT("text"), (struct slice){0}));
        sig.p[sig.n / 2] ^= 1;
        assert_false(jwt_key_verify(k, SLICE_LIT("text"), buf_slice(&sig)));
        jwt_key_free(k);
        jwt_key_free(other);
        buf_fini(&sig);
        keys_fini(&pair);
        keys_fini(&stranger);
    }
}

static void the_example_of_the_rfc_verifies(void **state)
{
    /* RFC 7515 A.1 */
    struct buf key = {0};
    struct buf sig = {0};
    (void)state;
    assert_int_equal(base64_decode(SLICE_LIT("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH"
                                             "75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
                                   &key),
                     RC_OK);
    assert_int_equal(base64_decode(SLICE_LIT("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), &sig),
                     RC_OK);
    struct jwt_key *k = open_key("HS256", buf_slice(&key), (struct slice){0});
    assert_true(jwt_key_verify(
        k,
        SLICE_LIT("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MT"
                  "kzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"),
        buf_slice(&sig)));
    jwt_key_free(k);
    buf_fini(&key);
    buf_fini(&sig);
}

static void a_public_key_verifies_and_does_not_sign(void **state)
{
    struct key_pair pair = keys_make("P-256");
    struct buf sig = {0};
    (void)state;
    struct jwt_key *signer = open_key("ES256", buf_slice(&pair.private_pem), (struct slice){0});
    struct jwt_key *k = open_key("ES256", (struct slice){0}, buf_slice(&pair.public_pem));
    assert_int_equal(jwt_key_sign(signer, SLICE_LIT("text"), &sig), RC_OK);
    assert_true(jwt_key_verify(k, SLICE_LIT("text"), buf_slice(&sig)));
    assert_false(jwt_key_may_sign(k));
    assert_int_equal(jwt_key_sign(k, SLICE_LIT("text"), &sig), RC_UNSUPPORTED);
    jwt_key_free(signer);
    jwt_key_free(k);
    buf_fini(&sig);
    keys_fini(&pair);
}

static void refused(const char *method, struct slice private_key, struct slice public_key,
                    const char *part)
{
    struct err err = {0};
    struct jwt_key *k = NULL;
    const struct jwt_options opt = {
        .method = method, .private_key = private_key, .public_key = public_key};
    assert_int_not_equal(jwt_key_new(&opt, &k, &err), RC_OK);
    assert_null(k);
    if (!strstr(err.text, part))
        fail_msg("%s is not in: %s", part, err.text);
}

static void keys_that_do_not_fit_are_refused(void **state)
{
    struct key_pair ec = keys_make("P-256");
    struct key_pair other = keys_make("P-256");
    struct slice none = {0};
    (void)state;
    refused("XS256", buf_slice(&ec.private_pem), none, "sign-method must be one of");
    refused("none", buf_slice(&ec.private_pem), none, "sign-method must be one of");
    refused("RS256", buf_slice(&ec.private_pem), none, "not one for sign-method=RS256");
    refused("ES384", buf_slice(&ec.private_pem), none, "not one for sign-method=ES384");
    refused("ES256", none, none, "missing key data");
    refused("HS256", none, buf_slice(&ec.public_pem), "missing key data");
    refused("ES256", SLICE_LIT("garbage"), none, "holds no key");
    refused("ES256", none, SLICE_LIT("garbage"), "holds no key");
    refused("ES256", buf_slice(&ec.private_pem), buf_slice(&other.public_pem), "don't match");
    keys_fini(&ec);
    keys_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_verifies_what_it_signed),
        cmocka_unit_test(the_example_of_the_rfc_verifies),
        cmocka_unit_test(a_public_key_verifies_and_does_not_sign),
        cmocka_unit_test(keys_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
