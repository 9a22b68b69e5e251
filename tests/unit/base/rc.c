/* Every code has a text of its own, and every errno a code. */
#include "base/rc.h"

#include "base/cc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void texts_are_there_and_differ(void **state)
{
    (void)state;
    for (int a = 0; a < RC_COUNT; a++) {
        assert_true(strlen(rc_text((enum rc)a)) > 0);
        for (int b = 0; b < a; b++)
            assert_string_not_equal(rc_text((enum rc)a), rc_text((enum rc)b));
    }
}

static void errnos_have_their_codes(void **state)
{
    (void)state;
    static const struct {
        int err;
        enum rc rc;
    } cases[] = {
        {0, RC_OK},
        {EAGAIN, RC_AGAIN},
        {EINTR, RC_AGAIN},
        {ENOENT, RC_NOT_FOUND},
        {ENOTDIR, RC_NOT_FOUND},
        {EEXIST, RC_EXISTS},
        {ENOTEMPTY, RC_EXISTS},
        {EINVAL, RC_INVALID},
        {ENAMETOOLONG, RC_INVALID},
        {EACCES, RC_PERMISSION},
        {EPERM, RC_PERMISSION},
        {EROFS, RC_READ_ONLY},
        {ENOSPC, RC_NO_SPACE},
        {EDQUOT, RC_NO_SPACE},
        {EFBIG, RC_NO_SPACE},
        {EMFILE, RC_NO_FDS},
        {ENFILE, RC_NO_FDS},
        {EADDRINUSE, RC_ADDR_IN_USE},
        {ETIMEDOUT, RC_TIMEOUT},
        {EPIPE, RC_CLOSED},
        {ECONNRESET, RC_CLOSED},
        {EIO, RC_IO},
        {ENOTTY, RC_IO},
        {-1, RC_IO},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(rc_of_errno(cases[i].err), cases[i].rc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_there_and_differ),
        cmocka_unit_test(errnos_have_their_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
