#include "base/must.h"
#include "store/impl.h"

#define NODE_BYTES   10 /* LMDB's, for each pair: its head and its place in the page's table */
#define PAGE_HEAD    16
#define PAGES_SPARE  24 /* free lists, header, roots */
#define SPLIT_FACTOR 2  /* a split leaves pages half full */

/* A cursor kept over appends to one table in a row: it stays on the last page, so an append costs
 * no search. It is given up for anything else. */
struct run {
    MDB_cursor *cursor;
    enum table table;
};

static void run_end(struct run *run)
{
    if (run->cursor)
        mdb_cursor_close(run->cursor);
    run->cursor = NULL;
}

/* LMDB gives the place in its page, and the row is written there. */
static size_t stored_len(const struct storage_op *op)
{
    return op->value.n + (op->table == TABLE_KEY ? 0 : ROW_CRC_LEN);
}

static MDB_val room_of(const struct storage_op *op)
{
    return (MDB_val){.mv_size = stored_len(op)};
}

static void fill(const struct storage_op *op, const MDB_val *v)
{
    if (op->table != TABLE_KEY)
        row_seal(store_tables[op->table], op->key, op->value, v->mv_data);
    else if (op->value.n > 0)
        memcpy(v->mv_data, op->value.p, op->value.n);
}

/* LMDB refuses to append a key that is not the greatest. That is fine only for what is there in
 * just this form: the same batch again. */
static enum rc same_as_there(struct store *s, MDB_txn *txn, const struct storage_op *op)
{
    MDB_val k = val_of(op->key);
    MDB_val v;
    struct slice there = {0};
    enum rc rc = store_rc(mdb_get(txn, s->tables[op->table], &k, &v));
    if (rc == RC_OK)
        there = slice_of_val(&v);
    if (rc == RC_OK && op->table != TABLE_KEY &&
        !row_unseal(store_tables[op->table], op->key, there, &there))
        return RC_CORRUPT;
    if (rc == RC_OK && slice_eq(there, op->value))
        return RC_OK;
    return rc == RC_OK || rc == RC_NOT_FOUND ? RC_CORRUPT : rc;
}

static enum rc append(struct store *s, MDB_txn *txn, struct run *run, const struct storage_op *op)
{
    if (run->table != op->table)
        run_end(run);
    if (!run->cursor) {
        enum rc rc = store_rc(mdb_cursor_open(txn, s->tables[op->table], &run->cursor));
        if (rc != RC_OK)
            return rc;
        run->table = op->table;
    }
    MDB_val k = val_of(op->key);
    MDB_val v = room_of(op);
    enum rc rc = store_rc(mdb_cursor_put(run->cursor, &k, &v, MDB_APPEND | MDB_RESERVE));
    if (rc == RC_OK)
        fill(op, &v);
    return rc == RC_EXISTS ? same_as_there(s, txn, op) : rc;
}

static enum rc apply(struct store *s, MDB_txn *txn, struct run *run, const struct storage_op *op)
{
    if (fault_hit(s->faults, "store.op"))
        return RC_IO;
    if (fault_hit(s->faults, "store.full"))
        return store_rc(MDB_MAP_FULL);
    if (op->change == STORAGE_APPEND)
        return append(s, txn, run, op);
    run_end(run);
    MDB_val k = val_of(op->key);
    if (op->change == STORAGE_DELETE) {
        enum rc rc = store_rc(mdb_del(txn, s->tables[op->table], &k, NULL));
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    }
    MDB_val v = room_of(op);
    enum rc rc = store_rc(mdb_put(txn, s->tables[op->table], &k, &v, MDB_RESERVE));
    if (rc == RC_OK)
        fill(op, &v);
    return rc;
}

enum rc batch_apply(struct store *s, MDB_txn *txn, const struct storage_op *ops, size_t n)
{
    struct run run = {0};
    enum rc rc = RC_OK;
    for (size_t i = 0; i < n && rc == RC_OK; i++) {
        must(ops[i].table < TABLE_COUNT);
        must(ops[i].key.n > 0 && ops[i].key.n <= STORAGE_KEY_MAX);
        must(ops[i].value.n <= UINT32_MAX);
        rc = apply(s, txn, &run, &ops[i]);
    }
    run_end(&run);
    return rc;
}

bool batch_rewrites(const struct storage_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ops[i].table == TABLE_KEY && ops[i].change != STORAGE_APPEND)
            return true;
    return false;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* From above, and as if no free page could be used again: large values get pages of their own,
 * small pairs share pages that may be half full, and each key that is not appended may copy a leaf
 * and the branch above it, though never more than the table has. */
uint64_t batch_need(const struct store *s, const struct storage_op *ops, size_t n)
{
    uint64_t page = s->page_bytes;
    uint64_t pages = PAGES_SPARE;
    uint64_t small = 0;
    uint64_t touched[TABLE_COUNT] = {0};
    for (size_t i = 0; i < n; i++) {
        const struct storage_op *op = &ops[i];
        if (op->change != STORAGE_APPEND)
            touched[op->table]++;
        if (op->change == STORAGE_DELETE)
            continue;
        small += op->key.n + NODE_BYTES;
        size_t len = stored_len(op);
        if (op->key.n + len + NODE_BYTES > page / 2)
            pages += (len + PAGE_HEAD + page - 1) / page;
        else
            small += len;
    }
    for (size_t t = 0; t < TABLE_COUNT; t++)
        pages += least(2 * touched[t], s->pages[t]);
    return (pages + SPLIT_FACTOR * small / page) * page;
}
