/* map - an intrusive hash table for keys that clients choose.
 *
 * The hash is keyed (SipHash-1-3: Aumasson and Bernstein, 2012), so that nobody can find keys that
 * all fall into one bucket. It differs from process to process: nothing that must be the same
 * elsewhere may follow from it, nor from the order of map_after. */
#ifndef MOAT_BASE_MAP_H
#define MOAT_BASE_MAP_H

#include "base/cc.h"
#include "base/rng.h"
#include "base/slice.h"

struct map_node {
    struct map_node *next; /* in its bucket */
    uint64_t hash;
};

struct map {
    struct map_node **buckets;
    size_t n;
    size_t cap; /* a power of two; 0: nothing allocated yet */
    uint64_t key[2];
};

void map_init(struct map *m, struct rng *rng);
void map_fini(struct map *m); /* nodes are the caller's */

uint64_t map_hash(const struct map *m, struct slice key);

/* The first node with this hash, and the next one after a node; NULL: none. The caller compares
 * what the nodes are for. */
struct map_node *map_find(const struct map *m, uint64_t hash);
struct map_node *map_find_next(const struct map_node *node);

void map_add(struct map *m, struct map_node *node, uint64_t hash);
void map_remove(struct map *m, struct map_node *node);
/* The node will be removed soon: have its place brought near. Changes nothing. */
void map_expect(const struct map *m, const struct map_node *node);

/* Walk all nodes in no order: the one after node (NULL: the first), NULL at the end. The map must
 * not change meanwhile. */
struct map_node *map_after(const struct map *m, const struct map_node *node);

#endif
