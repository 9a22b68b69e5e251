#include "io/admit.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

void admit_init(struct admit *a, uint32_t total_max, uint32_t per_source_max, struct rng *rng)
{
    *a = (struct admit){
        .total_max = total_max, .per_source_max = per_source_max, .seed = rng_u64(rng)};
}

static void source_key(const struct io_sockaddr *peer, uint64_t key[2])
{
    key[0] = peer->any.sa_family;
    key[1] = 0;
    const struct in6_addr *v6 = &peer->in6.sin6_addr;
    if (peer->any.sa_family == AF_INET) {
        key[1] = peer->in.sin_addr.s_addr;
    } else if (peer->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6)) {
        key[0] = AF_INET;
        memcpy(&key[1], &v6->s6_addr[12], 4);
    } else if (peer->any.sa_family == AF_INET6) {
        memcpy(&key[1], v6->s6_addr, 8);
    }
}

static struct admit_source **chain_of(struct admit *a, const uint64_t key[2])
{
    struct rng mix;
    rng_seed(&mix, a->seed ^ key[0] << 56 ^ key[1]);
    return &a->chains[rng_u64(&mix) & (ADMIT_CHAINS - 1)];
}

enum admit_verdict admit_enter(struct admit *a, const struct io_sockaddr *peer,
                               struct admit_source **out)
{
    if (a->total_max && a->total >= a->total_max)
        return ADMIT_TOTAL;
    uint64_t key[2];
    source_key(peer, key);
    struct admit_source **chain = chain_of(a, key);
    struct admit_source *s = *chain;
    while (s && (s->key[0] != key[0] || s->key[1] != key[1]))
        s = s->next;
    if (s && a->per_source_max && s->count >= a->per_source_max)
        return ADMIT_PER_SOURCE;
    if (!s) {
        s = mem_alloc(sizeof(*s));
        *s = (struct admit_source){.next = *chain, .key = {key[0], key[1]}};
        *chain = s;
    }
    s->count++;
    a->total++;
    *out = s;
    return ADMIT_OK;
}

void admit_leave(struct admit *a, struct admit_source *s)
{
    must(s->count > 0 && a->total > 0);
    a->total--;
    if (--s->count > 0)
        return;
    struct admit_source **at = chain_of(a, s->key);
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    free(s);
}
