#include "api/tokens.h"

#include "base/fnv.h"
#include "base/mem.h"
#include "base/secret.h"
#include "pki/jwt.h"

#include <stdlib.h>

struct kept_token {
    struct secret text;
    struct jwt_claims claims;
};

static void drop(struct kept_token *k)
{
    secret_fini(&k->text);
    buf_fini(&k->claims.user);
}

static struct kept_token *place_of(struct api *a, struct slice token)
{
    uint64_t h = fnv_hash(FNV_SEED, token);
    if (!a->kept_tokens)
        a->kept_tokens = mem_calloc(TOKENS_KEPT, sizeof(*a->kept_tokens));
    return &a->kept_tokens[(h ^ h >> 32) & (TOKENS_KEPT - 1)];
}

bool tokens_verify(struct api *a, struct slice token, struct auth_who *out)
{
    struct clock *clock = a->opt.env->clock;
    uint64_t now_s = clock->wall_ns(clock) / NS_PER_S;
    struct kept_token *k = place_of(a, token);
    if (!k->text.p || !secret_eq(secret_slice(&k->text), token)) {
        struct jwt_claims claims;
        if (jwt_verify(a->opt.jwt, token, now_s, &claims) != RC_OK)
            return false;
        drop(k);
        *k = (struct kept_token){.text = secret_copy(token), .claims = claims};
    }
    *out = (struct auth_who){buf_slice(&k->claims.user), k->claims.revision};
    return now_s < k->claims.expires_s;
}

void tokens_free(struct api *a)
{
    for (size_t i = 0; a->kept_tokens && i < TOKENS_KEPT; i++)
        drop(&a->kept_tokens[i]);
    free(a->kept_tokens);
}
