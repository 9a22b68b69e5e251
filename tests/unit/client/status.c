/* A failed call reads as etcd's Go client says it. */
#include "client/status.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void reads(const struct client_status *s, const char *wanted)
{
    AUTO(buf_fini) struct buf out = {0};
    client_status_print(s, &out);
    buf_append_u8(&out, 0);
    assert_string_equal((const char *)out.p, wanted);
}

static void etcds_errors_are_their_text_alone(void **state)
{
    (void)state;
    AUTO(client_status_fini) struct client_status s = {0};
    client_status_set(&s, GRPC_INVALID_ARGUMENT, "etcdserver: key is not provided");
    reads(&s, "etcdserver: key is not provided");
    assert_true(client_status_is(&s, ETCD_EMPTY_KEY));
    assert_false(client_status_is(&s, ETCD_KEY_NOT_FOUND));
    client_status_set(&s, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
    reads(&s, "context deadline exceeded");
}

static void others_carry_their_code(void **state)
{
    (void)state;
    AUTO(client_status_fini) struct client_status s = {0};
    client_status_set(&s, GRPC_UNAVAILABLE, "%s %d", "no", 5);
    reads(&s, "rpc error: code = Unavailable desc = no 5");
    client_status_set(&s, (enum grpc_code)99, "odd");
    reads(&s, "rpc error: code = Code(99) desc = odd");
}

static void messages_are_percent_decoded(void **state)
{
    (void)state;
    AUTO(client_status_fini) struct client_status s = {0};
    client_status_message(&s, SLICE_LIT("a%20b%C3%a9%25%zz%4"));
    assert_true(slice_eq(buf_slice(&s.text), SLICE_LIT("a b\xc3\xa9%%zz%4")));
    client_status_explain(&s, SLICE_LIT("w%68y"));
    assert_true(slice_eq(buf_slice(&s.explain), SLICE_LIT("why")));
    assert_int_equal(s.text.n, 11);
    client_status_set(&s, GRPC_ABORTED, "another");
    assert_int_equal(s.explain.n, 0);
}

static void a_copy_is_its_own(void **state)
{
    (void)state;
    AUTO(client_status_fini) struct client_status a = {0};
    AUTO(client_status_fini) struct client_status b = {0};
    client_status_set(&a, GRPC_ABORTED, "first");
    client_status_copy(&b, &a);
    client_status_set(&a, GRPC_OK, "later");
    reads(&b, "rpc error: code = Aborted desc = first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(etcds_errors_are_their_text_alone),
        cmocka_unit_test(others_carry_their_code),
        cmocka_unit_test(messages_are_percent_decoded),
        cmocka_unit_test(a_copy_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
