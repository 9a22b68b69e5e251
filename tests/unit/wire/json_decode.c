/* What etcd 3.7's gateway takes and refuses, request by request (the real one was asked), and that
 * each is read as the message it means. */
#include "wire/json_decode.h"

#include "wire/etcd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct arena arena;

static void *decoded(const struct wire_message *m, size_t size, const char *text)
{
    struct buf out = {0};
    char why[JSON_WHY_MAX] = "";
    void *msg = arena_zalloc(&arena, size);
    if (json_decode(m, slice_str(text), &out, why) != RC_OK)
        fail_msg("%s: %s", text, why);
    assert_true(out.n <= JSON_GROWTH * strlen(text));
    struct slice kept = arena_copy(&arena, buf_slice(&out));
    assert_int_equal(wire_decode(m, kept, &arena, msg), RC_OK);
    buf_fini(&out);
    return msg;
}

#define DECODED(name, text)                                                                        \
    ((struct pb_##name *)decoded(&wire_##name, sizeof(struct pb_##name), text))

static void refused(const struct wire_message *m, const char *text, const char *want)
{
    struct buf out = {0};
    char why[JSON_WHY_MAX] = "";
    buf_append_str(&out, "before");
    assert_true(json_decode(m, slice_str(text), &out, why) != RC_OK);
    assert_true(slice_eq(buf_slice(&out), slice_str("before")));
    assert_string_equal(why, want);
    buf_fini(&out);
}

static int free_arena(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void test_both_names_of_a_member(void **state)
{
    (void)state;
    for (int camel = 0; camel < 2; camel++) {
        struct pb_range_request *r =
            DECODED(range_request,
                    camel ? "{\"key\":\"YQ==\",\"rangeEnd\":\"Yg==\",\"sortOrder\":\"DESCEND\","
                            "\"keysOnly\":true,\"limit\":\"3\"}"
                          : "{\"key\":\"YQ==\",\"range_end\":\"Yg==\",\"sort_order\":2,"
                            "\"keys_only\":true,\"limit\":3}");
        assert_true(slice_eq(r->key, slice_str("a")));
        assert_true(slice_eq(r->range_end, slice_str("b")));
        assert_int_equal(r->sort_order, PB_SORT_ORDER_DESCEND);
        assert_true(r->keys_only);
        assert_int_equal(r->limit, 3);
    }
    assert_int_equal(DECODED(lease_grant_request, "{\"ID\":\"-5\",\"TTL\":1e1}")->id, -5);
}

static void test_nested_and_repeated(void **state)
{
    (void)state;
    struct pb_txn_request *r =
        DECODED(txn_request,
                " {\"compare\":[{\"target\":\"MOD\",\"key\":\"YQ\",\"mod_revision\":\"0\"}],\n"
                "\"success\":[{\"requestPut\":{\"key\":\"YQ==\",\"value\":\"\"}},"
                "{\"request_range\":{}}],\"failure\":[],\"unknown\":[{\"x\":[1,{}]}]} trailing");
    assert_int_equal(r->compare_n, 1);
    assert_int_equal(r->compare[0].target, PB_COMPARE_TARGET_MOD);
    assert_int_equal(r->compare[0].target_union_case, PB_TARGET_MOD_REVISION);
    assert_int_equal(r->success_n, 2);
    assert_int_equal(r->success[0].request_case, PB_OP_PUT);
    assert_int_equal(r->success[1].request_case, PB_OP_RANGE);
    assert_int_equal(r->failure_n, 0);
    struct pb_watch_create_request *w =
        DECODED(watch_create_request,
                "{\"filters\":[\"NODELETE\",0],\"start_revision\":null,\"fragment\":false}");
    assert_int_equal(w->filters_n, 2);
    assert_int_equal(w->filters[0], PB_FILTER_TYPE_NODELETE);
    assert_int_equal(DECODED(watch_create_request, "{\"filters\":[]}")->filters_n, 0);
    struct pb_member_add_request *m =
        DECODED(member_add_request, "{\"peerURLs\":[\"http://a\",\"\"],\"isLearner\":true}");
    assert_int_equal(m->peer_urls_n, 2);
    assert_true(m->is_learner);
}

static void test_long_messages_get_long_lengths(void **state)
{
    (void)state;
    char text[600];
    char value[401];
    memset(value, 'A', 400);
    value[400] = 0;
    snprintf(text, sizeof(text), "{\"success\":[{\"request_put\":{\"value\":\"%s\"}}]}", value);
    struct pb_txn_request *r = DECODED(txn_request, text);
    assert_int_equal(r->success[0].request_put->value.n, 300);
}

static void test_refusals_have_their_sentence(void **state)
{
    const struct wire_message *range = &wire_range_request;
    (void)state;
    refused(range, "{\"key\":\"Y\"}",
            "proto: (line 1:8): invalid value for bytes field key: \"Y\"");
    refused(range, "{\"key\":1}", "proto: (line 1:8): invalid value for bytes field key: 1");
    refused(range, "{\"key\":[1]}", "proto: (line 1:8): invalid value for bytes field key: [");
    refused(range, "{\"revision\":\"x\"}",
            "proto: (line 1:13): invalid value for int64 field revision: \"x\"");
    refused(range, "{\"revision\":\" 1\"}",
            "proto: (line 1:13): invalid value for int64 field revision: \" 1\"");
    refused(range, "{\"revision\":9223372036854775808}",
            "proto: (line 1:13): invalid value for int64 field revision: 9223372036854775808");
    refused(range, "{\"revision\":1.5}",
            "proto: (line 1:13): invalid value for int64 field revision: 1.5");
    refused(range, "{\"serializable\":\"true\"}",
            "proto: (line 1:17): invalid value for bool field serializable: \"true\"");
    refused(range, "{\"sort_order\":\"NOPE\"}",
            "proto: (line 1:15): invalid value for enum field sortOrder: \"NOPE\"");
    refused(range, "{\"key\":", "unexpected EOF");
    refused(range, "{\"key\":[1,", "unexpected EOF");
    refused(range, "null", "proto: syntax error (line 1:1): unexpected token null");
    refused(range, "x", "proto: syntax error (line 1:1): invalid value x");
    refused(range, "[]", "proto: syntax error (line 1:1): unexpected token [");
    refused(range, "{\"key\":\"YQ==\",\"key\":null}",
            "proto: (line 1:15): duplicate field \"key\"");
    refused(range, "{\"range_end\":\"\",\"rangeEnd\":\"\"}",
            "proto: (line 1:17): duplicate field \"rangeEnd\"");
    refused(&wire_compare, "{\"version\":1,\"value\":\"\"}",
            "proto: (line 1:14): error parsing \"value\", its oneof is already set");
    refused(&wire_txn_request, "{\"compare\":{}}",
            "proto: syntax error (line 1:12): unexpected token {");
    refused(&wire_txn_request, "{\"compare\":[null]}",
            "proto: syntax error (line 1:13): unexpected token null");
    refused(&wire_move_leader_request, "{\"targetID\":-1}",
            "proto: (line 1:13): invalid value for uint64 field targetID: -1");
    refused(&wire_auth_user_add_request, "{\"name\":\"\xff\"}",
            "proto: syntax error (line 1:9): invalid UTF-8 in string");
}

static void test_a_null_of_a_oneof_leaves_it_open(void **state)
{
    (void)state;
    struct pb_compare *c = DECODED(compare, "{\"version\":null,\"value\":\"\"}");
    assert_int_equal(c->target_union_case, PB_TARGET_VALUE);
}

static void test_nesting_has_an_end(void **state)
{
    static const char open[] = "{\"success\":[{\"request_txn\":";
    struct buf text = {0};
    struct buf out = {0};
    char why[JSON_WHY_MAX];
    (void)state;
    for (unsigned depth = 1; depth < WIRE_DEPTH_MAX; depth += 2) /* a txn and an op */
        buf_append_str(&text, open);
    buf_append_str(&text, "{}");
    assert_int_equal(json_decode(&wire_txn_request, buf_slice(&text), &out, why), RC_LIMIT);
    assert_non_null(strstr(why, "exceeded max recursion depth"));
    buf_fini(&text);
    buf_fini(&out);
}

static void test_cut_anywhere_it_is_refused(void **state)
{
    struct slice text =
        slice_str("{\"compare\":[{\"target\":\"MOD\",\"key\":\"YQ==\"}],\"success\":[{"
                  "\"request_put\":{\"lease\":-1,\"prev_kv\":true}}]}");
    (void)state;
    for (size_t n = 0; n < text.n; n++) {
        struct buf out = {0};
        char why[JSON_WHY_MAX];
        assert_int_equal(json_decode(&wire_txn_request, slice_of(text.p, n), &out, why),
                         RC_MALFORMED);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_names_of_a_member),
        cmocka_unit_test(test_nested_and_repeated),
        cmocka_unit_test(test_long_messages_get_long_lengths),
        cmocka_unit_test(test_refusals_have_their_sentence),
        cmocka_unit_test(test_a_null_of_a_oneof_leaves_it_open),
        cmocka_unit_test(test_nesting_has_an_end),
        cmocka_unit_test(test_cut_anywhere_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
