/* What the writer writes, the reader reads: no rows, few, many levels of them, and large ones. What
 * bbolt would not take is refused, and the sink's failure is told. */
#include "bbolt/writer.h"
#include "bbolt/format.h"
#include "bbolt/reader.h"
#include "file.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct counting {
    unsigned n;
    size_t value_n;
};

static bool count(void *arg, struct slice key, struct slice value)
{
    struct counting *c = arg;
    char wanted[16];
    snprintf(wanted, sizeof(wanted), "%08u", c->n++);
    assert_true(slice_eq(key, slice_str(wanted)));
    assert_int_equal(value.n, c->value_n);
    return true;
}

static void check_rows(unsigned n, size_t value_n)
{
    struct buf file = file_make(n, value_n);
    struct bbolt b;
    struct bbolt_bucket bucket;
    struct counting c = {.value_n = value_n};
    assert_int_equal(bbolt_open(buf_slice(&file), &b), RC_OK);
    assert_int_equal(bbolt_size(&b), file.n);
    assert_int_equal(bbolt_find(&b, SLICE_LIT("b"), &bucket), RC_OK);
    assert_int_equal(bbolt_rows(&b, &bucket, count, &c), RC_OK);
    assert_int_equal(c.n, n);
    c.n = 0;
    assert_int_equal(bbolt_find(&b, SLICE_LIT("a"), &bucket), RC_OK);
    assert_int_equal(bbolt_rows(&b, &bucket, count, &c), RC_OK);
    assert_int_equal(c.n, 0);
    assert_int_equal(bbolt_find(&b, SLICE_LIT("d"), &bucket), RC_NOT_FOUND);
    buf_fini(&file);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    check_rows(0, 0);
    check_rows(1, 0);
    check_rows(1, 3);
    for (unsigned n = 125; n < 135; n++) /* about a page full */
        check_rows(n, 7);
    check_rows(200000, 10); /* three levels */
    check_rows(3, 4096);
    check_rows(1000, 5000);
    check_rows(5, 1000000);
}

static void large_rows_leave_little_empty(void **state)
{
    (void)state;
    static const size_t sizes[] = {1000, 1100, 2100, 4080, 5000, 9000, 10000, 70000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf file = file_make(500, sizes[i]);
        assert_true(file.n < 500 * sizes[i] * 5 / 4 + 100000);
        buf_fini(&file);
    }
}

static enum rc put_pair(struct slice a, struct slice b, size_t value_n)
{
    struct buf file = {0};
    struct buf value = {0};
    struct bbolt_sink sink = {&file, file_write};
    struct bbolt_writer *w = bbolt_writer_new(&sink);
    uint64_t size;
    memset(buf_extend(&value, value_n), 'v', value_n);
    bbolt_bucket_begin(w, SLICE_LIT("x"));
    bbolt_put(w, a, buf_slice(&value));
    bbolt_put(w, b, (struct slice){0});
    bbolt_bucket_end(w);
    enum rc rc = bbolt_writer_finish(w, &size);
    assert_int_equal(rc, bbolt_writer_rc(w));
    bbolt_writer_free(w);
    buf_fini(&value);
    buf_fini(&file);
    return rc;
}

static void what_bbolt_does_not_take_is_refused(void **state)
{
    (void)state;
    struct buf longest = {0};
    memset(buf_extend(&longest, BBOLT_KEY_MAX + 1), 'k', BBOLT_KEY_MAX + 1);
    struct slice fits = slice_of(longest.p, BBOLT_KEY_MAX);
    assert_int_equal(put_pair(SLICE_LIT("a"), SLICE_LIT("b"), 1), RC_OK);
    assert_int_equal(put_pair(SLICE_LIT("a"), SLICE_LIT("a"), 1), RC_INVALID);
    assert_int_equal(put_pair(SLICE_LIT("b"), SLICE_LIT("a"), 1), RC_INVALID);
    assert_int_equal(put_pair(SLICE_LIT(""), SLICE_LIT("a"), 1), RC_INVALID);
    assert_int_equal(put_pair(SLICE_LIT("a"), fits, 1), RC_OK);
    assert_int_equal(put_pair(SLICE_LIT("a"), buf_slice(&longest), 1), RC_INVALID);
    buf_fini(&longest);
}

static enum rc no_room(void *arg, uint64_t at, struct slice bytes)
{
    (void)arg;
    (void)at;
    (void)bytes;
    return RC_NO_SPACE;
}

static void the_sinks_failure_sticks(void **state)
{
    (void)state;
    struct bbolt_sink sink = {NULL, no_room};
    struct bbolt_writer *w = bbolt_writer_new(&sink);
    uint64_t size = 4711;
    bbolt_bucket_begin(w, SLICE_LIT("x"));
    bbolt_put(w, SLICE_LIT("k"), SLICE_LIT("v"));
    bbolt_bucket_end(w);
    assert_int_equal(bbolt_writer_finish(w, &size), RC_NO_SPACE);
    assert_int_equal(size, 4711);
    bbolt_writer_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(large_rows_leave_little_empty),
        cmocka_unit_test(what_bbolt_does_not_take_is_refused),
        cmocka_unit_test(the_sinks_failure_sticks),
    };
    return cmocka_run_group_tests_name("bbolt/writer", tests, NULL, NULL);
}
