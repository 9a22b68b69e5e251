/* Status counts what is alive, and HashKV of a file is what etcd 3.7 answered for that history. */
#include "snapshot/status.h"
#include "../bbolt/file.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void status_counts_what_is_alive(void **state)
{
    (void)state;
    struct lab l;
    struct bbolt b;
    struct snapshot_status s;
    lab_open(&l);
    struct buf file = lab_snapshot(&l);
    assert_int_equal(bbolt_open(buf_slice(&file), &b), RC_OK);
    assert_int_equal(snapshot_status(&b, &s, &l.err), RC_OK);
    assert_int_equal(s.revision, 5);
    assert_int_equal(s.keys, 1);
    assert_int_equal(s.size, file.n);
    assert_true(slice_eq(s.version, SLICE_LIT("3.7.0")));
    assert_int_not_equal(s.hash, 0);
    buf_fini(&file);
    lab_close(&l);
}

static void hash_kv_is_etcds(void **state)
{
    (void)state;
    struct lab l;
    struct bbolt b;
    struct kv_hash_value v;
    lab_open(&l);
    struct buf file = lab_snapshot(&l);
    assert_int_equal(bbolt_open(buf_slice(&file), &b), RC_OK);
    assert_int_equal(snapshot_hash_kv(&b, 0, &v, &l.err), ETCD_OK);
    assert_int_equal(v.hash, 988126676);
    assert_int_equal(v.revision, 5);
    assert_int_equal(v.compacted, 3);
    assert_int_equal(snapshot_hash_kv(&b, 2, &v, &l.err), ETCD_COMPACTED);
    assert_int_equal(snapshot_hash_kv(&b, 6, &v, &l.err), ETCD_FUTURE_REV);
    buf_fini(&file);
    lab_close(&l);
}

/* A bucket "key" with these two keys, both of the pair "k". */
static void put_two(struct bbolt_writer *w, void *arg)
{
    const struct slice *keys = arg;
    bbolt_bucket_begin(w, SLICE_LIT("key"));
    bbolt_put(w, keys[0], SLICE_LIT("\x0a\1k"));
    bbolt_put(w, keys[1], SLICE_LIT("\x0a\1k"));
    bbolt_bucket_end(w);
}

static void revisions_that_no_server_gives_are_damage(void **state)
{
    (void)state;
    static struct slice pairs[][2] = {
        {SLICE_INIT("\0\0\0\0\0\0\0\2_\0\0\0\0\0\0\0\0"),
         SLICE_INIT("\0\0\0\0\0\0\0\2_\0\0\0\0\0\0\0\0t")},
        {SLICE_INIT("\0\0\0\0\0\0\0\2_\0\0\0\0\0\0\0\0"),
         SLICE_INIT("\xff\0\0\0\0\0\0\2_\0\0\0\0\0\0\0\0")},
        {SLICE_INIT("\0\0\0\0\0\0\0\2_\0\0\0\0\0\0\0\0"),
         SLICE_INIT("\0\0\0\0\0\0\0\2_\0\0\0\1\0\0\0\0")},
        {SLICE_INIT("\0\0\0\0\0\0\0\2_\0\0\0\0\0\0\0\0"),
         SLICE_INIT("\0\0\0\0\0\0\0\2_\xff\0\0\0\0\0\0\0")},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct bbolt b;
        struct snapshot_status s;
        struct kv_hash_value v;
        struct err err = {0};
        struct buf file = file_of(put_two, pairs[i]);
        assert_int_equal(bbolt_open(buf_slice(&file), &b), RC_OK);
        assert_int_equal(snapshot_status(&b, &s, &err), RC_CORRUPT);
        assert_int_equal(snapshot_hash_kv(&b, 0, &v, &err), ETCD_CORRUPT);
        buf_fini(&file);
    }
}

static void a_cut_file_gives_no_numbers(void **state)
{
    (void)state;
    struct lab l;
    struct bbolt b;
    struct snapshot_status s;
    struct kv_hash_value v;
    lab_open(&l);
    struct buf file = lab_snapshot(&l);
    assert_int_equal(bbolt_open(buf_slice(&file), &b), RC_OK);
    memset(file.p + 8192, 0xff, file.n - 8192);
    assert_int_equal(snapshot_status(&b, &s, &l.err), RC_CORRUPT);
    assert_int_equal(snapshot_hash_kv(&b, 0, &v, &l.err), ETCD_CORRUPT);
    buf_fini(&file);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_counts_what_is_alive),
        cmocka_unit_test(hash_kv_is_etcds),
        cmocka_unit_test(revisions_that_no_server_gives_are_damage),
        cmocka_unit_test(a_cut_file_gives_no_numbers),
    };
    return cmocka_run_group_tests_name("snapshot/status", tests, NULL, NULL);
}
