/* inner - struct kv, for the files of this folder only. */
#ifndef MOAT_KV_INNER_H
#define MOAT_KV_INNER_H

#include "kv/hash.h"
#include "kv/heat.h"
#include "kv/kv.h"
#include "kv/spans.h"

/* Those who watch (watch.h). */
struct watches {
    struct spans listeners; /* with struct listener as members */
    struct list due;        /* of them, those to be called for the change at hand */

    struct spans watchers; /* with struct watcher as members */
    size_t watcher_n;
    size_t slow_n;
    uint64_t given;
    struct touched *touched; /* spans with changes of the transaction at hand */
    size_t touched_n;
    size_t touched_cap;

    struct list turns;   /* struct watcher that are behind, the next one first */
    struct list stopped; /* struct watcher */
    struct timer timer;
    struct { /* what was gathered for the first of them, and not given yet */
        struct watcher *of;
        struct revision from; /* where it began */
        struct buf events;
        unsigned revisions;
        int64_t last; /* of them */
    } batch;
};

struct kv {
    struct env *env;
    struct storage *storage;
    struct index *index;
    struct ring ring;
    int64_t revision;
    bool open;   /* a transaction is in progress */
    int64_t sub; /* the next change's sub-revision */

    size_t flushing; /* entries of the ring in the flush that is out */
    int64_t flushing_revision;
    int64_t flushed; /* every revision up to it is in storage's view */
    bool flush_out;

    void (*on_lease)(void *arg, struct slice key, int64_t lease);
    void *on_lease_arg;

    int64_t compacted; /* reads below are refused; -1: never compacted */
    int64_t swept;     /* sweep finished and flushed up to here */
    struct list pins;  /* ranges that are read lazily */
    struct list holds; /* struct kv_hold */
    struct {
        int64_t target; /* the compaction being swept; 0: none */
        uint64_t begun_ns;
        uint8_t cursor[REVISION_TOMBSTONE_LEN]; /* scan from here */
        bool scanned;       /* nothing is left to find; deletes may wait for their flush */
        bool damaged;       /* storage gave what cannot be read: nothing more is swept */
        struct buf deletes; /* keys found: each a length byte, then the key */
        size_t delete_n;
        struct buf out;       /* those in the flush that is out */
        bool last;            /* that flush ends the sweep */
        struct row_hash hash; /* of all the sweep comes by */
        bool hashed; /* … from its beginning, and the compaction before was swept whole */
    } sweep;

    struct watches watches;
    struct heat heat;
    struct list hashing;                        /* struct kv_hash, oldest first */
    struct kv_hash_value hashes[KV_HASHES_MAX]; /* of past compactions, oldest first */
    size_t hash_n;
};

/* Is there a hold, or a range pinned, that the sweep has to wait for? */
bool kv_sweep_is_pinned(const struct kv *kv);

/* A compaction's hash is known (kv/hash.h). */
void kv_hash_remember(struct kv *kv, struct kv_hash_value value);

/* The revision a change or a read inside a transaction belongs to. */
static inline int64_t kv_open_revision(const struct kv *kv)
{
    return kv->open && kv->sub > 0 ? kv->revision + 1 : kv->revision;
}

/* Where a revision's value and CRC are, not read yet; valid as that of kv_get. */
MUST_USE enum rc kv_find_stored(struct kv *kv, struct revision rev, struct slice *stored);

#endif
