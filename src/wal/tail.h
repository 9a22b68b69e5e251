/* tail - where the newest segment's records end: after a clean stop, after a crash, or in damage.
 */
#ifndef MOAT_WAL_TAIL_H
#define MOAT_WAL_TAIL_H

#include "wal/segment.h"

struct tail {
    uint64_t begin; /* of the last complete batch; 0: the segment has none */
    uint64_t end;   /* … and its end */
    uint64_t batch; /* number of the next */
    uint64_t dirty; /* from end to here there are remains of a batch; end: none */
};

/* RC_CORRUPT: a batch that was durable cannot be read. path is for sentences. */
MUST_USE enum rc tail_find(struct env *env, struct segment *seg, const char *path, struct tail *out,
                           struct err *err);

/* Write the header and the last batch again, as they were read. A sync that failed in the life
 * before may have left them in the page cache as if they were on disk; nothing is built on them
 * before a sync of bytes that this process wrote has succeeded. Batches before the last were: each
 * is written only once the one before it is durable. The sync is the caller's. */
MUST_USE enum rc tail_rewrite(struct env *env, struct segment *seg, const struct tail *t);

/* Overwrite the remains with zeros. The sync is the caller's. */
MUST_USE enum rc tail_clear(struct env *env, struct segment *seg, const struct tail *t);

#endif
