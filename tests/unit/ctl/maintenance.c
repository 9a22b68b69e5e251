/* Alarms are ended one by one; leaders, versions and files are spoken of as by etcdctl. */
#include "lab.h"

#include <stdlib.h>

static void serve(struct peer_call *call, const struct peer_request *request)
{
    struct pb_alarm_member alarms[] = {{.member_id = 11, .alarm = PB_ALARM_TYPE_NOSPACE},
                                       {.member_id = 12, .alarm = PB_ALARM_TYPE_CORRUPT}};
    struct pb_alarm_response list = {.header = &lab_header, .alarms = alarms, .alarms_n = 2};
    const struct pb_status_response status = {.header = &lab_header, .leader = 11};
    const struct pb_downgrade_response version = {.header = &lab_header,
                                                  .version = SLICE_INIT("3.6.0")};
    const struct pb_move_leader_response moved = {.header = &lab_header};
    struct arena arena = {0};
    struct pb_alarm_request ask = {0};
    if (strstr(request->path, "Alarm")) {
        if (wire_decode(&wire_alarm_request, request->message, &arena, &ask) != RC_OK)
            _Exit(1);
        if (ask.action == PB_ALARM_ACTION_DEACTIVATE) { /* just the one that was asked for */
            list.alarms = &alarms[ask.member_id == 12];
            list.alarms_n = 1;
        }
        arena_fini(&arena);
        peer_reply(call, &wire_alarm_response, &list);
    } else if (strstr(request->path, "Status")) {
        peer_reply(call, &wire_status_response, &status);
    } else if (strstr(request->path, "Downgrade")) {
        peer_reply(call, &wire_downgrade_response, &version);
    } else if (strstr(request->path, "MoveLeader")) {
        peer_reply(call, &wire_move_leader_response, &moved);
    } else {
        peer_end(call, GRPC_UNKNOWN, "no");
        return;
    }
    peer_end(call, GRPC_OK, "");
}

static void every_format_is_etcdctls(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"alarm", "list"}, 0, "memberID:11 alarm:NOSPACE\nmemberID:12 alarm:CORRUPT\n"},
        {{"alarm", "disarm"}, 0, "memberID:11 alarm:NOSPACE\nmemberID:12 alarm:CORRUPT\n"},
        {{"alarm", "disarm", "-w", "json"},
         0,
         "{\"alarms\":[{\"memberID\":11,\"alarm\":1},{\"memberID\":12,\"alarm\":2}]}\n"},
        {{"alarm", "list", "-w", "fields"},
         0,
         LAB_HEADER_FIELDS "\"MemberID\" : 11\n\"AlarmType\" : NOSPACE\n\n"
                           "\"MemberID\" : 12\n\"AlarmType\" : CORRUPT\n\n"},
        {{"move-leader", "ff"}, 0, "Leadership transferred from b to ff\n"},
        {{"move-leader", "ff", "-w", "fields"}, 4, NULL, "fields not supported"},
        {{"downgrade", "enable", "3.6"}, 0, "Downgrade enable success, cluster version 3.6.0\n"},
        {{"downgrade", "cancel"}, 0, "Downgrade cancel success, cluster version 3.6.0\n"},
        {{"downgrade", "enable"}, 128, NULL, "TARGET_VERSION not provided"},
        {{"defrag"}, 1, NULL, "(rpc error: code = Unknown desc = no)\n"},
    };
    lab_run(serve, cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_is_etcdctls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
