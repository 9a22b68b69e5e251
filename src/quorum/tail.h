/* tail - the entries behind the applied index, in memory, by index.
 *
 * A ring: pushed at the end, popped in order when applied, truncated from the end when a leader
 * replaces them. Owns the bodies. Invariant: entry i has index first + i. */
#ifndef MOAT_QUORUM_TAIL_H
#define MOAT_QUORUM_TAIL_H

#include "base/buf.h"
#include "wal/wal.h"

struct tail_entry {
    uint64_t term;
    enum wal_entry_kind kind;
    struct buf body;
    void *ctx; /* of the proposal, or NULL */
};

struct tail {
    struct tail_entry *ring;
    size_t cap; /* a power of two */
    size_t head;
    size_t n;
    uint64_t first; /* index of the oldest entry, or of the next when empty */
    size_t bytes;   /* of bodies */
};

void tail_init(struct tail *t, uint64_t first);
void tail_fini(struct tail *t);

/* Append an entry with the next index; takes *body over and empties it. */
struct tail_entry *tail_push(struct tail *t, uint64_t term, enum wal_entry_kind kind,
                             struct buf *body, void *ctx);

/* The entry of that index, or NULL. Valid until the next push. */
struct tail_entry *tail_at(const struct tail *t, uint64_t index);

/* Take the oldest entry, which has that index, out: its body is the caller's to free. */
struct tail_entry tail_take(struct tail *t, uint64_t index);

void tail_pop_last(struct tail *t); /* drop the newest; there is one */

static inline uint64_t tail_next(const struct tail *t)
{
    return t->first + t->n;
}

#endif
