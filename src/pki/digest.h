/* digest - SHA-1 and SHA-256, from OpenSSL. */
#ifndef MOAT_PKI_DIGEST_H
#define MOAT_PKI_DIGEST_H

#include "base/slice.h"

#define DIGEST_SHA1_LEN   20
#define DIGEST_SHA256_LEN 32

void digest_sha1(struct slice in, uint8_t out[DIGEST_SHA1_LEN]);
void digest_sha256(struct slice in, uint8_t out[DIGEST_SHA256_LEN]);

/* SHA-256 of what comes in pieces. */
struct digest;
struct digest *digest_begin(void);
void digest_add(struct digest *d, struct slice in);
void digest_end(struct digest *d, uint8_t out[DIGEST_SHA256_LEN]); /* frees d */
void digest_abandon(struct digest *d);                             /* the same, NULL is fine */

#endif
