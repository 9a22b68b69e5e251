/* Whoever floods the queue waits behind everybody else, and is the first to lose a place. */
#include "api/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MANY 200

static const struct slice flooded = {(const uint8_t *)"alice", 5};
static const struct slice modest = {(const uint8_t *)"root", 4};

static void flood(struct turns *t, struct turn *turns, uint64_t origin)
{
    for (size_t i = 0; i < MANY; i++)
        turns_add(t, &turns[i], flooded, origin);
}

static size_t turns_before(struct turns *t, const struct turn *wanted)
{
    size_t n = 0;
    for (struct turn *next; (next = turns_next(t)) != wanted; n++)
        assert_non_null(next);
    return n;
}

static void one_line_is_served_in_order(void **state)
{
    (void)state;
    struct turns t;
    struct turn turns[MANY];
    turns_init(&t);
    assert_null(turns_next(&t));
    assert_null(turns_excess(&t));
    flood(&t, turns, 1);
    for (size_t i = 0; i < MANY; i++)
        assert_ptr_equal(turns_next(&t), &turns[i]);
    assert_null(turns_next(&t));
}

static void another_user_waits_for_one_turn(void **state)
{
    (void)state;
    struct turns t;
    struct turn turns[MANY];
    struct turn late[3];
    turns_init(&t);
    flood(&t, turns, 1);
    for (size_t i = 0; i < 10; i++)
        assert_non_null(turns_next(&t));
    for (size_t i = 0; i < 3; i++) { /* also by the same connection, and again and again */
        turns_add(&t, &late[i], modest, 1);
        assert_true(turns_before(&t, &late[i]) <= 1);
    }
}

static void who_goes_counts_no_more(void **state)
{
    (void)state;
    struct turns t;
    struct turn gone[3];
    struct turn stays;
    turns_init(&t);
    for (size_t i = 0; i < 3; i++)
        turns_add(&t, &gone[i], flooded, 1);
    turns_add(&t, &stays, flooded, 2);
    for (size_t i = 0; i < 3; i++)
        turns_remove(&t, &gone[i]);
    assert_int_equal(stays.user_waits, 1);
    assert_ptr_equal(turns_next(&t), &stays);
    assert_null(turns_next(&t));
}

static void the_users_other_connection_does_as_well(void **state)
{
    (void)state;
    struct turns t;
    struct turn turns[MANY];
    struct turn own;
    turns_init(&t);
    flood(&t, turns, 1);
    assert_non_null(turns_next(&t));
    turns_add(&t, &own, flooded, 2);
    assert_true(turns_before(&t, &own) <= 1);
}

static void a_crowd_of_users_gets_one_turn_each(void **state)
{
    (void)state;
    struct turns t;
    struct turn turns[MANY];
    struct turn crowd[26][2];
    struct turn own;
    turns_init(&t);
    flood(&t, turns, 1);
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < 26; i++)
            turns_add(&t, &crowd[i][round],
                      slice_of((const uint8_t *)"abcdefghijklmnopqrstuvwxyz" + i, 1), 1);
    turns_add(&t, &own, modest, 3);
    assert_int_equal(turns_before(&t, &own), 27); /* each user's first, and alice's */
}

static void who_has_most_loses_the_newest(void **state)
{
    (void)state;
    struct turns t;
    struct turn turns[MANY];
    struct turn other[2];
    struct turn own;
    turns_init(&t);
    turns_add(&t, &own, flooded, 2);
    flood(&t, turns, 1);
    turns_add(&t, &other[0], modest, 1);
    turns_add(&t, &other[1], modest, 2);
    for (size_t i = MANY; i-- > 1;)
        assert_ptr_equal(turns_excess(&t), &turns[i]);
    assert_ptr_equal(turns_next(&t), &own); /* the first that came, and nobody was served */
    assert_ptr_equal(turns_excess(&t), &other[1]);
    assert_ptr_equal(turns_excess(&t), &other[0]);
    assert_ptr_equal(turns_excess(&t), &turns[0]);
    assert_null(turns_excess(&t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_is_served_in_order),
        cmocka_unit_test(who_goes_counts_no_more),
        cmocka_unit_test(another_user_waits_for_one_turn),
        cmocka_unit_test(the_users_other_connection_does_as_well),
        cmocka_unit_test(a_crowd_of_users_gets_one_turn_each),
        cmocka_unit_test(who_has_most_loses_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
