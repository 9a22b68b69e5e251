/* stream - a snapshot for etcd, made piece by piece while it is sent: a bbolt file (src/bbolt).
 *
 * It is the state of one moment, though no view of storage is open for longer than a step. The
 * first step copies everything but the key space (leases, users …: little) and notes the revision.
 * Rows of table `key` up to that revision stay what they are for as long as nothing is swept, which
 * the caller sees to (kv_hold_sweep): so all later steps, each with a view of its own, find the
 * same. They count the rows first, since a file says in its beginning how long it is, then write.
 * Memory is the copy, and a piece. */
#ifndef MOAT_SNAPSHOT_STREAM_H
#define MOAT_SNAPSHOT_STREAM_H

#include "base/buf.h"
#include "snapshot/rows.h"

#define SNAPSHOT_PIECE_BYTES (256u << 10) /* written in a step, and one row more */
#define SNAPSHOT_COUNT_ROWS  8192u        /* counted in one */

struct snapshot_stream;

/* Of that storage, and of the member and version that src names; src's view is not used. What src
 * points to borrows for the stream's life. Whole pages are appended to *out, which may be emptied
 * between any two steps. */
struct snapshot_stream *snapshot_stream_new(struct storage *storage,
                                            const struct snapshot_source *src, struct buf *out);
void snapshot_stream_free(struct snapshot_stream *s);

/* In a worker: go on for a step, which writes something once all is counted. RC_END: that was all.
 * RC_CORRUPT: what is stored is damaged. Others with a sentence in err. */
MUST_USE enum rc snapshot_stream_step(struct snapshot_stream *s, struct err *err);

/* Of the whole file, in bytes; 0 while it counts. */
uint64_t snapshot_stream_size(const struct snapshot_stream *s);

#endif
