/* wal - the raft log on disk: segments, group commit, recovery.
 *
 * Entries are durable once on_durable has named their index, not before. Appends collect in one
 * batch while the batch before it is being written and synced by LANE_WAL; when that is done the
 * next goes out at once: natural group commit, no timer. Hard state (term, vote) travels in the
 * same stream. Invariant: first_index <= durable_index + 1 <= next_index.
 *
 * Format, recovery rule and reasons: docs/formats/wal.md. In short: 64-MB segments, preallocated
 * and recycled; a record's CRC32C is seeded with cluster, member, segment sequence and offset;
 * batch n+1 is written only once batch n is durable, so a bad record with a valid record of a later
 * batch behind it is damage (refused), anything else a torn tail (zeroed and synced).
 * After any I/O error but lack of space the log is dead: nothing is retried. */
#ifndef MOAT_WAL_WAL_H
#define MOAT_WAL_WAL_H

#include "base/buf.h"
#include "env/env.h"

#ifndef WAL_SEGMENT_BYTES /* tests/powerloss has a server with small ones */
#    define WAL_SEGMENT_BYTES (64u << 20)
#endif
#define WAL_ENTRY_BYTES_MAX (64u << 20) /* one entry; larger: RC_LIMIT */

struct wal;

enum wal_entry_kind {
    WAL_COMMAND = 1,
    WAL_BARRIER = 2,
    WAL_CHANGE = 3
}; /* as raft's entry types */

struct wal_entry {
    uint64_t index;
    uint64_t term;
    enum wal_entry_kind kind;
    struct slice body;
};

struct wal_hard_state {
    uint64_t term;
    uint64_t vote;
};

struct wal_options {
    struct env *env;
    const char *dir;     /* created with its parent's sync if absent */
    uint64_t cluster_id; /* with member_id: another's log is RC_FOREIGN */
    uint64_t member_id;
    uint64_t segment_bytes; /* 0: WAL_SEGMENT_BYTES; the simulator uses small ones */
    void *arg;
    /* On the loop thread: all entries up to index are durable. */
    void (*on_durable)(void *arg, uint64_t index);
    /* On the loop thread: the log is dead (at most once), or (RC_NO_SPACE, once until on_room) the
     * reserve is gone: a segment's room is left for what frees space, then batches wait. It goes on
     * by itself, tried every second and when wal_trim frees a segment; on_room says when. Nothing
     * that was reported durable is affected. */
    void (*on_error)(void *arg, enum rc rc, const char *sentence);
    void (*on_room)(void *arg);
};

/* What recovery found. */
struct wal_recovered {
    struct wal_hard_state hard;
    uint64_t first_index; /* of the log; next_index when it holds no entries */
    uint64_t next_index;
    uint64_t prev_term; /* term of the entry before first_index; 0 at the log's beginning */
    bool created;       /* the log did not exist */
    bool torn;          /* a torn tail was cut */
};

/* Open or create the log, recover, and be ready to append. Reads every live segment, and what is
 * visited once more. visit (may be NULL) is called with opt->arg, in index order for each entry
 * from `from` on that survives (a later record of the same index replaced the earlier one and those
 * behind it); bodies borrow for the call. RC_LOCKED, RC_FOREIGN, RC_VERSION, RC_CORRUPT,
 * RC_NO_SPACE …, with a sentence in err. */
MUST_USE enum rc wal_open(const struct wal_options *opt, uint64_t from,
                          void (*visit)(void *arg, const struct wal_entry *e), struct wal **out,
                          struct wal_recovered *found, struct err *err);

/* Waits for the batch in flight; what was appended and not yet durable may be lost. */
void wal_close(struct wal *w);

/* Append entries with consecutive indexes. entries[0].index <= next_index; a lower one truncates
 * the log from there first, and from then on durable indexes speak of the new entries only: the
 * completion of an older batch never counts for an entry that was replaced (quorum, R2). Bodies are
 * copied; larger than WAL_ENTRY_BYTES_MAX is the caller's to refuse. They go out with the next
 * batch. Nothing happens once the log is dead. */
void wal_append(struct wal *w, const struct wal_entry *entries, size_t n);

/* Append hard state to the same stream. */
void wal_set_hard_state(struct wal *w, struct wal_hard_state hs);

/* Start the next batch, if there is anything to write and none in flight. Called at the end of
 * every turn of the loop. */
void wal_submit(struct wal *w);

/* Block until everything appended is durable (on_durable runs within): for a new term or vote,
 * which must be on disk before anything else happens (quorum, R1). RC_NO_SPACE: it waits for room,
 * call again; any other failure: the log is dead. */
MUST_USE enum rc wal_sync(struct wal *w);

/* Permit removal of entries <= index. Whole segments only; the rest are kept. */
void wal_trim(struct wal *w, uint64_t index);

/* Discard all entries: the log begins anew after (index, term), hard state carried over. Blocks.
 * For an installed snapshot. RC_NO_SPACE: the log is as before; any other failure: it is dead. */
MUST_USE enum rc wal_reset(struct wal *w, uint64_t index, uint64_t term);

/* Read durable entries from first on, up to max_bytes of bodies but at least one, appending
 * bodies to out->bodies and descriptors to out->entries (whose body.p is an offset until the
 * call returns, then points into bodies). RC_NOT_FOUND when first was trimmed, RC_END when it is
 * not durable yet. Blocking; may run in a worker while the loop appends, but not past wal_close.
 * What the loop replaced in the meantime may be in it: compare terms. */
struct wal_read {
    struct buf bodies;
    struct wal_entry *entries;
    size_t n;
};
MUST_USE enum rc wal_read(struct wal *w, uint64_t first, size_t max_bytes, struct wal_read *out);
void wal_read_fini(struct wal_read *r);

uint64_t wal_first_index(const struct wal *w);
uint64_t wal_next_index(const struct wal *w);
uint64_t wal_durable_index(const struct wal *w);
uint64_t wal_disk_bytes(const struct wal *w); /* of all segments, spare ones too */

#endif
