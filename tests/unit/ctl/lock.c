/* A lock is taken in turn, handed to a program, and given back whatever becomes of it. */
#include "lab.h"

#include <stdlib.h>

/* Somebody older holds it until we watch; then it is ours. */
static void serve(struct peer_call *call, const struct peer_request *request)
{
    static bool gone;
    struct pb_key_value rival = {.key = SLICE_INIT("l/1"), .create_revision = 3, .mod_revision = 3};
    struct pb_key_value own = {.key = SLICE_INIT("l/1f"), .create_revision = 12};
    struct pb_event event = {.type = PB_EVENT_TYPE_DELETE, .kv = &rival};
    const struct pb_lease_grant_response lease = {.header = &lab_header, .id = 31, .ttl = 60};
    const struct pb_lease_keep_alive_response kept = {.header = &lab_header, .id = 31, .ttl = 60};
    const struct pb_txn_response put = {.header = &lab_header, .succeeded = true};
    const struct pb_watch_response told = {.header = &lab_header, .events = &event, .events_n = 1};
    struct arena arena = {0};
    struct pb_range_request get = {0};
    if (strstr(request->path, "KV/Range") &&
        wire_decode(&wire_range_request, request->message, &arena, &get) != RC_OK)
        _Exit(1);
    bool own_key = slice_eq(get.key, own.key);
    arena_fini(&arena);
    const struct pb_range_response range = {
        .header = &lab_header, .kvs = own_key ? &own : &rival, .kvs_n = own_key || !gone};
    if (strstr(request->path, "LeaseGrant")) {
        gone = false;
        peer_reply(call, &wire_lease_grant_response, &lease);
    } else if (strstr(request->path, "KeepAlive")) {
        peer_reply(call, &wire_lease_keep_alive_response, &kept);
        return;
    } else if (strstr(request->path, "Watch")) {
        gone = true;
        peer_reply(call, &wire_watch_response, &told);
        return;
    } else if (strstr(request->path, "KV/Range")) {
        peer_reply(call, &wire_range_response, &range);
    } else {
        peer_reply(call, &wire_txn_response,
                   &put); /* of a delete, too: unknown fields are skipped */
    }
    peer_end(call, GRPC_OK, "");
}

static void programs_run_while_it_is_held(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"lock", "l", "--", "sh", "-c", "echo $ETCD_LOCK_KEY $ETCD_LOCK_REV"}, 0, "l/1f 12\n"},
        {{"lock", "l", "--", "sh", "-c", "exit 4"}, 4, NULL, "Error: exit status 4\n"},
        {{"lock", "l", "--", "sh", "-c", "kill -KILL $$"}, 255, NULL, "Error: signal: killed\n"},
        {{"lock", "l", "/proc/nonexistent"},
         1,
         NULL,
         "Error: fork/exec /proc/nonexistent: no such file or directory\n"},
        {{"lock"}, 128, NULL, "lock takes a lock name argument"},
        {{"elect", "e"}, 128, NULL, "no proposal argument but -l not set"},
        {{"elect", "e", "p", "-l"}, 128, NULL, "proposal given but -l is set"},
    };
    lab_run(serve, cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_run_while_it_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
