/* storage - where the applied state rests: ordered tables of bytes, changed by whole batches.
 *
 * Implementations: src/store (LMDB) and the ordered map beside this file, which the simulator
 * uses and a differential test holds equal. The loop reads through one view that moves only in
 * storage_refresh; one batch at a time is committed, by LANE_STORE. A commit is durable with the
 * exception that a power loss may undo the *last* one whole (LMDB's MDB_NOMETASYNC): so the WAL is
 * kept back to the commit before (docs/ARCHITECTURE.md, Storage). */
#ifndef MOAT_KV_STORAGE_H
#define MOAT_KV_STORAGE_H

#include "base/err.h"
#include "base/slice.h"

enum table {
    TABLE_KEY,  /* 17-byte revision keys (18 with a 't' for a tombstone), etcd's own, big-endian */
    TABLE_META, /* applied index and term, configuration, consistent revision, compaction marks */
    TABLE_LEASE,
    TABLE_AUTH_USER,
    TABLE_AUTH_ROLE,
    TABLE_ALARM,
    TABLE_MEMBER,
    TABLE_V2,
    TABLE_COUNT
};

#define STORAGE_KEY_MAX 511 /* bytes, LMDB's limit */

enum storage_change {
    STORAGE_APPEND, /* put; key greater than all in the table, the fast way */
    STORAGE_PUT,    /* insert or replace */
    STORAGE_DELETE  /* absent is fine */
};

struct storage_op {
    enum table table;
    enum storage_change change;
    struct slice key;
    struct slice value;
};

struct storage;
struct storage_view;

struct storage_stats {
    uint64_t file_bytes; /* size of the file: etcd's dbSize */
    uint64_t used_bytes; /* pages in use: etcd's dbSizeInUse, and what the quota counts */
    uint64_t map_bytes;  /* the most the file may grow to */
    /* The disk is about to be full: refuse new writes and raise NOSPACE now. What was accepted
     * already still fits, as far as the space kept in hand goes. */
    bool room_low;
};

struct storage_ops {
    /* Blocking, off the loop: all n ops in one transaction, in order. RC_NO_SPACE leaves everything
     * as it was and may be tried again; any other failure is final. Keys and values borrow. */
    enum rc (*commit)(struct storage *s, const struct storage_op *ops, size_t n);
    /* The loop's view shows the last commit from here on. Slices got before are invalid. */
    void (*refresh)(struct storage *s);
    /* The loop's view. A value is valid until refresh. RC_NOT_FOUND, RC_CORRUPT. */
    enum rc (*get)(struct storage *s, enum table t, struct slice key, struct slice *value);
    /* Visit keys >= from in order until fn returns false. Slices valid as in get. fn must not call
     * the storage. */
    enum rc (*scan)(struct storage *s, enum table t, struct slice from,
                    bool (*fn)(void *arg, struct slice key, struct slice value), void *arg);
    /* A view of the last commit for a worker's short read; close it soon: while one is open, no
     * page freed since is used again. get and scan on a view as above, valid until view_close. */
    struct storage_view *(*view_open)(struct storage *s);
    enum rc (*view_get)(struct storage_view *v, enum table t, struct slice key,
                        struct slice *value);
    enum rc (*view_scan)(struct storage_view *v, enum table t, struct slice from,
                         bool (*fn)(void *arg, struct slice key, struct slice value), void *arg);
    void (*view_close)(struct storage_view *v);
    /* Make the last commit proof against power loss too. Blocking. */
    enum rc (*sync)(struct storage *s);
    void (*stats)(struct storage *s, struct storage_stats *out); /* any thread; as of last commit */
    void (*close)(struct storage *s); /* no commit running, no view open */
};

struct storage {
    const struct storage_ops *ops;
};

static inline enum rc storage_commit(struct storage *s, const struct storage_op *ops, size_t n)
{
    return s->ops->commit(s, ops, n);
}

static inline void storage_refresh(struct storage *s)
{
    s->ops->refresh(s);
}

static inline enum rc storage_get(struct storage *s, enum table t, struct slice key,
                                  struct slice *value)
{
    return s->ops->get(s, t, key, value);
}

static inline enum rc storage_scan(struct storage *s, enum table t, struct slice from,
                                   bool (*fn)(void *arg, struct slice key, struct slice value),
                                   void *arg)
{
    return s->ops->scan(s, t, from, fn, arg);
}

static inline enum rc storage_sync(struct storage *s)
{
    return s->ops->sync(s);
}

static inline void storage_stats(struct storage *s, struct storage_stats *out)
{
    s->ops->stats(s, out);
}

static inline void storage_close(struct storage *s)
{
    if (s)
        s->ops->close(s);
}

#endif
