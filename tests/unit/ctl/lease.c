/* Leases are shown as etcdctl shows them, in each format. */
#include "lab.h"

static void serve(struct peer_call *call, const struct peer_request *request)
{
    struct slice keys[] = {SLICE_INIT("a"), SLICE_INIT("b")};
    struct pb_lease_status leases[] = {{.id = 5}, {.id = 0x7fffffffffffffff}};
    const struct pb_lease_grant_response grant = {.header = &lab_header, .id = 31, .ttl = 60};
    const struct pb_lease_time_to_live_response ttl = {
        .header = &lab_header, .id = 31, .ttl = 50, .granted_ttl = 60, .keys = keys, .keys_n = 2};
    const struct pb_lease_leases_response list = {
        .header = &lab_header, .leases = leases, .leases_n = 2};
    const struct pb_lease_keep_alive_response kept = {.header = &lab_header, .id = 31, .ttl = 60};
    if (strstr(request->path, "LeaseGrant")) {
        peer_reply(call, &wire_lease_grant_response, &grant);
    } else if (strstr(request->path, "TimeToLive")) {
        peer_reply(call, &wire_lease_time_to_live_response, &ttl);
    } else if (strstr(request->path, "LeaseLeases")) {
        peer_reply(call, &wire_lease_leases_response, &list);
    } else if (strstr(request->path, "KeepAlive")) {
        peer_reply(call, &wire_lease_keep_alive_response, &kept);
    } else {
        peer_end(call, GRPC_NOT_FOUND, etcd_error_text(ETCD_LEASE_NOT_FOUND));
        return;
    }
    peer_end(call, GRPC_OK, "");
}

static void every_format_is_etcdctls(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"lease", "grant", "60"}, 0, "lease 000000000000001f granted with TTL(60s)\n"},
        {{"lease", "grant", "60", "-w", "json"},
         0,
         "{" LAB_HEADER_INLINE "\"ID\":31,\"TTL\":60,\"Error\":\"\"}\n"},
        {{"lease", "grant", "60", "-w", "fields"},
         0,
         LAB_HEADER_FIELDS "\"ID\" : 31\n\"TTL\" : 60\n"},
        {{"lease", "timetolive", "1f", "--keys"},
         0,
         "lease 000000000000001f granted with TTL(60s), remaining(50s), attached keys([a b])\n"},
        {{"lease", "timetolive", "1f", "--keys", "-w", "json"},
         0,
         "{" LAB_HEADER_INLINE
         "\"id\":31,\"ttl\":50,\"granted-ttl\":60,\"keys\":[\"YQ==\",\"Yg==\"]}\n"},
        {{"lease", "list"}, 0, "found 2 leases\n0000000000000005\n7fffffffffffffff\n"},
        {{"lease", "list", "-w", "json"},
         0,
         "{" LAB_HEADER_INLINE "\"leases\":[{\"id\":5},{\"id\":9223372036854775807}]}\n"},
        {{"lease", "keep-alive", "--once", "1f"},
         0,
         "lease 000000000000001f keepalived with TTL(60)\n"},
        {{"lease", "revoke", "1f"},
         1,
         NULL,
         "Error: failed to revoke lease (etcdserver: requested lease not found)\n"},
        {{"lease", "revoke", "xyz"},
         128,
         NULL,
         "Error: bad lease ID arg (strconv.ParseInt: parsing \"xyz\": invalid syntax), expecting "
         "ID in Hex\n"},
        {{"lease", "grant", "60", "-w", "table"}, 4, NULL, "table not supported as output format"},
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
