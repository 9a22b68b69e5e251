/* Each method has the path and the messages of the service it belongs to. */
#include "client/method.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void rows_are_whole(void **state)
{
    (void)state;
    for (int m = 0; m < CLIENT_METHOD_COUNT; m++) {
        const struct client_method_info *info = client_method_info((enum client_method)m);
        bool own = m == CLIENT_USAGE || m == CLIENT_TOP;
        struct slice package = own ? SLICE_LIT("/moatpb.") : SLICE_LIT("/etcdserverpb.");
        assert_true(slice_has_prefix(slice_str(info->path), package));
        assert_non_null(strchr(info->path + 1, '/'));
        assert_non_null(strstr(wire_name(info->request), "Request"));
        assert_non_null(strstr(wire_name(info->response), "Response"));
    }
}

static void reads_may_be_repeated_and_writes_may_not(void **state)
{
    (void)state;
    assert_string_equal(client_method_info(CLIENT_RANGE)->path, "/etcdserverpb.KV/Range");
    assert_true(client_method_info(CLIENT_RANGE)->repeatable);
    assert_true(client_method_info(CLIENT_MEMBER_LIST)->repeatable);
    assert_true(client_method_info(CLIENT_USAGE)->repeatable);
    assert_false(client_method_info(CLIENT_PUT)->repeatable);
    assert_false(client_method_info(CLIENT_TXN)->repeatable);
    assert_false(client_method_info(CLIENT_LEASE_GRANT)->repeatable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(reads_may_be_repeated_and_writes_may_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
