/* An entry is an InternalRaftRequest to the tables too, whatever the client's bytes are, and comes
 * apart again without a look inside them. */
#include "wire/raft_request.h"

#include "wire/etcd.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_is_internal_raft_request(void **state)
{
    (void)state;
    struct buf b = {0};
    raft_request_begin_as(&b, 0xfedcba9876543210, SLICE_LIT("root"), 7);
    raft_request_embed(&b, RAFT_REQUEST_AUTH_ROLE_REVOKE_PERMISSION, SLICE_LIT("\x0a\3dev\x12\1k"));
    struct arena a = {0};
    struct pb_internal_raft_request r;
    assert_int_equal(wire_decode(&wire_internal_raft_request, buf_slice(&b), &a, &r), RC_OK);
    assert_true(r.header->id == 0xfedcba9876543210);
    assert_true(slice_eq(r.header->username, SLICE_LIT("root")));
    assert_int_equal(r.header->auth_revision, 7);
    assert_true(slice_eq(r.auth_role_revoke_permission->role, SLICE_LIT("dev")));
    assert_true(slice_eq(r.auth_role_revoke_permission->key, SLICE_LIT("k")));
    arena_fini(&a);

    struct raft_request got;
    assert_int_equal(raft_request_parse(buf_slice(&b), &got), RC_OK);
    assert_true(got.id == 0xfedcba9876543210);
    assert_true(slice_eq(got.username, SLICE_LIT("root")));
    assert_int_equal(got.auth_revision, 7);
    assert_int_equal(got.field, RAFT_REQUEST_AUTH_ROLE_REVOKE_PERMISSION);
    assert_true(slice_eq(got.body, SLICE_LIT("\x0a\3dev\x12\1k")));
    buf_fini(&b);
}

static void test_body_is_verbatim(void **state)
{
    (void)state;
    struct buf b = {0};
    struct raft_request got;
    raft_request_begin(&b, 1);
    raft_request_embed(&b, RAFT_REQUEST_PUT, SLICE_LIT("\xff\xff no message"));
    assert_int_equal(raft_request_parse(buf_slice(&b), &got), RC_OK);
    assert_true(slice_eq(got.body, SLICE_LIT("\xff\xff no message")));
    assert_int_equal(got.username.n, 0);

    /* An empty request is a request; a number of a later version is for apply to judge. */
    buf_clear(&b);
    raft_request_begin(&b, 1);
    raft_request_embed(&b, 54321, SLICE_LIT(""));
    assert_int_equal(raft_request_parse(buf_slice(&b), &got), RC_OK);
    assert_int_equal(got.field, 54321);
    assert_int_equal(got.body.n, 0);
    buf_fini(&b);
}

/* The numbers here are those of the tables. */
static void test_fields(void **state)
{
    (void)state;
    struct pb_put_request put = {.lease = 1};
    struct pb_txn_request txn = {0};
    struct pb_downgrade_version_test_request test = {.ver = SLICE_LIT("3.6.0")};
    const struct {
        enum raft_request_field field;
        struct pb_internal_raft_request r;
    } cases[] = {{RAFT_REQUEST_PUT, {.put = &put}},
                 {RAFT_REQUEST_TXN, {.txn = &txn}},
                 {RAFT_REQUEST_DOWNGRADE_VERSION_TEST, {.downgrade_version_test = &test}}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = {0};
        struct raft_request got;
        wire_encode(&wire_internal_raft_request, &cases[i].r, &b);
        assert_int_equal(raft_request_parse(buf_slice(&b), &got), RC_OK);
        assert_int_equal(got.field, cases[i].field);
        buf_fini(&b);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    struct buf b = {0};
    struct raft_request got = {.id = 99};
    raft_request_begin(&b, 1);
    size_t begun = b.n;
    assert_int_equal(raft_request_parse(buf_slice(&b), &got), RC_MALFORMED); /* no request */
    raft_request_embed(&b, RAFT_REQUEST_PUT, SLICE_LIT("abc"));
    for (size_t n = 0; n < b.n; n++) /* cut anywhere */
        assert_int_equal(raft_request_parse(slice_of(b.p, n), &got), RC_MALFORMED);
    raft_request_embed(&b, RAFT_REQUEST_PUT, SLICE_LIT("abc"));
    assert_int_equal(raft_request_parse(buf_slice(&b), &got), RC_MALFORMED); /* two requests */
    b.p[begun - 1] |= 0x80;                                                  /* the id runs on */
    assert_int_equal(raft_request_parse(buf_slice(&b), &got), RC_MALFORMED);
    assert_int_equal(got.id, 99);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_internal_raft_request),
        cmocka_unit_test(test_body_is_verbatim),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests_name("raft_request", tests, NULL, NULL);
}
