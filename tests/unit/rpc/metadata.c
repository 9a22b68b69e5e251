/* What gRPC's metadata says is read as its protocol document has it, and texts get through. */
#include "rpc/inner.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void timeouts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns; /* 0: malformed */
    } cases[] = {
        {"1n", 1},
        {"20u", 20000},
        {"300m", 300000000},
        {"4S", 4000000000},
        {"5M", 300000000000},
        {"1H", 3600000000000},
        {"00000001S", 1000000000},
        {"99999999n", 99999999},
        {"", 0},
        {"S", 0},
        {"1", 0},
        {"1s", 0},
        {"-1S", 0},
        {"1.5S", 0},
        {" 1S", 0},
        {"1S ", 0},
        {"100000000S", 0}, /* nine digits */
        {"1SS", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t ns = 77;
        enum rc rc = metadata_timeout(slice_str(cases[i].text), &ns);
        assert_int_equal(rc, cases[i].ns ? RC_OK : RC_MALFORMED);
        assert_true(ns == (cases[i].ns ? cases[i].ns : 77));
    }
    uint64_t ns = 77;
    assert_int_equal(metadata_timeout(SLICE_LIT("0S"), &ns), RC_OK);
    assert_true(ns == 0);
    assert_int_equal(metadata_timeout(SLICE_LIT("99999999H"), &ns), RC_OK);
    assert_true(ns > (uint64_t)1 << 60 && ns <= UINT64_MAX / 4); /* added to now, no overflow */
}

static void texts_are_percent_encoded(void **state)
{
    (void)state;
    AUTO(buf_fini) struct buf out = {0};
    metadata_encode_text("plain text: ~!", &out);
    metadata_encode_text("100%\n\x7f\xc3\xa4", &out);
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("plain text: ~!100%25%0A%7F%C3%A4")));
}

static void content_types(void **state)
{
    (void)state;
    static const char *const grpc[] = {"application/grpc", "application/grpc+proto",
                                       "application/grpc;charset=utf-8"};
    static const char *const others[] = {"", "application/grp", "application/grpcx",
                                         "application/grpc-web", "application/json"};
    for (size_t i = 0; i < ARRAY_LEN(grpc); i++)
        assert_true(metadata_is_grpc(slice_str(grpc[i])));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(metadata_is_grpc(slice_str(others[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeouts),
        cmocka_unit_test(texts_are_percent_encoded),
        cmocka_unit_test(content_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
