/* index_tree - the nodes of the index: a counted B+tree of keys with their histories.
 *
 * Leaves hold the entries; inner nodes hold, beside each child, the weight of what is below it.
 *
 * Fill: a node has at least NODE_MIN items, but for the root and the right edge. A node that is
 * full is halved, at the right edge left full instead: so keys that come in order leave full nodes
 * behind. A node below NODE_MIN joins with a neighbour of the same parent: into one node if that
 * is at most NODE_JOIN_MAX, so that it does not split again at once, else half and half. */
#ifndef MOAT_KV_INDEX_TREE_H
#define MOAT_KV_INDEX_TREE_H

#include "kv/keys.h"

#define NODE_MIN       16
#define NODE_JOIN_MAX  48
#define TREE_DEPTH_MAX 12 /* inner nodes on a way down: more than 2^48 keys need */

/* What is alive: keys, and the bytes of their encoded KeyValues; and the revisions of all keys,
 * alive or not. */
struct weight {
    uint64_t keys;
    uint64_t bytes;
    uint64_t revisions;
};

struct leaf {
    struct keys keys;
    struct leaf *prev;
    struct leaf *next;
};

union child {
    struct inner *inner;
    struct leaf *leaf;
};

/* Keys below child i are >= bounds.of[i - 1] and < bounds.of[i]: bounds.n is n - 1. */
struct inner {
    struct keys bounds;
    unsigned n;
    struct weight weight[NODE_CAP];
    union child child[NODE_CAP];
};

struct tree {
    union child root;
    unsigned depth; /* inner nodes above each leaf */
    struct leaf *last;
    struct weight total;
    uint64_t keys;
    uint64_t heap_bytes;
    uint64_t changes; /* counts entries that came or went: places found before are stale */
};

/* The way to an entry, or to where one would stand: at <= leaf->keys.n. */
struct place {
    struct inner *inner[TREE_DEPTH_MAX];
    unsigned slot[TREE_DEPTH_MAX];
    struct leaf *leaf;
    unsigned at;
};

void tree_init(struct tree *t);
void tree_fini(struct tree *t);

/* The place of key: true if it is there, else where it belongs. */
bool tree_find(const struct tree *t, struct slice key, struct place *p);
/* A new entry with the given history, which the tree takes over, at a place just found. */
void tree_insert(struct tree *t, const struct place *p, struct slice key, struct history history);
void tree_remove(struct tree *t, const struct place *p);
/* The entry's history changed: what it weighed and what it took on the heap before. */
void tree_update(struct tree *t, const struct place *p, struct weight before, size_t heap_before);

/* The weight of what stands before key. */
struct weight tree_rank(const struct tree *t, struct slice key);
/* The first entry at or behind key; NULL: none. */
const struct entry *tree_seek(const struct tree *t, struct slice key);
/* The alive entry with `rank` alive ones before it; NULL past the end. */
const struct entry *tree_select(const struct tree *t, uint64_t rank);

void tree_check(const struct tree *t);

static inline struct weight entry_weight(const struct entry *e)
{
    return (struct weight){history_alive(&e->history), history_size(&e->history),
                           history_revisions(&e->history)};
}

static inline struct entry *place_entry(const struct place *p)
{
    return p->leaf->keys.of[p->at];
}

/* Sums may pass below zero on the way: unsigned, they come back. */
static inline void weight_add(struct weight *w, struct weight d)
{
    w->keys += d.keys;
    w->bytes += d.bytes;
    w->revisions += d.revisions;
}

static inline struct weight weight_minus(struct weight a, struct weight b)
{
    return (struct weight){a.keys - b.keys, a.bytes - b.bytes, a.revisions - b.revisions};
}

#endif
