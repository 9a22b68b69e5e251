/* Integers are written with their width and byte order, varints as short as they can be. */
#include "base/wr.h"

#include "base/rd.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void bytes_stand_in_their_order(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf b = {0};
    buf_append_u16(&b, 0x0102);
    buf_append_u32(&b, 0x03040506);
    buf_append_u64(&b, 0x0708090a0b0c0d0e);
    buf_append_u32_big(&b, 0x03040506);
    buf_append_u64_big(&b, 0x0708090a0b0c0d0e);
    assert_true(slice_eq(buf_slice(&b), SLICE_LIT("\x02\x01"
                                                  "\x06\x05\x04\x03"
                                                  "\x0e\x0d\x0c\x0b\x0a\x09\x08\x07"
                                                  "\x03\x04\x05\x06"
                                                  "\x07\x08\x09\x0a\x0b\x0c\x0d\x0e")));
}

static void stores_and_loads_are_inverse(void **state)
{
    (void)state;
    uint8_t bytes[9] = {0}; /* at an odd address, too */
    for (size_t at = 0; at < 2; at++) {
        store_u32(bytes + at, 0xdeadbeef);
        assert_int_equal(load_u32(bytes + at), 0xdeadbeef);
        store_u64(bytes + at, 0xdeadbeef01234567);
        assert_true(load_u64(bytes + at) == 0xdeadbeef01234567);
        store_u64_big(bytes + at, 0xdeadbeef01234567);
        assert_true(load_u64_big(bytes + at) == 0xdeadbeef01234567);
        assert_int_equal(bytes[at], 0xde);
        store_u32_big(bytes + at, 0x0a0b0c0d);
        assert_int_equal(bytes[at], 0x0a);
    }
}

static void varints_are_as_long_as_they_say(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit <= 64; bit++)
        for (uint64_t less = 0; less < 2; less++) {
            uint64_t v = (bit == 64 ? 0 : (uint64_t)1 << bit) - less;
            AUTO(buf_fini) struct buf b = {0};
            buf_append_varint(&b, v);
            assert_int_equal(b.n, varint_len(v));
            assert_true(b.n <= VARINT_MAX);
            struct rd r = {.in = buf_slice(&b)};
            assert_true(rd_varint(&r) == v);
            assert_int_equal(rd_done(&r), RC_OK);
            assert_true(b.n == 1 || b.p[b.n - 1] != 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_stand_in_their_order),
        cmocka_unit_test(stores_and_loads_are_inverse),
        cmocka_unit_test(varints_are_as_long_as_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
