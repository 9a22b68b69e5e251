/* index - every key and its revisions, in a counted B+tree in memory.
 *
 * Each node keeps, for every subtree, how many keys are alive now, how many bytes their
 * encoded KeyValues take, and how many revisions there are; so `count`, `limit … more` and "what
 * fills the quota" at the current revision are O(log n) (docs/ARCHITECTURE.md, Storage). Values are
 * not here: a revision leads to them in storage.
 *
 * A key's history is etcd's keyIndex: generations, each from a creation to a tombstone. Of the
 * generation that compaction has eaten into, the creation revision and the number of dropped
 * revisions are kept, so create_revision and version stay exact.
 * Memory: about 60 bytes beside the key for a key with one revision, 120 once it was rewritten and
 * compacted. */
#ifndef MOAT_KV_INDEX_H
#define MOAT_KV_INDEX_H

#include "base/buf.h"
#include "base/cc.h"
#include "base/rc.h"
#include "base/slice.h"

#define INDEX_NOW      INT64_MAX        /* as a revision to look at: the current one */
#define INDEX_SIZE_MAX ((1u << 30) - 1) /* bytes of one encoded KeyValue */

struct index;

/* etcd's revision: the transaction's number and the operation's within it. */
struct revision {
    int64_t main;
    int64_t sub;
};

static inline int revision_cmp(struct revision a, struct revision b)
{
    return a.main != b.main ? (a.main > b.main) - (a.main < b.main)
                            : (a.sub > b.sub) - (a.sub < b.sub);
}

/* A key alive at the revision looked at. key is valid until the index changes. */
struct index_hit {
    struct slice key;
    struct revision mod;
    struct revision create; /* sub is 0 once compaction took that revision, as after a restart */
    int64_t version;
    uint32_t size; /* bytes of the encoded KeyValue, as given to index_put */
};

/* Keys from `from` up to but without `to`; to.n == 0 with open_end: all from `from` on. A single
 * key is [key, key + "\0"). */
struct index_range {
    struct slice from;
    struct slice to;
    bool open_end;
};

struct index *index_new(void);
void index_free(struct index *x);

/* Record a put at rev, greater than every revision recorded for the key. */
void index_put(struct index *x, struct slice key, struct revision rev, uint32_t size);
/* End the key's generation at rev. RC_NOT_FOUND if the key is not alive. */
MUST_USE enum rc index_tombstone(struct index *x, struct slice key, struct revision rev);

/* While restoring, revisions of one key come in order, their creation and version as stored: the
 * earlier ones of the oldest generation may have been compacted away, and a tombstone's generation
 * may be gone. RC_CORRUPT, and nothing recorded, if a revision contradicts those before it. */
MUST_USE enum rc index_restore_put(struct index *x, struct slice key, struct revision rev,
                                   int64_t create_main, int64_t version, uint32_t size);
MUST_USE enum rc index_restore_tombstone(struct index *x, struct slice key, struct revision rev);

/* The key as of revision `at` (INDEX_NOW or a main revision): RC_NOT_FOUND when not alive then. */
MUST_USE enum rc index_get(const struct index *x, struct slice key, int64_t at,
                           struct index_hit *hit);

/* Keys alive in the range, and the bytes of their encoded KeyValues (NULL: not wanted).
 * O(log n) for INDEX_NOW, else a walk. */
uint64_t index_count(const struct index *x, const struct index_range *r, int64_t at,
                     uint64_t *bytes);

/* What a range holds, O(log n). */
struct index_weight {
    uint64_t keys;      /* alive now, … */
    uint64_t bytes;     /* … of their encoded KeyValues */
    uint64_t revisions; /* of all its keys, also of those deleted: what compaction has left */
};
void index_weigh(const struct index *x, const struct index_range *r, struct index_weight *out);
/* The first key at or behind from that has any revision, alive or not; valid until the index
 * changes. */
bool index_seek(const struct index *x, struct slice from, struct slice *key);

/* Walk the keys alive at `at` in key order. The index may change between calls of next, also
 * drop the key last returned: the walk goes on behind it. `r` is copied by reference: its slices
 * must outlive the iterator. */
struct index_iter {
    const struct index *x;
    struct index_range r;
    int64_t at;
    uint64_t changes; /* of the index, when leaf and slot were found */
    const void *leaf;
    unsigned slot;
    unsigned end;    /* of the leaf's slots, those before it are in the range */
    struct buf last; /* the key last returned, to find the way again */
    bool started;
};

void index_iter_init(struct index_iter *it, const struct index *x, const struct index_range *r,
                     int64_t at);
bool index_iter_next(struct index_iter *it, struct index_hit *hit);
/* The next `max` at once, which is cheaper; fewer only at the end. Their keys are valid until the
 * index changes. */
unsigned index_iter_take(struct index_iter *it, struct index_hit *hits, unsigned max);
void index_iter_fini(struct index_iter *it);

/* May compaction at revision c drop this revision of the key? True for all at or below c but the
 * newest such of its generation, which stays unless it is a tombstone below c (etcd 3.6 keeps the
 * tombstone at exactly c, etcd#19179). True for a revision that the index does not have: nothing
 * leads to it. */
bool index_may_drop(const struct index *x, struct slice key, struct revision rev, int64_t c);
/* Forget one revision, the oldest that the key's generation still has, as a sweep in revision order
 * does; the key goes when it has none left. A revision that is not there is fine. */
void index_drop(struct index *x, struct slice key, struct revision rev);

/* The i-th alive key of the range at the current revision, O(log n); RC_NOT_FOUND past the end. */
MUST_USE enum rc index_nth(const struct index *x, const struct index_range *r, uint64_t i,
                           struct index_hit *hit);

struct index_stats {
    uint64_t keys; /* with any revision, alive or not */
    uint64_t alive;
    uint64_t revisions;
    uint64_t heap_bytes; /* estimate */
};
void index_stats(const struct index *x, struct index_stats *out);

/* Invariants: order, counts, bytes, fill of the nodes. For CHECKED(); walks everything. */
void index_check(const struct index *x);

#endif
