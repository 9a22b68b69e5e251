/* segment - the log's files: the segments in use, those to be removed, the spares.
 *
 * LANE_WAL alone changes them (wal_open before there is a lane); readers in other threads look up
 * and pin under the lock. Order of writes and its reasons: docs/formats/wal.md. */
#ifndef MOAT_WAL_SEGMENT_H
#define MOAT_WAL_SEGMENT_H

#include "env/env.h"
#include "wal/batch.h"
#include "wal/format.h"
#include "wal/marks.h"

#include <threads.h>

#define SPARES_MAX 2 /* kept; more are deleted */

/* The very first segment: recovery looks at all of the newest one, so a young log starts faster. */
#define FIRST_SEGMENT_BYTES (4u << 20)

struct segment {
    struct wal_header header;
    struct file *file;
    uint64_t end;     /* of its records: where the next batch goes */
    unsigned readers; /* it stays while there are any; under the lock */
};

void segment_free(struct segment *seg);

struct spare {
    struct file *file; /* NULL: none in this slot */
    uint64_t size;
};

struct segments {
    struct env *env;
    char *dir;
    uint64_t segment_bytes;
    uint64_t cluster_id;
    uint64_t member_id;
    struct file *lock_file;
    struct rng rng; /* for salts; the lane's own */

    uint64_t next_batch;
    struct wal_hard_state hard; /* as of the last batch */
    enum rc failed;             /* the first failure that is final */
    uint64_t sync_begun_ns;     /* of the last batch */
    struct spare spares[SPARES_MAX];

    mtx_t *lock;        /* for what follows */
    struct segment **v; /* ascending by sequence */
    size_t n;
    size_t cap;
    size_t live; /* those before are void, and removed when no reader has them */
    struct marks marks;
    uint64_t readable;   /* entries below this index are durable */
    uint64_t disk_bytes; /* of all files */
};

void segments_init(struct segments *s, struct env *env, const char *dir, uint64_t segment_bytes);
void segments_fini(struct segments *s);

const char *segments_spare_name(size_t slot);
char *segments_path(const struct segments *s, const char *name); /* free() it */
char *segments_path_seq(const struct segments *s, uint64_t seq);

/* The segment in use; NULL before the first. */
struct segment *segments_last(const struct segments *s);

/* Take over an open file as the newest segment. */
void segments_push(struct segments *s, struct segment *seg);

/* Use an open file as a spare; false when there are enough. */
bool segments_adopt_spare(struct segments *s, size_t slot, struct file *f, uint64_t size);

bool segments_has_spare(const struct segments *s);

/* Make sure that there is a spare. RC_NO_SPACE leaves everything as it was. */
MUST_USE enum rc segments_prepare(struct segments *s, struct err *err);

/* Write a batch durably, to a new segment if need be. RC_NO_SPACE: nothing was written, and the
 * call may be repeated. Any other failure is final. */
MUST_USE enum rc segments_write(struct segments *s, struct batch *b, struct err *err);

/* The first segment of a log, or of its new life: empty after (first_index - 1, prev_term). */
MUST_USE enum rc segments_begin(struct segments *s, uint64_t first_index, uint64_t prev_term,
                                uint32_t flags, struct err *err);

/* Declare void the segments that hold only entries <= index; true when there are some to remove. */
bool segments_void(struct segments *s, uint64_t index);

/* Remove void segments, oldest first, as far as no reader has them. */
MUST_USE enum rc segments_remove(struct segments *s, struct err *err);

/* For readers: find and pin the segment that holds the entry, with the mark from which to read and
 * the index up to which it leads. RC_NOT_FOUND: trimmed. RC_END: not there yet. */
struct segments_found {
    struct segment *segment;
    struct mark mark;
    uint64_t stop; /* first index that it does not lead to */
    uint64_t end;  /* of the segment's records */
};
MUST_USE enum rc segments_find(struct segments *s, uint64_t index, struct segments_found *out);
void segments_unpin(struct segments *s, struct segment *seg);

uint64_t segments_first_index(const struct segments *s);
uint64_t segments_readable(const struct segments *s);
void segments_set_readable(struct segments *s, uint64_t next_index);
uint64_t segments_disk_bytes(const struct segments *s);

#endif
