/* arena - memory of one request, freed at once.
 *
 * {0} is empty. Grows by blocks; nothing is freed before arena_fini. The first block can be the
 * caller's (arena_init), so that a small request allocates nothing. */
#ifndef MOAT_BASE_ARENA_H
#define MOAT_BASE_ARENA_H

#include "base/cc.h"
#include "base/slice.h"

struct arena_block;

struct arena {
    uint8_t *at;
    size_t left;
    struct arena_block *blocks;
    size_t total; /* bytes taken from the heap, for budgets */
};

void arena_init(struct arena *a, void *first, size_t n);
void arena_fini(struct arena *a);
MUST_USE void *arena_alloc(struct arena *a, size_t n); /* aligned for any type; not zeroed */
MUST_USE void *arena_zalloc(struct arena *a, size_t n);
MUST_USE struct slice arena_copy(struct arena *a, struct slice s);

#endif
