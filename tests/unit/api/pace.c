/* Neither who stops nor who dawdles holds a revision for long; who reads on may take his time. */
#include "api/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PER_S (1000u * API_PIN_BYTES_PER_MS) /* bytes a second that will do */

struct world {
    struct env env;
    struct clock clock;
    struct timers timers;
    uint64_t now_ns;
    struct pace pace;
    unsigned late;
};

static uint64_t now(struct clock *c)
{
    return CONTAINER_OF(c, struct world, clock)->now_ns;
}

static void is_late(struct pace *p)
{
    CONTAINER_OF(p, struct world, pace)->late++;
}

static void begin(struct world *w)
{
    *w = (struct world){.now_ns = NS_PER_S};
    w->clock = (struct clock){now, now};
    w->env = (struct env){.clock = &w->clock, .timers = &w->timers};
    pace_begin(&w->pace, &w->env, is_late);
}

static void end(struct world *w)
{
    pace_end(&w->pace);
    assert_true(timers_next(&w->timers) == TIMERS_NEVER);
    timers_fini(&w->timers);
}

/* Second by second, so many bytes in each; how many seconds it held, up to max. */
static unsigned held_s(struct world *w, size_t bytes, unsigned max)
{
    unsigned s = 0;
    for (; s < max && w->late == 0; s++) {
        w->now_ns += NS_PER_S;
        timers_run(&w->timers, w->now_ns);
        pace_moved(&w->pace, bytes);
    }
    return s;
}

static void who_takes_nothing_has_30_s(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    assert_int_equal(held_s(&w, 0, 1000), API_PIN_MS_MAX / 1000);
    end(&w);
}

static void who_stops_in_the_middle_has_30_s_from_there(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    pace_moved(&w.pace, 1000u * PER_S); /* at once: that is no credit for standing still */
    assert_int_equal(held_s(&w, 0, 1000), API_PIN_MS_MAX / 1000);
    end(&w);
    begin(&w);
    assert_int_equal(held_s(&w, 2 * PER_S, 100), 100);
    assert_int_equal(held_s(&w, 0, 1000), API_PIN_MS_MAX / 1000);
    end(&w);
}

static void who_dawdles_is_late(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    assert_int_equal(held_s(&w, 1, 1000), 30);
    end(&w);
    begin(&w);
    /* Behind by half a second each second, and all of the first. */
    assert_int_equal(held_s(&w, PER_S / 2, 1000), 59);
    end(&w);
}

static void who_keeps_up_is_never_late(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    assert_int_equal(held_s(&w, PER_S, 10000), 10000);
    assert_int_equal(w.late, 0);
    end(&w);
    struct pace none = {0};
    pace_end(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_takes_nothing_has_30_s),
        cmocka_unit_test(who_stops_in_the_middle_has_30_s_from_there),
        cmocka_unit_test(who_dawdles_is_late),
        cmocka_unit_test(who_keeps_up_is_never_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
