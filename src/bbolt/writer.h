/* writer - a bbolt file in one pass, from rows that come in order.
 *
 * Pages are filled to the brim and written one behind the other; only the two meta pages, which
 * say where the root is, are written last. Memory is one page of each level and the buffer before
 * the file. */
#ifndef MOAT_BBOLT_WRITER_H
#define MOAT_BBOLT_WRITER_H

#include "base/cc.h"
#include "base/rc.h"
#include "base/slice.h"

struct bbolt_writer;

struct bbolt_sink {
    void *arg;
    /* Write at that offset. Offsets ascend without a gap, but for the last call: the first pages.
     */
    enum rc (*write)(void *arg, uint64_t at, struct slice bytes);
};

struct bbolt_writer *bbolt_writer_new(const struct bbolt_sink *sink);
void bbolt_writer_free(struct bbolt_writer *w);

/* Buckets in order of their names, each with its rows in order of their keys: a row that is not
 * greater than the one before, or larger than bbolt takes, is RC_INVALID. The first failure sticks:
 * it may be looked at once, in the end. */
void bbolt_bucket_begin(struct bbolt_writer *w, struct slice name);
void bbolt_put(struct bbolt_writer *w, struct slice key, struct slice value);
void bbolt_bucket_end(struct bbolt_writer *w);

enum rc bbolt_writer_rc(const struct bbolt_writer *w);
/* The root and the meta pages. *size is the file's. */
MUST_USE enum rc bbolt_writer_finish(struct bbolt_writer *w, uint64_t *size);

#endif
