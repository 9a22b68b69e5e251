/* Who watches is told of each change once, in order, whole revisions, from where it began; whatever
 * it was doing meanwhile. */
#include "kv/watch.h"

#include "lab.h"
#include "wire/kv_codec.h"
#include "wire/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct ear {
    struct listener listener;
    struct buf heard;   /* "+key@rev " or "-key@rev " */
    struct ear *ends;   /* when called: ends this one … */
    struct ear *begins; /* … begins this one, on "c" */
};

static void changed(struct listener *l, const struct change *c)
{
    struct ear *e = CONTAINER_OF(l, struct ear, listener);
    buf_printf(&e->heard, "%c%.*s@%d.%d ", c->deleted ? '-' : '+', (int)c->key.n,
               (const char *)c->key.p, (int)c->rev.main, (int)c->rev.sub);
    if (e->ends)
        listener_end(&e->ends->listener);
    if (e->begins)
        listener_begin(&e->begins->listener, l->kv, SLICE_LIT("c"), (struct slice){0});
    e->begins = NULL;
}

static void listen(struct lab *l, struct ear *e, const char *from, const char *to)
{
    e->listener.changed = changed;
    listener_begin(&e->listener, l->kv, slice_str(from), slice_str(to));
}

static void heard(struct ear *e, const char *text)
{
    buf_append_u8(&e->heard, 0);
    assert_string_equal((const char *)e->heard.p, text);
    buf_fini(&e->heard);
}

static void listeners_hear_what_changes(void **state)
{
    (void)state;
    struct lab l;
    struct ear key = {0};
    struct ear prefix = {0};
    lab_open(&l);
    lab_put(&l, "a", "before");
    listen(&l, &key, "a", "");
    listen(&l, &prefix, "a", "b");
    lab_put(&l, "a", "1");
    lab_put(&l, "b", "1");
    lab_put(&l, "ab", "1");
    kv_begin(l.kv);
    kv_put(l.kv, SLICE_LIT("b"), SLICE_LIT("2"), 0);
    kv_delete(l.kv, SLICE_LIT("a"), SLICE_LIT("b"));
    kv_end(l.kv);
    kv_begin(l.kv);
    kv_delete(l.kv, SLICE_LIT("a"), SLICE_LIT("b")); /* nothing is left */
    kv_end(l.kv);
    lab_put(&l, "a", "again");
    heard(&key, "+a@3.0 -a@6.1 +a@7.0 ");
    heard(&prefix, "+a@3.0 +ab@5.0 -a@6.1 -ab@6.2 +a@7.0 ");
    listener_end(&key.listener);
    listener_end(&key.listener);
    lab_put(&l, "a", "more");
    heard(&key, "");
    heard(&prefix, "+a@8.0 ");
    listener_end(&prefix.listener);
    lab_close(&l);
}

static void listeners_may_come_and_go_while_they_are_called(void **state)
{
    (void)state;
    struct lab l;
    struct ear self = {0};
    struct ear ender = {0};
    struct ear ended = {0};
    struct ear begun = {.listener.changed = changed};
    lab_open(&l);
    self.ends = &self;
    ender.ends = &ended;
    ender.begins = &begun;
    listen(&l, &self, "a", "");
    listen(&l, &ender, "a", "d");
    listen(&l, &ended, "a", "d");
    lab_put(&l, "a", "1");
    heard(&self, "+a@2.0 ");
    heard(&ender, "+a@2.0 ");
    heard(&ended, "");
    lab_put(&l, "c", "1");
    heard(&self, "");
    heard(&begun, "+c@3.0 ");
    listener_end(&begun.listener);
    listener_end(&ender.listener);
    buf_fini(&ender.heard);
    lab_close(&l);
}

/* ---- Watches ---- */

struct eye {
    struct watcher watcher;
    struct buf seen; /* "[header: +key@rev(prev) …]" a batch */
    unsigned takes;  /* how many more batches it wants */
    const struct blob *last;
    int64_t lost;
    enum rc failed;
};

static bool wants(struct watcher *w)
{
    return CONTAINER_OF(w, struct eye, watcher)->takes > 0;
}

static void see_event(struct buf *out, struct slice event)
{
    struct scan_field f;
    struct pb_key_value kv = {0};
    struct pb_key_value prev = {0};
    bool deleted = false;
    while (scan_next(&event, &f) == RC_OK) {
        if (f.tag == SCAN_TAG(1, SCAN_VARINT))
            deleted = f.value == 1;
        else
            assert_int_equal(
                codec_key_value_parse(f.bytes, f.tag == SCAN_TAG(2, SCAN_BYTES) ? &kv : &prev),
                RC_OK);
    }
    buf_printf(out, " %c%.*s@%d", deleted ? '-' : '+', (int)kv.key.n, (const char *)kv.key.p,
               (int)kv.mod_revision);
    if (prev.key.n)
        buf_printf(out, "(%.*s)", (int)prev.value.n, (const char *)prev.value.p);
}

static void events(struct watcher *w, const struct watch_events *e)
{
    struct eye *eye = CONTAINER_OF(w, struct eye, watcher);
    struct slice in = blob_slice(e->encoded);
    struct scan_field f;
    assert_true(eye->takes > 0);
    eye->takes--;
    eye->last = e->encoded;
    buf_printf(&eye->seen, "[%d:", (int)e->revision);
    while (scan_next(&in, &f) == RC_OK) {
        assert_int_equal(f.tag, SCAN_TAG(11, SCAN_BYTES));
        see_event(&eye->seen, f.bytes);
    }
    buf_append_str(&eye->seen, "]");
}

static void lost(struct watcher *w, int64_t compacted)
{
    CONTAINER_OF(w, struct eye, watcher)->lost = compacted;
}

static void failed(struct watcher *w, enum rc rc)
{
    CONTAINER_OF(w, struct eye, watcher)->failed = rc;
}

static const struct watcher_ops eye_ops = {wants, events, lost, failed};

static void watch(struct lab *l, struct eye *e, const char *from, const char *to, unsigned kind,
                  int64_t start)
{
    *e = (struct eye){.watcher.ops = &eye_ops, .takes = UINT32_MAX};
    watcher_open(&e->watcher, l->kv, slice_str(from), slice_str(to), kind, start);
}

static void seen(struct eye *e, const char *text)
{
    buf_append_u8(&e->seen, 0);
    assert_string_equal((const char *)e->seen.p, text);
    buf_fini(&e->seen);
}

static void put_n(struct lab *l, const char *key, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        lab_put(l, key, "v");
}

static void what_changes_is_seen_at_once(void **state)
{
    (void)state;
    struct lab l;
    struct eye key;
    struct eye all;
    lab_open(&l);
    lab_put(&l, "a", "1");
    watch(&l, &key, "a", "", 0, 0);
    watch(&l, &all, "a", "z", WATCH_PREV_KV, 0);
    lab_put(&l, "a", "2");
    lab_put(&l, "b", "1");
    kv_begin(l.kv);
    kv_put(l.kv, SLICE_LIT("c"), SLICE_LIT("1"), 0);
    kv_delete(l.kv, SLICE_LIT("a"), SLICE_LIT("c"));
    kv_put(l.kv, SLICE_LIT("d"), SLICE_LIT("1"), 0);
    kv_end(l.kv);
    seen(&key, "[3: +a@3][5: -a@5]");
    seen(&all, "[3: +a@3(1)][4: +b@4][5: +c@5 -a@5(2) -b@5(1) +d@5]");
    assert_true(watcher_is_current(&key.watcher));
    watcher_close(&key.watcher);
    watcher_close(&key.watcher);
    lab_put(&l, "a", "3");
    seen(&key, "");
    seen(&all, "[6: +a@6]"); /* created anew: there is no pair before */
    kv_begin(l.kv);
    kv_delete(l.kv, SLICE_LIT("a"), SLICE_LIT("\0"));
    kv_put(l.kv, SLICE_LIT("a"), SLICE_LIT("4"), 0);
    kv_end(l.kv);
    seen(&all, "[7: -a@7(3) -c@7(1) -d@7(1) +a@7]"); /* as etcd tells it */
    watcher_close(&all.watcher);
    lab_close(&l);
}

static void history_is_seen_wherever_it_is(void **state)
{
    (void)state;
    for (int flushed = 0; flushed <= 6; flushed++) {
        struct lab l;
        struct eye e;
        struct eye late;
        lab_open(&l);
        for (int i = 1; i <= 6; i++) {
            lab_put(&l, i % 2 ? "a" : "b", "1");
            if (i == flushed)
                lab_flush(&l);
        }
        lab_delete(&l, "a", "z");
        watch(&l, &e, "a", "", WATCH_PREV_KV, 3);
        watch(&l, &late, "b", "c", 0, 8);
        seen(&e, ""); /* not from within */
        assert_false(watcher_is_current(&e.watcher));
        lab_run(&l);
        seen(&e, "[8: +a@4(1) +a@6(1) -a@8(1)]");
        seen(&late, "[8: -b@8]");
        assert_true(watcher_is_current(&e.watcher));
        lab_put(&l, "a", "2");
        seen(&e, "[9: +a@9]");
        watcher_close(&e.watcher);
        watcher_close(&late.watcher);
        lab_close(&l);
    }
}

/* etcd#20221 */
static void a_future_revision_is_waited_for(void **state)
{
    (void)state;
    struct lab l;
    struct eye e;
    lab_open(&l);
    put_n(&l, "a", 3); /* up to 4 */
    watch(&l, &e, "a", "", 0, 7);
    put_n(&l, "a", 2);
    lab_run(&l);
    seen(&e, "");
    put_n(&l, "a", 2);
    seen(&e, "[7: +a@7][8: +a@8]");
    watcher_close(&e.watcher);
    lab_close(&l);
}

static void filters_leave_out_their_kind(void **state)
{
    (void)state;
    struct lab l;
    struct eye e[4];
    lab_open(&l);
    lab_put(&l, "a", "1");
    lab_delete(&l, "a", "");
    for (unsigned kind = 0; kind < 4; kind++)
        watch(&l, &e[kind], "a", "", kind, 1);
    lab_run(&l);
    lab_put(&l, "a", "1");
    lab_delete(&l, "a", "");
    seen(&e[0], "[3: +a@2 -a@3][4: +a@4][5: -a@5]");
    seen(&e[WATCH_NO_PUT], "[3: -a@3][5: -a@5]");
    seen(&e[WATCH_NO_DELETE], "[3: +a@2][4: +a@4]");
    seen(&e[WATCH_NO_PUT | WATCH_NO_DELETE], "");
    for (unsigned kind = 0; kind < 4; kind++)
        watcher_close(&e[kind].watcher);
    lab_close(&l);
}

static void what_many_see_is_encoded_once(void **state)
{
    (void)state;
    struct lab l;
    struct eye same[3];
    struct eye prefix;
    struct eye with_prev;
    lab_open(&l);
    lab_put(&l, "a", "0");
    for (int i = 0; i < 3; i++)
        watch(&l, &same[i], "a", "", 0, i == 2 ? 2 : 0);
    watch(&l, &prefix, "a", "b", 0, 0);
    watch(&l, &with_prev, "a", "", WATCH_PREV_KV, 0);
    lab_run(&l);
    lab_put(&l, "a", "1");
    assert_ptr_equal(same[0].last, same[1].last);
    assert_ptr_equal(same[0].last, same[2].last);
    assert_ptr_equal(same[0].last, prefix.last);
    assert_ptr_not_equal(same[0].last, with_prev.last);
    for (int i = 0; i < 3; i++) {
        watcher_close(&same[i].watcher);
        buf_fini(&same[i].seen);
    }
    watcher_close(&prefix.watcher);
    watcher_close(&with_prev.watcher);
    buf_fini(&prefix.seen);
    buf_fini(&with_prev.seen);
    lab_close(&l);
}

/* Many clients that start again from one revision are served with one pass over history. */
static void those_at_one_place_share_a_batch(void **state)
{
    (void)state;
    struct lab l;
    struct eye e[3];
    lab_open(&l);
    put_n(&l, "a", 5);
    for (int i = 0; i < 3; i++)
        watch(&l, &e[i], "a", "b", 0, i < 2 ? 3 : 5);
    lab_run(&l);
    assert_ptr_equal(e[0].last, e[1].last);
    seen(&e[1], "[6: +a@3 +a@4 +a@5 +a@6]");
    seen(&e[2], "[6: +a@5 +a@6]");
    for (int i = 0; i < 3; i++) {
        watcher_close(&e[i].watcher);
        buf_fini(&e[i].seen);
    }
    lab_close(&l);
}

/* etcd#17529: nothing is lost, and etcd#17247: nothing comes twice, however slowly it is taken. */
static void who_takes_slowly_misses_nothing(void **state)
{
    (void)state;
    struct lab l;
    struct eye e;
    lab_open(&l);
    watch(&l, &e, "a", "", 0, 0);
    e.takes = 1;
    put_n(&l, "a", 3); /* one is taken, then it has to wait */
    assert_false(watcher_is_current(&e.watcher));
    lab_run(&l);
    seen(&e, "[2: +a@2]");
    watcher_go_on(&e.watcher);
    lab_run(&l); /* it wants none yet */
    seen(&e, "");
    lab_flush(&l);
    put_n(&l, "a", 1);
    e.takes = 1;
    watcher_go_on(&e.watcher);
    put_n(&l, "a", 1);
    lab_run(&l);
    seen(&e, "[6: +a@3 +a@4 +a@5 +a@6]");
    assert_true(watcher_is_current(&e.watcher));
    put_n(&l, "a", 1);
    e.takes = 5;
    watcher_go_on(&e.watcher);
    lab_run(&l);
    put_n(&l, "a", 1);
    seen(&e, "[7: +a@7][8: +a@8]");
    watcher_close(&e.watcher);
    lab_close(&l);
}

static void those_who_lack_the_most_are_found(void **state)
{
    (void)state;
    struct lab l;
    struct eye e[4];
    struct watcher *found[4];
    lab_open(&l);
    put_n(&l, "a", 5); /* up to revision 6 */
    assert_int_equal(watch_slowest(l.kv, found, 4), 0);
    watch(&l, &e[0], "a", "", 0, 0); /* stops at 7 */
    watch(&l, &e[1], "a", "", 0, 4);
    watch(&l, &e[2], "a", "", 0, 2);
    watch(&l, &e[3], "b", "", 0, 0); /* lacks nothing */
    for (int i = 0; i < 4; i++)
        e[i].takes = 0;
    put_n(&l, "a", 3);
    assert_int_equal(watch_slowest(l.kv, found, 4), 3);
    assert_ptr_equal(found[0], &e[2].watcher);
    assert_ptr_equal(found[1], &e[1].watcher);
    assert_ptr_equal(found[2], &e[0].watcher);
    lab_run(&l); /* those behind were asked: all are stopped now */
    assert_int_equal(watch_slowest(l.kv, found, 1), 1);
    assert_ptr_equal(found[0], &e[2].watcher);
    assert_int_equal(found[0]->state, WATCHER_STOPPED);
    assert_int_equal(watch_slowest(l.kv, found, 0), 0);
    e[2].takes = 1;
    watcher_go_on(&e[2].watcher);
    lab_run(&l);
    assert_int_equal(watch_slowest(l.kv, found, 4), 2);
    assert_ptr_equal(found[0], &e[1].watcher);
    for (int i = 0; i < 4; i++) {
        watcher_close(&e[i].watcher);
        buf_fini(&e[i].seen);
    }
    assert_int_equal(watch_slowest(l.kv, found, 4), 0);
    lab_close(&l);
}

static void a_compaction_ends_those_behind_it(void **state)
{
    (void)state;
    struct lab l;
    struct eye before;
    struct eye at;
    struct eye slow;
    lab_open(&l);
    lab_put(&l, "a", "1");
    watch(&l, &slow, "a", "", 0, 0);
    slow.takes = 0;
    lab_put(&l, "a", "2");
    lab_delete(&l, "a", "");
    lab_put(&l, "b", "1");
    assert_int_equal(kv_compact(l.kv, 4), ETCD_OK);
    lab_flush(&l);
    lab_sweep(&l);
    watch(&l, &before, "a", "", 0, 3);
    watch(&l, &at, "a", "", WATCH_PREV_KV, 4); /* etcd#18089, #19179: its delete is still there */
    watcher_go_on(&slow.watcher);
    slow.takes = 1;
    lab_run(&l);
    assert_int_equal(before.lost, 4);
    assert_int_equal(slow.lost, 4);
    assert_int_equal(at.lost, 0);
    seen(&before, "");
    seen(&slow, "");
    seen(&at, "[5: -a@4]");         /* the pair before it is gone */
    watcher_close(&before.watcher); /* harmless */
    watcher_close(&at.watcher);
    lab_close(&l);
}

static void batches_end_between_revisions(void **state)
{
    (void)state;
    struct lab l;
    struct eye e;
    char large[2500];
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = 0;
    lab_open(&l);
    put_n(&l, "a", 1001);
    lab_put(&l, "b", "1");
    watch(&l, &e, "a", "", 0, 1);
    e.takes = 1;
    lab_run(&l);
    buf_append_u8(&e.seen, 0);
    assert_non_null(strstr((char *)e.seen.p, "[1003: +a@2 +a@3 "));
    assert_non_null(strstr((char *)e.seen.p, " +a@1001]"));
    buf_clear(&e.seen);
    watcher_go_on(&e.watcher);
    e.takes = 1;
    lab_run(&l);
    seen(&e, "[1003: +a@1002]");
    watcher_close(&e.watcher);
    /* by bytes: a transaction of many large changes stays whole */
    watch(&l, &e, "c", "d", 0, kv_revision(l.kv) + 1);
    e.takes = 0;
    for (int txn = 0; txn < 3; txn++) {
        kv_begin(l.kv);
        for (int i = 0; i < 60; i++) {
            char key[16];
            snprintf(key, sizeof(key), "c%d", i);
            kv_put(l.kv, slice_str(key), slice_str(large), 0);
        }
        kv_end(l.kv);
        if (txn == 0)
            lab_flush(&l);
    }
    e.takes = 1;
    watcher_go_on(&e.watcher);
    lab_run(&l);
    buf_append_u8(&e.seen, 0);
    assert_non_null(strstr((char *)e.seen.p, " +c59@1004 +c0@1005"));
    assert_non_null(strstr((char *)e.seen.p, " +c59@1005]"));
    assert_null(strstr((char *)e.seen.p, "@1006"));
    buf_fini(&e.seen);
    e.takes = 1;
    watcher_go_on(&e.watcher);
    lab_run(&l);
    assert_true(watcher_is_current(&e.watcher));
    buf_fini(&e.seen);
    watcher_close(&e.watcher);
    lab_close(&l);
}

static void a_huge_transaction_is_read_back_whole(void **state)
{
    (void)state;
    struct lab l;
    struct eye all;
    struct eye one;
    struct eye none;
    AUTO(buf_fini) struct buf want = {0};
    lab_open(&l);
    watch(&l, &all, "k", "l", 0, 0);
    watch(&l, &one, "k700", "", 0, 0);
    watch(&l, &none, "x", "", 0, 0);
    kv_begin(l.kv);
    buf_append_str(&want, "[2:");
    for (int i = 100; i < 900; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        kv_put(l.kv, slice_str(key), SLICE_LIT("v"), 0);
        buf_printf(&want, " +%s@2", key);
    }
    kv_end(l.kv);
    assert_false(watcher_is_current(&all.watcher));
    assert_true(watcher_is_current(&none.watcher));
    l.tick_ns = WATCH_SLICE_NS / 4; /* few revisions a turn */
    lab_run(&l);
    buf_append_str(&want, "]");
    buf_append_u8(&want, 0);
    seen(&all, (const char *)want.p);
    seen(&one, "[2: +k700@2]");
    watcher_close(&all.watcher);
    watcher_close(&one.watcher);
    watcher_close(&none.watcher);
    lab_close(&l);
}

/* However long one's history, the loop is given back after a slice, and others have their turn. */
static void turns_are_short_and_fair(void **state)
{
    (void)state;
    struct lab l;
    struct eye slow;
    struct eye quick;
    lab_open(&l);
    put_n(&l, "a", 3000);
    put_n(&l, "b", 1);
    watch(&l, &slow, "a", "", 0, 1);
    watch(&l, &quick, "b", "", 0, kv_revision(l.kv));
    l.tick_ns = WATCH_SLICE_NS / 3;
    unsigned turns = 0;
    unsigned until_quick = 0;
    while (timers_next(&l.timers) != TIMERS_NEVER) {
        uint64_t before = l.now_ns;
        timers_run(&l.timers, l.now_ns);
        assert_true(l.now_ns - before <= 3 * WATCH_SLICE_NS);
        turns++;
        if (until_quick == 0 && quick.seen.n > 0)
            until_quick = turns;
    }
    assert_true(turns > 5);
    assert_true(until_quick > 0 && until_quick < turns / 2); /* after one batch of the other's */
    watcher_close(&slow.watcher);
    watcher_close(&quick.watcher);
    buf_fini(&slow.seen);
    buf_fini(&quick.seen);
    lab_close(&l);
}

static void damage_ends_the_watch_that_meets_it(void **state)
{
    (void)state;
    struct lab l;
    struct eye e;
    uint8_t key[REVISION_TOMBSTONE_LEN];
    lab_open(&l);
    put_n(&l, "a", 3);
    lab_flush(&l);
    revision_key_store(key, (struct revision){3, 0}, false);
    const struct storage_op op = {.table = TABLE_KEY,
                                  .change = STORAGE_PUT,
                                  .key = slice_of(key, REVISION_KEY_LEN),
                                  .value = SLICE_LIT("nonsense")};
    assert_int_equal(storage_commit(l.storage, &op, 1), RC_OK);
    storage_refresh(l.storage);
    watch(&l, &e, "a", "", 0, 2);
    lab_run(&l);
    assert_int_equal(e.failed, RC_CORRUPT);
    seen(&e, "");
    lab_close(&l);
}

/* A model: whoever watches what, from when, at whatever pace, across flushes and compactions, has
 * in the end exactly the changes of its keys from its start on. */
static void random_watchers_see_exactly_what_happened(void **state)
{
    (void)state;
    enum { WATCHERS = 12 };
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct lab l;
        struct rng rng;
        struct eye e[WATCHERS] = {0};
        int64_t start[WATCHERS] = {0};
        struct buf history = {0}; /* " +k@rev …" of everything */
        lab_open(&l);
        rng_seed(&rng, seed);
        for (int step = 0; step < 400; step++) {
            size_t i = rng_below(&rng, WATCHERS);
            char key[2] = {(char)('a' + (int)rng_below(&rng, 4)), 0};
            int64_t next = kv_revision(l.kv) + 1;
            switch (rng_below(&rng, 8)) {
            case 0:
                if (e[i].watcher.state != WATCHER_CLOSED || e[i].seen.n > 0)
                    break;
                start[i] = next - 3 + (int64_t)rng_below(&rng, 6);
                start[i] = start[i] < 1 ? 1 : start[i];
                watch(&l, &e[i], "a", i % 2 ? "" : "c", 0, start[i]);
                e[i].takes = 0;
                break;
            case 1:
            case 2:
                e[i].takes += 1 + (unsigned)rng_below(&rng, 3);
                if (e[i].watcher.state != WATCHER_CLOSED)
                    watcher_go_on(&e[i].watcher);
                break;
            case 3:
                lab_run(&l);
                break;
            case 4:
                lab_flush(&l);
                break;
            case 5:
                kv_begin(l.kv);
                for (int op = 0; op < 2; op++) {
                    char k[2] = {(char)('a' + op), 0};
                    kv_put(l.kv, slice_str(k), SLICE_LIT("v"), 0);
                    buf_printf(&history, " +%s@%d", k, (int)next);
                }
                kv_end(l.kv);
                break;
            case 6:
                if (lab_delete(&l, key, "") > 0)
                    buf_printf(&history, " -%s@%d", key, (int)next);
                break;
            default:
                lab_put(&l, key, "v");
                buf_printf(&history, " +%s@%d", key, (int)next);
                break;
            }
        }
        for (size_t i = 0; i < WATCHERS; i++) {
            if (e[i].watcher.state == WATCHER_CLOSED)
                continue;
            e[i].takes = UINT32_MAX;
            watcher_go_on(&e[i].watcher);
            lab_run(&l);
            struct buf want = {0};
            struct buf got = {0};
            buf_append_u8(&history, 0);
            for (char *p = (char *)history.p; *p; p += strcspn(p + 1, " ") + 1) {
                int64_t rev = strtol(strchr(p, '@') + 1, NULL, 10);
                bool mine = i % 2 ? p[2] == 'a' : p[2] < 'c';
                if (mine && rev >= start[i])
                    buf_append(&want, p, strcspn(p + 1, " ") + 1);
            }
            history.n--;
            for (size_t at = 0; at < e[i].seen.n; at++) { /* without the batches' brackets */
                if (e[i].seen.p[at] == '[')
                    while (e[i].seen.p[at] != ':')
                        at++;
                else if (e[i].seen.p[at] != ']')
                    buf_append_u8(&got, e[i].seen.p[at]);
            }
            assert_true(slice_eq(buf_slice(&got), buf_slice(&want)));
            watcher_close(&e[i].watcher);
            buf_fini(&e[i].seen);
            buf_fini(&want);
            buf_fini(&got);
        }
        buf_fini(&history);
        lab_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changes_is_seen_at_once),
        cmocka_unit_test(history_is_seen_wherever_it_is),
        cmocka_unit_test(a_future_revision_is_waited_for),
        cmocka_unit_test(filters_leave_out_their_kind),
        cmocka_unit_test(what_many_see_is_encoded_once),
        cmocka_unit_test(those_at_one_place_share_a_batch),
        cmocka_unit_test(who_takes_slowly_misses_nothing),
        cmocka_unit_test(those_who_lack_the_most_are_found),
        cmocka_unit_test(a_compaction_ends_those_behind_it),
        cmocka_unit_test(batches_end_between_revisions),
        cmocka_unit_test(a_huge_transaction_is_read_back_whole),
        cmocka_unit_test(turns_are_short_and_fair),
        cmocka_unit_test(damage_ends_the_watch_that_meets_it),
        cmocka_unit_test(random_watchers_see_exactly_what_happened),
        cmocka_unit_test(listeners_hear_what_changes),
        cmocka_unit_test(listeners_may_come_and_go_while_they_are_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
