#include "snapshot/follow.h"

#include "base/mem.h"
#include "base/wr.h"
#include "kv/kv.h"
#include "state/meta.h"

#include <stdlib.h>

struct follow {
    struct storage *storage;
    struct kv *kv;
    struct kv_flush batch;
    struct buf meta; /* the values of the batch's marks */
};

static enum rc commit(struct follow *f, struct err *err)
{
    enum rc rc = storage_commit(f->storage, f->batch.ops, f->batch.n);
    f->batch.n = 0;
    if (rc != RC_OK)
        return err_set(err, rc, "cannot write the changes: %s", rc_text(rc));
    storage_refresh(f->storage);
    return RC_OK;
}

/* While it is there no server starts on the data. */
static void add_mark(struct follow *f, enum storage_change change)
{
    kv_flush_add(&f->batch, (struct storage_op){.table = TABLE_META,
                                                .change = change,
                                                .key = SLICE_LIT(META_FOLLOWING)});
}

enum rc follow_open(struct env *env, struct storage *storage, struct follow **out, struct err *err)
{
    struct meta meta;
    enum rc rc = meta_load(storage, &meta, err);
    if (rc == RC_OK && meta.applied_index != 0)
        rc = err_set(err, RC_INVALID, "a server has started on this data already");
    if (rc != RC_OK)
        return rc;
    struct follow *f = mem_zalloc(sizeof(*f));
    f->storage = storage;
    f->kv = kv_new(env, storage);
    rc = kv_restore(f->kv, &meta.marks, false, err);
    add_mark(f, STORAGE_PUT);
    if (rc == RC_OK)
        rc = commit(f, err);
    if (rc != RC_OK) {
        follow_close(f);
        return rc;
    }
    *out = f;
    return RC_OK;
}

void follow_close(struct follow *f)
{
    if (!f)
        return;
    kv_free(f->kv);
    free(f->batch.ops);
    buf_fini(&f->meta);
    free(f);
}

int64_t follow_revision(const struct follow *f)
{
    return kv_revision(f->kv);
}

enum rc follow_flush(struct follow *f, struct err *err)
{
    struct meta meta = {0};
    kv_flush_begin(f->kv, &f->batch);
    kv_marks(f->kv, &meta.marks);
    meta_store(&meta, &f->batch, &f->meta);
    enum rc rc = commit(f, err);
    if (rc == RC_OK)
        kv_flush_done(f->kv);
    return rc;
}

static enum rc gap(const struct follow *f, const struct pb_event *e, struct err *err)
{
    return err_set(err, RC_CORRUPT,
                   "revision %lld came after %lld: changes are missing; begin again with an empty "
                   "data directory",
                   (long long)e->kv->mod_revision, (long long)kv_revision(f->kv));
}

/* One change within a transaction; the pair that comes of it must be the other server's. */
static enum rc change(struct follow *f, const struct pb_event *e, struct err *err)
{
    struct slice ours;
    if (e->type == PB_EVENT_TYPE_DELETE) {
        if (kv_delete(f->kv, e->kv->key, (struct slice){0}) == 1)
            return RC_OK;
    } else {
        struct buf theirs = {0};
        kv_put(f->kv, e->kv->key, e->kv->value, e->kv->lease);
        wire_encode(&wire_key_value, e->kv, &theirs);
        bool same = kv_get(f->kv, e->kv->key, &ours) == RC_OK && slice_eq(ours, buf_slice(&theirs));
        buf_fini(&theirs);
        if (same)
            return RC_OK;
    }
    return err_set(err, RC_CORRUPT,
                   "a change at revision %lld does not follow from the snapshot; begin again with "
                   "an empty data directory",
                   (long long)e->kv->mod_revision);
}

/* How many events have the revision of the first. */
static size_t same_revision(const struct pb_event *events, size_t n)
{
    size_t i = 1;
    while (i < n && events[i].kv && events[i].kv->mod_revision == events[0].kv->mod_revision)
        i++;
    return i;
}

enum rc follow_apply(struct follow *f, const struct pb_event *events, size_t n, struct err *err)
{
    enum rc rc = RC_OK;
    while (n > 0 && rc == RC_OK) {
        if (!events[0].kv)
            return err_set(err, RC_PROTOCOL, "an event without a key came");
        size_t count = same_revision(events, n);
        int64_t revision = events[0].kv->mod_revision;
        if (revision > kv_revision(f->kv)) {
            if (revision != kv_revision(f->kv) + 1)
                return gap(f, &events[0], err);
            kv_begin(f->kv);
            for (size_t i = 0; i < count && rc == RC_OK; i++)
                rc = change(f, &events[i], err);
            kv_end(f->kv);
        }
        events += count;
        n -= count;
    }
    bool much = kv_unflushed_ops(f->kv) >= FOLLOW_FLUSH_OPS ||
                kv_unflushed_bytes(f->kv) >= FOLLOW_FLUSH_BYTES;
    return rc == RC_OK && much ? follow_flush(f, err) : rc;
}

static bool note_key(void *arg, struct slice key, struct slice value)
{
    (void)value;
    buf_append_slice(arg, slice_of(key.p, key.n < 8 ? key.n : 8));
    return true;
}

enum rc follow_leases(struct follow *f, const struct pb_lease *leases, size_t n, struct err *err)
{
    struct buf old = {0};
    struct arena arena = {0};
    enum rc rc = storage_scan(f->storage, TABLE_LEASE, (struct slice){0}, note_key, &old);
    if (rc != RC_OK)
        err_set(err, rc, "cannot read the leases: %s", rc_text(rc));
    for (size_t at = 0; rc == RC_OK && at + 8 <= old.n; at += 8)
        kv_flush_add(&f->batch, (struct storage_op){.table = TABLE_LEASE,
                                                    .change = STORAGE_DELETE,
                                                    .key = slice_of(old.p + at, 8)});
    for (size_t i = 0; rc == RC_OK && i < n; i++) {
        uint8_t *key = arena_alloc(&arena, 8);
        struct buf value = {0};
        store_u64_big(key, (uint64_t)leases[i].id);
        wire_encode(&wire_lease, &leases[i], &value);
        kv_flush_add(&f->batch,
                     (struct storage_op){.table = TABLE_LEASE,
                                         .change = STORAGE_PUT,
                                         .key = slice_of(key, 8),
                                         .value = arena_copy(&arena, buf_slice(&value))});
        buf_fini(&value);
    }
    add_mark(f, STORAGE_DELETE);
    if (rc == RC_OK)
        rc = commit(f, err);
    arena_fini(&arena);
    buf_fini(&old);
    return rc;
}
