/* checksum - of a meta page: FNV-1a, 64 bits. */
#ifndef MOAT_BBOLT_CHECKSUM_H
#define MOAT_BBOLT_CHECKSUM_H

#include "base/slice.h"

static inline uint64_t bbolt_checksum(struct slice s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ s.p[i]) * 0x100000001b3u;
    return h;
}

#endif
