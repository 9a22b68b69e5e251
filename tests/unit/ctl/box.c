/* Tables have etcdctl's lines, with a head in the middle and cells to the right. */
#include "ctl/box.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const names[] = {"id", "is_it"};

static void fill(struct box *b, const char *const *cells, size_t n)
{
    box_init(b, names, ARRAY_LEN(names));
    for (size_t i = 0; i < n; i++)
        buf_append_str(box_cell(b), cells[i]);
}

static void draws(const char *const *cells, size_t n, const char *wanted)
{
    struct box b;
    AUTO(buf_fini) struct buf out = {0};
    fill(&b, cells, n);
    box_draw(&b, &out);
    buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.p, wanted);
    box_fini(&b);
}

static void cells_are_as_wide_as_the_widest(void **state)
{
    (void)state;
    static const char *const cells[] = {"1234567", "x", "é", ""};
    draws(cells, ARRAY_LEN(cells),
          "┌─────────┬───────┐\n"
          "│   ID    │ IS IT │\n"
          "├─────────┼───────┤\n"
          "│ 1234567 │     x │\n"
          "│       é │       │\n"
          "└─────────┴───────┘\n");
}

static void without_rows_there_is_only_the_head(void **state)
{
    (void)state;
    draws(NULL, 0,
          "┌────┬───────┐\n"
          "│ ID │ IS IT │\n"
          "└────┴───────┘\n");
}

static void columns_have_no_lines_and_the_last_begins_together(void **state)
{
    (void)state;
    static const char *const cells[] = {"1234567", "x", "é", "", "1", "long name"};
    struct box b;
    AUTO(buf_fini) struct buf out = {0};
    fill(&b, cells, ARRAY_LEN(cells));
    box_columns(&b, &out);
    buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.p, "     ID  IS IT\n"
                                             "1234567  x\n"
                                             "      é  \n"
                                             "      1  long name\n");
    box_fini(&b);
}

static void lines_are_rows_by_commas(void **state)
{
    (void)state;
    static const char *const cells[] = {"1", "true", "2", ""};
    struct box b;
    AUTO(buf_fini) struct buf out = {0};
    fill(&b, cells, ARRAY_LEN(cells));
    box_lines(&b, &out);
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("1, true\n2, \n")));
    box_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_as_wide_as_the_widest),
        cmocka_unit_test(without_rows_there_is_only_the_head),
        cmocka_unit_test(columns_have_no_lines_and_the_last_begins_together),
        cmocka_unit_test(lines_are_rows_by_commas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
