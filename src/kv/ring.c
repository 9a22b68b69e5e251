#include "kv/ring.h"

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/rd.h"
#include "base/wr.h"

#include <stdlib.h>

#define RING_CAP_MIN 1024u

struct ring_chunk {
    size_t used;
    size_t size;
    size_t entries; /* that live in it */
    uint8_t bytes[];
};

void ring_fini(struct ring *r)
{
    ring_pop(r, r->n);
    free(r->filling);
    free(r->spare);
    free(r->v);
    *r = (struct ring){0};
}

static struct ring_entry *slot(const struct ring *r, size_t i)
{
    return &r->v[(r->head + i) & (r->cap - 1)];
}

static void grow(struct ring *r)
{
    size_t cap = r->cap ? r->cap * 2 : RING_CAP_MIN;
    struct ring_entry *v = mem_calloc(cap, sizeof(*v));
    for (size_t i = 0; i < r->n; i++)
        v[i] = *slot(r, i);
    free(r->v);
    r->v = v;
    r->cap = cap;
    r->head = 0;
}

static void release_chunk(struct ring *r, struct ring_chunk *c)
{
    if (c == r->filling) {
        c->used = 0;
        return;
    }
    if (!r->spare && c->size == RING_CHUNK_BYTES) {
        c->used = 0;
        r->spare = c;
        return;
    }
    free(c);
}

static struct ring_chunk *chunk_with_room(struct ring *r, size_t n)
{
    struct ring_chunk *c = r->filling;
    if (c && c->size - c->used >= n)
        return c;
    if (c && c->entries == 0)
        free(c);
    r->filling = NULL; /* a chunk that still has entries goes with the last of them */
    if (n <= RING_CHUNK_BYTES && r->spare) {
        c = r->spare;
        r->spare = NULL;
    } else {
        size_t size = n > RING_CHUNK_BYTES ? n : RING_CHUNK_BYTES;
        c = mem_alloc(sizeof(*c) + size);
        c->used = c->entries = 0;
        c->size = size;
    }
    r->filling = c;
    return c;
}

uint8_t *ring_push(struct ring *r, struct revision rev, bool tombstone, uint32_t value_len)
{
    must(r->n == 0 || revision_cmp(slot(r, r->n - 1)->rev, rev) < 0);
    if (r->n == r->cap)
        grow(r);
    uint32_t key_len = tombstone ? REVISION_TOMBSTONE_LEN : REVISION_KEY_LEN;
    size_t len = (size_t)key_len + value_len + STORED_CRC_LEN;
    struct ring_chunk *c = chunk_with_room(r, REVISION_TOMBSTONE_LEN + len);
    struct ring_entry *e = slot(r, r->n++);
    *e = (struct ring_entry){.rev = rev,
                             .bytes = c->bytes + c->used,
                             .key_len = key_len,
                             .value_len = value_len,
                             .chunk = c};
    revision_key_store(e->bytes, rev, tombstone);
    c->used += len;
    c->entries++;
    r->bytes += len;
    return e->bytes + key_len;
}

void ring_seal_last(struct ring *r)
{
    struct ring_entry *e = slot(r, r->n - 1);
    store_u32(e->bytes + e->key_len + e->value_len, crc32c(0, ring_entry_value(e)));
}

size_t ring_from(const struct ring *r, struct revision rev)
{
    size_t lo = 0;
    size_t hi = r->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (revision_cmp(slot(r, mid)->rev, rev) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct ring_entry *ring_find(const struct ring *r, struct revision rev)
{
    size_t i = ring_from(r, rev);
    return i < r->n && revision_cmp(slot(r, i)->rev, rev) == 0 ? slot(r, i) : NULL;
}

const struct ring_entry *ring_at(const struct ring *r, size_t i)
{
    must(i < r->n);
    return slot(r, i);
}

void ring_pop(struct ring *r, size_t n)
{
    must(n <= r->n);
    for (size_t i = 0; i < n; i++) {
        struct ring_entry *e = slot(r, i);
        r->bytes -= (size_t)e->key_len + e->value_len + STORED_CRC_LEN;
        if (--e->chunk->entries == 0)
            release_chunk(r, e->chunk);
    }
    r->head = r->cap ? (r->head + n) & (r->cap - 1) : 0;
    r->n -= n;
}

void revision_key_store(uint8_t out[REVISION_TOMBSTONE_LEN], struct revision rev, bool tombstone)
{
    store_u64_big(out, (uint64_t)rev.main);
    out[8] = '_';
    store_u64_big(out + 9, (uint64_t)rev.sub);
    if (tombstone)
        out[17] = 't';
}

enum rc revision_key_parse(struct slice key, struct revision *rev, bool *tombstone)
{
    bool dead = key.n == REVISION_TOMBSTONE_LEN && key.p[17] == 't';
    if ((key.n != REVISION_KEY_LEN && !dead) || key.p[8] != '_')
        return RC_CORRUPT;
    rev->main = (int64_t)load_u64_big(key.p);
    rev->sub = (int64_t)load_u64_big(key.p + 9);
    *tombstone = dead;
    return RC_OK;
}

enum rc stored_value(struct slice stored, struct slice *value)
{
    if (stored.n < STORED_CRC_LEN)
        return RC_CORRUPT;
    struct slice body = {stored.p, stored.n - STORED_CRC_LEN};
    if (crc32c(0, body) != load_u32(stored.p + body.n))
        return RC_CORRUPT;
    *value = body;
    return RC_OK;
}
