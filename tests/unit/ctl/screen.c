/* A text is drawn over the one before it, line by line, and never past the last row. */
#include "ctl/screen.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void frame(const char *text, unsigned rows, const char *wanted)
{
    struct buf out = {0};
    screen_frame(slice_str(text), rows, &out);
    buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.p, wanted);
    buf_fini(&out);
}

static void each_line_ends_what_was_there(void **state)
{
    (void)state;
    frame("one\ntwo\n", 24, "\033[Hone\033[K\ntwo\033[K\033[J");
    frame("one\n\nthree", 24, "\033[Hone\033[K\n\033[K\nthree\033[K\033[J");
    frame("", 24, "\033[H\033[J");
}

static void a_long_text_does_not_scroll(void **state)
{
    (void)state;
    frame("one\ntwo\nthree\n", 2, "\033[Hone\033[K\ntwo\033[K\033[J");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_ends_what_was_there),
        cmocka_unit_test(a_long_text_does_not_scroll),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
