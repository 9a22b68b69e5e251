/* password - bcrypt, as etcd stores it: "$2a$10$" and 53 letters.
 *
 * Slow on purpose (50 ms and more): for a worker, never for the loop. Hashes interchange with
 * etcd's. The one difference: a password with a zero byte in it is refused, and never matches, as
 * crypt(3) takes strings. Source: crypt(5), golang.org/x/crypto/bcrypt. */
#ifndef MOAT_AUTHZ_PASSWORD_H
#define MOAT_AUTHZ_PASSWORD_H

#include "base/cc.h"
#include "base/rc.h"
#include "base/slice.h"

#define PASSWORD_BYTES_MAX    72 /* bcrypt sees no more */
#define PASSWORD_SALT_LEN     16
#define PASSWORD_HASH_LEN     60
#define PASSWORD_COST_MIN     4
#define PASSWORD_COST_MAX     31
#define PASSWORD_COST_DEFAULT 10

/* Salt is random bytes of the caller's. RC_LIMIT: longer than PASSWORD_BYTES_MAX; RC_INVALID: a
 * zero byte. */
MUST_USE enum rc password_hash(struct slice password, unsigned cost,
                               const uint8_t salt[PASSWORD_SALT_LEN],
                               char out[PASSWORD_HASH_LEN + 1]);

/* What stands behind PASSWORD_BYTES_MAX does not count, as in etcd. Anything that is no hash of
 * bcrypt's does not match. */
bool password_matches(struct slice password, struct slice hash);

#endif
