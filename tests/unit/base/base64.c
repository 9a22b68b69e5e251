/* RFC 4648's own examples, both alphabets, and what Go's decoder, which etcd's clients met so far,
 * takes and refuses. */
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_rfc_examples_both_ways(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct buf out = {0};
        struct buf back = {0};
        base64_encode(slice_str(pairs[i][0]), &out);
        assert_true(slice_eq(buf_slice(&out), slice_str(pairs[i][1])));
        assert_int_equal(base64_decode(buf_slice(&out), &back), RC_OK);
        assert_true(slice_eq(buf_slice(&back), slice_str(pairs[i][0])));
        buf_fini(&out);
        buf_fini(&back);
    }
}

static void test_every_byte_survives(void **state)
{
    uint8_t all[256];
    struct buf out = {0};
    struct buf back = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)(255 - i);
    base64_encode(slice_of(all, sizeof(all)), &out);
    assert_int_equal(base64_decode(buf_slice(&out), &back), RC_OK);
    assert_true(slice_eq(buf_slice(&back), slice_of(all, sizeof(all))));
    buf_fini(&out);
    buf_fini(&back);
}

static void expect(const char *text, const char *want)
{
    struct buf out = {0};
    enum rc rc = base64_decode(slice_str(text), &out);
    assert_int_equal(rc, want ? RC_OK : RC_MALFORMED);
    if (want)
        assert_true(slice_eq(buf_slice(&out), slice_str(want)));
    buf_fini(&out);
}

static void test_what_go_takes(void **state)
{
    (void)state;
    expect("Zg", "f"); /* no padding */
    expect("Zm8", "fo");
    expect("_-8=", "\xff\xef"); /* the URL alphabet */
    expect("_-8", "\xff\xef");
    expect("/+8=", "\xff\xef");
    expect("Zh==", "f"); /* a bit too many */
    expect("Zm9v\r\nYg==\r\n", "foob");
}

static void test_what_go_refuses(void **state)
{
    static const char *const bad[] = {
        "Z",    "Zm9vY",    "=",        "====", "Zg=",     "Zg=a",  "Z===",
        "_+8=", "Zg==Zg==", "Zm9v====", "Z g=", "Zg\x80=", "Zm8==="};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect(bad[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_examples_both_ways),
        cmocka_unit_test(test_every_byte_survives),
        cmocka_unit_test(test_what_go_takes),
        cmocka_unit_test(test_what_go_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
