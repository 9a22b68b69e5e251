/* Changes show at once, reach storage whole, and are all there again after a start. */
#include "kv/kv.h"

#include "kv/map_storage.h"
#include "lab.h"
#include "wire/kv_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void revisions_count_transactions(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    assert_int_equal(kv_revision(l.kv), 1);
    kv_begin(l.kv);
    assert_int_equal(kv_revision(l.kv), 1); /* nothing changed yet */
    kv_put(l.kv, SLICE_LIT("a"), SLICE_LIT("1"), 0);
    assert_int_equal(kv_revision(l.kv), 2);
    kv_put(l.kv, SLICE_LIT("b"), SLICE_LIT("1"), 9);
    kv_end(l.kv);
    assert_int_equal(kv_revision(l.kv), 2);
    kv_begin(l.kv);
    assert_int_equal(kv_delete(l.kv, SLICE_LIT("none"), (struct slice){0}), 0);
    kv_end(l.kv);
    assert_int_equal(kv_revision(l.kv), 2); /* an empty transaction is none */
    lab_put(&l, "a", "2");
    struct slice encoded;
    struct pb_key_value pair;
    assert_int_equal(kv_get(l.kv, SLICE_LIT("a"), &encoded), RC_OK);
    assert_int_equal(codec_key_value_parse(encoded, &pair), RC_OK);
    assert_int_equal(pair.create_revision, 2);
    assert_int_equal(pair.mod_revision, 3);
    assert_int_equal(pair.version, 2);
    assert_int_equal(kv_get(l.kv, SLICE_LIT("b"), &encoded), RC_OK);
    assert_int_equal(codec_key_value_parse(encoded, &pair), RC_OK);
    assert_int_equal(pair.lease, 9);
    lab_close(&l);
}

static void deletes_read_range_end_as_etcd_does(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    static const char *const keys[] = {"a", "b", "ba", "c", "d"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        lab_put(&l, keys[i], "v");
    int64_t before = kv_revision(l.kv);
    assert_int_equal(lab_delete(&l, "c", "b"), 0); /* the wrong way round: nothing */
    assert_int_equal(lab_delete(&l, "b", "b"), 0);
    assert_int_equal(kv_revision(l.kv), before);
    assert_int_equal(lab_delete(&l, "b", ""), 1);
    assert_int_equal(lab_delete(&l, "b", "c"), 1); /* ba */
    kv_begin(l.kv);
    assert_int_equal(kv_delete(l.kv, SLICE_LIT("c"), SLICE_LIT("\0")), 2);
    kv_end(l.kv);
    assert_true(kv_exists(l.kv, SLICE_LIT("a")));
    assert_false(kv_exists(l.kv, SLICE_LIT("d")));
    lab_put(&l, "d", "again"); /* a new generation */
    struct slice encoded;
    struct pb_key_value pair;
    assert_int_equal(kv_get(l.kv, SLICE_LIT("d"), &encoded), RC_OK);
    assert_int_equal(codec_key_value_parse(encoded, &pair), RC_OK);
    assert_int_equal(pair.version, 1);
    assert_int_equal(pair.create_revision, kv_revision(l.kv));
    lab_close(&l);
}

struct walk {
    unsigned n;
    unsigned stop;
};

static bool visit(void *arg, const struct index_hit *hit, struct slice encoded)
{
    struct walk *w = arg;
    struct pb_key_value pair;
    assert_int_equal(codec_key_value_parse(encoded, &pair), RC_OK);
    assert_true(slice_eq(pair.key, hit->key));
    return ++w->n != w->stop;
}

static void each_walks_until_told_to_stop(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    lab_put(&l, "a", "1");
    lab_put(&l, "b", "1");
    lab_flush(&l);
    lab_put(&l, "c", "1");
    struct walk all = {0};
    assert_int_equal(kv_each(l.kv, SLICE_LIT("\0"), SLICE_LIT("\0"), visit, &all), RC_OK);
    assert_int_equal(all.n, 3);
    struct walk two = {.stop = 2};
    assert_int_equal(kv_each(l.kv, SLICE_LIT("a"), SLICE_LIT("z"), visit, &two), RC_OK);
    assert_int_equal(two.n, 2);
    struct walk one = {0};
    assert_int_equal(kv_each(l.kv, SLICE_LIT("b"), (struct slice){0}, visit, &one), RC_OK);
    assert_int_equal(kv_each(l.kv, SLICE_LIT("bb"), (struct slice){0}, visit, &one), RC_OK);
    assert_int_equal(one.n, 1);
    lab_close(&l);
}

/* While a batch is on its way new changes come; each is flushed once, and none is ever invisible.
 */
static void a_flush_takes_what_was_there_when_it_began(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    lab_put(&l, "a", "1");
    lab_put(&l, "b", "1");
    assert_int_equal(kv_unflushed_ops(l.kv), 2);
    lab_flush_begin(&l);
    assert_int_equal(l.batch.n, 2);
    assert_int_equal(l.marks.revision, 3);
    assert_int_equal(kv_unflushed_ops(l.kv), 0);
    lab_put(&l, "b", "2");
    lab_put(&l, "c", "1");
    assert_int_equal(kv_unflushed_ops(l.kv), 2);
    assert_true(slice_eq(lab_get(&l, "a"), SLICE_LIT("1")));
    assert_true(slice_eq(lab_get(&l, "b"), SLICE_LIT("2")));
    lab_flush_end(&l);
    assert_int_equal(lab_stored(&l), 2);
    assert_true(slice_eq(lab_get(&l, "a"), SLICE_LIT("1")));
    assert_true(slice_eq(lab_get(&l, "b"), SLICE_LIT("2")));
    assert_true(slice_eq(lab_get(&l, "c"), SLICE_LIT("1")));
    lab_flush_begin(&l);
    assert_int_equal(l.batch.n, 2);
    lab_flush_end(&l);
    assert_int_equal(lab_stored(&l), 4);
    assert_int_equal(kv_unflushed_bytes(l.kv), 0);
    lab_close(&l);
}

static void restore_gives_back_what_was_flushed(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct lab l;
        struct rng rng;
        lab_open(&l);
        rng_seed(&rng, seed);
        for (int step = 0; step < 200; step++) {
            char key[3] = {(char)('a' + rng_below(&rng, 6)), 0, 0};
            char end[3] = {(char)(key[0] + 2), 0, 0};
            kv_begin(l.kv);
            for (uint64_t i = rng_below(&rng, 4); i > 0; i--) {
                if (rng_chance(&rng, 300000))
                    kv_delete(l.kv, slice_str(key), slice_str(i % 2 ? end : ""));
                else
                    kv_put(l.kv, slice_str(key), slice_str("value"), 0);
                key[0] = (char)('a' + rng_below(&rng, 6));
            }
            kv_end(l.kv);
            if (rng_chance(&rng, 50000) && kv_revision(l.kv) > 10) {
                int64_t c = (int64_t)rng_between(&rng, 2, (uint64_t)kv_revision(l.kv));
                (void)!kv_compact(l.kv, c);
                lab_sweep(&l);
            }
            if (step % 40 != 39)
                continue;
            int64_t from = kv_compacted(l.kv) > 1 ? kv_compacted(l.kv) : 1;
            AUTO(buf_fini) struct buf before = lab_everything(&l, from);
            lab_flush(&l);
            AUTO(buf_fini) struct buf flushed = lab_everything(&l, from);
            assert_int_equal(lab_restore(&l), RC_OK);
            AUTO(buf_fini) struct buf after = lab_everything(&l, from);
            assert_true(slice_eq(buf_slice(&before), buf_slice(&flushed)));
            assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
        }
        lab_close(&l);
    }
}

static void expect_damaged(struct lab *l, enum storage_change change, struct slice key,
                           struct slice value)
{
    struct storage_op op = {TABLE_KEY, change, key, value};
    assert_int_equal(storage_commit(l->storage, &op, 1), RC_OK);
    storage_refresh(l->storage);
    assert_int_equal(lab_restore(l), RC_CORRUPT);
    assert_non_null(strstr(l->err.text, "damaged behind revision"));
    lab_close(l);
}

static void restore_refuses_damage(void **state)
{
    (void)state;
    struct lab l;
    uint8_t key[REVISION_TOMBSTONE_LEN];
    for (int what = 0; what < 5; what++) {
        lab_open(&l);
        lab_put(&l, "a", "1");
        lab_put(&l, "a", "2");
        lab_flush(&l);
        revision_key_store(key, (struct revision){3, 0}, false);
        struct slice second = slice_of(key, REVISION_KEY_LEN);
        if (what == 0) /* too short for its checksum */
            expect_damaged(&l, STORAGE_PUT, second, SLICE_LIT("abc"));
        else if (what == 1) /* no pair */
            expect_damaged(&l, STORAGE_PUT, second, SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff"));
        else if (what == 2) /* no revision */
            expect_damaged(&l, STORAGE_PUT, SLICE_LIT("zzz"), SLICE_LIT("1234567"));
        else if (what == 3) /* a pair that contradicts the one before it */
            expect_damaged(&l, STORAGE_PUT, second,
                           SLICE_LIT("\x0a\x01"
                                     "a\x10\x02\x18\x03\x20\x01\x2a\x01"
                                     "2crc!"));
        else { /* behind the revision that the same batch says is the last */
            revision_key_store(key, (struct revision){9, 0}, false);
            expect_damaged(&l, STORAGE_PUT, second,
                           SLICE_LIT("\x0a\x01"
                                     "b\x10\x09\x18\x09\x20\x01\x2a\x01"
                                     "2crc!"));
        }
    }
}

static void a_damaged_value_is_found_when_it_is_read(void **state)
{
    (void)state;
    struct lab l;
    struct slice stored;
    struct slice encoded;
    uint8_t key[REVISION_TOMBSTONE_LEN];
    lab_open(&l);
    lab_put(&l, "a", "1");
    lab_flush(&l);
    revision_key_store(key, (struct revision){2, 0}, false);
    struct slice at = slice_of(key, REVISION_KEY_LEN);
    assert_int_equal(storage_get(l.storage, TABLE_KEY, at, &stored), RC_OK);
    AUTO(buf_fini) struct buf copy = {0};
    buf_append_slice(&copy, stored);
    copy.p[copy.n - STORED_CRC_LEN - 1] ^= 1; /* the value */
    struct storage_op op = {TABLE_KEY, STORAGE_PUT, at, buf_slice(&copy)};
    assert_int_equal(storage_commit(l.storage, &op, 1), RC_OK);
    storage_refresh(l.storage);
    assert_int_equal(kv_get(l.kv, SLICE_LIT("a"), &encoded), RC_CORRUPT);
    assert_int_equal(lab_restore(&l), RC_OK); /* it is found at once only when that is asked for */
    l.verify = true;
    assert_int_equal(lab_restore(&l), RC_CORRUPT);
    l.verify = false;
    assert_int_equal(lab_restore(&l), RC_OK);
    op.change = STORAGE_DELETE;
    assert_int_equal(storage_commit(l.storage, &op, 1), RC_OK);
    storage_refresh(l.storage);
    assert_int_equal(kv_get(l.kv, SLICE_LIT("a"), &encoded), RC_CORRUPT);
    lab_close(&l);
}

static void stats_tell_what_there_is(void **state)
{
    (void)state;
    struct lab l;
    struct kv_stats s;
    lab_open(&l);
    lab_put(&l, "a", "1");
    lab_put(&l, "b", "1");
    lab_delete(&l, "a", "");
    kv_stats(l.kv, &s);
    assert_int_equal(s.index.keys, 2);
    assert_int_equal(s.index.alive, 1);
    assert_int_equal(s.index.revisions, 3);
    assert_int_equal(s.ring_bytes, kv_unflushed_bytes(l.kv));
    assert_int_equal(s.pins, 0);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revisions_count_transactions),
        cmocka_unit_test(deletes_read_range_end_as_etcd_does),
        cmocka_unit_test(each_walks_until_told_to_stop),
        cmocka_unit_test(a_flush_takes_what_was_there_when_it_began),
        cmocka_unit_test(restore_gives_back_what_was_flushed),
        cmocka_unit_test(restore_refuses_damage),
        cmocka_unit_test(a_damaged_value_is_found_when_it_is_read),
        cmocka_unit_test(stats_tell_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
