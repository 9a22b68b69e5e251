/* The loop fires timers when they are due, ends each turn with the hook and then the flushes, and
 * tells of signals. */
#include "rig.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct firing {
    struct timer timer;
    struct rig *rig;
    uint64_t fired_ns;
};

static void fire(struct timer *t)
{
    struct firing *f = CONTAINER_OF(t, struct firing, timer);
    f->fired_ns = env_now_ns(io_loop_env(f->rig->loop));
}

static bool has_fired(void *arg)
{
    const struct firing *f = arg;
    return f->fired_ns != 0;
}

static void timers_fire_in_time(void **state)
{
    struct rig *r = *state;
    struct env *env = io_loop_env(r->loop);
    struct firing late = {.timer.fire = fire, .rig = r};
    struct firing soon = {.timer.fire = fire, .rig = r};
    struct firing never = {.timer.fire = fire, .rig = r};
    uint64_t start = env_now_ns(env);
    env_after(env, &late.timer, 30 * NS_PER_MS);
    env_after(env, &soon.timer, 5 * NS_PER_MS);
    env_after(env, &never.timer, 10 * NS_PER_MS);
    timer_stop(env->timers, &never.timer);
    rig_until(r, has_fired, &late);
    assert_true(soon.fired_ns != 0 && soon.fired_ns <= late.fired_ns);
    assert_true(soon.fired_ns >= start + 5 * NS_PER_MS);
    assert_true(late.fired_ns >= start + 30 * NS_PER_MS);
    assert_int_equal(never.fired_ns, 0);
}

static void stop_at(struct timer *t)
{
    struct firing *f = CONTAINER_OF(t, struct firing, timer);
    fire(t);
    io_loop_stop(f->rig->loop);
}

/* Without a timer of the rig's beside it: the alarm itself must wake the loop, and only it. */
static void a_lone_timer_wakes_the_loop_once(void **state)
{
    struct rig *r = *state;
    struct firing f = {.timer.fire = stop_at, .rig = r};
    env_after(io_loop_env(r->loop), &f.timer, 50 * NS_PER_MS);
    uint64_t turns = io_loop_stats(r->loop)->turns;
    io_loop_run(r->loop);
    assert_true(f.fired_ns != 0);
    assert_true(io_loop_stats(r->loop)->turns - turns <= 6); /* it slept */
}

struct order {
    struct rig *rig;
    struct stack *stack;
    uint64_t sends; /* as of the hook */
    unsigned hooks;
    unsigned again;
};

static void hook(void *arg)
{
    struct order *o = arg;
    o->hooks++;
    o->sends = io_loop_stats(o->rig->loop)->sends;
    if (o->stack) {
        buf_append_str(&o->stack->out, "hook");
        o->stack->layer.below->wake(o->stack->layer.below);
        o->stack = NULL;
    }
}

static bool sent_any(void *arg)
{
    const struct order *o = arg;
    return o->stack == NULL && io_loop_stats(o->rig->loop)->sends > 0;
}

/* The disk starts first: what the hook wakes is flushed in the same turn, after it. */
static void the_hook_runs_before_the_flush(void **state)
{
    struct rig *r = *state;
    rig_listen(r, IO_ADDRESS_TCP, IO_LIMITS_DEFAULT);
    int fd;
    struct order o = {.rig = r, .stack = rig_pair(r, &fd)};
    buf_append_str(&o.stack->out, "read");
    o.stack->layer.below->wake(o.stack->layer.below);
    io_loop_on_turn(r->loop, hook, &o);
    rig_until(r, sent_any, &o);
    assert_int_equal(io_loop_stats(r->loop)->sends, 1);
    io_loop_on_turn(r->loop, NULL, NULL);
    char got[8];
    hear(r, fd, got, 8);
    assert_memory_equal(got, "readhook", 8);
    close(fd);
}

static void again_or_stop(void *arg)
{
    struct order *o = arg;
    o->hooks++;
    if (o->hooks < o->again)
        io_loop_again(o->rig->loop);
    else
        io_loop_stop(o->rig->loop);
}

/* A thousand turns although no timer is due; the one there is only ends the test should it hang. */
static void again_does_not_wait(void **state)
{
    struct rig *r = *state;
    struct order o = {.rig = r, .again = 1000};
    struct firing hang = {.timer.fire = stop_at, .rig = r};
    env_after(io_loop_env(r->loop), &hang.timer, RIG_DEADLINE_S * (uint64_t)NS_PER_S);
    io_loop_on_turn(r->loop, again_or_stop, &o);
    io_loop_run(r->loop);
    io_loop_on_turn(r->loop, NULL, NULL);
    assert_int_equal(hang.fired_ns, 0);
    assert_true(o.hooks >= 1000);
    rig_turns(r, 5); /* to stop in each of the last turns does not stop the next run */
    timer_stop(io_loop_env(r->loop)->timers, &hang.timer);
}

struct seen {
    struct rig *rig;
    int signums[2];
    unsigned count;
};

static void on_signal(void *arg, int signum)
{
    struct seen *s = arg;
    if (s->count < 2)
        s->signums[s->count] = signum;
    s->count++;
}

static bool seen_both(void *arg)
{
    const struct seen *s = arg;
    return s->count >= 2;
}

static bool seen_one(void *arg)
{
    const struct seen *s = arg;
    return s->count >= 1;
}

static void signals_arrive_on_the_loop(void **state)
{
    struct rig *r = *state;
    struct seen s = {.rig = r};
    struct err err = {0};
    assert_int_equal(io_loop_on_signal(r->loop, on_signal, &s, &err), RC_OK);
    assert_int_equal(kill(getpid(), SIGPIPE), 0); /* ignored */
    assert_int_equal(kill(getpid(), SIGUSR1), 0); /* … */
    assert_int_equal(kill(getpid(), SIGUSR2), 0);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    rig_until(r, seen_one, &s);
    assert_int_equal(kill(getpid(), SIGINT), 0);
    rig_until(r, seen_both, &s);
    assert_int_equal(s.signums[0], SIGTERM);
    assert_int_equal(s.signums[1], SIGINT);
}

static void the_env_is_complete(void **state)
{
    struct rig *r = *state;
    const struct env *env = io_loop_env(r->loop);
    assert_non_null(env->clock);
    assert_non_null(env->timers);
    assert_non_null(env->disk);
    assert_non_null(env->workers);
    assert_ptr_equal(env->log, &r->log);
    /* Two loops draw different numbers. */
    struct io_loop *other = NULL;
    struct err err = {0};
    assert_int_equal(io_loop_new(&(struct io_loop_options){0}, &other, &err), RC_OK);
    assert_true(rng_u64(env->rng) != rng_u64(io_loop_env(other)->rng));
    io_loop_free(other);
}

static void too_large_a_pool_is_refused(void **state)
{
    (void)state;
    struct io_loop *loop = NULL;
    struct err err = {0};
    struct io_loop_options opt = {.pool_threads = IO_POOL_THREADS_MAX + 1};
    assert_int_equal(io_loop_new(&opt, &loop, &err), RC_LIMIT);
    assert_null(loop);
    assert_true(err.text[0] != '\0');
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(timers_fire_in_time),
        T(a_lone_timer_wakes_the_loop_once),
        T(the_hook_runs_before_the_flush),
        T(again_does_not_wait),
        T(signals_arrive_on_the_loop),
        T(the_env_is_complete),
        cmocka_unit_test(too_large_a_pool_is_refused),
    };
    return cmocka_run_group_tests_name("io/loop", tests, NULL, NULL);
}
