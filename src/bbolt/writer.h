/* writer - a bbolt file from its first byte to its last, from rows that come in order.
 *
 * Pages are filled to the brim and come out one behind the other. The two meta pages, which stand
 * first, say where the root is and how many pages there are; so the same rows go by twice: once
 * they are counted, which looks at no value, then written. Memory is one page of each level. */
#ifndef MOAT_BBOLT_WRITER_H
#define MOAT_BBOLT_WRITER_H

#include "base/buf.h"
#include "base/rc.h"
#include "bbolt/format.h"

/* What the meta pages say. */
struct bbolt_shape {
    uint64_t root; /* numbers of pages */
    uint64_t freelist;
    uint64_t pages; /* of the whole file */
};

struct bbolt_writer;

/* To count rows. */
struct bbolt_writer *bbolt_counter_new(void);
/* To write those that were counted: whole pages are appended to *out, which may be emptied between
 * any two calls. */
struct bbolt_writer *bbolt_writer_new(struct buf *out, const struct bbolt_shape *shape);
void bbolt_writer_free(struct bbolt_writer *w);

/* Buckets in order of their names, each with its rows in order of their keys: a row that is not
 * greater than the one before, or larger than bbolt takes, is RC_INVALID. The first failure sticks:
 * it may be looked at once, in the end. */
void bbolt_bucket_begin(struct bbolt_writer *w, struct slice name);
void bbolt_put(struct bbolt_writer *w, struct slice key, struct slice value);
void bbolt_bucket_end(struct bbolt_writer *w);

enum rc bbolt_writer_rc(const struct bbolt_writer *w);
/* The root and the freelist. RC_INVALID: these are other rows than those that were counted. */
MUST_USE enum rc bbolt_writer_finish(struct bbolt_writer *w, struct bbolt_shape *shape);

static inline uint64_t bbolt_shape_bytes(const struct bbolt_shape *shape)
{
    return shape->pages * BBOLT_PAGE_BYTES;
}

#endif
