/* A lane runs its jobs one by one in order and completes them in that order, also when the loop
 * drains it, and also from within a done callback; the pool runs jobs side by side. */
#include "rig.h"

#include "io/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define JOBS 2000

struct trace {
    struct rig *rig;
    unsigned ran[JOBS]; /* written by the lane's thread alone */
    unsigned ran_count;
    unsigned done[JOBS];
    unsigned done_count;
    pthread_t loop_thread;
};

struct step {
    struct job job;
    struct trace *trace;
    unsigned number;
    enum lane lane;
    bool drains;         /* its done drains the lane */
    struct step *follow; /* its done submits this one */
};

static void step_run(struct job *job)
{
    struct step *s = CONTAINER_OF(job, struct step, job);
    assert_false(pthread_equal(pthread_self(), s->trace->loop_thread));
    s->trace->ran[s->trace->ran_count++] = s->number;
}

static void step_done(struct job *job)
{
    struct step *s = CONTAINER_OF(job, struct step, job);
    struct workers *w = io_loop_env(s->trace->rig->loop)->workers;
    assert_true(pthread_equal(pthread_self(), s->trace->loop_thread));
    s->trace->done[s->trace->done_count++] = s->number;
    if (s->follow)
        worker_submit(w, s->lane, &s->follow->job);
    if (s->drains)
        worker_drain(w, s->lane);
}

static struct step *steps_new(struct trace *t, enum lane lane)
{
    struct step *steps = test_calloc(JOBS, sizeof(*steps));
    for (unsigned i = 0; i < JOBS; i++)
        steps[i] = (struct step){
            .job = {.run = step_run, .done = step_done}, .trace = t, .number = i, .lane = lane};
    return steps;
}

static void assert_in_order(const struct trace *t, unsigned n)
{
    assert_int_equal(t->ran_count, n);
    assert_int_equal(t->done_count, n);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(t->ran[i], i);
        assert_int_equal(t->done[i], i);
    }
}

static bool all_done(void *arg)
{
    const struct trace *t = arg;
    return t->done_count >= JOBS;
}

static void a_lane_keeps_its_order(void **state)
{
    static struct trace t;
    t = (struct trace){.rig = *state, .loop_thread = pthread_self()};
    struct step *steps = steps_new(&t, LANE_WAL);
    for (unsigned i = 0; i < JOBS; i++)
        worker_submit(io_loop_env(t.rig->loop)->workers, LANE_WAL, &steps[i].job);
    rig_until(t.rig, all_done, &t);
    assert_in_order(&t, JOBS);
    test_free(steps);
}

static void drain_completes_all_at_once(void **state)
{
    static struct trace t;
    t = (struct trace){.rig = *state, .loop_thread = pthread_self()};
    struct step *steps = steps_new(&t, LANE_STORE);
    struct workers *w = io_loop_env(t.rig->loop)->workers;
    worker_drain(w, LANE_STORE); /* nothing to do: returns */
    for (unsigned i = 0; i + 1 < JOBS; i++)
        worker_submit(w, LANE_STORE, &steps[i].job);
    steps[JOBS - 2].follow = &steps[JOBS - 1]; /* submitted while draining: drained too */
    worker_drain(w, LANE_STORE);
    assert_in_order(&t, JOBS);
    test_free(steps);
}

/* As when the log must be durable before the next event: the order holds across the nesting. */
static void drain_within_done_keeps_the_order(void **state)
{
    static struct trace t;
    t = (struct trace){.rig = *state, .loop_thread = pthread_self()};
    struct step *steps = steps_new(&t, LANE_WAL);
    for (unsigned i = 0; i < JOBS; i += 7)
        steps[i].drains = true;
    for (unsigned i = 0; i < JOBS; i++)
        worker_submit(io_loop_env(t.rig->loop)->workers, LANE_WAL, &steps[i].job);
    rig_until(t.rig, all_done, &t);
    assert_in_order(&t, JOBS);
    test_free(steps);
}

struct meeting {
    struct job job;
    pthread_barrier_t *barrier;
    unsigned *done;
};

static void meet(struct job *job)
{
    pthread_barrier_wait(CONTAINER_OF(job, struct meeting, job)->barrier);
}

static void met(struct job *job)
{
    ++*CONTAINER_OF(job, struct meeting, job)->done;
}

/* Two jobs that wait for one another can only end if they run at the same time. */
static void the_pool_runs_jobs_side_by_side(void **state)
{
    struct rig *r = *state;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    unsigned done = 0;
    struct meeting m[2] = {{{meet, met, NULL}, &barrier, &done},
                           {{meet, met, NULL}, &barrier, &done}};
    struct workers *w = io_loop_env(r->loop)->workers;
    worker_submit(w, LANE_POOL, &m[0].job);
    worker_submit(w, LANE_POOL, &m[1].job);
    worker_drain(w, LANE_POOL);
    assert_int_equal(done, 2);
    pthread_barrier_destroy(&barrier);
}

struct gate {
    struct job job;
    atomic_bool *open;
    bool done;
};

static void wait_at_gate(struct job *job)
{
    while (!atomic_load(CONTAINER_OF(job, struct gate, job)->open))
        usleep(100);
}

static void through_gate(struct job *job)
{
    CONTAINER_OF(job, struct gate, job)->done = true;
}

static bool gate_done(void *arg)
{
    const struct gate *g = arg;
    return g->done;
}

/* A slow commit must not hold up the log. */
static void lanes_do_not_wait_for_each_other(void **state)
{
    struct rig *r = *state;
    struct workers *w = io_loop_env(r->loop)->workers;
    atomic_bool closed = false;
    atomic_bool open = true;
    struct gate slow = {{wait_at_gate, through_gate, NULL}, &closed, false};
    struct gate quick = {{wait_at_gate, through_gate, NULL}, &open, false};
    worker_submit(w, LANE_STORE, &slow.job);
    worker_submit(w, LANE_WAL, &quick.job);
    rig_until(r, gate_done, &quick);
    assert_false(slow.done);
    atomic_store(&closed, true);
    worker_drain(w, LANE_STORE);
    assert_true(slow.done);
}

static void name_of(struct job *job)
{
    struct gate *g = CONTAINER_OF(job, struct gate, job);
    char name[16];
    pthread_getname_np(pthread_self(), name, sizeof(name));
    atomic_store(g->open, strcmp(name, "moat-wal") == 0);
}

static void threads_have_names(void **state)
{
    struct rig *r = *state;
    atomic_bool right = false;
    struct gate g = {{name_of, through_gate, NULL}, &right, false};
    struct workers *w = io_loop_env(r->loop)->workers;
    worker_submit(w, LANE_WAL, &g.job);
    worker_drain(w, LANE_WAL);
    assert_true(atomic_load(&right));
}

static void quiet(void *arg)
{
    (void)arg;
}

static void freeing_runs_what_was_submitted(void **state)
{
    (void)state;
    struct io_workers *ws = NULL;
    struct err err = {0};
    assert_int_equal(io_workers_new(3, quiet, NULL, &ws, &err), RC_OK);
    atomic_bool open = true;
    struct gate g[LANE_COUNT];
    for (unsigned i = 0; i < LANE_COUNT; i++) {
        g[i] = (struct gate){{wait_at_gate, through_gate, NULL}, &open, false};
        worker_submit(io_workers_env(ws), (enum lane)i, &g[i].job);
    }
    io_workers_free(ws);
    for (unsigned i = 0; i < LANE_COUNT; i++)
        assert_true(g[i].done);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_lane_keeps_its_order),
        T(drain_completes_all_at_once),
        T(drain_within_done_keeps_the_order),
        T(the_pool_runs_jobs_side_by_side),
        T(lanes_do_not_wait_for_each_other),
        T(threads_have_names),
        cmocka_unit_test(freeing_runs_what_was_submitted),
    };
    return cmocka_run_group_tests_name("io/workers", tests, NULL, NULL);
}
