/* Compaction is logical at once; the sweep then takes exactly what nobody can ask for any more, a
 * slice at a time, and begins anew when a crash came in between. */
#include "base/rng.h"
#include "kv/map_storage.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void errors_are_etcds(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    for (int i = 0; i < 4; i++)
        lab_put(&l, "k", "v");
    assert_int_equal(kv_compacted(l.kv), -1);
    assert_int_equal(kv_compact(l.kv, 6), ETCD_FUTURE_REV);
    assert_int_equal(kv_compact(l.kv, 3), ETCD_OK);
    assert_int_equal(kv_compact(l.kv, 3), ETCD_COMPACTED);
    assert_int_equal(kv_compact(l.kv, 2), ETCD_COMPACTED);
    assert_int_equal(kv_compact(l.kv, 5), ETCD_OK);
    assert_int_equal(kv_compacted(l.kv), 5);
    lab_close(&l);
    lab_open(&l);
    assert_int_equal(kv_compact(l.kv, 0), ETCD_OK); /* as etcd takes it, once */
    assert_int_equal(kv_compact(l.kv, 0), ETCD_COMPACTED);
    lab_close(&l);
}

/* ---- What stays: of each key the newest put at or below, tombstones at exactly the revision, and
 * everything above ---- */

#define KEYS         8
#define VERSIONS_MAX 600

struct version {
    unsigned key;
    struct revision rev;
    bool dead;
};

struct bench {
    struct lab lab;
    struct version v[VERSIONS_MAX];
    size_t n;
    bool alive[KEYS];
};

static void random_txn(struct bench *b, struct rng *rng)
{
    kv_begin(b->lab.kv);
    int64_t sub = 0;
    int64_t main = kv_revision(b->lab.kv) + 1;
    for (uint64_t i = rng_between(rng, 1, 3); i > 0; i--) {
        unsigned k = (unsigned)rng_below(rng, KEYS);
        char key[2] = {(char)('a' + k), 0};
        bool dead = b->alive[k] && rng_chance(rng, 400000);
        if (dead)
            assert_int_equal(kv_delete(b->lab.kv, slice_str(key), (struct slice){0}), 1);
        else
            kv_put(b->lab.kv, slice_str(key), slice_str("v"), 0);
        b->alive[k] = !dead;
        assert_true(b->n < VERSIONS_MAX);
        b->v[b->n++] = (struct version){k, {main, sub++}, dead};
    }
    kv_end(b->lab.kv);
}

static bool stays(const struct bench *b, size_t i, int64_t c)
{
    const struct version *v = &b->v[i];
    if (v->rev.main > c || (v->dead && v->rev.main == c))
        return true;
    if (v->dead)
        return false;
    for (size_t j = i + 1; j < b->n; j++)
        if (b->v[j].key == v->key && b->v[j].rev.main <= c)
            return false;
    return true;
}

static void expect_stored(struct bench *b, int64_t c)
{
    size_t left = 0;
    for (size_t i = 0; i < b->n; i++) {
        uint8_t key[REVISION_TOMBSTONE_LEN];
        struct slice stored;
        revision_key_store(key, b->v[i].rev, b->v[i].dead);
        struct slice k = slice_of(key, b->v[i].dead ? REVISION_TOMBSTONE_LEN : REVISION_KEY_LEN);
        enum rc rc = storage_get(b->lab.storage, TABLE_KEY, k, &stored);
        assert_int_equal(rc, stays(b, i, c) ? RC_OK : RC_NOT_FOUND);
        left += rc == RC_OK;
    }
    assert_int_equal(lab_stored(&b->lab), left);
    struct kv_stats s;
    kv_stats(b->lab.kv, &s);
    assert_int_equal(s.index.revisions, left);
}

static void takes_exactly_what_nobody_can_ask_for(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct bench *b = mem_zalloc(sizeof(*b));
        struct rng rng;
        rng_seed(&rng, seed);
        lab_open(&b->lab);
        for (int round = 0; round < 4; round++) {
            for (int i = 0; i < 40; i++)
                random_txn(b, &rng);
            int64_t low = kv_compacted(b->lab.kv) > 0 ? kv_compacted(b->lab.kv) + 1 : 1;
            int64_t c = (int64_t)rng_between(&rng, (uint64_t)low, (uint64_t)kv_revision(b->lab.kv));
            AUTO(buf_fini) struct buf before = lab_everything(&b->lab, c);
            assert_int_equal(kv_compact(b->lab.kv, c), ETCD_OK);
            lab_sweep(&b->lab);
            assert_true(kv_swept(b->lab.kv, c));
            expect_stored(b, c);
            AUTO(buf_fini) struct buf after = lab_everything(&b->lab, c);
            assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
            if (round % 2)
                assert_int_equal(lab_restore(&b->lab), RC_OK);
            AUTO(buf_fini) struct buf restored = lab_everything(&b->lab, c);
            assert_true(slice_eq(buf_slice(&before), buf_slice(&restored)));
        }
        lab_close(&b->lab);
        free(b);
    }
}

/* etcd#19179: a watcher that begins at the compacted revision must still see the delete. */
static void a_tombstone_at_the_revision_itself_stays(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    lab_put(&l, "k", "v");
    lab_delete(&l, "k", "");
    assert_int_equal(kv_compact(l.kv, 3), ETCD_OK);
    lab_sweep(&l);
    assert_int_equal(lab_stored(&l), 1);
    lab_put(&l, "other", "v");
    assert_int_equal(kv_compact(l.kv, 4), ETCD_OK);
    lab_sweep(&l);
    assert_int_equal(lab_stored(&l), 1); /* only "other": the key is gone */
    struct kv_stats s;
    kv_stats(l.kv, &s);
    assert_int_equal(s.index.keys, 1);
    lab_close(&l);
}

/* ---- Slices ---- */

static void fill(struct lab *l, int n)
{
    for (int i = 0; i < n; i++)
        lab_put(l, i % 2 ? "odd" : "even", "v");
}

static void a_slice_ends_when_its_time_is_over(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    fill(&l, 500);
    assert_int_equal(kv_compact(l.kv, 501), ETCD_OK);
    lab_flush(&l);
    l.tick_ns = KV_SWEEP_SLICE_NS; /* every look at the clock says: enough */
    unsigned slices = 0;
    while (kv_sweep(l.kv))
        slices++;
    assert_true(slices >= 4 && slices <= 20);
    assert_false(kv_swept(l.kv, 501)); /* found, not yet deleted */
    lab_flush(&l);
    assert_true(kv_swept(l.kv, 501));
    assert_int_equal(lab_stored(&l), 2);
    lab_close(&l);
}

static void a_batch_takes_so_many_deletes(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    fill(&l, 2500);
    assert_int_equal(kv_compact(l.kv, 2501), ETCD_OK);
    assert_true(kv_flush_urgent(l.kv)); /* the sweep waits for what it must see */
    assert_false(kv_sweep(l.kv));
    lab_flush(&l);
    size_t before = lab_stored(&l);
    unsigned batches = 0;
    while (!kv_swept(l.kv, 2501)) {
        (void)kv_sweep(l.kv);
        assert_true(kv_sweep(l.kv) || batches == 2); /* full: it goes on after the flush */
        assert_true(kv_flush_urgent(l.kv));
        assert_true(kv_unflushed_ops(l.kv) <= KV_SWEEP_DELETES_MAX);
        lab_flush(&l);
        size_t now = lab_stored(&l);
        assert_true(before - now <= KV_SWEEP_DELETES_MAX);
        before = now;
        batches++;
    }
    assert_int_equal(batches, 3);
    assert_int_equal(before, 2);
    assert_false(kv_flush_urgent(l.kv));
    lab_close(&l);
}

static void writes_go_on_meanwhile(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    fill(&l, 1500);
    assert_int_equal(kv_compact(l.kv, 1000), ETCD_OK);
    lab_flush(&l);
    int64_t rev = kv_revision(l.kv);
    while (!kv_swept(l.kv, 1000)) {
        (void)kv_sweep(l.kv);
        lab_flush_begin(&l);
        (void)kv_sweep(l.kv); /* and on, while the batch is on its way */
        lab_put(&l, "even", "new");
        lab_delete(&l, "odd", "");
        lab_put(&l, "odd", "new");
        lab_flush_end(&l);
        assert_true(slice_eq(lab_get(&l, "even"), SLICE_LIT("new")));
    }
    lab_flush(&l);
    /* Two revisions at 1000 or below, all above, all new. */
    assert_int_equal(lab_stored(&l), 2 + (rev - 1000) + (kv_revision(l.kv) - rev));
    AUTO(buf_fini) struct buf before = lab_everything(&l, 1000);
    assert_int_equal(lab_restore(&l), RC_OK);
    AUTO(buf_fini) struct buf after = lab_everything(&l, 1000);
    assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
    lab_close(&l);
}

/* A crash after each batch of a sweep: the next life sweeps from the start, to the same end, and
 * its revision is the same (etcd#17780). */
static void an_interrupted_sweep_is_taken_up_again(void **state)
{
    (void)state;
    for (unsigned batches = 0; batches < 4; batches++) {
        struct lab l;
        lab_open(&l);
        fill(&l, 2500);
        assert_int_equal(kv_compact(l.kv, 2400), ETCD_OK);
        lab_flush(&l);
        for (unsigned i = 0; i < batches; i++) {
            (void)kv_sweep(l.kv);
            lab_flush(&l);
        }
        (void)kv_sweep(l.kv); /* found, and lost */
        AUTO(buf_fini) struct buf before = lab_everything(&l, 2400);
        int64_t revision = kv_revision(l.kv);
        assert_int_equal(lab_restore(&l), RC_OK);
        assert_int_equal(kv_revision(l.kv), revision);
        assert_int_equal(kv_compacted(l.kv), 2400);
        assert_int_equal(kv_swept(l.kv, 2400), batches == 3);
        lab_sweep(&l);
        assert_true(kv_swept(l.kv, 2400));
        assert_int_equal(lab_stored(&l), 2 + 101);
        AUTO(buf_fini) struct buf after = lab_everything(&l, 2400);
        assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
        lab_close(&l);
    }
}

static void a_second_compaction_waits_for_the_pass(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    fill(&l, 100);
    assert_int_equal(kv_compact(l.kv, 50), ETCD_OK);
    lab_flush(&l);
    (void)kv_sweep(l.kv);
    assert_int_equal(kv_compact(l.kv, 90), ETCD_OK);
    lab_flush(&l);
    assert_true(kv_swept(l.kv, 50));
    assert_false(kv_swept(l.kv, 90));
    lab_sweep(&l);
    assert_true(kv_swept(l.kv, 90));
    assert_int_equal(lab_stored(&l), 2 + 11);
    lab_close(&l);
}

/* ---- Pins ---- */

static struct kv_range pinned_at(struct lab *l, int64_t revision)
{
    struct kv_range r;
    const struct pb_range_request all = {
        .key = SLICE_LIT("\0"), .range_end = SLICE_LIT("\0"), .revision = revision};
    assert_int_equal(kv_range_open(l->kv, &all, &r), ETCD_OK);
    return r;
}

static void the_sweep_waits_for_readers_of_the_past(void **state)
{
    (void)state;
    struct lab l;
    struct kv_stats s;
    lab_open(&l);
    fill(&l, 100);
    lab_flush(&l);
    struct kv_range r = pinned_at(&l, 30);
    kv_range_pin(&r);
    assert_int_equal(kv_compact(l.kv, 50), ETCD_OK); /* logically at once */
    kv_stats(l.kv, &s);
    assert_int_equal(s.pins, 1);
    lab_sweep(&l);
    assert_false(kv_swept(l.kv, 50));
    assert_int_equal(lab_stored(&l), 100);
    kv_range_close(&r);
    lab_sweep(&l);
    assert_true(kv_swept(l.kv, 50));
    lab_close(&l);
}

/* However many of them there are, and always new ones: they hold up nothing. */
static void readers_of_what_stays_do_not_hold_it_up(void **state)
{
    (void)state;
    struct lab l;
    AUTO(buf_fini) struct buf want = {0};
    AUTO(buf_fini) struct buf got = {0};
    lab_open(&l);
    fill(&l, 100);
    lab_flush(&l);
    struct kv_range now = pinned_at(&l, 0);
    kv_range_pin(&now);
    struct kv_range at = pinned_at(&l, 50);
    kv_range_pin(&at);
    const struct pb_range_request same = {
        .key = SLICE_LIT("\0"), .range_end = SLICE_LIT("\0"), .revision = 50};
    assert_int_equal(lab_range(&l, &same, &want), ETCD_OK);
    assert_int_equal(kv_compact(l.kv, 50), ETCD_OK);
    lab_sweep(&l);
    assert_true(kv_swept(l.kv, 50));
    assert_int_equal(kv_range_read(&at, &got, 10000), RC_END);
    assert_true(slice_eq(buf_slice(&got), buf_slice(&want)));
    kv_range_close(&now);
    kv_range_close(&at);
    lab_close(&l);
}

/* Also where the compaction is older: in two views of storage, nothing may be missing. */
static void nothing_goes_while_the_sweep_is_held(void **state)
{
    (void)state;
    struct lab l;
    struct kv_hold one;
    struct kv_hold two;
    struct kv_stats s;
    lab_open(&l);
    for (int i = 0; i < 100; i++)
        lab_put(&l, "k", "v");
    lab_flush(&l);
    assert_int_equal(kv_compact(l.kv, 50), ETCD_OK);
    assert_false(kv_sweep_waits(l.kv));
    (void)kv_sweep(l.kv); /* finds what may go */
    kv_hold_sweep(l.kv, &one);
    assert_false(kv_hold_in_force(l.kv));
    lab_flush_begin(&l);
    assert_false(kv_hold_in_force(l.kv));
    lab_flush_end(&l); /* and that goes */
    assert_true(kv_hold_in_force(l.kv));
    assert_int_equal(lab_stored(&l), 52);
    assert_int_equal(kv_compact(l.kv, 90), ETCD_OK);
    assert_true(kv_sweep_waits(l.kv));
    kv_hold_sweep(l.kv, &two);
    kv_hold_release(&one);
    kv_stats(l.kv, &s);
    assert_int_equal(s.pins, 1);
    lab_put(&l, "k", "v");
    lab_flush(&l);
    lab_sweep(&l);
    assert_true(kv_hold_in_force(l.kv));
    assert_int_equal(lab_stored(&l), 53);
    kv_hold_release(&two);
    assert_false(kv_sweep_waits(l.kv));
    lab_sweep(&l);
    assert_true(kv_swept(l.kv, 90));
    assert_int_equal(lab_stored(&l), 13);
    lab_close(&l);
}

/* ---- Damage ---- */

/* Nobody can tell whose it was: what follows of that key must not go before it. */
static void the_sweep_ends_at_what_cannot_be_read(void **state)
{
    (void)state;
    for (int what = 0; what < 2; what++) {
        struct lab l;
        struct slice stored;
        uint8_t key[REVISION_TOMBSTONE_LEN];
        lab_open(&l);
        fill(&l, 20);
        lab_flush(&l);
        revision_key_store(key, (struct revision){4, 0}, false);
        struct slice at = slice_of(key, REVISION_KEY_LEN);
        assert_int_equal(storage_get(l.storage, TABLE_KEY, at, &stored), RC_OK);
        AUTO(buf_fini) struct buf damaged = {0};
        buf_append_slice(&damaged, stored);
        damaged.p[what == 0 ? 3 : damaged.n - 1] ^= 1; /* a byte of the key; of the checksum */
        struct storage_op op = {TABLE_KEY, STORAGE_PUT, at, buf_slice(&damaged)};
        assert_int_equal(storage_commit(l.storage, &op, 1), RC_OK);
        storage_refresh(l.storage);
        assert_int_equal(kv_compact(l.kv, 21), ETCD_OK);
        lab_sweep(&l);
        assert_false(kv_swept(l.kv, 21));
        assert_int_equal(lab_stored(&l), 18);
        assert_false(kv_sweep(l.kv));
        assert_false(kv_flush_urgent(l.kv)); /* nor does it keep the loop busy */
        assert_true(slice_eq(lab_get(&l, "odd"), SLICE_LIT("v")));
        lab_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_etcds),
        cmocka_unit_test(takes_exactly_what_nobody_can_ask_for),
        cmocka_unit_test(a_tombstone_at_the_revision_itself_stays),
        cmocka_unit_test(a_slice_ends_when_its_time_is_over),
        cmocka_unit_test(a_batch_takes_so_many_deletes),
        cmocka_unit_test(writes_go_on_meanwhile),
        cmocka_unit_test(an_interrupted_sweep_is_taken_up_again),
        cmocka_unit_test(a_second_compaction_waits_for_the_pass),
        cmocka_unit_test(the_sweep_waits_for_readers_of_the_past),
        cmocka_unit_test(readers_of_what_stays_do_not_hold_it_up),
        cmocka_unit_test(nothing_goes_while_the_sweep_is_held),
        cmocka_unit_test(the_sweep_ends_at_what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
