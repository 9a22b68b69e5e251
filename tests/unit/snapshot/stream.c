/* A stream gives the file of one moment, in steps that are small, whatever is stored meanwhile; and
 * where that cannot be, it says so. */
#include "snapshot/stream.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ROWS (SNAPSHOT_COUNT_ROWS + 1000) /* more than one step counts */

static void put(struct lab *l, unsigned n)
{
    char key[16];
    char value[128];
    snprintf(key, sizeof(key), "k%u", n);
    snprintf(value, sizeof(value), "%0120u", n);
    kv_begin(l->kv);
    kv_put(l->kv, slice_str(key), slice_str(value), 0);
    kv_end(l->kv);
}

static void fill(struct lab *l)
{
    lab_open(l);
    for (unsigned i = 0; i < ROWS; i++)
        put(l, i);
    lab_flush(l);
}

static void later_changes_are_not_in_it(void **state)
{
    (void)state;
    struct lab l;
    struct buf out = {0};
    fill(&l);
    struct buf wanted = lab_snapshot(&l);
    struct snapshot_stream *s = snapshot_stream_new(l.storage, &l.source, &out);
    enum rc rc;
    unsigned steps = 0;
    while ((rc = snapshot_stream_step(s, &l.err)) == RC_OK) {
        char key[9];
        snprintf(key, sizeof(key), "%08u", ++steps);
        put(&l, steps);
        lab_flush(&l);
        lab_store(&l, TABLE_LEASE, slice_str(key), SLICE_LIT("\x08\x01\x10\x3c"));
        lab_store(&l, TABLE_ALARM, slice_str(key), (struct slice){0});
        lab_store_named(&l, TABLE_AUTH_USER, 100 + steps, SLICE_LIT("\x0a\x01x\x12\x01q"));
    }
    assert_int_equal(rc, RC_END);
    assert_true(steps > 6);
    assert_true(slice_eq(buf_slice(&out), buf_slice(&wanted)));
    snapshot_stream_free(s);
    buf_fini(&out);
    buf_fini(&wanted);
    lab_close(&l);
}

static void a_step_is_small_and_its_size_is_known_before(void **state)
{
    (void)state;
    struct lab l;
    struct buf out = {0};
    uint64_t size = 0;
    uint64_t taken = 0;
    fill(&l);
    struct snapshot_stream *s = snapshot_stream_new(l.storage, &l.source, &out);
    enum rc rc;
    do {
        rc = snapshot_stream_step(s, &l.err);
        assert_true(out.n < SNAPSHOT_PIECE_BYTES + 65536);
        assert_true(size == 0 ? taken == 0 : size == snapshot_stream_size(s));
        size = snapshot_stream_size(s);
        assert_true((out.n > 0) == (size > 0));
        taken += out.n;
        buf_clear(&out);
    } while (rc == RC_OK);
    assert_int_equal(rc, RC_END);
    assert_int_equal(taken, size);
    assert_true(size > 4 * SNAPSHOT_PIECE_BYTES);
    snapshot_stream_free(s);
    buf_fini(&out);
    lab_close(&l);
}

/* Nobody sweeps while a stream is read. Should it happen, the file must not look whole. */
static void rows_that_go_meanwhile_are_told(void **state)
{
    (void)state;
    struct lab l;
    struct buf out = {0};
    uint8_t key[REVISION_TOMBSTONE_LEN];
    fill(&l);
    struct snapshot_stream *s = snapshot_stream_new(l.storage, &l.source, &out);
    while (snapshot_stream_size(s) == 0)
        assert_int_equal(snapshot_stream_step(s, &l.err), RC_OK);
    for (int64_t main = ROWS - 1000; main < ROWS; main++) {
        revision_key_store(key, (struct revision){.main = main}, false);
        struct storage_op op = {
            .table = TABLE_KEY, .change = STORAGE_DELETE, .key = slice_of(key, REVISION_KEY_LEN)};
        assert_int_equal(storage_commit(l.storage, &op, 1), RC_OK);
    }
    enum rc rc;
    while ((rc = snapshot_stream_step(s, &l.err)) == RC_OK)
        ;
    assert_int_equal(rc, RC_INVALID);
    assert_string_equal(l.err.text, "the stored data changed while they were sent");
    snapshot_stream_free(s);
    buf_fini(&out);
    lab_close(&l);
}

static void damage_is_told(void **state)
{
    (void)state;
    static const struct slice bad[] = {SLICE_INIT("x"), SLICE_INIT("xxxxx")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct lab l;
        struct buf out = {0};
        lab_open(&l);
        lab_store(&l, TABLE_KEY, SLICE_LIT("\0\0\0\0\0\0\0\5_\0\0\0\0\0\0\0\1"), bad[i]);
        assert_int_equal(lab_stream(&l, &out), RC_CORRUPT);
        buf_fini(&out);
        lab_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_changes_are_not_in_it),
        cmocka_unit_test(a_step_is_small_and_its_size_is_known_before),
        cmocka_unit_test(rows_that_go_meanwhile_are_told),
        cmocka_unit_test(damage_is_told),
    };
    return cmocka_run_group_tests_name("snapshot/stream", tests, NULL, NULL);
}
