/* Each endpoint's answer is shown; one that fails is told of and fails the command. */
#include "lab.h"

static void serve(struct peer_call *call, const struct peer_request *request)
{
    struct pb_alarm_member alarms[] = {{.member_id = 11, .alarm = PB_ALARM_TYPE_NOSPACE}};
    const struct pb_hash_kv_response hash = {.header = &lab_header, .hash = 99, .hash_revision = 8};
    const struct pb_range_response none = {.header = &lab_header};
    const struct pb_alarm_response alarm = {.alarms = alarms, .alarms_n = 1};
    if (strstr(request->path, "HashKV")) {
        peer_reply(call, &wire_hash_kv_response, &hash);
    } else if (strstr(request->path, "Range")) {
        peer_reply(call, &wire_range_response, &none);
    } else if (strstr(request->path, "Alarm")) {
        peer_reply(call, &wire_alarm_response, &alarm);
    } else {
        peer_end(call, GRPC_UNKNOWN, "no status today");
        return;
    }
    peer_end(call, GRPC_OK, "");
}

static void failures_are_told(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"endpoint", "health"},
         1,
         NULL,
         "is unhealthy: failed to commit proposal: Active Alarm(s): NOSPACE \nError: unhealthy "
         "cluster\n"},
        {{"endpoint", "status"}, 1, NULL, "(rpc error: code = Unknown desc = no status today)\n"},
        {{"endpoint", "status", "-w", "json"}, 1, "null\n", "Failed to get the status"},
        {{"endpoint", "hashkv", "-w", "protobuf"}, 4, NULL, "protobuf not supported"},
        {{"alarm", "list"}, 0, "memberID:11 alarm:NOSPACE\n"},
        {{"alarm", "list", "-w", "json"}, 0, "{\"alarms\":[{\"memberID\":11,\"alarm\":1}]}\n"},
    };
    lab_run(serve, cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
