/* hash - etcd's HashKV: one CRC32C over all revisions up to one, equal on members with the same
 * history (etcd's server/storage/mvcc/hash.go says what counts).
 *
 * Computed on the loop in slices of KV_SWEEP_SLICE_NS, out of storage, so it waits for the flush of
 * what it is to cover. The compaction it began under stays physically undone beyond that point
 * until it ends. A sweep computes the hash of what it leaves and of what it removes in passing; the
 * last KV_HASHES_MAX of these answer for their compaction's revision from then on. */
#ifndef MOAT_KV_HASH_H
#define MOAT_KV_HASH_H

#include "base/list.h"
#include "kv/ring.h"
#include "wire/status.h"

#define KV_HASHES_MAX 10u /* etcd's: of past compactions */

struct kv;

struct kv_hash_value {
    uint32_t hash;
    int64_t compacted; /* revisions up to it that none newer replaced count, the others do not */
    int64_t revision;
};

/* The running hash over rows of table key in order. etcd counts rows at or below compacted only if
 * they are still what a read at revision sees; but if nothing at all is, it counts every row. */
struct row_hash {
    int64_t compacted;
    int64_t revision;
    uint32_t of_all;
    uint32_t of_kept;
    bool any_kept;
};

void row_hash_init(struct row_hash *h, int64_t compacted, int64_t revision);
/* Does the next row's hash depend on `kept`? */
static inline bool row_hash_asks(const struct row_hash *h, int64_t main)
{
    return main <= h->compacted || !h->any_kept;
}
void row_hash_add(struct row_hash *h, struct slice key, struct slice encoded, bool kept);
struct kv_hash_value row_hash_end(const struct row_hash *h);

/* One request for a hash. The caller's memory until done has begun, or kv_hash_cancel. */
struct kv_hash {
    void (*done)(struct kv_hash *h, enum rc rc); /* RC_OK: value is set */
    struct kv_hash_value value;
    struct list link; /* in the key space's queue */
    struct row_hash rows;
    uint8_t cursor[REVISION_TOMBSTONE_LEN];
    enum rc rc;
    bool ended;
};

/* Queue a hash of everything up to rev (0: the current revision; below: nothing, as in etcd). done
 * never runs within the call: unless *known is set, which gives a past compaction's value at once
 * and queues nothing. */
MUST_USE enum etcd_error kv_hash_begin(struct kv *kv, int64_t rev, struct kv_hash *h, bool *known);
void kv_hash_cancel(struct kv_hash *h);
/* Work on the oldest for a slice; true while it wants another turn soon. */
bool kv_hash_turn(struct kv *kv);

#endif
