/* ring - the revisions that storage does not hold yet, in order.
 *
 * A change goes index → ring at once and reaches storage with the next batch; a read that the
 * index leads to a revision above the flushed one finds it here (docs/ARCHITECTURE.md, Storage). An
 * entry's bytes are exactly what storage will hold: revision key, then encoded KeyValue and its
 * CRC32C. They lie in chunks that are freed as a whole, so that the heap beside them does not
 * fragment. */
#ifndef MOAT_KV_RING_H
#define MOAT_KV_RING_H

#include "kv/index.h"

#define REVISION_KEY_LEN       17 /* big-endian main, '_', big-endian sub: etcd's bucket key */
#define REVISION_TOMBSTONE_LEN 18 /* … and 't' */
#define STORED_CRC_LEN         4  /* little-endian CRC32C behind each stored KeyValue */
#define RING_CHUNK_BYTES       (256u << 10)

struct ring_chunk;

struct ring_entry {
    struct revision rev;
    uint8_t *bytes; /* revision key, then value, then CRC */
    uint32_t key_len;
    uint32_t value_len; /* without the CRC */
    struct ring_chunk *chunk;
};

struct ring {
    struct ring_entry *v; /* circular, cap a power of two */
    size_t cap;
    size_t head;
    size_t n;
    size_t bytes; /* held by entries: what the cap of unflushed data counts */
    struct ring_chunk *filling;
    struct ring_chunk *spare; /* one empty chunk kept, so that a steady load allocates nothing */
};

void ring_fini(struct ring *r);

/* Append a revision greater than all before, with room for a value of value_len bytes; returns
 * where the value goes. Seal it (ring_seal_last) when it is written. */
uint8_t *ring_push(struct ring *r, struct revision rev, bool tombstone, uint32_t value_len);
void ring_seal_last(struct ring *r);

/* The entry of that revision, or NULL. */
const struct ring_entry *ring_find(const struct ring *r, struct revision rev);

/* Which entry is the first at or after that revision; r->n if there is none. */
size_t ring_from(const struct ring *r, struct revision rev);

/* The i-th oldest entry, i < r->n. */
const struct ring_entry *ring_at(const struct ring *r, size_t i);

/* Drop the n oldest entries: storage holds them now. */
void ring_pop(struct ring *r, size_t n);

void revision_key_store(uint8_t out[REVISION_TOMBSTONE_LEN], struct revision rev, bool tombstone);
MUST_USE enum rc revision_key_parse(struct slice key, struct revision *rev, bool *tombstone);

/* A stored value without its CRC, checked. RC_CORRUPT. */
MUST_USE enum rc stored_value(struct slice stored, struct slice *value);

static inline struct slice ring_entry_key(const struct ring_entry *e)
{
    return (struct slice){e->bytes, e->key_len};
}

static inline struct slice ring_entry_value(const struct ring_entry *e)
{
    return (struct slice){e->bytes + e->key_len, e->value_len};
}

/* With the CRC: what storage gets. */
static inline struct slice ring_entry_stored(const struct ring_entry *e)
{
    return (struct slice){e->bytes + e->key_len, e->value_len + STORED_CRC_LEN};
}

#endif
