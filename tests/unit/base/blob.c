/* Shared bytes live as long as their last owner. */
#include "base/blob.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void the_last_owner_frees(void **state)
{
    (void)state;
    struct buf bytes = {0};
    buf_append_str(&bytes, "shared by three");
    struct blob *b = blob_new(&bytes);
    assert_null(bytes.p);
    assert_ptr_equal(blob_share(b), b);
    blob_share(b);
    blob_release(b);
    assert_true(slice_eq(blob_slice(b), SLICE_LIT("shared by three")));
    blob_release(b);
    assert_true(slice_eq(blob_slice(b), SLICE_LIT("shared by three")));
    blob_release(b); /* leak checkers see whether this freed it */
}

static void nothing_can_be_shared(void **state)
{
    (void)state;
    struct buf none = {0};
    struct blob *b = blob_new(&none);
    assert_int_equal(blob_slice(b).n, 0);
    blob_release(b);
    blob_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_owner_frees),
        cmocka_unit_test(nothing_can_be_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
