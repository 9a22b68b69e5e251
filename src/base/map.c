#include "base/map.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"

#include <stdlib.h>

#define CAP_MIN 16u

void map_init(struct map *m, struct rng *rng)
{
    *m = (struct map){.key = {rng_u64(rng), rng_u64(rng)}};
}

void map_fini(struct map *m)
{
    free(m->buckets);
    m->buckets = NULL;
    m->n = m->cap = 0;
}

static uint64_t rotate(uint64_t v, unsigned bits)
{
    return v << bits | v >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t map_hash(const struct map *m, struct slice key)
{
    /* "somepseudorandomlygeneratedbytes" */
    uint64_t v[4] = {m->key[0] ^ 0x736f6d6570736575u, m->key[1] ^ 0x646f72616e646f6du,
                     m->key[0] ^ 0x6c7967656e657261u, m->key[1] ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)key.n << 56;
    for (; key.n >= 8; key = slice_skip(key, 8))
        sip_word(v, load_u64(key.p));
    for (size_t i = 0; i < key.n; i++)
        last |= (uint64_t)key.p[i] << (8 * i);
    sip_word(v, last);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static struct map_node **bucket_of(const struct map *m, uint64_t hash)
{
    return &m->buckets[hash & (m->cap - 1)];
}

static struct map_node *with_hash(struct map_node *node, uint64_t hash)
{
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct map_node *map_find(const struct map *m, uint64_t hash)
{
    return m->n ? with_hash(*bucket_of(m, hash), hash) : NULL;
}

struct map_node *map_find_next(const struct map_node *node)
{
    return with_hash(node->next, node->hash);
}

static void push(struct map *m, struct map_node *node)
{
    struct map_node **bucket = bucket_of(m, node->hash);
    node->next = *bucket;
    *bucket = node;
}

static void grow(struct map *m)
{
    struct map_node **old = m->buckets;
    size_t old_cap = m->cap;
    m->cap = old_cap ? old_cap * 2 : CAP_MIN;
    m->buckets = mem_calloc(m->cap, sizeof(struct map_node *));
    for (size_t i = 0; i < old_cap; i++)
        for (struct map_node *node = old[i], *next; node; node = next) {
            next = node->next;
            push(m, node);
        }
    free(old);
}

void map_add(struct map *m, struct map_node *node, uint64_t hash)
{
    if (m->n == m->cap)
        grow(m);
    node->hash = hash;
    push(m, node);
    m->n++;
}

void map_remove(struct map *m, struct map_node *node)
{
    struct map_node **at = bucket_of(m, node->hash);
    while (*at != node) {
        must(*at != NULL);
        at = &(*at)->next;
    }
    *at = node->next;
    m->n--;
}

void map_expect(const struct map *m, const struct map_node *node)
{
    __builtin_prefetch(bucket_of(m, node->hash), 1);
}

struct map_node *map_after(const struct map *m, const struct map_node *node)
{
    if (node && node->next)
        return node->next;
    size_t i = node ? (node->hash & (m->cap - 1)) + 1 : 0;
    while (i < m->cap && !m->buckets[i])
        i++;
    return i < m->cap ? m->buckets[i] : NULL;
}
