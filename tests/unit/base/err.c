/* The first sentence is kept, cut to its room, and reporting never fails. */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_first_sentence_wins(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set(&err, RC_IO, "disk %d fails", 3), RC_IO);
    assert_int_equal(err_set(&err, RC_CLOSED, "and so it was closed"), RC_CLOSED);
    assert_string_equal(err.text, "disk 3 fails");
    assert_int_equal(err.rc, RC_IO);
}

static void nobody_need_listen(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, RC_LIMIT, "unheard"), RC_LIMIT);
}

static void a_long_sentence_is_cut(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set(&err, RC_IO, "%*d", 2000, 1), RC_IO);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_sentence_wins),
        cmocka_unit_test(nobody_need_listen),
        cmocka_unit_test(a_long_sentence_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
