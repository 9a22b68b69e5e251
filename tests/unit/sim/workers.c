/* Jobs run when they are told to, in their lane's order, and drain runs what they submit too. */
#include "sim/workers.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct note {
    struct job job;
    char name;
    char *log;
    struct sim_workers *again; /* where done submits itself once more; NULL: it does not */
};

static void note_run(struct job *job)
{
    struct note *n = CONTAINER_OF(job, struct note, job);
    n->log[strlen(n->log)] = n->name;
}

static void note_done(struct job *job)
{
    struct note *n = CONTAINER_OF(job, struct note, job);
    n->log[strlen(n->log)] = (char)(n->name - 'a' + 'A');
    struct sim_workers *again = n->again;
    n->again = NULL;
    if (again)
        worker_submit(&again->workers, LANE_WAL, &n->job);
}

static struct note note(char name, char *log)
{
    return (struct note){.job = {.run = note_run, .done = note_done}, .name = name, .log = log};
}

static void steps_are_apart(void **state)
{
    (void)state;
    char log[32] = "";
    struct sim_workers w;
    sim_workers_init(&w);
    struct note a = note('a', log);
    struct note b = note('b', log);
    struct note c = note('c', log);
    worker_submit(&w.workers, LANE_WAL, &a.job);
    worker_submit(&w.workers, LANE_WAL, &b.job);
    worker_submit(&w.workers, LANE_POOL, &c.job);
    assert_false(sim_workers_finish(&w, LANE_WAL));
    assert_true(sim_workers_begin(&w, LANE_WAL));
    assert_false(sim_workers_begin(&w, LANE_WAL)); /* one at a time */
    assert_true(sim_workers_begin(&w, LANE_POOL));
    assert_true(sim_workers_finish(&w, LANE_WAL));
    assert_true(sim_workers_run_one(&w, LANE_WAL));
    assert_true(sim_workers_idle(&w, LANE_WAL));
    assert_false(sim_workers_idle(&w, LANE_POOL));
    assert_string_equal(log, "acAbB");
    sim_workers_forget(&w);
    assert_true(sim_workers_idle(&w, LANE_POOL));
}

static void drain_runs_all(void **state)
{
    (void)state;
    char log[32] = "";
    struct sim_workers w;
    sim_workers_init(&w);
    struct note a = note('a', log);
    struct note b = note('b', log);
    a.again = &w;
    worker_submit(&w.workers, LANE_WAL, &a.job);
    worker_submit(&w.workers, LANE_WAL, &b.job);
    assert_true(sim_workers_begin(&w, LANE_WAL));
    worker_drain(&w.workers, LANE_WAL);
    assert_string_equal(log, "aAbBaA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_apart),
        cmocka_unit_test(drain_runs_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
