#include "lab.h"

#include "kv/map_storage.h"
#include "wire/kv_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t clock_now(struct clock *c)
{
    struct lab *l = CONTAINER_OF(c, struct lab, clock);
    l->now_ns += l->tick_ns;
    return l->now_ns;
}

void lab_open(struct lab *l)
{
    *l = (struct lab){.marks = {.revision = 1, .compacted = -1, .swept = -1}};
    l->clock = (struct clock){.mono_ns = clock_now, .wall_ns = clock_now};
    l->log.level = LOG_FATAL;
    l->env = (struct env){.clock = &l->clock, .timers = &l->timers, .log = &l->log};
    l->storage = map_storage_new();
    l->kv = kv_new(&l->env, l->storage);
}

void lab_close(struct lab *l)
{
    kv_check(l->kv);
    kv_free(l->kv);
    storage_close(l->storage);
    free(l->batch.ops);
    assert_true(timers_next(&l->timers) == TIMERS_NEVER);
    timers_fini(&l->timers);
}

void lab_run(struct lab *l)
{
    while (timers_next(&l->timers) <= l->now_ns)
        timers_run(&l->timers, l->now_ns);
}

void lab_put(struct lab *l, const char *key, const char *value)
{
    kv_begin(l->kv);
    kv_put(l->kv, slice_str(key), slice_str(value), 0);
    kv_end(l->kv);
}

int64_t lab_delete(struct lab *l, const char *key, const char *range_end)
{
    kv_begin(l->kv);
    int64_t n = kv_delete(l->kv, slice_str(key), slice_str(range_end));
    kv_end(l->kv);
    return n;
}

struct slice lab_get(struct lab *l, const char *key)
{
    struct slice encoded;
    struct pb_key_value pair;
    enum rc rc = kv_get(l->kv, slice_str(key), &encoded);
    if (rc == RC_NOT_FOUND)
        return (struct slice){0};
    assert_int_equal(rc, RC_OK);
    assert_int_equal(codec_key_value_parse(encoded, &pair), RC_OK);
    return pair.value.p ? pair.value : SLICE_LIT("");
}

void lab_flush_begin(struct lab *l)
{
    l->batch.n = 0;
    kv_flush_begin(l->kv, &l->batch);
    kv_marks(l->kv, &l->marks);
}

void lab_flush_end(struct lab *l)
{
    assert_int_equal(storage_commit(l->storage, l->batch.ops, l->batch.n), RC_OK);
    storage_refresh(l->storage);
    kv_flush_done(l->kv);
}

void lab_flush(struct lab *l)
{
    lab_flush_begin(l);
    lab_flush_end(l);
}

void lab_sweep(struct lab *l)
{
    for (;;) {
        (void)kv_sweep(l->kv);
        if (!kv_flush_urgent(l->kv))
            break;
        lab_flush(l);
    }
}

enum rc lab_restore(struct lab *l)
{
    kv_free(l->kv);
    l->kv = kv_new(&l->env, l->storage);
    l->err = (struct err){0};
    return kv_restore(l->kv, &l->marks, l->verify, &l->err);
}

static bool count_one(void *arg, struct slice key, struct slice value)
{
    (void)key;
    (void)value;
    ++*(size_t *)arg;
    return true;
}

size_t lab_stored(struct lab *l)
{
    size_t n = 0;
    assert_int_equal(storage_scan(l->storage, TABLE_KEY, (struct slice){0}, count_one, &n), RC_OK);
    return n;
}

enum etcd_error lab_range(struct lab *l, const struct pb_range_request *r, struct buf *out)
{
    struct kv_range range;
    enum etcd_error e = kv_range_open(l->kv, r, &range);
    if (e != ETCD_OK)
        return e;
    assert_int_equal(kv_range_read(&range, out, range.body_len + 1), RC_END);
    assert_int_equal(out->n, range.body_len);
    kv_range_close(&range);
    return ETCD_OK;
}

struct buf lab_everything(struct lab *l, int64_t from)
{
    struct buf out = {0};
    for (int64_t rev = from; rev <= kv_revision(l->kv); rev++) {
        const struct pb_range_request all = {
            .key = SLICE_LIT("\0"), .range_end = SLICE_LIT("\0"), .revision = rev};
        struct buf one = {0};
        assert_int_equal(lab_range(l, &all, &one), ETCD_OK);
        buf_append_slice(&out, buf_slice(&one));
        buf_fini(&one);
    }
    return out;
}
