#include "store/store.h"

#include "base/mem.h"
#include "base/must.h"
#include "store/impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A worker's view. */
struct storage_view {
    struct store *store;
    MDB_txn *txn;
};

static struct store *store_of(struct storage *s)
{
    return CONTAINER_OF(s, struct store, storage);
}

/* --- commit, on one thread at a time --- */

/* Nothing is tried again after a failed write: the pages may be gone from the cache while the disk
 * never had them. */
static enum rc final(struct store *s, enum rc rc)
{
    if (rc != RC_OK && rc != RC_NO_SPACE)
        atomic_store(&s->dead, true);
    return rc;
}

static int txn_commit_code(struct store *s, MDB_txn *txn)
{
    int code = fault_hit(s->faults, "store.commit")    ? EIO
               : fault_hit(s->faults, "store.nospace") ? ENOSPC
                                                       : 0;
    if (!code)
        return mdb_txn_commit(txn); /* frees txn, also when it fails */
    mdb_txn_abort(txn);
    return code;
}

static enum rc txn_commit(struct store *s, MDB_txn *txn)
{
    enum rc rc = store_rc(txn_commit_code(s, txn));
    /* A write that found no room has left nothing behind. A sync that found none may have cost the
     * commit before as well. Linux reports a failed sync once to each open file, so asking through
     * ours, after LMDB's, tells the two apart. */
    if (rc == RC_NO_SPACE && (fault_hit(s->faults, "store.resync") || fdatasync(s->fd)))
        return RC_IO;
    return rc;
}

static enum rc store_commit(struct storage *base, const struct storage_op *ops, size_t n)
{
    struct store *s = store_of(base);
    if (atomic_load(&s->dead))
        return RC_IO;
    if (n == 0)
        return RC_OK;
    enum rc rc = room_reserve(&s->room, s->end, batch_need(s, ops, n));
    atomic_store(&s->room_low, s->room.low);
    if (rc != RC_OK)
        return final(s, rc);
    MDB_txn *txn;
    rc = fault_hit(s->faults, "store.begin") ? RC_IO
                                             : store_rc(mdb_txn_begin(s->env, NULL, 0, &txn));
    if (rc != RC_OK)
        return final(s, rc);
    if (batch_rewrites(ops, n))
        atomic_store(&s->rewrite_txn, mdb_txn_id(txn));
    rc = batch_apply(s, txn, ops, n);
    if (rc == RC_OK)
        rc = txn_commit(s, txn);
    else
        mdb_txn_abort(txn);
    if (rc == RC_OK)
        rc = store_count(s);
    return final(s, rc);
}

static enum rc store_sync(struct storage *base)
{
    struct store *s = store_of(base);
    if (atomic_load(&s->dead))
        return RC_IO;
    if (fault_hit(s->faults, "store.sync"))
        return final(s, RC_IO);
    return final(s, store_rc(mdb_env_sync(s->env, 1)));
}

/* --- counting --- */

/* Add a table's pages to used; what its tree has without runs goes to tree, if wanted. */
static enum rc count_table(MDB_txn *txn, MDB_dbi table, uint64_t *used, uint64_t *tree)
{
    MDB_stat st;
    enum rc rc = store_rc(mdb_stat(txn, table, &st));
    if (rc != RC_OK)
        return rc;
    uint64_t pages = st.ms_branch_pages + st.ms_leaf_pages;
    *used += pages + st.ms_overflow_pages;
    if (tree)
        *tree = pages;
    return RC_OK;
}

/* Every page is a header page, in a tree, or free, and LMDB keeps each tree's count beside its
 * root. So the pages in use are a sum over the tables, O(1), where walking the free list to
 * subtract it from the last page would be O(free list). The tests hold both equal. */
static enum rc count_pages(struct store *s, uint64_t *used)
{
    *used = 2; /* header pages */
    const MDB_dbi own[] = {0 /* free list */, 1 /* root of the named tables */, s->identity};
    enum rc rc = RC_OK;
    for (size_t i = 0; i < ARRAY_LEN(own) && rc == RC_OK; i++)
        rc = count_table(s->tally, own[i], used, NULL);
    for (size_t t = 0; t < TABLE_COUNT && rc == RC_OK; t++)
        rc = count_table(s->tally, s->tables[t], used, &s->pages[t]);
    return rc;
}

enum rc store_count(struct store *s)
{
    struct stat st;
    MDB_envinfo info;
    if (fstat(s->fd, &st))
        return rc_of_errno(errno);
    enum rc rc = store_rc(mdb_env_info(s->env, &info));
    if (rc == RC_OK)
        rc = store_rc(mdb_txn_renew(s->tally));
    if (rc != RC_OK)
        return rc;
    uint64_t used;
    rc = count_pages(s, &used);
    mdb_txn_reset(s->tally);
    if (rc != RC_OK)
        return rc;
    must(used <= info.me_last_pgno + 1);
    s->end = (info.me_last_pgno + 1) * s->page_bytes;
    atomic_store(&s->used_bytes, used * s->page_bytes);
    atomic_store(&s->file_bytes, (uint64_t)st.st_size);
    return RC_OK;
}

static void store_stats(struct storage *base, struct storage_stats *out)
{
    struct store *s = store_of(base);
    *out = (struct storage_stats){
        .file_bytes = atomic_load(&s->file_bytes),
        .used_bytes = atomic_load(&s->used_bytes),
        .map_bytes = s->map.n,
        .room_low = atomic_load(&s->room_low),
    };
}

/* --- reading --- */

/* What is stored for a row, less its checksum, which must hold. */
static enum rc value_in(enum table t, struct slice key, struct slice stored, struct slice *value)
{
    if (t != TABLE_KEY)
        return row_unseal(store_tables[t], key, stored, value) ? RC_OK : RC_CORRUPT;
    *value = stored;
    return RC_OK;
}

static enum rc txn_get(struct store *s, MDB_txn *txn, enum table t, struct slice key,
                       struct slice *value)
{
    must(t < TABLE_COUNT);
    if (key.n == 0 || key.n > STORAGE_KEY_MAX)
        return RC_NOT_FOUND; /* LMDB would call it an error; no table can hold such a key */
    MDB_val k = val_of(key);
    MDB_val v;
    enum rc rc = store_rc(mdb_get(txn, s->tables[t], &k, &v));
    return rc == RC_OK ? value_in(t, key, slice_of_val(&v), value) : rc;
}

static enum rc txn_scan(struct store *s, MDB_txn *txn, enum table t, struct slice from,
                        bool (*fn)(void *arg, struct slice key, struct slice value), void *arg)
{
    must(t < TABLE_COUNT && fn);
    MDB_cursor *cursor;
    enum rc rc = store_rc(mdb_cursor_open(txn, s->tables[t], &cursor));
    if (rc != RC_OK)
        return rc;
    MDB_val k = val_of(from);
    MDB_val v;
    int code = mdb_cursor_get(cursor, &k, &v, from.n ? MDB_SET_RANGE : MDB_FIRST);
    struct slice value;
    while (code == MDB_SUCCESS) {
        rc = value_in(t, slice_of_val(&k), slice_of_val(&v), &value);
        if (rc != RC_OK || !fn(arg, slice_of_val(&k), value))
            break;
        code = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc != RC_OK || code == MDB_NOTFOUND ? rc : store_rc(code);
}

enum rc store_note_view(struct store *s)
{
    MDB_cursor *cursor;
    enum rc rc = store_rc(mdb_cursor_open(s->view, s->tables[TABLE_KEY], &cursor));
    if (rc != RC_OK)
        return rc;
    MDB_val k = {0};
    MDB_val v;
    rc = store_rc(mdb_cursor_get(cursor, &k, &v, MDB_LAST));
    mdb_cursor_close(cursor);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    /* A commit still running counts as done, and is counted again once it is. */
    bool rewritten = atomic_load(&s->rewrite_txn) > s->view_txn;
    recall_renew(&s->recall, rewritten, rc == RC_OK ? k.mv_data : NULL, s->page_bytes);
    s->view_txn = mdb_txn_id(s->view);
    return RC_OK;
}

static void store_refresh(struct storage *base)
{
    struct store *s = store_of(base);
    if (s->view_rc == RC_OK)
        mdb_txn_reset(s->view);
    s->view_rc = fault_hit(s->faults, "store.refresh") ? RC_IO : store_rc(mdb_txn_renew(s->view));
    if (s->view_rc == RC_OK)
        s->view_rc = store_note_view(s);
}

static enum rc store_get(struct storage *base, enum table t, struct slice key, struct slice *value)
{
    struct store *s = store_of(base);
    if (s->view_rc != RC_OK)
        return s->view_rc;
    if (t == TABLE_KEY && recall_find(&s->recall, key, value))
        return RC_OK;
    enum rc rc = txn_get(s, s->view, t, key, value);
    if (rc == RC_OK && t == TABLE_KEY)
        recall_keep(&s->recall, key, *value, s->page_bytes);
    return rc;
}

static enum rc store_scan(struct storage *base, enum table t, struct slice from,
                          bool (*fn)(void *arg, struct slice key, struct slice value), void *arg)
{
    struct store *s = store_of(base);
    return s->view_rc == RC_OK ? txn_scan(s, s->view, t, from, fn, arg) : s->view_rc;
}

static struct storage_view *store_view_open(struct storage *base)
{
    struct store *s = store_of(base);
    MDB_txn *txn;
    if (fault_hit(s->faults, "store.view") || mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn))
        return NULL;
    struct storage_view *v = mem_alloc(sizeof(*v));
    *v = (struct storage_view){s, txn};
    return v;
}

static enum rc store_view_get(struct storage_view *v, enum table t, struct slice key,
                              struct slice *value)
{
    return txn_get(v->store, v->txn, t, key, value);
}

static enum rc store_view_scan(struct storage_view *v, enum table t, struct slice from,
                               bool (*fn)(void *arg, struct slice key, struct slice value),
                               void *arg)
{
    return txn_scan(v->store, v->txn, t, from, fn, arg);
}

static void store_view_close(struct storage_view *v)
{
    if (!v)
        return;
    mdb_txn_abort(v->txn);
    free(v);
}

void store_owner(const struct storage *storage, uint64_t *cluster_id, uint64_t *member_id)
{
    const struct store *s = (const void *)storage;
    *cluster_id = s->cluster_id;
    *member_id = s->member_id;
}

/* --- memory --- */

bool store_resident(const struct storage *storage, struct slice value)
{
    const struct store *s = (const void *)storage;
    return map_resident(&s->map, value);
}

void store_trim_resident(const struct storage *storage)
{
    const struct store *s = (const void *)storage;
    map_trim(&s->map, atomic_load(&s->file_bytes));
}

void store_catch_sigbus(void)
{
    map_catch_sigbus();
}

/* --- the end; also of an open that failed midway --- */

static void store_close(struct storage *base)
{
    struct store *s = store_of(base);
    if (s->map.base) {
        if (!atomic_load(&s->dead))
            (void)mdb_env_sync(s->env,
                               1); /* the last commit; if it fails, its log is still there */
        map_unregister(&s->map);
    }
    if (s->view)
        mdb_txn_abort(s->view);
    if (s->tally)
        mdb_txn_abort(s->tally);
    if (s->env)
        mdb_env_close(s->env);
    if (s->fd >= 0)
        close(s->fd); /* and with it the lock */
    recall_fini(&s->recall);
    free(s->path);
    free(s);
}

const struct storage_ops store_ops = {
    .commit = store_commit,
    .refresh = store_refresh,
    .get = store_get,
    .scan = store_scan,
    .view_open = store_view_open,
    .view_get = store_view_get,
    .view_scan = store_view_scan,
    .view_close = store_view_close,
    .sync = store_sync,
    .stats = store_stats,
    .close = store_close,
};
