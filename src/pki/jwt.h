/* jwt - tokens that prove themselves: JSON Web Tokens as etcd makes and takes them.
 *
 * RFC 7519, with the algorithms of RFC 7518 (RS, PS, ES, HS) and EdDSA (RFC 8037). Claims:
 * `username`, `revision` (the auth revision when it was made) and `exp`, in seconds since 1970.
 * Only tokens of the configured algorithm are looked at, whatever their header says. */
#ifndef MOAT_PKI_JWT_H
#define MOAT_PKI_JWT_H

#include "base/buf.h"
#include "base/err.h"

#define JWT_BYTES_MAX (16u << 10) /* a longer token is none */

struct jwt;

struct jwt_options {
    const char *method;       /* "RS256" … */
    struct slice public_key;  /* PEM; empty: that of the private key */
    struct slice private_key; /* PEM; empty: tokens are checked, not made. HS: the secret itself */
    uint64_t ttl_s;
};

/* Nothing of opt is kept. */
MUST_USE enum rc jwt_new(const struct jwt_options *opt, struct jwt **out, struct err *err);
void jwt_free(struct jwt *j);

bool jwt_may_sign(const struct jwt *j);

/* Append a token. In any thread; takes a millisecond. RC_UNSUPPORTED: there is no key to sign with,
 * or the user's name is not UTF-8. */
MUST_USE enum rc jwt_sign(const struct jwt *j, struct slice user, uint64_t revision, uint64_t now_s,
                          struct buf *out);

struct jwt_claims {
    struct buf user; /* the caller's to free */
    uint64_t revision;
    uint64_t expires_s; /* UINT64_MAX: never */
};

/* RC_OK: ours, and good at now_s. RC_PERMISSION: not, or too old. RC_MALFORMED: no token, or one
 * without the claims that it must have. In any thread. out is touched on RC_OK alone. */
MUST_USE enum rc jwt_verify(const struct jwt *j, struct slice token, uint64_t now_s,
                            struct jwt_claims *out);

#endif
