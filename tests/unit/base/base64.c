/* Bytes survive base64 and back; what RFC 4648 gives as examples comes out; what is no base64 is
 * refused and leaves the buffer alone. */
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void the_examples_of_the_rfc_come_out(void **state)
{
    static const char *const examples[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/", "-_-_"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        for (int form = BASE64_STD; form <= BASE64_URL; form++) {
            struct slice text = slice_str(examples[i][1 + form]);
            struct buf out = {0};
            base64_encode((enum base64_form)form, slice_str(examples[i][0]), &out);
            assert_true(slice_eq(buf_slice(&out), text));
            buf_clear(&out);
            assert_int_equal(base64_decode((enum base64_form)form, text, &out), RC_OK);
            assert_true(slice_eq(buf_slice(&out), slice_str(examples[i][0])));
            buf_fini(&out);
        }
    }
}

static void every_length_survives(void **state)
{
    uint8_t bytes[70];
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + 200);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        struct buf text = {0};
        struct buf back = {0};
        base64_encode(BASE64_URL, slice_of(bytes, n), &text);
        assert_int_equal(base64_decode(BASE64_URL, buf_slice(&text), &back), RC_OK);
        assert_true(slice_eq(buf_slice(&back), slice_of(bytes, n)));
        buf_fini(&text);
        buf_fini(&back);
    }
}

static void what_is_no_base64_changes_nothing(void **state)
{
    static const char *const std[] = {
        "Z", "Zg", "Zg=", "Zg===", "Z===", "=", "Zm9v=", "Zg==Zg==", "Z-==", "Zm9 v"};
    static const char *const url[] = {"Z", "Zg==", "Zm+v", "Zm9v\n", "Zm9vY"};
    struct buf out = {0};
    (void)state;
    buf_append_str(&out, "kept");
    for (size_t i = 0; i < sizeof(std) / sizeof(std[0]); i++)
        assert_int_equal(base64_decode(BASE64_STD, slice_str(std[i]), &out), RC_MALFORMED);
    for (size_t i = 0; i < sizeof(url) / sizeof(url[0]); i++)
        assert_int_equal(base64_decode(BASE64_URL, slice_str(url[i]), &out), RC_MALFORMED);
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("kept")));
    buf_fini(&out);
}

static void line_ends_and_spare_bits_are_taken_as_go_takes_them(void **state)
{
    struct buf out = {0};
    (void)state;
    assert_int_equal(base64_decode(BASE64_STD, SLICE_LIT("Zm\r\n9v\nZh==\n"), &out), RC_OK);
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("foof")));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_come_out),
        cmocka_unit_test(every_length_survives),
        cmocka_unit_test(what_is_no_base64_changes_nothing),
        cmocka_unit_test(line_ends_and_spare_bits_are_taken_as_go_takes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
