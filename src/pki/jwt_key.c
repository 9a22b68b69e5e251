#include "pki/jwt_key.h"

#include "base/cc.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/secret.h"

#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

enum kind { RSA_PKCS1, RSA_PSS, ECDSA, EDDSA, HMAC_SECRET };

static const struct method {
    const char *name;
    enum kind kind;
    const char *type; /* of its key, to OpenSSL */
    const EVP_MD *(*md)(void);
    int bits; /* of an EC key */
} methods[] = {
    {"RS256", RSA_PKCS1, "RSA", EVP_sha256, 0},  {"RS384", RSA_PKCS1, "RSA", EVP_sha384, 0},
    {"RS512", RSA_PKCS1, "RSA", EVP_sha512, 0},  {"PS256", RSA_PSS, "RSA", EVP_sha256, 0},
    {"PS384", RSA_PSS, "RSA", EVP_sha384, 0},    {"PS512", RSA_PSS, "RSA", EVP_sha512, 0},
    {"ES256", ECDSA, "EC", EVP_sha256, 256},     {"ES384", ECDSA, "EC", EVP_sha384, 384},
    {"ES512", ECDSA, "EC", EVP_sha512, 521},     {"EdDSA", EDDSA, "ED25519", NULL, 0},
    {"HS256", HMAC_SECRET, NULL, EVP_sha256, 0}, {"HS384", HMAC_SECRET, NULL, EVP_sha384, 0},
    {"HS512", HMAC_SECRET, NULL, EVP_sha512, 0},
};

struct jwt_key {
    const struct method *method;
    EVP_PKEY *key; /* with its private part, or the public one alone */
    bool private;
    struct secret secret; /* HMAC_SECRET */
};

/* ---- Keys ---- */

static int no_passphrase(char *out, int size, int writing, void *arg) /* NOLINT: a callback's */
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1; /* nobody is asked: a server has no terminal */
}

static BIO *reader(struct slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    must(bio);
    return bio;
}

static EVP_PKEY *read_private(struct slice pem)
{
    BIO *bio = reader(pem);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    return key;
}

static EVP_PKEY *read_certificate(struct slice pem)
{
    BIO *bio = reader(pem);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    EVP_PKEY *key = certificate ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    BIO_free(bio);
    return key;
}

/* "PUBLIC KEY", "RSA PUBLIC KEY", or a certificate's. */
static EVP_PKEY *read_public(struct slice pem)
{
    EVP_PKEY *key = NULL;
    const unsigned char *at = pem.p;
    size_t left = pem.n;
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, NULL, EVP_PKEY_PUBLIC_KEY, NULL, NULL);
    if (!decoder || OSSL_DECODER_from_data(decoder, &at, &left) != 1)
        key = NULL;
    OSSL_DECODER_CTX_free(decoder);
    return key ? key : read_certificate(pem);
}

static bool fits(const struct method *m, const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, m->type) && (m->bits == 0 || EVP_PKEY_get_bits(key) == m->bits);
}

static enum rc keep(struct jwt_key *k, EVP_PKEY *key, const char *which, struct err *err)
{
    if (!key)
        return err_set(err, RC_MALFORMED,
                       "--auth-token: the file of %s holds no key that can be read (PEM, without a "
                       "passphrase)",
                       which);
    if (!fits(k->method, key)) {
        EVP_PKEY_free(key);
        return err_set(err, RC_INVALID, "--auth-token: the key of %s is not one for sign-method=%s",
                       which, k->method->name);
    }
    if (k->key && EVP_PKEY_eq(k->key, key) != 1) {
        EVP_PKEY_free(key);
        return err_set(err, RC_INVALID,
                       "--auth-token: public and private keys don't match; leave pub-key out");
    }
    EVP_PKEY_free(k->key);
    k->key = key;
    return RC_OK;
}

static enum rc load(struct jwt_key *k, const struct jwt_options *opt, struct err *err)
{
    enum rc rc = RC_OK;
    if (opt->private_key.n == 0 && (opt->public_key.n == 0 || k->method->kind == HMAC_SECRET))
        return err_set(err, RC_INVALID, "--auth-token: missing key data: give priv-key=FILE%s",
                       k->method->kind == HMAC_SECRET ? "" : ", or pub-key=FILE to check only");
    if (k->method->kind == HMAC_SECRET) {
        k->secret = secret_copy(opt->private_key);
        return RC_OK;
    }
    if (opt->public_key.n > 0)
        rc = keep(k, read_public(opt->public_key), "pub-key", err);
    if (rc == RC_OK && opt->private_key.n > 0) {
        rc = keep(k, read_private(opt->private_key), "priv-key", err);
        k->private = rc == RC_OK;
    }
    ERR_clear_error();
    return rc;
}

enum rc jwt_key_new(const struct jwt_options *opt, struct jwt_key **out, struct err *err)
{
    struct jwt_key *k = mem_zalloc(sizeof(*k));
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(methods[i].name, opt->method) == 0)
            k->method = &methods[i];
    enum rc rc = k->method
                     ? load(k, opt, err)
                     : err_set(err, RC_INVALID,
                               "--auth-token: sign-method must be one of RS256, RS384, RS512, "
                               "PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, HS256, HS384, "
                               "HS512");
    if (rc == RC_OK)
        *out = k;
    else
        jwt_key_free(k);
    return rc;
}

void jwt_key_free(struct jwt_key *k)
{
    if (!k)
        return;
    EVP_PKEY_free(k->key);
    secret_fini(&k->secret);
    free(k);
}

const char *jwt_key_method(const struct jwt_key *k)
{
    return k->method->name;
}

bool jwt_key_may_sign(const struct jwt_key *k)
{
    return k->private || k->method->kind == HMAC_SECRET;
}

/* ---- ECDSA: RFC 7518 3.4 wants both numbers, padded; OpenSSL speaks DER ---- */

static size_t number_len(const struct method *m)
{
    return ((size_t)m->bits + 7) / 8;
}

static enum rc append_numbers(const struct method *m, struct slice der, struct buf *out)
{
    const unsigned char *at = der.p;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.n);
    int n = (int)number_len(m);
    must(sig);
    uint8_t *p = buf_extend(out, 2 * number_len(m));
    int first = BN_bn2binpad(ECDSA_SIG_get0_r(sig), p, n);
    int second = BN_bn2binpad(ECDSA_SIG_get0_s(sig), p + n, n);
    ECDSA_SIG_free(sig);
    return first == n && second == n ? RC_OK : RC_UNSUPPORTED;
}

static bool to_der(const struct method *m, struct slice numbers, struct buf *out)
{
    size_t n = number_len(m);
    unsigned char *der = NULL;
    if (numbers.n != 2 * n)
        return false;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(numbers.p, (int)n, NULL);
    BIGNUM *s = BN_bin2bn(numbers.p + n, (int)n, NULL);
    must(sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1);
    int len = i2d_ECDSA_SIG(sig, &der);
    if (len > 0)
        buf_append(out, der, (size_t)len);
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    return len > 0;
}

/* ---- Signing and verifying ---- */

/* Salt as long as the digest when signing; any when verifying (as Go has it). */
static bool set_padding(const struct jwt_key *k, EVP_PKEY_CTX *pkey, int salt)
{
    if (k->method->kind != RSA_PSS)
        return true;
    return EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey, salt) > 0;
}

static const EVP_MD *md_of(const struct jwt_key *k)
{
    return k->method->md ? k->method->md() : NULL;
}

static void hmac(const struct jwt_key *k, struct slice text, struct buf *out)
{
    unsigned n = 0;
    uint8_t *p = buf_extend(out, EVP_MAX_MD_SIZE);
    void *done = HMAC(md_of(k), k->secret.p, (int)k->secret.n, text.p, text.n, p, &n);
    must(done);
    out->n -= EVP_MAX_MD_SIZE - n;
}

static enum rc sign_with_key(const struct jwt_key *k, struct slice text, struct buf *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey = NULL;
    struct buf sig = {0};
    size_t n = 0;
    bool ok = ctx && EVP_DigestSignInit(ctx, &pkey, md_of(k), NULL, k->key) == 1 &&
              set_padding(k, pkey, RSA_PSS_SALTLEN_DIGEST) &&
              EVP_DigestSign(ctx, NULL, &n, text.p, text.n) == 1;
    ok = ok && EVP_DigestSign(ctx, buf_extend(&sig, n), &n, text.p, text.n) == 1;
    sig.n = ok ? n : 0;
    enum rc rc = ok ? RC_OK : RC_UNSUPPORTED;
    if (ok && k->method->kind == ECDSA)
        rc = append_numbers(k->method, buf_slice(&sig), out);
    else if (ok)
        buf_append_slice(out, buf_slice(&sig));
    buf_fini(&sig);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return rc;
}

enum rc jwt_key_sign(const struct jwt_key *k, struct slice text, struct buf *out)
{
    if (!jwt_key_may_sign(k))
        return RC_UNSUPPORTED;
    if (k->method->kind != HMAC_SECRET)
        return sign_with_key(k, text, out);
    hmac(k, text, out);
    return RC_OK;
}

static bool verify_with_key(const struct jwt_key *k, struct slice text, struct slice signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey = NULL;
    bool ok = ctx && EVP_DigestVerifyInit(ctx, &pkey, md_of(k), NULL, k->key) == 1 &&
              set_padding(k, pkey, RSA_PSS_SALTLEN_AUTO) &&
              EVP_DigestVerify(ctx, signature.p, signature.n, text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

bool jwt_key_verify(const struct jwt_key *k, struct slice text, struct slice signature)
{
    struct buf made = {0};
    bool ok = false;
    if (k->method->kind == HMAC_SECRET) {
        hmac(k, text, &made);
        ok = secret_eq(buf_slice(&made), signature);
    } else if (k->method->kind == ECDSA) {
        ok = to_der(k->method, signature, &made) && verify_with_key(k, text, buf_slice(&made));
    } else {
        ok = signature.n > 0 && verify_with_key(k, text, signature);
    }
    buf_fini(&made);
    return ok;
}
