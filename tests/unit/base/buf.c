/* Bytes appended in any way are there in order, and consuming takes them from the front. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void appends_in_order(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf b = {0};
    buf_append(&b, "ab", 2);
    buf_append_slice(&b, SLICE_LIT("cd"));
    buf_append_slice(&b, (struct slice){0});
    buf_append_str(&b, "ef");
    buf_append_u8(&b, 'g');
    buf_printf(&b, "%d-%s", 7, "h");
    assert_true(slice_eq(buf_slice(&b), SLICE_LIT("abcdefg7-h")));
}

static void grows_without_losing_a_byte(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf b = {0};
    for (size_t i = 0; i < 100000; i++) {
        buf_append_u8(&b, (uint8_t)i);
        assert_true(b.n <= b.cap);
    }
    for (size_t i = 0; i < b.n; i++)
        assert_int_equal(b.p[i], (uint8_t)i);
}

static void reserve_keeps_the_place(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf b = {0};
    buf_append_str(&b, "x");
    buf_reserve(&b, 5000);
    const uint8_t *p = b.p;
    assert_int_equal(b.n, 1);
    memset(buf_extend(&b, 5000), 'y', 5000);
    assert_ptr_equal(b.p, p);
    assert_int_equal(b.p[0], 'x');
    assert_int_equal(b.p[5000], 'y');
}

static void there_is_a_place_also_for_nothing(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf b = {0};
    assert_non_null(buf_extend(&b, 0));
    assert_int_equal(b.n, 0);
}

static void a_long_printf_is_whole(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf b = {0};
    buf_append_str(&b, "<");
    buf_printf(&b, "%*d", 3000, 42);
    buf_append_str(&b, ">");
    assert_int_equal(b.n, 3002);
    assert_true(slice_eq(slice_skip(buf_slice(&b), 2999), SLICE_LIT("42>")));
}

static void consume_takes_from_the_front(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf b = {0};
    buf_consume(&b, 0);
    buf_append_str(&b, "abcdef");
    buf_consume(&b, 0);
    buf_consume(&b, 4);
    assert_true(slice_eq(buf_slice(&b), SLICE_LIT("ef")));
    buf_consume(&b, 2);
    assert_int_equal(b.n, 0);
    buf_append_str(&b, "g");
    buf_clear(&b);
    assert_int_equal(b.n, 0);
    buf_fini(&b);
    assert_null(b.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_in_order),
        cmocka_unit_test(grows_without_losing_a_byte),
        cmocka_unit_test(reserve_keeps_the_place),
        cmocka_unit_test(there_is_a_place_also_for_nothing),
        cmocka_unit_test(a_long_printf_is_whole),
        cmocka_unit_test(consume_takes_from_the_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
