#include "authz/password.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/secret.h"

#include <crypt.h>
#include <stdlib.h>

/* Prefix of what we ask crypt for. It is what Go's "$2a$" is; crypt's own "$2a$" spoils the hashes
 * of some passwords on purpose, against a bug that neither has. */
#define SETTING_PREFIX "$2b$"
#define MINOR_AT       2 /* the letter in which the two differ */

/* crypt with a string for the password; out is untouched on failure. */
static bool crypt_into(struct slice password, const char *setting, char out[PASSWORD_HASH_LEN + 1])
{
    struct crypt_data *data = mem_zalloc(sizeof(*data));
    char text[PASSWORD_BYTES_MAX + 1] = {0};
    if (password.n > 0)
        memcpy(text, password.p, password.n);
    const char *hash = crypt_r(text, setting, data);
    bool ok = hash && hash[0] == '$' && strlen(hash) == PASSWORD_HASH_LEN;
    if (ok)
        memcpy(out, hash, PASSWORD_HASH_LEN + 1);
    secret_wipe(text, sizeof(text));
    secret_wipe(data, sizeof(*data));
    free(data);
    return ok;
}

static bool has_zero(struct slice s)
{
    return s.n > 0 && memchr(s.p, 0, s.n);
}

enum rc password_hash(struct slice password, unsigned cost, const uint8_t salt[PASSWORD_SALT_LEN],
                      char out[PASSWORD_HASH_LEN + 1])
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    char hash[PASSWORD_HASH_LEN + 1];
    must(cost >= PASSWORD_COST_MIN && cost <= PASSWORD_COST_MAX);
    if (password.n > PASSWORD_BYTES_MAX)
        return RC_LIMIT;
    if (has_zero(password))
        return RC_INVALID;
    const char *made = crypt_gensalt_rn(SETTING_PREFIX, cost, (const char *)salt, PASSWORD_SALT_LEN,
                                        setting, sizeof(setting));
    if (!made || !crypt_into(password, setting, hash))
        return RC_UNSUPPORTED; /* a libcrypt without bcrypt */
    hash[MINOR_AT] = 'a';
    memcpy(out, hash, sizeof(hash));
    return RC_OK;
}

bool password_matches(struct slice password, struct slice hash)
{
    char setting[PASSWORD_HASH_LEN + 1];
    char found[PASSWORD_HASH_LEN + 1];
    if (hash.n != PASSWORD_HASH_LEN || !slice_has_prefix(hash, SLICE_LIT("$2")) || has_zero(hash))
        return false;
    struct slice seen = {password.p,
                         password.n < PASSWORD_BYTES_MAX ? password.n : PASSWORD_BYTES_MAX};
    if (has_zero(seen))
        return false;
    memcpy(setting, hash.p, PASSWORD_HASH_LEN);
    setting[PASSWORD_HASH_LEN] = '\0';
    setting[MINOR_AT] = 'b';
    if (!crypt_into(seen, setting, found))
        return false;
    found[MINOR_AT] = (char)hash.p[MINOR_AT];
    return secret_eq(slice_str(found), hash);
}
