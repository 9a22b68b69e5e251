/* tail - where the newest segment's records end: after a clean stop, after a crash, or in damage.
 */
#ifndef MOAT_WAL_TAIL_H
#define MOAT_WAL_TAIL_H

#include "wal/segment.h"

struct tail {
    uint64_t end;   /* of the last complete batch */
    uint64_t batch; /* number of the next */
    uint64_t dirty; /* from end to here there are remains of a batch; end: none */
};

/* RC_CORRUPT: a batch that was durable cannot be read. path is for sentences. */
MUST_USE enum rc tail_find(struct env *env, struct segment *seg, const char *path, struct tail *out,
                           struct err *err);

/* Overwrite the remains with zeros. The sync is the caller's. */
MUST_USE enum rc tail_clear(struct env *env, struct segment *seg, const struct tail *t);

#endif
