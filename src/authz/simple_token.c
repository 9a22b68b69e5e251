#include "authz/simple_token.h"

#include "base/fnv.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/secret.h"

#include <stdlib.h>

#define BUCKETS_MIN 64u

struct token {
    struct list age; /* in ages: the one used longest ago first */
    struct token *next;
    uint64_t hash;
    uint64_t due_ns;
    struct slice user;
    struct slice text;
    uint8_t bytes[]; /* of both */
};

struct simple_tokens {
    struct env *env;
    uint64_t ttl_ns;
    uint64_t seed; /* so that nobody can choose tokens that share a bucket */
    struct list ages;
    struct token **buckets;
    size_t bucket_n; /* a power of two */
    size_t n;
};

struct simple_tokens *simple_tokens_new(struct env *env, uint64_t ttl_ns)
{
    struct simple_tokens *t = mem_zalloc(sizeof(*t));
    t->env = env;
    t->ttl_ns = ttl_ns;
    t->seed = rng_u64(env->rng);
    t->bucket_n = BUCKETS_MIN;
    t->buckets = mem_calloc(t->bucket_n, sizeof(struct token *));
    list_init(&t->ages);
    return t;
}

void simple_tokens_free(struct simple_tokens *t)
{
    if (!t)
        return;
    simple_tokens_forget_all(t);
    free(t->buckets);
    free(t);
}

/* FNV-1a from a secret start: tokens come from the log or fail to be found, so a weak hash costs
 * whoever guesses nothing but his own time. */
static uint64_t hash_of(const struct simple_tokens *t, struct slice text)
{
    uint64_t h = fnv_hash(t->seed, text);
    return h ^ h >> 32;
}

static struct token **place_of(struct simple_tokens *t, uint64_t hash, struct slice text)
{
    struct token **at = &t->buckets[hash & (t->bucket_n - 1)];
    while (*at && !((*at)->hash == hash && secret_eq((*at)->text, text)))
        at = &(*at)->next;
    return at;
}

static void forget(struct simple_tokens *t, struct token *token)
{
    struct token **at = place_of(t, token->hash, token->text);
    must(*at == token);
    *at = token->next;
    list_remove(&token->age);
    t->n--;
    secret_wipe(token->bytes, token->user.n + token->text.n);
    free(token);
}

static void forget_old(struct simple_tokens *t)
{
    uint64_t now = env_now_ns(t->env);
    while (!list_empty(&t->ages)) {
        struct token *oldest = CONTAINER_OF(t->ages.next, struct token, age);
        if (oldest->due_ns > now)
            break;
        forget(t, oldest);
    }
}

static void live_on(struct simple_tokens *t, struct token *token)
{
    token->due_ns = env_now_ns(t->env) + t->ttl_ns;
    list_add_tail(&t->ages, &token->age); /* one life for all: this order is that of due times */
}

static void grow(struct simple_tokens *t)
{
    size_t old_n = t->bucket_n;
    struct token **old = t->buckets;
    t->bucket_n *= 2;
    t->buckets = mem_calloc(t->bucket_n, sizeof(struct token *));
    for (size_t i = 0; i < old_n; i++) {
        struct token *next;
        for (struct token *token = old[i]; token; token = next) {
            struct token **at = &t->buckets[token->hash & (t->bucket_n - 1)];
            next = token->next;
            token->next = *at;
            *at = token;
        }
    }
    free(old);
}

void simple_token_letters(const uint8_t random[SIMPLE_TOKEN_LETTERS],
                          char out[SIMPLE_TOKEN_LETTERS + 1])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    /* 256 is no multiple of 52: some letters come 5 times in 256, some 4. What is left of 16 is
     * 90 bits all the same. */
    for (unsigned i = 0; i < SIMPLE_TOKEN_LETTERS; i++)
        out[i] = letters[random[i] % (sizeof(letters) - 1)];
    out[SIMPLE_TOKEN_LETTERS] = '\0';
}

void simple_tokens_assign(struct simple_tokens *t, struct slice letters, uint64_t index,
                          struct slice user, struct buf *out)
{
    size_t before = out->n;
    buf_append_slice(out, letters);
    buf_printf(out, ".%llu", (unsigned long long)index);
    struct slice text = slice_of(out->p + before, out->n - before);
    uint64_t hash = hash_of(t, text);
    forget_old(t);
    if (t->n >= SIMPLE_TOKENS_MAX)
        forget(t, CONTAINER_OF(t->ages.next, struct token, age));
    if (t->n >= t->bucket_n)
        grow(t);
    struct token **at = place_of(t, hash, text);
    must(!*at); /* an index comes once */
    struct token *token = mem_alloc(sizeof(*token) + user.n + text.n);
    token->next = NULL;
    token->hash = hash;
    token->user = slice_of(token->bytes, user.n);
    token->text = slice_of(token->bytes + user.n, text.n);
    memcpy(token->bytes, user.p, user.n);
    memcpy(token->bytes + user.n, text.p, text.n);
    *at = token;
    t->n++;
    live_on(t, token);
}

bool simple_tokens_find(struct simple_tokens *t, struct slice token, struct slice *user)
{
    forget_old(t);
    struct token *found = *place_of(t, hash_of(t, token), token);
    if (!found)
        return false;
    list_remove(&found->age);
    live_on(t, found);
    *user = found->user;
    return true;
}

void simple_tokens_forget_user(struct simple_tokens *t, struct slice user)
{
    list_each (item, &t->ages) {
        struct token *token = CONTAINER_OF(item, struct token, age);
        if (slice_eq(token->user, user))
            forget(t, token);
    }
}

void simple_tokens_forget_all(struct simple_tokens *t)
{
    while (!list_empty(&t->ages))
        forget(t, CONTAINER_OF(t->ages.next, struct token, age));
}

size_t simple_tokens_count(const struct simple_tokens *t)
{
    return t->n;
}
