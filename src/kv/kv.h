/* kv - the multi-version key space: every put and delete is a revision, and reads name one.
 *
 * Changes are made inside a transaction (kv_begin … kv_end), all of them at revision
 * kv_revision() + 1, sub-revisions counting up; they show to reads at once and reach storage with
 * the next flush. Deterministic: the same calls give the same state on every member.
 * Semantics are etcd's mvcc (docs: "etcd API, revisions, compaction").
 *
 * Invariants: flushed <= revision; compacted <= revision; every revision in the index above
 * flushed is in the ring, every other in storage. */
#ifndef MOAT_KV_KV_H
#define MOAT_KV_KV_H

#include "base/list.h"
#include "env/env.h"
#include "kv/heat.h"
#include "kv/index.h"
#include "kv/ring.h"
#include "kv/storage.h"
#include "wire/etcd.h"
#include "wire/status.h"

#define KV_SWEEP_DELETES_MAX 1000u       /* in one storage batch */
#define KV_SWEEP_SLICE_NS    (NS_PER_MS) /* of the loop's time at once */

struct kv;

struct kv *kv_new(struct env *env, struct storage *storage);
void kv_free(struct kv *kv);

/* Say of each key that is put or deleted, also while restoring, which lease its pair names from now
 * on (0: none). Set once, first; fn must not touch the key space. */
void kv_on_lease(struct kv *kv, void (*fn)(void *arg, struct slice key, int64_t lease), void *arg);

/* What a flush keeps beside the revisions. */
struct kv_marks {
    int64_t revision;  /* current */
    int64_t compacted; /* scheduled compaction: reads below it are refused; -1: never */
    int64_t swept;     /* the compaction whose sweep is finished; -1: none */
};
/* Rebuild the index from storage; verify: judge every value by its CRC, too. */
MUST_USE enum rc kv_restore(struct kv *kv, const struct kv_marks *marks, bool verify,
                            struct err *err);
void kv_marks(const struct kv *kv, struct kv_marks *out); /* of the flush just begun */

/* The revision that reads see: of a transaction in progress, once it has changed something, the
 * one it is making. */
int64_t kv_revision(const struct kv *kv);
int64_t kv_compacted(const struct kv *kv);

void kv_begin(struct kv *kv);
void kv_put(struct kv *kv, struct slice key, struct slice value, int64_t lease);
/* Delete every key alive in [key, range_end) as etcd reads the pair; returns how many. */
int64_t kv_delete(struct kv *kv, struct slice key, struct slice range_end);
/* Delete one key, which is alive, without telling whose lease it was (kv_on_lease). */
void kv_delete_leased(struct kv *kv, struct slice key);
void kv_end(struct kv *kv); /* tells those who watch (watch.h) */

/* The encoded KeyValue of a key now; valid until the next change or flush. */
MUST_USE enum rc kv_get(struct kv *kv, struct slice key, struct slice *encoded);
MUST_USE enum rc kv_get_revision(struct kv *kv, struct revision rev, struct slice *encoded);

/* Call fn with the index's view and the encoded pair of each key alive in [key, range_end), until
 * it returns false. fn must not change the key space. */
MUST_USE enum rc kv_each(struct kv *kv, struct slice key, struct slice range_end,
                         bool (*fn)(void *arg, const struct index_hit *hit, struct slice encoded),
                         void *arg);
bool kv_exists(const struct kv *kv, struct slice key);
/* How many keys are alive in [key, range_end) now; O(log n). */
uint64_t kv_count(const struct kv *kv, struct slice key, struct slice range_end);

/* ---- Flush: what storage does not hold yet. Begin gathers operations (slices borrow from the kv
 * until done); the ring may grow meanwhile. One at a time. ---- */

struct kv_flush {
    struct storage_op *ops;
    size_t n;
    size_t cap;
};
void kv_flush_add(struct kv_flush *f, struct storage_op op);
void kv_flush_begin(struct kv *kv, struct kv_flush *out); /* appends to out */
/* The batch is in storage and storage_refresh was called. */
void kv_flush_done(struct kv *kv);
size_t kv_unflushed_bytes(const struct kv *kv);
size_t kv_unflushed_ops(const struct kv *kv); /* those not in a flush that is out */
bool kv_flush_urgent(const struct kv *kv);    /* a sweep or hash waits for a flush */

/* ---- Compaction ---- */

/* Forget revisions below rev, logically at once: ETCD_OK, ETCD_COMPACTED, ETCD_FUTURE_REV. */
MUST_USE enum etcd_error kv_compact(struct kv *kv, int64_t rev);
/* Physically, a slice at a time: finds up to KV_SWEEP_DELETES_MAX revisions to delete with the next
 * flush. Returns true while it wants to be called again soon. Waits while a range below is pinned,
 * and stops for good at a revision that cannot be read. */
bool kv_sweep(struct kv *kv);
/* The sweep up to this revision is finished and flushed. */
bool kv_swept(const struct kv *kv, int64_t rev);

/* Let no revision be deleted physically until the hold is released: for who reads storage in one
 * view after the other. In force once nothing that was found before is on its way to storage. */
struct kv_hold {
    struct list link;
};
void kv_hold_sweep(struct kv *kv, struct kv_hold *h);
void kv_hold_release(struct kv_hold *h);
bool kv_hold_in_force(const struct kv *kv);
/* Is there a compaction whose sweep has to wait, for a hold, a pin or a hash? */
bool kv_sweep_waits(const struct kv *kv);
/* It met what cannot be read: no sweep ends any more. */
bool kv_sweep_is_damaged(const struct kv *kv);

struct kv_stats {
    struct index_stats index;
    size_t ring_bytes;
    size_t pins;
};
void kv_stats(const struct kv *kv, struct kv_stats *out);
/* The prefixes that change most (heat.h), in so many ns; returns how many. */
unsigned kv_hottest(struct kv *kv, struct heat_prefix *out, unsigned max, uint64_t *window_ns);
void kv_check(const struct kv *kv);

/* etcd's reading of a key and its range_end: none: the one key; "\0": everything from key on. */
static inline bool kv_range_is_point(struct slice range_end)
{
    return range_end.n == 0;
}

static inline bool kv_range_is_open(struct slice range_end)
{
    return range_end.n == 1 && range_end.p[0] == 0;
}

#endif
