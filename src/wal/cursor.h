/* cursor - reading a segment: its records one after another, and the items in them.
 *
 * A record is given only after its checks, and only if it follows the one before it. */
#ifndef MOAT_WAL_CURSOR_H
#define MOAT_WAL_CURSOR_H

#include "env/env.h"
#include "wal/format.h"
#include "wal/marks.h"

struct cursor {
    struct env *env;
    struct file *file;
    const struct wal_header *header;
    uint64_t at;  /* of the next record */
    uint64_t end; /* of the records */

    bool begun;           /* batch and part are known */
    uint64_t batch;       /* of the next record */
    uint32_t part;        /* of the next record */
    uint64_t record_at;   /* the record that was read last */
    uint32_t record_len;  /* of its body */
    struct slice left;    /* of its body, not yet given as items */
    struct buf window;    /* bytes of the file */
    uint64_t window_from; /* offset of the first */
    struct buf data;      /* an item's, when it spans records */
};

/* Read records in [at, end). From a segment's first on, the batch number is checked too. */
void cursor_init(struct cursor *c, struct env *env, struct file *f, const struct wal_header *h);
void cursor_fini(struct cursor *c);

/* Borrow n bytes at an offset, fewer at the end of the file. Valid until the next call. */
MUST_USE enum rc cursor_fetch(struct cursor *c, uint64_t at, size_t n, struct slice *out);

/* The next record into left. RC_END at end; RC_CORRUPT when what is there is no record, or not the
 * one that follows: at then stays there. */
MUST_USE enum rc cursor_record(struct cursor *c, struct wal_head *head);

/* The next item. Its data is valid until the next call. *where (may be NULL) says where it began.
 * RC_END, RC_CORRUPT. */
MUST_USE enum rc cursor_item(struct cursor *c, struct wal_item *out, struct mark *where);

/* Start in the middle: at the item that the mark leads to. */
MUST_USE enum rc cursor_seek(struct cursor *c, const struct mark *m);

#endif
