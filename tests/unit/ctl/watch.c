/* Events are printed, or run a program, until the server ends the watch. */
#include "lab.h"

static void serve(struct peer_call *call, const struct peer_request *request)
{
    struct pb_key_value kv = {
        .key = SLICE_INIT("k"), .value = SLICE_INIT("v \"w\""), .mod_revision = 9};
    struct pb_key_value gone = {.key = SLICE_INIT("k"), .mod_revision = 10};
    struct pb_event events[] = {{.kv = &kv}, {.type = PB_EVENT_TYPE_DELETE, .kv = &gone}};
    const struct pb_watch_response created = {.header = &lab_header, .created = true};
    const struct pb_watch_response told = {.header = &lab_header, .events = events, .events_n = 2};
    const struct pb_watch_response progress = {.header = &lab_header};
    const struct pb_watch_response over = {
        .header = &lab_header, .canceled = true, .compact_revision = 3};
    (void)request;
    peer_reply(call, &wire_watch_response, &created);
    peer_reply(call, &wire_watch_response, &told);
    peer_reply(call, &wire_watch_response, &progress);
    peer_reply(call, &wire_watch_response, &over);
}

#define COMPACTED "watch was canceled (etcdserver: mvcc: required revision has been compacted)\n"

static void events_are_printed_until_the_end(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"watch", "k"},
         5,
         "PUT\nk\nv \"w\"\nDELETE\nk\n\nprogress notify: 12\n",
         COMPACTED "Error: watch is canceled by the server\n"},
        {{"watch", "k", "-w", "json"},
         5,
         "{\"Header\":" LAB_HEADER_JSON ",\"Events\":[{\"kv\":{\"key\":\"aw==\",\"mod_revision\":9,"
         "\"value\":\"diAidyI=\"}},{\"type\":1,\"kv\":{\"key\":\"aw==\",\"mod_revision\":10}}],"
         "\"CompactRevision\":0,\"Canceled\":false,\"Created\":false,\"CancelReason\":\"\"}\n"
         "progress notify: 12\n"
         "{\"Header\":" LAB_HEADER_JSON ",\"Events\":null,\"CompactRevision\":0,\"Canceled\":false,"
         "\"Created\":false,\"CancelReason\":\"\"}\n"
         "{\"Header\":" LAB_HEADER_JSON ",\"Events\":null,\"CompactRevision\":3,\"Canceled\":true,"
         "\"Created\":false,\"CancelReason\":\"\"}\n",
         COMPACTED},
    };
    lab_run(serve, cases, ARRAY_LEN(cases));
}

static void programs_are_run_for_events(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"watch", "k", "--", "sh", "-c",
          "echo $ETCD_WATCH_REVISION $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE; "
          "[ $ETCD_WATCH_EVENT_TYPE != '\"DELETE\"' ] || exit 6"},
         1,
         "PUT\nk\nv \"w\"\nDELETE\nk\n\n"
         "12 \"PUT\" \"k\" \"v \\\"w\\\"\"\n"
         "12 \"DELETE\" \"k\" \"\"\n",
         "error (exit status 6)\n"},
        {{"watch", "k", "--", "no-such-program"},
         1,
         "PUT\nk\nv \"w\"\nDELETE\nk\n\n",
         "command [\"no-such-program\"] error (exec: \"no-such-program\": executable file not "
         "found in $PATH)\n"},
    };
    lab_run(serve, cases, ARRAY_LEN(cases));
}

static void arguments_are_counted(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"watch"}, 128, NULL, "Error: bad number of arguments\n"},
        {{"watch", "k", "--"}, 128, NULL, "(found separator --, but no commands)\n"},
        {{"watch", "k", "l", "--prefix"}, 128, NULL, "`range_end` and `--prefix` are mutually"},
        {{"watch", "-i"}, 3, NULL, "Invalid command x (only support watch)\n", "x\n"},
        {{"watch", "-i"}, 3, NULL, "error reading watch request line: EOF\n", "watch\n"},
        {{"watch", "-i"}, 128, NULL, "unknown flag: --bogus\n", "watch k --bogus\n"},
    };
    lab_run(serve, cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_printed_until_the_end),
        cmocka_unit_test(programs_are_run_for_events),
        cmocka_unit_test(arguments_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
