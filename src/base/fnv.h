/* fnv - FNV-1a, 64 bits: for tables and digests whose input nobody can gain by choosing. */
#ifndef MOAT_BASE_FNV_H
#define MOAT_BASE_FNV_H

#include "base/slice.h"

#define FNV_SEED 0xcbf29ce484222325u

/* Begin with FNV_SEED, or with the hash of what stands before. */
static inline uint64_t fnv_add(uint64_t h, uint64_t v)
{
    return (h ^ v) * 0x100000001b3u;
}

static inline uint64_t fnv_hash(uint64_t h, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        h = fnv_add(h, s.p[i]);
    return h;
}

#endif
