/* reader - a bbolt file, out of a map of it. Takes any bytes: whatever is no bbolt file, or is
 * damaged, is refused and never read beyond. */
#ifndef MOAT_BBOLT_READER_H
#define MOAT_BBOLT_READER_H

#include "base/cc.h"
#include "base/rc.h"
#include "base/slice.h"

struct bbolt {
    struct slice file; /* borrowed */
    uint32_t page_bytes;
    uint64_t pages; /* of which the file consists; what is behind them does not belong to it */
    uint64_t root;
};

/* RC_MALFORMED: no bbolt file (neither meta page is one). RC_VERSION: of another format.
 * RC_CORRUPT: cut short. */
MUST_USE enum rc bbolt_open(struct slice file, struct bbolt *out);

/* Bytes of the file proper: a snapshot has a SHA-256 behind them. */
static inline uint64_t bbolt_size(const struct bbolt *b)
{
    return b->pages * b->page_bytes;
}

/* A bucket's own tree; only for this file's life. */
struct bbolt_bucket {
    struct slice name;
    uint64_t root; /* its page, or 0: inline holds the only one */
    struct slice inlined;
};

/* Visit the buckets, or a bucket's rows, in order until fn returns false. Names and keys ascend
 * strictly, else the file is RC_CORRUPT, as it is when a page is not where it should be. Rows of a
 * nested bucket are RC_UNSUPPORTED (etcd has none). */
MUST_USE enum rc bbolt_buckets(const struct bbolt *b,
                               bool (*fn)(void *arg, const struct bbolt_bucket *bucket), void *arg);
MUST_USE enum rc bbolt_rows(const struct bbolt *b, const struct bbolt_bucket *bucket,
                            bool (*fn)(void *arg, struct slice key, struct slice value), void *arg);

/* RC_NOT_FOUND. */
MUST_USE enum rc bbolt_find(const struct bbolt *b, struct slice name, struct bbolt_bucket *out);

#endif
