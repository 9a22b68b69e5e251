/* A write waits only while there is no room for it, small ones before large ones, and no longer
 * than somebody is patient. */
#include "api/waiting.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIB 1048576u

static const struct waiting_load none = {0, 0};

static void add(struct waiting *w, struct waiter *waiter, size_t bytes)
{
    *waiter = (struct waiter){0};
    (void)buf_extend(&waiter->entry, bytes);
    waiting_add(w, waiter, 1);
    waiting_check(w);
}

static void release(struct waiter *waiter)
{
    buf_fini(&waiter->entry);
}

static void nothing_waits_while_there_is_room(void **state)
{
    (void)state;
    struct waiting w;
    waiting_init(&w);
    assert_true(waiting_may_pass(&w, 100, none));
    assert_true(waiting_may_pass(&w, MIB, none));
    assert_true(waiting_may_pass(&w, MIB, (struct waiting_load){WAITING_LOG_LARGE - 1, 0}));
    assert_false(waiting_may_pass(&w, MIB, (struct waiting_load){WAITING_LOG_LARGE, 0}));
    assert_false(waiting_may_pass(&w, MIB, (struct waiting_load){0, WAITING_STORE_LARGE}));
    assert_true(
        waiting_may_pass(&w, 100, (struct waiting_load){WAITING_LOG_LARGE, WAITING_STORE_LARGE}));
    assert_false(waiting_may_pass(&w, 100, (struct waiting_load){WAITING_LOG_SMALL, 0}));
    assert_false(waiting_may_pass(&w, 100, (struct waiting_load){0, WAITING_STORE_SMALL}));
    assert_null(waiting_next(&w, none));
    assert_null(waiting_excess(&w, 0));
}

static void small_ones_go_before_large_ones(void **state)
{
    (void)state;
    struct waiting w;
    struct waiter large;
    struct waiter small;
    const struct waiting_load much = {WAITING_LOG_LARGE, 0};
    waiting_init(&w);
    add(&w, &large, MIB);
    assert_false(waiting_may_pass(&w, MIB, none)); /* not before those that wait */
    assert_true(waiting_may_pass(&w, 100, none));
    add(&w, &small, 100);
    assert_ptr_equal(waiting_next(&w, much), &small);
    assert_null(waiting_next(&w, much));
    assert_ptr_equal(waiting_next(&w, none), &large);
    assert_true(waiting_empty(&w));
    release(&large);
    release(&small);
}

static bool is_the_one(void *arg, struct waiter *waiter)
{
    return arg == waiter;
}

static void the_oldest_gives_up_first(void **state)
{
    (void)state;
    struct waiting w;
    struct waiter first;
    struct waiter second;
    waiting_init(&w);
    assert_null(waiting_old(&w, is_the_one, NULL));
    add(&w, &first, MIB);
    add(&w, &second, 100);
    assert_null(waiting_old(&w, is_the_one, &second));
    assert_ptr_equal(waiting_old(&w, is_the_one, &first), &first);
    assert_ptr_equal(waiting_old(&w, is_the_one, &second), &second);
    waiting_check(&w);
    release(&first);
    release(&second);
}

static void too_much_is_taken_out_of_the_fuller_queue(void **state)
{
    (void)state;
    struct waiting w;
    struct waiter large;
    struct waiter small[3];
    waiting_init(&w);
    add(&w, &large, MIB);
    for (size_t i = 0; i < ARRAY_LEN(small); i++)
        add(&w, &small[i], 100);
    assert_null(waiting_excess(&w, MIB + 300));
    assert_ptr_equal(waiting_excess(&w, 300), &large);
    assert_null(waiting_excess(&w, 300));
    assert_ptr_equal(waiting_excess(&w, 0), &small[2]);
    assert_ptr_equal(waiting_excess(&w, 0), &small[1]);
    assert_ptr_equal(waiting_excess(&w, 0), &small[0]);
    assert_null(waiting_excess(&w, 0));
    release(&large);
    for (size_t i = 0; i < ARRAY_LEN(small); i++)
        release(&small[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_waits_while_there_is_room),
        cmocka_unit_test(small_ones_go_before_large_ones),
        cmocka_unit_test(the_oldest_gives_up_first),
        cmocka_unit_test(too_much_is_taken_out_of_the_fuller_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
