/* A lane's job begins after it was given and ends after it began, at times of the seed's. */
#include "sim/lanes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static unsigned ran;
static unsigned done;

static void run(struct job *j)
{
    (void)j;
    ran++;
}

static void finish(struct job *j)
{
    (void)j;
    done++;
}

static void jobs_take_their_time(void **state)
{
    (void)state;
    struct lanes lanes = {0};
    struct sim_workers w;
    struct rng rng;
    struct job job = {.run = run, .done = finish};
    sim_workers_init(&w);
    rng_seed(&rng, 1);
    assert_true(lanes_due(&lanes, &w, &rng, 5, LANE_WAL) == UINT64_MAX);
    worker_submit(&w.workers, LANE_WAL, &job);
    uint64_t begins = lanes_due(&lanes, &w, &rng, 5, LANE_WAL);
    assert_true(begins > 5 && begins < UINT64_MAX);
    assert_true(lanes_due(&lanes, &w, &rng, 5, LANE_WAL) == begins); /* it was decided */
    assert_true(lanes_due(&lanes, &w, &rng, 5, LANE_STORE) == UINT64_MAX);
    lanes_step(&lanes, &w, LANE_WAL);
    assert_int_equal(ran, 1);
    assert_int_equal(done, 0);
    assert_true(lanes_due(&lanes, &w, &rng, begins, LANE_WAL) >= begins);
    lanes_step(&lanes, &w, LANE_WAL);
    assert_int_equal(done, 1);
    assert_true(lanes_due(&lanes, &w, &rng, 5, LANE_WAL) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(jobs_take_their_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
