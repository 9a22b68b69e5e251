/* Every code that LMDB documents means something of ours; none is taken for success, and only a
 * full map or disk for something to try again. */
#include "helper.h"

#include "base/cc.h"
#include "store/impl.h"

#include <errno.h>

static void the_codes_that_decide_something(void **state)
{
    (void)state;
    static const struct {
        int code;
        enum rc rc;
    } cases[] = {
        {MDB_SUCCESS, RC_OK},
        {MDB_NOTFOUND, RC_NOT_FOUND},
        {MDB_KEYEXIST, RC_EXISTS},
        {MDB_MAP_FULL, RC_NO_SPACE},
        {ENOSPC, RC_NO_SPACE},
        {EDQUOT, RC_NO_SPACE},
        {EIO, RC_IO},
        {MDB_PANIC, RC_IO},
        {MDB_CORRUPTED, RC_CORRUPT},
        {MDB_PAGE_NOTFOUND, RC_CORRUPT},
        {MDB_INVALID, RC_FOREIGN},
        {MDB_VERSION_MISMATCH, RC_VERSION},
        {ENOMEM, RC_LIMIT},
        {EACCES, RC_PERMISSION},
        {MDB_READERS_FULL, RC_LIMIT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(store_rc(cases[i].code), cases[i].rc);
}

static void no_other_code_means_success_or_try_again(void **state)
{
    (void)state;
    for (int code = MDB_KEYEXIST - 1; code <= MDB_LAST_ERRCODE + 20; code++) {
        if (code == MDB_MAP_FULL)
            continue;
        enum rc rc = store_rc(code);
        assert_true(rc > RC_OK && rc < RC_COUNT);
        assert_int_not_equal(rc, RC_NO_SPACE);
    }
    assert_int_equal(store_rc(-1), RC_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_codes_that_decide_something),
        cmocka_unit_test(no_other_code_means_success_or_try_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
