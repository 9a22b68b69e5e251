/* keys - fresh ones for a test, as PEM. */
#ifndef MOAT_TESTS_PKI_KEYS_H
#define MOAT_TESTS_PKI_KEYS_H

#include "base/buf.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

struct key_pair {
    struct buf private_pem;
    struct buf public_pem;
};

static inline void keys_keep(BIO *bio, struct buf *out)
{
    char *text = NULL;
    long n = BIO_get_mem_data(bio, &text);
    buf_append(out, text, (size_t)n);
    BIO_free(bio);
}

/* type: "RSA", "P-256", "P-384", "P-521", "ED25519" */
static inline struct key_pair keys_make(const char *type)
{
    struct key_pair pair = {0};
    EVP_PKEY *key;
    if (strcmp(type, "RSA") == 0)
        key = EVP_RSA_gen(2048);
    else if (type[0] == 'P')
        key = EVP_EC_gen(type);
    else
        key = EVP_PKEY_Q_keygen(NULL, NULL, type);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    keys_keep(bio, &pair.private_pem);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, key);
    keys_keep(bio, &pair.public_pem);
    EVP_PKEY_free(key);
    return pair;
}

static inline void keys_fini(struct key_pair *pair)
{
    buf_fini(&pair->private_pem);
    buf_fini(&pair->public_pem);
}

#endif
