/* The pairs of code and text that clients look up whole. */
#include "wire/status.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* As clients read them off the wire: the numbers are gRPC's, not our names for them. */
static void test_pairs(void **state)
{
    (void)state;
    static const struct {
        enum etcd_error e;
        int code;
        const char *text;
    } pairs[] = {
        {ETCD_OK, 0, ""},
        {ETCD_EMPTY_KEY, 3, "etcdserver: key is not provided"},
        {ETCD_TOO_MANY_OPS, 3, "etcdserver: too many operations in txn request"},
        {ETCD_REQUEST_TOO_LARGE, 3, "etcdserver: request is too large"},
        {ETCD_COMPACTED, 11, "etcdserver: mvcc: required revision has been compacted"},
        {ETCD_FUTURE_REV, 11, "etcdserver: mvcc: required revision is a future revision"},
        {ETCD_NO_SPACE, 8, "etcdserver: mvcc: database space exceeded"},
        {ETCD_LEASE_NOT_FOUND, 5, "etcdserver: requested lease not found"},
        {ETCD_LEASE_EXIST, 9, "etcdserver: lease already exists"},
        {ETCD_MEMBER_NOT_FOUND, 5, "etcdserver: member not found"},
        {ETCD_AUTH_NOT_ENABLED, 9, "etcdserver: authentication is not enabled"},
        {ETCD_PERMISSION_DENIED, 7, "etcdserver: permission denied"},
        {ETCD_INVALID_AUTH_TOKEN, 16, "etcdserver: invalid auth token"},
        {ETCD_NO_LEADER, 14, "etcdserver: no leader"},
        {ETCD_CORRUPT, 15, "etcdserver: corrupt cluster"},
        {ETCD_ELECTION_NO_LEADER, 2, "election: no leader"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        assert_int_equal(etcd_error_code(pairs[i].e), pairs[i].code);
        assert_string_equal(etcd_error_text(pairs[i].e), pairs[i].text);
    }
}

/* Whoever looks an error up by its text finds one. */
static void test_texts_differ(void **state)
{
    (void)state;
    for (unsigned i = 1; i < ETCD_ERROR_COUNT; i++) {
        assert_int_not_equal(etcd_error_code((enum etcd_error)i), GRPC_OK);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(etcd_error_text((enum etcd_error)i),
                                    etcd_error_text((enum etcd_error)k));
    }
}

static void test_code_names(void **state)
{
    (void)state;
    assert_string_equal(grpc_code_name(GRPC_OK), "OK");
    assert_string_equal(grpc_code_name(GRPC_INVALID_ARGUMENT), "InvalidArgument");
    assert_string_equal(grpc_code_name(GRPC_UNAUTHENTICATED), "Unauthenticated");
    assert_null(grpc_code_name((enum grpc_code)17));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_texts_differ),
        cmocka_unit_test(test_code_names),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
