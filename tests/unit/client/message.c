/* Messages are cut out of the stream whole, or not yet, or not at all. */
#include "client/message.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_message_comes_back(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf b = {0};
    struct slice out;
    size_t announced;
    message_frame(SLICE_LIT("hello"), &b);
    message_frame(SLICE_LIT(""), &b);
    for (size_t n = 0; n < MESSAGE_HEAD + 5; n++)
        assert_int_equal(message_first(slice_of(b.p, n), 5, &out, &announced), RC_AGAIN);
    assert_int_equal(message_first(buf_slice(&b), 5, &out, &announced), RC_OK);
    assert_true(slice_eq(out, SLICE_LIT("hello")));
    buf_consume(&b, MESSAGE_HEAD + 5);
    assert_int_equal(message_first(buf_slice(&b), 5, &out, &announced), RC_OK);
    assert_int_equal(out.n, 0);
}

static void a_long_one_is_refused_by_its_head(void **state)
{
    (void)state;
    struct slice out;
    size_t announced = 0;
    assert_int_equal(message_first(SLICE_LIT("\0\x7f\xff\xff\xff"), 100, &out, &announced),
                     RC_LIMIT);
    assert_int_equal(announced, 0x7fffffff);
}

static void a_compressed_one_is_refused(void **state)
{
    (void)state;
    struct slice out;
    size_t announced;
    assert_int_equal(message_first(SLICE_LIT("\1\0\0\0\0"), 100, &out, &announced), RC_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_back),
        cmocka_unit_test(a_long_one_is_refused_by_its_head),
        cmocka_unit_test(a_compressed_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
