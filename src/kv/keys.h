/* keys - the sorted keys of one node of the index, made for few cache misses.
 *
 * An entry is one allocation: a key with its history; a bound in an inner node is one whose
 * history stays empty. Beside each pointer stand four bytes of the key, from where the node's keys
 * may begin to differ: a search goes through them and then touches one entry, seldom more. */
#ifndef MOAT_KV_KEYS_H
#define MOAT_KV_KEYS_H

#include "kv/history.h"

#define NODE_CAP 64

struct entry {
    struct history history;
    uint32_t key_len;
    uint8_t key[];
};

struct keys {
    unsigned n;
    uint32_t skip;           /* bytes that all the keys have in common, at least */
    uint32_t head[NODE_CAP]; /* of each the four after skip, big-endian, zeros behind its end */
    struct entry *of[NODE_CAP];
};

static inline struct slice entry_key(const struct entry *e)
{
    return (struct slice){e->key, e->key_len};
}

static inline size_t entry_heap(const struct entry *e)
{
    return heap_cost(offsetof(struct entry, key) + e->key_len) + history_heap(&e->history);
}

MUST_USE struct entry *entry_new(struct slice key, struct history history);
/* The shortest key that is above a and not above b, for a < b. */
MUST_USE struct entry *entry_between(struct slice a, struct slice b);
void entry_free(struct entry *e);

/* The first slot whose key is not below key. */
unsigned keys_find(const struct keys *k, struct slice key, bool *found);
void keys_put(struct keys *k, unsigned at, struct entry *e);
struct entry *keys_take(struct keys *k, unsigned at);

/* Share out left's keys, *between, right's so that left has `want`. With between, the next one goes
 * there (NULL if there is none) and right has the rest. between may be NULL, and *between. */
void keys_share(struct keys *left, struct keys *right, struct entry **between, unsigned want);

void keys_check(const struct keys *k);

#endif
