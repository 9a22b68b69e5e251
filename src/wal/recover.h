/* recover - reading the log back: docs/formats/wal.md, Recovery. */
#ifndef MOAT_WAL_RECOVER_H
#define MOAT_WAL_RECOVER_H

#include "wal/segment.h"
#include "wal/terms.h"

struct recovered {
    struct wal_hard_state hard;
    struct terms terms; /* terms_fini is the caller's, also on failure */
    uint64_t next_index;
    bool created;
    bool torn;
};

/* Fill in the segments from their directory, which is created if absent. */
MUST_USE enum rc segments_recover(struct segments *s, struct recovered *out, struct err *err);

#endif
