/* The monotonic clock goes on and never back; the wall clock is the system's. */
#include "rig.h"

#include "io/clock.h"

#include <time.h>

static void goes_on(void **state)
{
    (void)state;
    struct clock c;
    io_clock_init(&c);
    uint64_t first = c.mono_ns(&c);
    uint64_t last = first;
    while (last - first < NS_PER_MS) {
        uint64_t now = c.mono_ns(&c);
        assert_true(now >= last);
        last = now;
    }
}

static void tells_the_time_of_day(void **state)
{
    (void)state;
    struct clock c;
    io_clock_init(&c);
    uint64_t before = (uint64_t)time(NULL);
    uint64_t s = c.wall_ns(&c) / NS_PER_S;
    assert_true(s + 1 >= before && s <= (uint64_t)time(NULL) + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on),
        cmocka_unit_test(tells_the_time_of_day),
    };
    return cmocka_run_group_tests_name("io/clock", tests, NULL, NULL);
}
