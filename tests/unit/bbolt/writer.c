/* What the writer writes, the reader reads: no rows, few, many levels of them, and large ones. What
 * bbolt would not take is refused, and so are other rows than those that were counted. */
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

struct pair {
    struct slice a, b;
};

static void put_both(struct bbolt_writer *w, void *arg)
{
    const struct pair *p = arg;
    bbolt_bucket_begin(w, SLICE_LIT("x"));
    bbolt_put(w, p->a, SLICE_LIT("v"));
    bbolt_put(w, p->b, (struct slice){0});
    bbolt_bucket_end(w);
}

static enum rc put_pair(struct slice a, struct slice b)
{
    struct buf file = {0};
    enum rc rc = file_write(put_both, &(struct pair){a, b}, &file);
    buf_fini(&file);
    return rc;
}

static void what_bbolt_does_not_take_is_refused(void **state)
{
    (void)state;
    struct buf longest = {0};
    memset(buf_extend(&longest, BBOLT_KEY_MAX + 1), 'k', BBOLT_KEY_MAX + 1);
    struct slice fits = slice_of(longest.p, BBOLT_KEY_MAX);
    assert_int_equal(put_pair(SLICE_LIT("a"), SLICE_LIT("b")), RC_OK);
    assert_int_equal(put_pair(SLICE_LIT("a"), SLICE_LIT("a")), RC_INVALID);
    assert_int_equal(put_pair(SLICE_LIT("b"), SLICE_LIT("a")), RC_INVALID);
    assert_int_equal(put_pair(SLICE_LIT(""), SLICE_LIT("a")), RC_INVALID);
    assert_int_equal(put_pair(SLICE_LIT("a"), fits), RC_OK);
    assert_int_equal(put_pair(SLICE_LIT("a"), buf_slice(&longest)), RC_INVALID);
    buf_fini(&longest);
}

/* Else its first pages would say what is not true. */
static void rows_that_were_not_counted_are_refused(void **state)
{
    (void)state;
    struct buf file = file_make(1000, 30);
    struct file_rows rows = {.value_n = 30};
    struct bbolt_shape shape;
    struct bbolt_writer *w = bbolt_counter_new();
    file_put_rows(w, &(struct file_rows){1000, 30});
    assert_int_equal(bbolt_writer_finish(w, &shape), RC_OK);
    bbolt_writer_free(w);
    for (rows.n = 800; rows.n <= 1200; rows.n += 200) {
        struct buf out = {0};
        struct bbolt_shape found = {0};
        w = bbolt_writer_new(&out, &shape);
        file_put_rows(w, &rows);
        assert_int_equal(bbolt_writer_finish(w, &found), rows.n == 1000 ? RC_OK : RC_INVALID);
        assert_true(slice_eq(buf_slice(&out), buf_slice(&file)) == (rows.n == 1000));
        assert_int_equal(found.pages, rows.n == 1000 ? shape.pages : 0);
        bbolt_writer_free(w);
        buf_fini(&out);
    }
    buf_fini(&file);
}

/* Whoever takes what is there between two rows gets the same file, a little at a time. */
static void pages_can_be_taken_as_they_come(void **state)
{
    (void)state;
    struct buf file = file_make(5000, 100);
    struct buf taken = {0};
    struct buf out = {0};
    struct file_rows rows = {5000, 100};
    struct bbolt_shape shape;
    struct bbolt_writer *w = bbolt_counter_new();
    file_put_rows(w, &rows);
    assert_int_equal(bbolt_writer_finish(w, &shape), RC_OK);
    bbolt_writer_free(w);
    w = bbolt_writer_new(&out, &shape);
    bbolt_bucket_begin(w, SLICE_LIT("a"));
    bbolt_bucket_end(w);
    bbolt_bucket_begin(w, SLICE_LIT("b"));
    for (unsigned i = 0; i < rows.n; i++) {
        char key[16];
        uint8_t value[100];
        snprintf(key, sizeof(key), "%08u", i);
        memset(value, 'v', sizeof(value));
        bbolt_put(w, slice_str(key), slice_of(value, sizeof(value)));
        assert_true(out.n % BBOLT_PAGE_BYTES == 0 && out.n <= 4 * BBOLT_PAGE_BYTES);
        buf_append_slice(&taken, buf_slice(&out));
        buf_clear(&out);
    }
    bbolt_bucket_end(w);
    bbolt_bucket_begin(w, SLICE_LIT("c"));
    bbolt_put(w, SLICE_LIT("k"), SLICE_LIT("w"));
    bbolt_bucket_end(w);
    assert_int_equal(bbolt_writer_finish(w, &shape), RC_OK);
    buf_append_slice(&taken, buf_slice(&out));
    assert_true(slice_eq(buf_slice(&taken), buf_slice(&file)));
    bbolt_writer_free(w);
    buf_fini(&out);
    buf_fini(&taken);
    buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(large_rows_leave_little_empty),
        cmocka_unit_test(what_bbolt_does_not_take_is_refused),
        cmocka_unit_test(rows_that_were_not_counted_are_refused),
        cmocka_unit_test(pages_can_be_taken_as_they_come),
    };
    return cmocka_run_group_tests_name("bbolt/writer", tests, NULL, NULL);
}
