/* Members are shown as etcdctl shows them; a new one gets the settings it must start with. */
#include "lab.h"

static void serve(struct peer_call *call, const struct peer_request *request)
{
    struct slice peer_urls[] = {SLICE_INIT("http://p:1")};
    struct slice client_urls[] = {SLICE_INIT("http://c:1"), SLICE_INIT("http://c:2")};
    struct pb_member members[] = {
        {.id = 255,
         .name = SLICE_INIT("one"),
         .peer_urls = peer_urls,
         .peer_urls_n = 1,
         .client_urls = client_urls,
         .client_urls_n = 2},
        {.id = 16, .peer_urls = peer_urls, .peer_urls_n = 1, .is_learner = true},
    };
    const struct pb_member_list_response list = {
        .header = &lab_header, .members = members, .members_n = 2};
    const struct pb_member_add_response add = {
        .header = &lab_header, .member = &members[1], .members = members, .members_n = 2};
    const struct pb_member_remove_response removed = {.header = &lab_header};
    if (strstr(request->path, "MemberList"))
        peer_reply(call, &wire_member_list_response, &list);
    else if (strstr(request->path, "MemberAdd"))
        peer_reply(call, &wire_member_add_response, &add);
    else
        peer_reply(call, &wire_member_remove_response, &removed);
    peer_end(call, GRPC_OK, "");
}

static void every_format_is_etcdctls(void **state)
{
    (void)state;
    static const struct lab_case cases[] = {
        {{"member", "list"},
         0,
         "ff, started, one, http://p:1, http://c:1,http://c:2, false\n"
         "10, unstarted, , http://p:1, , true\n"},
        {{"member", "list", "--hex", "-w", "json"},
         0,
         "{\"header\":{\"cluster_id\":\"a\",\"member_id\":\"b\",\"revision\":12,\"raft_term\":13},"
         "\"members\":[{\"ID\":\"ff\",\"name\":\"one\",\"peerURLs\":[\"http://p:1\"],"
         "\"clientURLs\":[\"http://c:1\",\"http://c:2\"]},"
         "{\"ID\":\"10\",\"peerURLs\":[\"http://p:1\"],\"isLearner\":true}]}\n"},
        {{"member", "remove", "ff"},
         0,
         "Member               ff removed from cluster                a\n"},
        {{"member", "add", "two", "--learner", "--peer-urls=http://p:1"},
         0,
         "Member               10 added as learner to cluster                a\n\n"
         "ETCD_NAME=\"two\"\n"
         "ETCD_INITIAL_CLUSTER=\"one=http://p:1,two=http://p:1\"\n"
         "ETCD_INITIAL_ADVERTISE_PEER_URLS=\"http://p:1\"\n"
         "ETCD_INITIAL_CLUSTER_STATE=\"existing\"\n"},
        {{"member", "add", "two", "http://p:1"},
         128,
         NULL,
         "Error: too many arguments, did you mean --peer-urls=http://p:1\n"},
        {{"member", "add", "two", "--peer-urls", "p:1"}, 1, NULL, "URL scheme must be"},
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
