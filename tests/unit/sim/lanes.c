/* A lane's job runs once its time has come, and ends later; an idle lane has nothing to do. */
#include "sim/lanes.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct noted {
    struct job job;
    int ran;
    int done;
};

static void run(struct job *j)
{
    CONTAINER_OF(j, struct noted, job)->ran++;
}

static void done(struct job *j)
{
    CONTAINER_OF(j, struct noted, job)->done++;
}

static void a_job_runs_then_ends(void **state)
{
    struct sim_workers w;
    struct lanes l = {0};
    struct rng rng;
    struct noted n = {.job = {.run = run, .done = done}};
    uint64_t due = UINT64_MAX;
    (void)state;
    sim_workers_init(&w);
    rng_seed(&rng, 1);
    assert_int_equal(lanes_next(&l, &w, &rng, 10, &due), LANE_COUNT);
    worker_submit(&w.workers, LANE_STORE, &n.job);
    due = 10; /* something else is sooner */
    assert_int_equal(lanes_next(&l, &w, &rng, 10, &due), LANE_COUNT);
    due = UINT64_MAX;
    assert_int_equal(lanes_next(&l, &w, &rng, 10, &due), LANE_STORE);
    assert_true(due > 10);
    uint64_t first = due;
    due = UINT64_MAX;
    assert_int_equal(lanes_next(&l, &w, &rng, 11, &due), LANE_STORE);
    assert_int_equal(due, first); /* it was decided */
    lanes_step(&l, &w, LANE_STORE);
    assert_int_equal(n.ran, 1);
    assert_int_equal(n.done, 0);
    due = UINT64_MAX;
    assert_int_equal(lanes_next(&l, &w, &rng, first, &due), LANE_STORE);
    assert_true(due >= first);
    lanes_step(&l, &w, LANE_STORE);
    assert_int_equal(n.done, 1);
    due = UINT64_MAX;
    assert_int_equal(lanes_next(&l, &w, &rng, due, &due), LANE_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_then_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
