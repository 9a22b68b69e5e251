/* digest - SHA-1 and SHA-256, from OpenSSL. */
#ifndef MOAT_PKI_DIGEST_H
#define MOAT_PKI_DIGEST_H

#include "base/slice.h"

#define DIGEST_SHA1_LEN   20
#define DIGEST_SHA256_LEN 32

void digest_sha1(struct slice in, uint8_t out[DIGEST_SHA1_LEN]);
void digest_sha256(struct slice in, uint8_t out[DIGEST_SHA256_LEN]);

#endif
