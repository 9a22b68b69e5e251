/* A mark leads to each entry that is in the log, never to one that was replaced. */
#include "wal/marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include <cmocka.h>

static void add(struct marks *m, uint64_t index, uint64_t seq, uint64_t at)
{
    marks_add(m, &(struct mark){.index = index, .seq = seq, .at = at});
}

static void few_marks_for_many_entries(void **state)
{
    (void)state;
    struct marks m = {0};
    for (uint64_t i = 1; i <= 10000; i++)
        add(&m, i, 1, 4096 + i * 100);
    assert_true(m.n >= 10 && m.n <= 17);
    for (uint64_t i = 1; i <= 10000; i++) {
        uint64_t end = 0;
        const struct mark *at = marks_find(&m, i, &end);
        assert_true(at && at->index <= i && i < end);
        assert_true((i - at->index) * 100 <= MARKS_EVERY);
    }
    uint64_t end;
    assert_null(marks_find(&m, 0, &end));
    assert_null(marks_find(&m, 10001, &end));
    marks_fini(&m);
}

static void a_cut_ends_what_is_before(void **state)
{
    (void)state;
    struct marks m = {0};
    for (uint64_t i = 1; i <= 9; i++)
        add(&m, i, 1, i);
    add(&m, 5, 1, 100);
    add(&m, 6, 1, 101);
    uint64_t end = 0;
    assert_int_equal(marks_find(&m, 4, &end)->at, 1);
    assert_int_equal(end, 5);
    assert_int_equal(marks_find(&m, 6, &end)->at, 100);
    assert_int_equal(end, 7);
    assert_null(marks_find(&m, 7, &end));
    marks_fini(&m);
}

static void trim_forgets_segments(void **state)
{
    (void)state;
    struct marks m = {0};
    for (uint64_t i = 1; i <= 30; i++)
        add(&m, i, 1 + (i - 1) / 10, i);
    marks_trim(&m, 3);
    uint64_t end = 0;
    assert_null(marks_find(&m, 20, &end));
    assert_int_equal(marks_find(&m, 21, &end)->seq, 3);
    assert_int_equal(end, 31);
    marks_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_marks_for_many_entries),
        cmocka_unit_test(a_cut_ends_what_is_before),
        cmocka_unit_test(trim_forgets_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
