/* Every two-byte and the telling longer sequences, by RFC 3629's own table. */
#include "wire/utf8.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_valid(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "plain ASCII, longer than eight bytes",
        "\x7f\xc2\x80\xdf\xbf",
        "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
        "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_true(utf8_valid(slice_str(texts[i])));
}

static void test_invalid(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xe0\x9f\xbf",
        "\xe0\xa0",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xe2\x82\x41",
        "\xf0\x9f\x92\xc0",
        "12345678\xc3",
        "1234567\xc3(9999",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(utf8_valid(slice_str(texts[i])));
}

/* All pairs of bytes: good are two of ASCII, or a leading c2 … df with a continuation. */
static void test_pairs(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 0x10000; i++) {
        const uint8_t p[] = {(uint8_t)(i >> 8), (uint8_t)i};
        bool ascii = p[0] < 0x80 && p[1] < 0x80;
        bool two = p[0] >= 0xc2 && p[0] <= 0xdf && p[1] >= 0x80 && p[1] <= 0xbf;
        if (utf8_valid(slice_of(p, 2)) != (ascii || two))
            fail_msg("%02x %02x", p[0], p[1]);
    }
}

/* Each character of a length, the first and the last one. */
static void test_append(void **state)
{
    (void)state;
    static const uint32_t characters[] = {0, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff};
    struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(characters); i++)
        utf8_append(characters[i], &out);
    assert_int_equal(out.n, 2 * (1 + 2 + 3 + 4));
    assert_memory_equal(out.p,
                        "\0\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"
                        "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
                        out.n);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_append),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
