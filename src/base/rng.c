#include "base/rng.h"

#include "base/must.h"

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

void rng_seed(struct rng *r, uint64_t seed)
{
    /* splitmix64 spreads a small seed over the state, as xoshiro's authors ask. */
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        r->s[i] = z ^ z >> 31;
    }
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t out = rotl(r->s[1] * 5, 7) * 9;
    uint64_t t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotl(r->s[3], 45);
    return out;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
    must(bound > 0);
    return rng_u64(r) % bound;
}

uint64_t rng_between(struct rng *r, uint64_t lo, uint64_t hi)
{
    must(lo <= hi);
    uint64_t span = hi - lo + 1;
    return span ? lo + rng_below(r, span) : rng_u64(r);
}

bool rng_chance(struct rng *r, uint64_t per_million)
{
    return rng_below(r, 1000000) < per_million;
}
