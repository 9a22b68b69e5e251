/* A request's memory is aligned, stays where it is, and takes nothing from the heap while it fits
 * the block its owner gave. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>

#include <cmocka.h>

static void what_fits_the_first_block_costs_nothing(void **state)
{
    (void)state;
    alignas(max_align_t) uint8_t first[256];
    struct arena a;
    arena_init(&a, first, sizeof(first));
    for (int i = 0; i < 4; i++) {
        uint8_t *p = arena_alloc(&a, 60);
        assert_true(p >= first && p + 60 <= first + sizeof(first));
    }
    assert_int_equal(a.total, 0);
    uint8_t *beyond = arena_alloc(&a, 1);
    assert_true(beyond < first || beyond >= first + sizeof(first));
    assert_true(a.total > 0);
    arena_fini(&a);
    assert_int_equal(a.total, 0);
}

static void an_odd_first_block_is_used_from_its_first_aligned_byte(void **state)
{
    (void)state;
    alignas(max_align_t) uint8_t first[64];
    for (size_t at = 0; at < sizeof(first); at++) {
        struct arena a;
        arena_init(&a, first + at, sizeof(first) - at);
        for (int i = 0; i < 5; i++) {
            uint8_t *p = arena_alloc(&a, 1);
            assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
            *p = 1;
        }
        arena_fini(&a);
    }
}

static void what_was_given_stays(void **state)
{
    (void)state;
    struct arena a = {0};
    uint8_t *given[500];
    for (size_t i = 0; i < 500; i++) {
        given[i] = arena_alloc(&a, i);
        memset(given[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < 500; i++)
        for (size_t b = 0; b < i; b++)
            assert_int_equal(given[i][b], i & 0xff);
    assert_true(a.total >= 500 * 499 / 2 && a.total < 500 * 499);
    arena_fini(&a);
}

static void large_pieces_have_room(void **state)
{
    (void)state;
    struct arena a = {0};
    memset(arena_alloc(&a, 5u << 20), 1, 5u << 20);
    memset(arena_alloc(&a, 10), 2, 10);
    uint8_t *zero = arena_zalloc(&a, 3000);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(zero[i], 0);
    arena_fini(&a);
}

static void a_copy_is_its_own(void **state)
{
    (void)state;
    struct arena a = {0};
    char text[] = "text";
    struct slice copy = arena_copy(&a, slice_str(text));
    text[0] = 'n';
    assert_true(slice_eq(copy, SLICE_LIT("text")));
    assert_int_equal(arena_copy(&a, (struct slice){0}).n, 0);
    arena_fini(&a);
    arena_fini(&a); /* empty: harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_the_first_block_costs_nothing),
        cmocka_unit_test(an_odd_first_block_is_used_from_its_first_aligned_byte),
        cmocka_unit_test(what_was_given_stays),
        cmocka_unit_test(large_pieces_have_room),
        cmocka_unit_test(a_copy_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
