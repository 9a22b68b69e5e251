#include "pki/digest.h"

#include "base/must.h"

#include <openssl/evp.h>

static void digest(const EVP_MD *md, struct slice in, uint8_t *out)
{
    int ok = EVP_Digest(in.n ? in.p : (const uint8_t *)"", in.n, out, NULL, md, NULL);
    must(ok == 1); /* only memory, or a crippled OpenSSL, can be the cause */
}

void digest_sha1(struct slice in, uint8_t out[DIGEST_SHA1_LEN])
{
    digest(EVP_sha1(), in, out);
}

void digest_sha256(struct slice in, uint8_t out[DIGEST_SHA256_LEN])
{
    digest(EVP_sha256(), in, out);
}

/* OpenSSL's context, under a name of ours. */
static EVP_MD_CTX *context(struct digest *d)
{
    return (EVP_MD_CTX *)(void *)d;
}

struct digest *digest_begin(void)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    int ok = c ? EVP_DigestInit_ex(c, EVP_sha256(), NULL) : 0;
    must(ok == 1);
    return (struct digest *)(void *)c;
}

void digest_add(struct digest *d, struct slice in)
{
    int ok = EVP_DigestUpdate(context(d), in.p, in.n);
    must(ok == 1);
}

void digest_end(struct digest *d, uint8_t out[DIGEST_SHA256_LEN])
{
    int ok = EVP_DigestFinal_ex(context(d), out, NULL);
    must(ok == 1);
    EVP_MD_CTX_free(context(d));
}

void digest_abandon(struct digest *d)
{
    EVP_MD_CTX_free(context(d));
}
