/* Timers fire when they are due, in order of time, and at one instant in the order they were
 * started; held against a list that is searched from end to end. */
#include "base/timers.h"

#include "base/cc.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TIMERS 40

struct bench;

struct bell {
    struct timer timer;
    struct bench *bench;
    uint64_t due; /* the model's */
    uint64_t order;
    bool on;
};

struct bench {
    struct timers timers;
    struct bell bells[TIMERS];
    uint64_t started;
    uint64_t now;
    unsigned fired;
    uint64_t last_due;
    uint64_t last_order;
    struct bell *restart; /* fire starts it again, due at once */
};

static void ring(struct timer *t)
{
    struct bell *bell = CONTAINER_OF(t, struct bell, timer);
    struct bench *b = bell->bench;
    assert_true(bell->on && bell->due <= b->now);
    assert_false(timer_active(t));
    assert_true(bell->due > b->last_due ||
                (bell->due == b->last_due && bell->order > b->last_order) || b->fired == 0);
    b->last_due = bell->due;
    b->last_order = bell->order;
    bell->on = false;
    b->fired++;
    if (b->restart == bell) {
        bell->on = true;
        bell->order = b->started++;
        timer_start(&b->timers, t, bell->due);
    }
}

static void init(struct bench *b)
{
    *b = (struct bench){0};
    for (size_t i = 0; i < TIMERS; i++)
        b->bells[i] = (struct bell){.timer = {.fire = ring}, .bench = b};
}

static void start(struct bench *b, struct bell *bell, uint64_t due)
{
    bell->due = due;
    bell->order = b->started++;
    bell->on = true;
    timer_start(&b->timers, &bell->timer, due);
}

static uint64_t model_next(const struct bench *b)
{
    uint64_t next = TIMERS_NEVER;
    for (size_t i = 0; i < TIMERS; i++)
        if (b->bells[i].on && b->bells[i].due < next)
            next = b->bells[i].due;
    return next;
}

static void run(struct bench *b, uint64_t now)
{
    unsigned due = 0;
    b->now = now;
    b->fired = 0;
    for (size_t i = 0; i < TIMERS; i++)
        due += b->bells[i].on && b->bells[i].due <= now;
    timers_run(&b->timers, now);
    assert_int_equal(b->fired, due);
    assert_int_equal(b->timers.now_ns, now);
}

static void fire_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct bench b;
        struct rng rng;
        uint64_t now = 0;
        init(&b);
        rng_seed(&rng, seed);
        for (int step = 0; step < 2000; step++) {
            struct bell *bell = &b.bells[rng_below(&rng, TIMERS)];
            uint64_t what = rng_below(&rng, 10);
            if (what < 6) {
                start(&b, bell, now + rng_below(&rng, 20)); /* many at one instant */
            } else if (what < 8) {
                timer_stop(&b.timers, &bell->timer);
                timer_stop(&b.timers, &bell->timer);
                bell->on = false;
            } else {
                now += rng_below(&rng, 8);
                run(&b, now);
            }
            assert_true(timers_next(&b.timers) == model_next(&b));
            assert_int_equal(timer_active(&bell->timer), bell->on);
        }
        timers_fini(&b.timers);
    }
}

static void one_started_while_firing_waits(void **state)
{
    (void)state;
    struct bench b;
    init(&b);
    b.restart = &b.bells[0];
    start(&b, &b.bells[0], 5);
    for (int i = 0; i < 3; i++) {
        run(&b, 5);
        assert_int_equal(b.fired, 1);
        assert_true(timers_next(&b.timers) == 5);
    }
    timers_fini(&b.timers);
    assert_false(timer_active(&b.bells[0].timer));
}

struct pair {
    struct timers timers;
    struct timer first;
    struct timer second;
    unsigned fired;
};

static void stop_the_other(struct timer *t)
{
    struct pair *p = CONTAINER_OF(t, struct pair, first);
    p->fired++;
    timer_stop(&p->timers, &p->second);
}

static void never(struct timer *t)
{
    (void)t;
    fail_msg("a stopped timer fired");
}

static void one_may_stop_another_that_is_due(void **state)
{
    (void)state;
    struct pair p = {.first.fire = stop_the_other, .second.fire = never};
    timer_start(&p.timers, &p.first, 1);
    timer_start(&p.timers, &p.second, 1);
    timers_run(&p.timers, 10);
    assert_int_equal(p.fired, 1);
    assert_true(timers_next(&p.timers) == TIMERS_NEVER);
    timers_fini(&p.timers);
}

static void taking_gives_them_in_order_without_firing(void **state)
{
    (void)state;
    struct pair p = {.first.fire = never, .second.fire = never};
    timer_start(&p.timers, &p.first, 7);
    timer_start(&p.timers, &p.second, 3);
    assert_null(timers_take(&p.timers, 2));
    assert_ptr_equal(timers_take(&p.timers, 7), &p.second);
    assert_ptr_equal(timers_take(&p.timers, 7), &p.first);
    assert_null(timers_take(&p.timers, 7));
    assert_false(timer_active(&p.first));
    timers_fini(&p.timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fire_in_order),
        cmocka_unit_test(one_started_while_firing_waits),
        cmocka_unit_test(one_may_stop_another_that_is_due),
        cmocka_unit_test(taking_gives_them_in_order_without_firing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
