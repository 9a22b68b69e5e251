/* checksum - of a meta page: FNV-1a, 64 bits. */
#ifndef MOAT_BBOLT_CHECKSUM_H
#define MOAT_BBOLT_CHECKSUM_H

#include "base/fnv.h"

static inline uint64_t bbolt_checksum(struct slice s)
{
    return fnv_hash(FNV_SEED, s);
}

#endif
