/* Pages are given back when there are too many, by a worker, and by one job at a time. */
#include "app/resident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
    struct env env;
    struct clock clock;
    struct timers timers;
    struct workers workers;
    struct job *job; /* on its way */
    unsigned jobs;
    uint64_t now_ns;
    struct resident resident;
};

static uint64_t now(struct clock *c)
{
    return CONTAINER_OF(c, struct world, clock)->now_ns;
}

static void submit(struct workers *workers, enum lane lane, struct job *job)
{
    struct world *w = CONTAINER_OF(workers, struct world, workers);
    assert_int_equal(lane, LANE_POOL);
    assert_null(w->job);
    w->job = job;
    w->jobs++;
}

static const struct workers_ops ops = {.submit = submit};

static void begin(struct world *w, size_t max_bytes)
{
    *w = (struct world){.now_ns = NS_PER_S, .workers.ops = &ops};
    w->clock = (struct clock){now, now};
    w->env = (struct env){.clock = &w->clock, .timers = &w->timers, .workers = &w->workers};
    resident_begin(&w->resident, &w->env, NULL, max_bytes);
}

static void look(struct world *w)
{
    w->now_ns += RESIDENT_LOOK_NS;
    timers_run(&w->timers, w->now_ns);
}

static void end(struct world *w)
{
    resident_end(&w->resident);
    assert_true(timers_next(&w->timers) == TIMERS_NEVER);
    timers_fini(&w->timers);
}

static void too_many_are_given_back(void **state)
{
    struct world w;
    (void)state;
    begin(&w, 0); /* this program itself has some */
    assert_int_equal(w.jobs, 0);
    look(&w);
    assert_int_equal(w.jobs, 1);
    look(&w);
    assert_int_equal(w.jobs, 1); /* that one is not done */
    struct job *job = w.job;
    w.job = NULL;
    job->done(job);
    look(&w);
    assert_int_equal(w.jobs, 2);
    end(&w);
}

static void few_are_left_alone(void **state)
{
    struct world w;
    (void)state;
    begin(&w, SIZE_MAX);
    for (int i = 0; i < 3; i++)
        look(&w);
    assert_int_equal(w.jobs, 0);
    end(&w);
}

static void what_was_not_begun_ends_too(void **state)
{
    struct resident r = {0};
    (void)state;
    resident_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_many_are_given_back),
        cmocka_unit_test(few_are_left_alone),
        cmocka_unit_test(what_was_not_begun_ends_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
