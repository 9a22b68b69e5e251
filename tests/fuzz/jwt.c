/* fuzz: pki base */
/* Any bytes as a JSON Web Token: read as they are, and as header and claims (a zero byte between
 * them) that are rightly signed, so that what lies behind the signature is reached. What is taken
 * can be said again. */
#include "pki/jwt.h"

#include "base/base64.h"
#include "base/must.h"
#include "pki/jwt_key.h"

#include <stdlib.h>

#define NOW 1000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct jwt_options options = {
    .method = "HS256", .private_key = {(const uint8_t *)"secret", 6}, .ttl_s = 300};

static void append_part(struct buf *out, struct slice in)
{
    struct buf text = {0};
    base64_encode(in, &text);
    for (size_t i = 0; i < text.n && text.p[i] != '='; i++)
        buf_append_u8(out, text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' : text.p[i]);
    buf_fini(&text);
}

static void craft(struct slice header, struct slice claims, struct buf *out)
{
    struct jwt_key *key = NULL;
    struct buf signature = {0};
    must(jwt_key_new(&options, &key, NULL) == RC_OK);
    append_part(out, header);
    buf_append_u8(out, '.');
    append_part(out, claims);
    must(jwt_key_sign(key, buf_slice(out), &signature) == RC_OK);
    buf_append_u8(out, '.');
    append_part(out, buf_slice(&signature));
    buf_fini(&signature);
    jwt_key_free(key);
}

static void try_token(const struct jwt *j, struct slice token)
{
    struct jwt_claims claims = {0};
    struct jwt_claims again = {0};
    struct buf said = {0};
    if (jwt_verify(j, token, NOW, &claims) != RC_OK)
        return;
    must(claims.expires_s > NOW);
    must(jwt_sign(j, buf_slice(&claims.user), claims.revision, NOW, &said) == RC_OK);
    if (jwt_verify(j, buf_slice(&said), NOW, &again) == RC_OK) {
        must(slice_eq(buf_slice(&claims.user), buf_slice(&again.user)));
        must(claims.revision == again.revision);
    } else {
        must(said.n > JWT_BYTES_MAX);
    }
    buf_fini(&claims.user);
    buf_fini(&again.user);
    buf_fini(&said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jwt *j = NULL;
    struct buf token = {0};
    must(jwt_new(&options, &j, NULL) == RC_OK);
    try_token(j, slice_of(data, size));
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    if (zero) {
        size_t n = (size_t)(zero - data);
        craft(slice_of(data, n), slice_of(zero + 1, size - n - 1), &token);
        try_token(j, buf_slice(&token));
    }
    buf_fini(&token);
    jwt_free(j);
    return 0;
}
