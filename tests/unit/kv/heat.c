/* What changes most is found, however many other prefixes change a little, and forgotten when it
 * cools. */
#include "kv/heat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void note(struct heat *h, const char *key, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        heat_note(h, slice_str(key));
}

static void expect(const struct heat_prefix *p, const char *prefix, uint64_t changes)
{
    assert_true(slice_eq(p->prefix, slice_str(prefix)));
    assert_int_equal(p->changes, changes);
}

static void changes_count_for_the_prefix(void **state)
{
    (void)state;
    struct heat h = {0};
    struct heat_prefix top[4];
    heat_turn(&h, 1);
    assert_int_equal(heat_hottest(&h, top, 4), 0);
    note(&h, "/a/x", 2);
    note(&h, "/a/y", 1);
    note(&h, "/b/c/x", 5);
    note(&h, "none", 1);
    assert_int_equal(heat_hottest(&h, top, 4), 3);
    expect(&top[0], "/b/c/", 5);
    expect(&top[1], "/a/", 3);
    expect(&top[2], "", 1);
    assert_int_equal(heat_hottest(&h, top, 1), 1);
}

static void the_last_whole_window_is_told_and_then_forgotten(void **state)
{
    (void)state;
    struct heat h = {0};
    struct heat_prefix top[4];
    heat_turn(&h, 1);
    note(&h, "/a/x", 7);
    heat_turn(&h, 1 + HEAT_WINDOW_NS);
    note(&h, "/b/x", 100);
    assert_int_equal(heat_hottest(&h, top, 4), 1);
    expect(&top[0], "/a/", 7);
    assert_int_equal(heat_told_ns(&h, 2 + HEAT_WINDOW_NS), HEAT_WINDOW_NS);
    heat_turn(&h, 1 + 2 * HEAT_WINDOW_NS);
    assert_int_equal(heat_hottest(&h, top, 4), 1);
    expect(&top[0], "/b/", 100);
    heat_turn(&h, 1 + 5 * HEAT_WINDOW_NS);
    assert_int_equal(heat_hottest(&h, top, 4), 0);
}

/* While there is no whole window, and after one that nobody ended in time. */
static void the_length_of_the_window_is_told(void **state)
{
    (void)state;
    struct heat h = {0};
    heat_turn(&h, 1);
    note(&h, "/a/x", 1);
    assert_int_equal(heat_told_ns(&h, 1 + HEAT_WINDOW_NS / 4), HEAT_WINDOW_NS / 4);
    heat_turn(&h, 1 + HEAT_WINDOW_NS + 5);
    assert_int_equal(heat_told_ns(&h, 7 + HEAT_WINDOW_NS), HEAT_WINDOW_NS + 5);
    heat_turn(&h, 1 + 4 * HEAT_WINDOW_NS);
    note(&h, "/a/x", 1);
    assert_int_equal(heat_told_ns(&h, 4 + 4 * HEAT_WINDOW_NS), 3);
}

static void a_crowd_does_not_hide_what_is_hot(void **state)
{
    (void)state;
    struct heat h = {0};
    struct heat_prefix top[2];
    char key[32];
    heat_turn(&h, 1);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "/crowd/%u/k", i);
        note(&h, key, 1);
        if (i % 10 == 0)
            note(&h, "/hot/k", 5);
    }
    assert_int_equal(heat_hottest(&h, top, 2), 2);
    assert_true(slice_eq(top[0].prefix, SLICE_LIT("/hot/")));
    assert_true(top[0].changes >= 10000 && top[0].changes < 10000 + 30000 / HEAT_SLOTS);
}

static void a_long_prefix_is_cut(void **state)
{
    (void)state;
    struct heat h = {0};
    struct heat_prefix top[1];
    uint8_t key[1000];
    memset(key, '/', sizeof(key));
    heat_note(&h, slice_of(key, sizeof(key)));
    assert_int_equal(heat_hottest(&h, top, 1), 1);
    assert_int_equal(top[0].prefix.n, HEAT_PREFIX_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_count_for_the_prefix),
        cmocka_unit_test(the_last_whole_window_is_told_and_then_forgotten),
        cmocka_unit_test(the_length_of_the_window_is_told),
        cmocka_unit_test(a_crowd_does_not_hide_what_is_hot),
        cmocka_unit_test(a_long_prefix_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
