/* read - entries from the segments, while others append. */
#ifndef MOAT_WAL_READ_H
#define MOAT_WAL_READ_H

#include "wal/segment.h"

/* Call fn for each durable entry from first on, in order, until it returns false. Bodies borrow for
 * the call. RC_NOT_FOUND: trimmed. RC_END: reached the end without a false. */
MUST_USE enum rc segments_visit(struct segments *s, uint64_t first,
                                bool (*fn)(void *arg, const struct wal_entry *e), void *arg);

/* As wal_read. */
MUST_USE enum rc segments_read(struct segments *s, uint64_t first, size_t max_bytes,
                               struct wal_read *out);

#endif
