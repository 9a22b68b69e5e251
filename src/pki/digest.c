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
