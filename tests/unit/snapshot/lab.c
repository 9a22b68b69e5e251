#include "lab.h"

#include "base/must.h"
#include "base/wr.h"
#include "kv/map_storage.h"
#include "snapshot/stream.h"
#include "state/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t now_ns(struct clock *c)
{
    (void)c;
    return 1;
}

void lab_store(struct lab *l, enum table table, struct slice key, struct slice value)
{
    struct storage_op op = {table, STORAGE_PUT, key, value};
    assert_int_equal(storage_commit(l->storage, &op, 1), RC_OK);
    storage_refresh(l->storage);
}

void lab_store_named(struct lab *l, enum table table, uint64_t number, struct slice message)
{
    uint8_t key[AUTH_ROW_KEY_LEN];
    store_u64_big(key, number);
    lab_store(l, table, slice_of(key, sizeof(key)), message);
}

void lab_flush(struct lab *l)
{
    struct kv_flush batch = {0};
    struct buf space = {0};
    struct meta meta = {.applied_index = 9, .applied_term = 3, .conf = SLICE_LIT("members")};
    kv_flush_begin(l->kv, &batch);
    kv_marks(l->kv, &meta.marks);
    meta_store(&meta, &batch, &space);
    assert_int_equal(storage_commit(l->storage, batch.ops, batch.n), RC_OK);
    storage_refresh(l->storage);
    kv_flush_done(l->kv);
    free(batch.ops);
    buf_fini(&space);
}

static void put(struct lab *l, const char *key, const char *value)
{
    kv_begin(l->kv);
    kv_put(l->kv, slice_str(key), slice_str(value), 0);
    kv_end(l->kv);
}

static void fill(struct lab *l)
{
    put(l, "a", "1");
    put(l, "b", "2");
    kv_begin(l->kv);
    assert_int_equal(kv_delete(l->kv, SLICE_LIT("a"), (struct slice){0}), 1);
    kv_end(l->kv);
    put(l, "b", "3");
    lab_flush(l);
    assert_int_equal(kv_compact(l->kv, 3), ETCD_OK);
    for (int i = 0; i < 4; i++) {
        while (kv_sweep(l->kv))
            ;
        lab_flush(l);
    }
    assert_true(kv_swept(l->kv, 3));
    lab_store(l, TABLE_LEASE, SLICE_LIT("\0\0\0\0\0\0\0\1"), SLICE_LIT("\x08\x01\x10\x3c"));
    lab_store_named(l, TABLE_AUTH_USER, 1, SLICE_LIT("\x0a\x01z\x12\x01p"));
    lab_store_named(l, TABLE_AUTH_USER, 2, SLICE_LIT("\x0a\x01y\x12\x01q"));
    lab_store_named(l, TABLE_AUTH_ROLE, 1, SLICE_LIT("\x0a\x01r"));
    lab_store(l, TABLE_ALARM, SLICE_LIT("\x08\x01\x10\x01"), (struct slice){0});
    lab_store(l, TABLE_META, SLICE_LIT(META_AUTH_REVISION), SLICE_LIT("\x05\0\0\0\0\0\0\0"));
}

void lab_open(struct lab *l)
{
    static const char *const peers[] = {"http://h:1"};
    static const char *const clients[] = {"http://h:2", "http://h:3"};
    *l = (struct lab){.clock = {now_ns, now_ns}, .log.level = LOG_FATAL};
    rng_seed(&l->rng, 1);
    l->disk = sim_disk_new(&l->rng);
    l->env = (struct env){.clock = &l->clock, .log = &l->log, .disk = sim_disk_env(l->disk)};
    l->storage = map_storage_new();
    l->kv = kv_new(&l->env, l->storage);
    fill(l);
    l->source = (struct snapshot_source){
        .ops = l->storage->ops,
        .member = {0xbeef, "one", peers, 1, clients, 2},
        .storage_version = "3.7.0",
    };
}

void lab_close(struct lab *l)
{
    kv_free(l->kv);
    storage_close(l->storage);
    sim_disk_free(l->disk);
}

struct text {
    struct buf *out;
    struct slice bucket;
};

static void escape(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_printf(out, s.p[i] >= ' ' && s.p[i] < 127 ? "%c" : "\\x%02x", s.p[i]);
}

static void begin(void *arg, struct slice bucket)
{
    ((struct text *)arg)->bucket = bucket;
}

static bool row(void *arg, struct slice key, struct slice value)
{
    struct text *t = arg;
    escape(t->out, t->bucket);
    buf_append_u8(t->out, '/');
    escape(t->out, key);
    buf_append_u8(t->out, '=');
    escape(t->out, value);
    buf_append_u8(t->out, '\n');
    return true;
}

static void end(void *arg)
{
    (void)arg;
}

enum rc lab_rows(struct lab *l, struct buf *out)
{
    struct text t = {.out = out};
    struct snapshot_sink sink = {&t, begin, row, end};
    l->source.view = l->storage->ops->view_open(l->storage);
    enum rc rc = snapshot_rows(&l->source, &sink);
    l->storage->ops->view_close(l->source.view);
    return rc;
}

enum rc lab_stream(struct lab *l, struct buf *out)
{
    struct snapshot_stream *s = snapshot_stream_new(l->storage, &l->source, out);
    enum rc rc;
    do {
        rc = snapshot_stream_step(s, &l->err);
    } while (rc == RC_OK);
    assert_true(rc != RC_END || out->n == snapshot_stream_size(s));
    snapshot_stream_free(s);
    return rc;
}

struct buf lab_snapshot(struct lab *l)
{
    struct buf out = {0};
    assert_int_equal(lab_stream(l, &out), RC_END);
    return out;
}
