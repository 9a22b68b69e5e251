/* batch - what one sync makes durable: items in the form in which they are written.
 *
 * The loop fills one while LANE_WAL writes the other. {0} with batch_begin is empty. */
#ifndef MOAT_WAL_BATCH_H
#define MOAT_WAL_BATCH_H

#include "wal/format.h"
#include "wal/marks.h"

/* More than this is given back after a burst. */
#define BATCH_KEEP_BYTES (1u << 20)

struct batch {
    struct buf b; /* room for a record's head, then the items */
    bool entries; /* there are any */
    bool hard_changed;
    uint64_t first_index; /* of its entries; the log's next when it has none */
    uint64_t prev_term;   /* of the entry before first_index */
    uint64_t last_index;  /* of its entries, unless they were replaced since */
    struct wal_hard_state hard;
};

/* Start anew: the log stands at next_index, after an entry of prev_term, with this hard state. */
void batch_begin(struct batch *b, uint64_t next_index, uint64_t prev_term,
                 struct wal_hard_state hard);
void batch_fini(struct batch *b);

static inline bool batch_empty(const struct batch *b)
{
    return b->b.n <= WAL_HEAD_BYTES;
}

static inline size_t batch_body_bytes(const struct batch *b)
{
    return b->b.n - WAL_HEAD_BYTES;
}

/* prev_term is that of the entry before e; it is looked at when e is the lowest so far. */
void batch_put_entry(struct batch *b, const struct wal_entry *e, uint64_t prev_term);
void batch_put_hard_state(struct batch *b, struct wal_hard_state hs);

/* Write the records into the segment from offset at on, and zeros behind them where there is room.
 * Heads are put over bytes already written, and taken back, so that nothing is copied; the batch is
 * unchanged after. */
MUST_USE enum rc batch_write(struct batch *b, struct env *env, struct file *f,
                             const struct wal_header *h, uint64_t number, uint64_t at);

/* Add the places of the entries of a batch written at offset at. */
void batch_mark(const struct batch *b, struct marks *m, uint64_t seq, uint64_t at);

#endif
