/* Random bytes fill all that was asked for, and differ from call to call. */
#include "rig.h"

#include "io/random.h"

/* 256 draws leave some byte untouched with a probability below 2^-1000. */
static void fills_every_byte(void **state)
{
    (void)state;
    uint8_t seen[1021] = {0};
    for (int i = 0; i < 256; i++) {
        uint8_t draw[sizeof(seen) + 1] = {0};
        io_random(draw, sizeof(seen));
        assert_int_equal(draw[sizeof(seen)], 0);
        for (size_t k = 0; k < sizeof(seen); k++)
            seen[k] |= draw[k];
    }
    for (size_t k = 0; k < sizeof(seen); k++)
        assert_int_not_equal(seen[k], 0);
}

static void differs(void **state)
{
    (void)state;
    uint8_t a[32];
    uint8_t b[32];
    io_random(a, sizeof(a));
    io_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_every_byte),
        cmocka_unit_test(differs),
    };
    return cmocka_run_group_tests_name("io/random", tests, NULL, NULL);
}
