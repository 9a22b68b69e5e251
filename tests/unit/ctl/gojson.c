/* Answers in JSON have the bytes that Go's encoding/json writes of etcd's structs. */
#include "ctl/gojson.h"

#include "wire/etcd.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void is(struct buf *out, const char *wanted)
{
    buf_append_u8(out, 0);
    assert_string_equal((const char *)out->p, wanted);
    buf_fini(out);
}

static void strings_are_escaped_as_for_html(void **state)
{
    (void)state;
    struct buf out = {0};
    gojson_string(SLICE_LIT("a\"\\<>&\n\t\b\f\r\x01\x7f\xc3\xa9"), &out);
    is(&out, "\"a\\\"\\\\\\u003c\\u003e\\u0026\\n\\t\\b\\f\\r\\u0001\x7f\xc3\xa9\"");
    gojson_string(SLICE_LIT("\xe2\x80\xa8\xe2\x80\xa9\xff"), &out);
    is(&out, "\"\\u2028\\u2029\\ufffd\"");
}

static void bytes_are_base64(void **state)
{
    (void)state;
    struct buf out = {0};
    gojson_bytes(SLICE_LIT(""), &out);
    is(&out, "\"\"");
    gojson_bytes(SLICE_LIT("f"), &out);
    is(&out, "\"Zg==\"");
    gojson_bytes(SLICE_LIT("fo"), &out);
    is(&out, "\"Zm8=\"");
    gojson_bytes(SLICE_LIT("foob\xff\xfe"), &out);
    is(&out, "\"Zm9vYv/+\"");
}

static void zero_values_are_left_out(void **state)
{
    (void)state;
    struct buf out = {0};
    const struct pb_range_response empty = {0};
    gojson_message(&wire_range_response, &empty, false, &out);
    is(&out, "{}");
    struct pb_response_header header = {.cluster_id = UINT64_MAX, .revision = -1};
    struct pb_key_value kvs[] = {{.key = SLICE_INIT("k"), .lease = 7}, {0}};
    const struct pb_range_response r = {
        .header = &header, .kvs = kvs, .kvs_n = 2, .more = true, .count = 9};
    gojson_message(&wire_range_response, &r, false, &out);
    is(&out, "{\"header\":{\"cluster_id\":18446744073709551615,\"revision\":-1},"
             "\"kvs\":[{\"key\":\"aw==\",\"lease\":7},{}],\"more\":true,\"count\":9}");
}

static void enums_are_numbers_and_lists_of_strings_lists(void **state)
{
    (void)state;
    struct buf out = {0};
    struct pb_alarm_member alarms[] = {{.member_id = 1, .alarm = PB_ALARM_TYPE_CORRUPT}};
    const struct pb_alarm_response r = {.alarms = alarms, .alarms_n = 1};
    gojson_message(&wire_alarm_response, &r, false, &out);
    is(&out, "{\"alarms\":[{\"memberID\":1,\"alarm\":2}]}");
    struct slice users[] = {SLICE_INIT("a"), SLICE_INIT("b")};
    const struct pb_auth_user_list_response u = {.users = users, .users_n = 2};
    gojson_message(&wire_auth_user_list_response, &u, false, &out);
    is(&out, "{\"users\":[\"a\",\"b\"]}");
}

static void an_operations_answer_stands_in_response(void **state)
{
    (void)state;
    struct buf out = {0};
    struct pb_put_response put = {0};
    struct pb_response_op ops[] = {{.response_case = PB_OP_PUT, .response_put = &put}, {0}};
    const struct pb_txn_response r = {.succeeded = true, .responses = ops, .responses_n = 2};
    gojson_message(&wire_txn_response, &r, false, &out);
    is(&out, "{\"succeeded\":true,\"responses\":[{\"Response\":{\"response_put\":{}}},"
             "{\"Response\":{}}]}");
}

static void hex_ids_are_text_also_when_zero(void **state)
{
    (void)state;
    struct buf out = {0};
    struct pb_response_header header = {.member_id = 255, .raft_term = 2};
    struct pb_member members[] = {{.id = 0xabcdef}};
    const struct pb_member_list_response r = {
        .header = &header, .members = members, .members_n = 1};
    gojson_message(&wire_member_list_response, &r, true, &out);
    is(&out, "{\"header\":{\"cluster_id\":\"0\",\"member_id\":\"ff\",\"raft_term\":2},"
             "\"members\":[{\"ID\":\"abcdef\"}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped_as_for_html),
        cmocka_unit_test(bytes_are_base64),
        cmocka_unit_test(zero_values_are_left_out),
        cmocka_unit_test(enums_are_numbers_and_lists_of_strings_lists),
        cmocka_unit_test(an_operations_answer_stands_in_response),
        cmocka_unit_test(hex_ids_are_text_also_when_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
