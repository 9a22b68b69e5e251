/* Answers as etcd's gateway writes them, whole and in pieces of any size. */
#include "wire/json_encode.h"

#include "wire/etcd.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect(const struct wire_message *m, const void *msg, const char *want)
{
    struct buf in = {0};
    struct buf out = {0};
    wire_encode(m, msg, &in);
    assert_int_equal(json_encode(m, buf_slice(&in), &out), RC_OK);
    if (!slice_eq(buf_slice(&out), slice_str(want)))
        fail_msg("%.*s", (int)out.n, (const char *)out.p);
    for (size_t piece = 1; piece <= in.n; piece++) {
        struct json_encoder e;
        buf_clear(&out);
        json_encoder_init(&e, m, &out);
        for (size_t at = 0; at < in.n; at += piece) {
            size_t n = in.n - at < piece ? in.n - at : piece;
            assert_int_equal(json_encoder_feed(&e, slice_of(in.p + at, n), &out), RC_OK);
        }
        assert_int_equal(json_encoder_end(&e, &out), RC_OK);
        assert_true(slice_eq(buf_slice(&out), slice_str(want)));
        json_encoder_fini(&e);
    }
    buf_fini(&in);
    buf_fini(&out);
}

static struct pb_response_header header = {
    .cluster_id = UINT64_MAX, .member_id = 7, .revision = -1, .raft_term = 2};
#define HEADER                                                                                     \
    "\"header\":{\"cluster_id\":\"18446744073709551615\",\"member_id\":\"7\",\"revision\":\"-1\"," \
    "\"raft_term\":\"2\"}"

static void test_a_range(void **state)
{
    struct pb_key_value kvs[2] = {
        {.key = SLICE_LIT("a"), .create_revision = 2, .mod_revision = 3, .version = 1},
        {.key = SLICE_LIT("bc"), .value = SLICE_LIT("\xff\xff\xff")},
    };
    struct pb_range_response r = {
        .header = &header, .kvs = kvs, .kvs_n = 2, .more = true, .count = 9};
    (void)state;
    expect(&wire_range_response, &r,
           "{" HEADER
           ",\"kvs\":[{\"key\":\"YQ==\",\"create_revision\":\"2\",\"mod_revision\":\"3\","
           "\"version\":\"1\"},{\"key\":\"YmM=\",\"value\":\"////\"}],\"more\":true,"
           "\"count\":\"9\"}");
}

static void test_a_transaction(void **state)
{
    struct pb_put_response put = {0};
    struct pb_response_op ops[2] = {
        {.response_case = PB_OP_PUT, .response_put = &put},
        {.response_case = PB_OP_RANGE}, /* set, and nothing in it */
    };
    struct pb_txn_response r = {.responses = ops, .responses_n = 2};
    (void)state;
    expect(&wire_txn_response, &r,
           "{\"responses\":[{\"response_put\":{}},{\"response_range\":{}}]}");
}

static void test_scalars_of_every_kind(void **state)
{
    struct pb_hash_kv_response hash = {.hash = UINT32_MAX, .compact_revision = 5};
    int32_t filters[] = {PB_FILTER_TYPE_NODELETE, PB_FILTER_TYPE_NOPUT, 9};
    struct pb_watch_create_request watch = {.filters = filters, .filters_n = 3};
    struct slice errors[] = {SLICE_LIT("a\"\\\n\x01\xc3\xa4"), SLICE_LIT("")};
    struct pb_status_response status = {.errors = errors, .errors_n = 2, .is_learner = true};
    struct pb_compare compare = {.target = PB_COMPARE_TARGET_LEASE,
                                 .target_union_case = PB_TARGET_LEASE};
    (void)state;
    expect(&wire_hash_kv_response, &hash, "{\"hash\":4294967295,\"compact_revision\":\"5\"}");
    expect(&wire_watch_create_request, &watch, "{\"filters\":[\"NODELETE\",\"NOPUT\",9]}");
    expect(&wire_status_response, &status,
           "{\"errors\":[\"a\\\"\\\\\\n\\u0001\xc3\xa4\",\"\"],\"isLearner\":true}");
    expect(&wire_compare, &compare, "{\"target\":\"LEASE\",\"lease\":\"0\"}");
    expect(&wire_status_request, &(struct pb_status_request){0}, "{}");
}

static void test_what_is_no_message_is_said(void **state)
{
    struct buf out = {0};
    struct json_encoder e;
    (void)state;
    assert_int_equal(json_encode(&wire_range_response, slice_str("\x0a\x7f"), &out), RC_MALFORMED);
    json_encoder_init(&e, &wire_range_response, &out);
    assert_int_equal(json_encoder_feed(&e, slice_str("\x0a\x7f"), &out), RC_OK);
    assert_int_equal(json_encoder_end(&e, &out), RC_MALFORMED);
    json_encoder_fini(&e);
    buf_fini(&out);
}

static void test_a_string_that_is_not_utf8(void **state)
{
    struct buf out = {0};
    (void)state;
    json_append_string(&out, slice_str("a\xff\xc3"));
    assert_true(slice_eq(buf_slice(&out), slice_str("\"a\xef\xbf\xbd\xef\xbf\xbd\"")));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_range),
        cmocka_unit_test(test_a_transaction),
        cmocka_unit_test(test_scalars_of_every_kind),
        cmocka_unit_test(test_what_is_no_message_is_said),
        cmocka_unit_test(test_a_string_that_is_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
