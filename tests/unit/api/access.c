/* Who may call what: nobody, somebody, root; and what a refusal tells. */
#include "api/access.h"

#include "people.h"

static const char user_empty[] = "etcdserver: user name is empty";
static const char denied[] = "etcdserver: permission denied";

static struct caller_reply *get(struct lab *l, const char *key, struct slice range_end)
{
    const struct pb_range_request r = {.key = slice_str(key), .range_end = range_end};
    return lab_range(l, &r);
}

/* CVE-2026-33413: each of these once answered anybody. */
static void methods_are_not_for_strangers(void **state)
{
    static const struct {
        const char *path;
        bool root; /* alone */
    } methods[] = {
        {"/etcdserverpb.KV/Compact", true},
        {"/etcdserverpb.Maintenance/HashKV", true},
        {"/etcdserverpb.Maintenance/MoveLeader", true},
        {"/etcdserverpb.Maintenance/Downgrade", true},
        {"/etcdserverpb.Maintenance/Status", false},
        {"/etcdserverpb.Maintenance/Alarm", false},
        {"/etcdserverpb.Cluster/MemberAdd", true},
        {"/etcdserverpb.Cluster/MemberRemove", true},
        {"/etcdserverpb.Cluster/MemberUpdate", true},
        {"/etcdserverpb.Cluster/MemberPromote", true},
        {"/moatpb.Inspect/Top", true},
        {"/moatpb.Inspect/Usage", true},
    };
    struct lab l;
    const struct pb_status_request empty = {0};
    (void)state;
    lab_open(&l, NULL);
    people_move_in(&l);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        l.token = NULL;
        caller_refused(lab_call(&l, methods[i].path, &wire_status_request, &empty),
                       GRPC_INVALID_ARGUMENT, user_empty);
    }
    people_log_in(&l, "alice", "alice-pw");
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct caller_reply *r = lab_call(&l, methods[i].path, &wire_status_request, &empty);
        if (methods[i].root)
            caller_refused(r, GRPC_PERMISSION_DENIED, denied);
        else
            caller_message(r);
    }
    const struct pb_alarm_request disarm = {.action = PB_ALARM_ACTION_DEACTIVATE};
    caller_refused(lab_call(&l, "/etcdserverpb.Maintenance/Alarm", &wire_alarm_request, &disarm),
                   GRPC_PERMISSION_DENIED, denied);
    people_log_in(&l, "root", "root-pw");
    caller_message(lab_call(&l, "/etcdserverpb.Maintenance/Alarm", &wire_alarm_request, &disarm));
    people_close(&l);
}

/* What is new is closed until somebody has thought about it. */
static void a_method_without_a_rule_is_roots(void **state)
{
    static const struct rpc_method unknown = {.path = "/etcdserverpb.New/Thing", .secret = false};
    struct lab l;
    (void)state;
    lab_open(&l, NULL);
    people_move_in(&l);
    for (size_t i = 0; i < api_method_count; i++)
        assert_true(strcmp(api_methods[i].path, unknown.path) != 0);
    assert_true(access_needs_root(unknown.path));
    assert_false(access_needs_root("/etcdserverpb.KV/Range"));
    people_close(&l);
}

static void reads_are_judged_by_their_keys(void **state)
{
    struct lab l;
    struct pb_range_request within = {.key = SLICE_LIT("secret")};
    struct pb_request_op op = {.request_case = PB_OP_RANGE, .request_range = &within};
    const struct pb_txn_request txn = {.failure = &op, .failure_n = 1};
    (void)state;
    lab_open(&l, NULL);
    people_move_in(&l);
    people_log_in(&l, "alice", "alice-pw");
    caller_message(get(&l, "public/1", (struct slice){0}));
    caller_message(get(&l, "public/", SLICE_LIT("public0")));
    caller_refused(get(&l, "public/", SLICE_LIT("\0")), GRPC_PERMISSION_DENIED, denied);
    caller_refused(get(&l, "secret", (struct slice){0}), GRPC_PERMISSION_DENIED, denied);
    caller_refused(lab_call(&l, "/etcdserverpb.KV/Txn", &wire_txn_request, &txn),
                   GRPC_PERMISSION_DENIED, denied);
    people_close(&l);
}

static void a_refusal_says_what_is_missing(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l, NULL);
    people_move_in(&l);
    assert_string_equal(get(&l, "k", (struct slice){0})->explain,
                        "authentication is on, and the call has no token: log in");
    people_log_in(&l, "alice", "alice-pw");
    assert_string_equal(get(&l, "k\n", (struct slice){0})->explain,
                        "user \"alice\" has no READ permission on \"k\\x0a\"");
    assert_string_equal(get(&l, "k", SLICE_LIT("\0"))->explain,
                        "user \"alice\" has no READ permission on \"k\" and all keys after it");
    assert_string_equal(lab_put(&l, "public/1", "v")->explain,
                        "user \"alice\" has no WRITE permission on \"public/1\"");
    people_close(&l);
}

static void a_refused_write_is_not_in_the_log(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l, NULL);
    people_move_in(&l);
    people_log_in(&l, "alice", "alice-pw");
    uint64_t before = quorum_committed(l.quorum);
    caller_refused(lab_put(&l, "k", "v"), GRPC_PERMISSION_DENIED, denied);
    lab_run(&l);
    assert_int_equal(quorum_committed(l.quorum), before);
    people_close(&l);
}

static void strangers_learn_where_to_log_in(void **state)
{
    static const struct pb_member_list_request ask = {.linearizable = true};
    (void)state;
    for (int choice = API_MEMBERS_FULL; choice <= API_MEMBERS_NONE; choice++) {
        struct lab l;
        struct pb_member_list_response m;
        lab_open(&l, &(struct lab_options){.member_list = (enum api_member_list)choice});
        people_move_in(&l);
        struct caller_reply *r =
            lab_call(&l, "/etcdserverpb.Cluster/MemberList", &wire_member_list_request, &ask);
        if (choice == API_MEMBERS_NONE) {
            caller_refused(r, GRPC_INVALID_ARGUMENT, user_empty);
        } else {
            lab_response(&l, r, &wire_member_list_response, &m);
            assert_int_equal(m.members[0].id, LAB_MEMBER);
            assert_int_equal(m.members[0].client_urls_n, 2);
            assert_int_equal(m.members[0].peer_urls_n, choice == API_MEMBERS_FULL);
            assert_int_equal(m.members[0].name.n, choice == API_MEMBERS_FULL ? 6 : 0);
        }
        people_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_are_not_for_strangers),
        cmocka_unit_test(a_method_without_a_rule_is_roots),
        cmocka_unit_test(reads_are_judged_by_their_keys),
        cmocka_unit_test(a_refusal_says_what_is_missing),
        cmocka_unit_test(a_refused_write_is_not_in_the_log),
        cmocka_unit_test(strangers_learn_where_to_log_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
