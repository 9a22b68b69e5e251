/* A wait ends for a timer, a descriptor or its deadline, whichever comes first. */
#include "client/loop.h"

#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static unsigned fired;

static void on_fire(struct timer *t)
{
    (void)t;
    fired++;
}

static void a_descriptor_with_input_ends_it(void **state)
{
    (void)state;
    struct client_loop loop;
    int fds[2];
    client_loop_init(&loop);
    assert_int_equal(pipe(fds), 0);
    assert_false(client_loop_wait(&loop, client_deadline(1), fds[0]));
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_true(client_loop_wait(&loop, CLIENT_FOREVER, fds[0]));
    close(fds[0]);
    close(fds[1]);
    client_loop_fini(&loop);
}

static void a_timer_fires_within_it(void **state)
{
    (void)state;
    struct client_loop loop;
    struct timer t = {.fire = on_fire};
    client_loop_init(&loop);
    fired = 0;
    timer_start(&loop.timers, &t, client_deadline(1));
    while (fired == 0)
        client_loop_wait(&loop, CLIENT_FOREVER, -1);
    assert_int_equal(fired, 1);
    client_loop_fini(&loop);
}

static void a_deadline_far_away_is_for_ever(void **state)
{
    (void)state;
    assert_true(client_deadline(UINT64_MAX) == CLIENT_FOREVER);
    uint64_t now = client_now_ns();
    assert_true(client_deadline(1000) >= now + 1000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_descriptor_with_input_ends_it),
        cmocka_unit_test(a_timer_fires_within_it),
        cmocka_unit_test(a_deadline_far_away_is_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
