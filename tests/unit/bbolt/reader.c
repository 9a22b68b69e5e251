/* Whatever was cut or changed is refused, or read within its bounds; a damaged meta page gives way
 * to the other. */
#include "bbolt/reader.h"
#include "base/mem.h"
#include "base/wr.h"
#include "bbolt/format.h"
#include "file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct sum {
    const struct bbolt *b;
    uint64_t bytes;
    enum rc rc;
};

static bool add(void *arg, struct slice key, struct slice value)
{
    struct sum *s = arg;
    s->bytes += key.n + value.n + (value.n ? value.p[value.n - 1] : 0);
    return true;
}

static bool add_bucket(void *arg, const struct bbolt_bucket *bucket)
{
    struct sum *s = arg;
    s->rc = bbolt_rows(s->b, bucket, add, s);
    return s->rc == RC_OK;
}

/* Read all there is. A copy, so that what is read beyond the end is seen. */
static enum rc read_all(struct slice file)
{
    uint8_t *copy = mem_alloc(file.n + 1);
    struct bbolt b;
    struct sum s = {.b = &b};
    memcpy(copy, file.p, file.n);
    uint8_t *tight = mem_realloc(copy, file.n ? file.n : 1);
    enum rc rc = bbolt_open(slice_of(tight, file.n), &b);
    if (rc == RC_OK)
        rc = bbolt_buckets(&b, add_bucket, &s);
    free(tight);
    return rc == RC_OK ? s.rc : rc;
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct buf file = file_make(300, 20);
    assert_int_equal(read_all(buf_slice(&file)), RC_OK);
    for (size_t n = 0; n < file.n; n++)
        assert_int_not_equal(read_all(slice_of(file.p, n)), RC_OK);
    buf_append_str(&file, "thirty-two bytes of a hash follow");
    assert_int_equal(read_all(buf_slice(&file)), RC_OK);
    buf_fini(&file);
}

static void a_changed_byte_leads_nowhere_else(void **state)
{
    (void)state;
    struct buf file = file_make(300, 20);
    for (size_t at = 0; at < file.n; at += at % 4096 < 200 ? 1 : 61) {
        uint8_t was = file.p[at];
        for (unsigned to = 1; to <= 255; to += 127) {
            file.p[at] = (uint8_t)(was ^ to);
            (void)read_all(buf_slice(&file)); /* whatever it says, within the bounds */
        }
        file.p[at] = was;
    }
    assert_int_equal(read_all(buf_slice(&file)), RC_OK);
    buf_fini(&file);
}

static void either_meta_page_is_enough(void **state)
{
    (void)state;
    struct buf file = file_make(3, 20);
    file.p[BBOLT_PAGE_HEADER + 20]++;
    assert_int_equal(read_all(buf_slice(&file)), RC_OK);
    file.p[BBOLT_PAGE_BYTES + BBOLT_PAGE_HEADER + 20]++;
    assert_int_equal(read_all(buf_slice(&file)), RC_CORRUPT);
    file.p[BBOLT_PAGE_HEADER + 20]--;
    assert_int_equal(read_all(buf_slice(&file)), RC_OK);
    file.p[BBOLT_PAGE_HEADER]++;
    assert_int_equal(read_all(buf_slice(&file)), RC_MALFORMED);
    assert_int_equal(read_all(SLICE_LIT("no such file")), RC_MALFORMED);
    buf_fini(&file);
}

/* The root page, as the first meta page says. */
static uint8_t *root_of(const struct buf *file)
{
    return file->p + load_u64(file->p + BBOLT_PAGE_HEADER + 16) * BBOLT_PAGE_BYTES;
}

static void a_tree_that_leads_back_ends(void **state)
{
    (void)state;
    struct buf file = file_make(3, 20);
    uint8_t *root = root_of(&file);
    uint64_t page = load_u64(root);
    uint8_t branch[] = {BBOLT_BRANCH, 0, 2, 0};
    memcpy(root + 8, branch, sizeof(branch));
    store_u64(root + BBOLT_PAGE_HEADER + 8, page);
    store_u64(root + BBOLT_PAGE_HEADER + BBOLT_BRANCH_HEAD + 8, page);
    assert_int_equal(read_all(buf_slice(&file)), RC_CORRUPT);
    buf_fini(&file);
}

static void keys_out_of_order_are_damage(void **state)
{
    (void)state;
    struct buf file = file_make(2, 4);
    uint8_t *second = memmem(file.p, file.n, "00000001", 8);
    assert_non_null(second);
    memcpy(second, "00000000", 8);
    assert_int_equal(read_all(buf_slice(&file)), RC_CORRUPT);
    buf_fini(&file);
}

/* bbolt has none; many of them in one page would take hours to compare. */
static void a_key_that_is_too_long_is_refused(void **state)
{
    (void)state;
    struct buf file = file_make(1, 40000);
    uint8_t *key = memmem(file.p, file.n, "00000000v", 9);
    assert_non_null(key);
    assert_int_equal(load_u32(key - 8), 8); /* the only element's head ends before it */
    store_u32(key - 8, BBOLT_KEY_MAX);
    store_u32(key - 4, 1);
    assert_int_equal(read_all(buf_slice(&file)), RC_OK);
    store_u32(key - 8, BBOLT_KEY_MAX + 1);
    assert_int_equal(read_all(buf_slice(&file)), RC_CORRUPT);
    buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_changed_byte_leads_nowhere_else),
        cmocka_unit_test(either_meta_page_is_enough),
        cmocka_unit_test(a_tree_that_leads_back_ends),
        cmocka_unit_test(keys_out_of_order_are_damage),
        cmocka_unit_test(a_key_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests_name("bbolt/reader", tests, NULL, NULL);
}
