/* The checksum is Castagnoli's, whichever way it is computed and however its input is cut. */
#include "base/crc32c.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* RFC 3720 B.4. */
static void gives_the_values_of_the_rfc(void **state)
{
    (void)state;
    uint8_t bytes[32] = {0};
    struct slice s = {bytes, sizeof(bytes)};
    assert_int_equal(crc32c(0, s), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(crc32c(0, s), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(crc32c(0, s), 0x46dd794e);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(crc32c(0, s), 0x113fdb5c);
    assert_int_equal(crc32c(0, SLICE_LIT("123456789")), 0xe3069283);
    assert_int_equal(crc32c(0, (struct slice){0}), 0);
}

static void both_ways_are_equal(void **state)
{
    (void)state;
    static uint8_t bytes[4000]; /* all lengths at which the work is cut another way */
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)rng_u64(&rng);
    for (size_t at = 0; at < 9; at++)
        for (size_t n = 0; n + at <= sizeof(bytes); n += n < 600 ? 1 : 37) {
            struct slice s = {bytes + at, n};
            uint32_t seed = (uint32_t)rng_u64(&rng);
            assert_int_equal(crc32c(seed, s), crc32c_portable(seed, s));
        }
}

static void goes_on_where_it_was_cut(void **state)
{
    (void)state;
    struct slice all = SLICE_LIT("a checksum can be continued at any byte of its input");
    uint32_t whole = crc32c(0, all);
    for (size_t cut = 0; cut <= all.n; cut++) {
        uint32_t first = crc32c(0, slice_of(all.p, cut));
        assert_int_equal(crc32c(first, slice_skip(all, cut)), whole);
        assert_int_equal(crc32c_portable(first, slice_skip(all, cut)), whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_values_of_the_rfc),
        cmocka_unit_test(both_ways_are_equal),
        cmocka_unit_test(goes_on_where_it_was_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
