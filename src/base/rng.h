/* rng - pseudo-random numbers from a seed (xoshiro256**), repeatable; not for secrets. */
#ifndef MOAT_BASE_RNG_H
#define MOAT_BASE_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t bound);             /* 0 … bound-1; bound > 0 */
uint64_t rng_between(struct rng *r, uint64_t lo, uint64_t hi); /* lo … hi */
bool rng_chance(struct rng *r, uint64_t per_million);

#endif
