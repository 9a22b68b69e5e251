/* A reading cursor gives what was written; cut anywhere, it fails once and for all and gives
 * nothing but zeros after. */
#include "base/rd.h"

#include "base/wr.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fields {
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    uint32_t u32_big;
    uint64_t u64_big;
    uint64_t varint;
    struct slice bytes;
};

static struct fields read_all(struct rd *r)
{
    struct fields f;
    f.u8 = rd_u8(r);
    f.u16 = rd_u16(r);
    f.u32 = rd_u32(r);
    f.u64 = rd_u64(r);
    f.u32_big = rd_u32_big(r);
    f.u64_big = rd_u64_big(r);
    f.varint = rd_varint(r);
    f.bytes = rd_bytes(r, 3);
    return f;
}

static struct buf written(void)
{
    struct buf b = {0};
    buf_append_u8(&b, 0xfe);
    buf_append_u16(&b, 0xfedc);
    buf_append_u32(&b, 0xfedcba98);
    buf_append_u64(&b, 0xfedcba9876543210);
    buf_append_u32_big(&b, 0x01020304);
    buf_append_u64_big(&b, 0x0102030405060708);
    buf_append_varint(&b, UINT64_MAX);
    buf_append_str(&b, "end");
    return b;
}

static void reads_what_was_written(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf b = written();
    struct rd r = {.in = buf_slice(&b)};
    struct fields f = read_all(&r);
    assert_int_equal(rd_done(&r), RC_OK);
    assert_int_equal(f.u8, 0xfe);
    assert_int_equal(f.u16, 0xfedc);
    assert_int_equal(f.u32, 0xfedcba98);
    assert_true(f.u64 == 0xfedcba9876543210);
    assert_int_equal(f.u32_big, 0x01020304);
    assert_true(f.u64_big == 0x0102030405060708);
    assert_true(f.varint == UINT64_MAX);
    assert_true(slice_eq(f.bytes, SLICE_LIT("end")));
}

static void cut_at_each_byte_it_fails(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf b = written();
    for (size_t n = 0; n < b.n; n++) {
        struct rd r = {.in = slice_of(b.p, n)};
        struct fields f = read_all(&r);
        assert_true(r.failed);
        assert_int_equal(rd_done(&r), RC_MALFORMED);
        assert_true(f.bytes.n == 0); /* the last one is always cut */
        f = read_all(&r);            /* failed before: zeros */
        assert_true(f.u8 == 0 && f.u16 == 0 && f.u32 == 0 && f.u64 == 0 && f.u32_big == 0 &&
                    f.u64_big == 0 && f.varint == 0 && f.bytes.p == NULL);
    }
}

static void what_is_left_is_a_failure(void **state)
{
    (void)state;
    struct rd r = {.in = SLICE_LIT("ab")};
    assert_int_equal(rd_u8(&r), 'a');
    assert_int_equal(rd_done(&r), RC_MALFORMED);
    assert_false(r.failed);
    assert_int_equal(rd_u8(&r), 'b');
    assert_int_equal(rd_done(&r), RC_OK);
}

static void a_varint_ends_within_ten_bytes(void **state)
{
    (void)state;
    struct rd eleven = {.in = SLICE_LIT("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")};
    assert_true(rd_varint(&eleven) == 0);
    assert_true(eleven.failed);
    struct rd padded = {.in = SLICE_LIT("\x81\x80\x80\x00")}; /* longer than need be: fine */
    assert_int_equal(rd_varint(&padded), 1);
    assert_int_equal(rd_done(&padded), RC_OK);
    struct rd high = {.in = SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")};
    assert_true(rd_varint(&high) == UINT64_MAX); /* bits above the 64th fall away, as in Go */
}

static void a_length_from_outside_cannot_overflow(void **state)
{
    (void)state;
    struct rd r = {.in = SLICE_LIT("abc")};
    assert_true(rd_bytes(&r, SIZE_MAX).n == 0);
    assert_true(r.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(cut_at_each_byte_it_fails),
        cmocka_unit_test(what_is_left_is_a_failure),
        cmocka_unit_test(a_varint_ends_within_ten_bytes),
        cmocka_unit_test(a_length_from_outside_cannot_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
