/* impl - the insides of a store, for this folder's files only. */
#ifndef MOAT_STORE_IMPL_H
#define MOAT_STORE_IMPL_H

#include "kv/storage.h"
#include "store/map.h"
#include "store/recall.h"
#include "store/room.h"
#include "store/row.h"

#include <lmdb.h>
#include <stdatomic.h>
#include <stdbool.h>

#define STORE_FORMAT 2u

struct log;

/* Three threads meet here. The loop owns view and recall; the thread that commits owns tally, room
 * and pages; the rest is set by open, or atomic. */
struct store {
    struct storage storage; /* the contract's handle, first */
    struct log *log;
    struct faults *faults;
    char *path;
    int fd; /* ours beside LMDB's: holds the lock; for room and size */
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    MDB_dbi identity;
    uint64_t cluster_id; /* whose file it is */
    uint64_t member_id;
    uint32_t page_bytes;
    struct map map;

    MDB_txn *view;
    enum rc view_rc; /* RC_OK: view can be read */
    struct recall recall;
    uint64_t view_txn; /* the commit that view shows */

    MDB_txn *tally; /* reads the page counts after a commit; reset in between */
    struct room room;
    uint64_t end;                /* of the file, as LMDB counts: bytes up to its last page */
    uint64_t pages[TABLE_COUNT]; /* of the trees, without values' runs */

    _Atomic(bool) dead; /* a write failed: no further one may be tried */
    _Atomic(bool) room_low;
    _Atomic(uint64_t) rewrite_txn; /* the last to do more to table key than append */
    _Atomic(uint64_t) file_bytes;
    _Atomic(uint64_t) used_bytes;
};

/* The one place where LMDB's codes (and the errno values it passes on) become ours. */
enum rc store_rc(int code);

static inline struct slice slice_of_val(const MDB_val *v)
{
    return slice_of(v->mv_data, v->mv_size);
}

/* LMDB takes what it only reads as void *. */
static inline MDB_val val_of(struct slice s)
{
    union {
        const void *ours;
        void *theirs;
    } p = {.ours = s.p};
    return (MDB_val){s.n, p.theirs};
}

/* open.c: the tables' names. */
extern const char *const store_tables[TABLE_COUNT];

/* batch.c: put ops into an open transaction; and how many bytes the file may grow by for them. */
enum rc batch_apply(struct store *s, MDB_txn *txn, const struct storage_op *ops, size_t n);
bool batch_rewrites(const struct storage_op *ops, size_t n); /* more than appends to table key? */
uint64_t batch_need(const struct store *s, const struct storage_op *ops, size_t n);

/* store.c: count pages after a commit. */
enum rc store_count(struct store *s);

/* store.c: the view is a new one. */
enum rc store_note_view(struct store *s);

/* store.c: the contract's table of calls. */
extern const struct storage_ops store_ops;

#endif
