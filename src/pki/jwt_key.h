/* jwt_key - signatures in the forms that RFC 7518 and RFC 8037 give them; for jwt.c. */
#ifndef MOAT_PKI_JWT_KEY_H
#define MOAT_PKI_JWT_KEY_H

#include "pki/jwt.h"

struct jwt_key;

MUST_USE enum rc jwt_key_new(const struct jwt_options *opt, struct jwt_key **out, struct err *err);
void jwt_key_free(struct jwt_key *k);
const char *jwt_key_method(const struct jwt_key *k); /* "RS256" … */
bool jwt_key_may_sign(const struct jwt_key *k);
MUST_USE enum rc jwt_key_sign(const struct jwt_key *k, struct slice text, struct buf *out);
bool jwt_key_verify(const struct jwt_key *k, struct slice text, struct slice signature);

#endif
