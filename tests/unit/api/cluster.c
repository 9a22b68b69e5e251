/* Status, member list and health say what is so; members change as in etcd. */
#include "api/inner.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void status_says_how_far_it_is(void **state)
{
    (void)state;
    struct lab l;
    struct pb_status_response s;
    struct storage_stats sizes;
    const struct pb_status_request ask = {0};
    lab_open(&l, &(struct lab_options){.quota = 1 << 30});
    lab_put(&l, "k", "v");
    lab_response(&l, lab_call(&l, "/etcdserverpb.Maintenance/Status", &wire_status_request, &ask),
                 &wire_status_response, &s);
    storage_stats(l.storage, &sizes);
    assert_true(slice_eq(s.version, SLICE_LIT("3.7.0")));
    assert_int_equal(s.leader, LAB_MEMBER);
    assert_int_equal(s.raft_term, quorum_term(l.quorum));
    assert_int_equal(s.raft_index, quorum_committed(l.quorum));
    assert_int_equal(s.raft_applied_index, quorum_applied(l.quorum));
    assert_int_equal(s.db_size, sizes.file_bytes);
    assert_int_equal(s.db_size_in_use, sizes.used_bytes);
    assert_int_equal(s.db_size_quota, 1 << 30);
    assert_int_equal(s.errors_n, 0);
    assert_int_equal(s.header->revision, 2);
    assert_non_null(s.downgrade_info);
    api_no_space(l.api, true);
    lab_response(&l, lab_call(&l, "/etcdserverpb.Maintenance/Status", &wire_status_request, &ask),
                 &wire_status_response, &s);
    assert_int_equal(s.errors_n, 1);
    lab_close(&l);
}

static void the_member_list_is_this_member(void **state)
{
    (void)state;
    struct lab l;
    struct pb_member_list_response m;
    lab_open(&l, NULL);
    for (int linearizable = 0; linearizable < 2; linearizable++) {
        const struct pb_member_list_request ask = {.linearizable = linearizable};
        lab_response(
            &l, lab_call(&l, "/etcdserverpb.Cluster/MemberList", &wire_member_list_request, &ask),
            &wire_member_list_response, &m);
        assert_int_equal(m.header->revision, 0);
        assert_int_equal(m.header->cluster_id, LAB_CLUSTER);
        assert_int_equal(m.members_n, 1);
        assert_int_equal(m.members[0].id, LAB_MEMBER);
        assert_true(slice_eq(m.members[0].name, SLICE_LIT("infra0")));
        assert_int_equal(m.members[0].peer_urls_n, 1);
        assert_int_equal(m.members[0].client_urls_n, 2);
        assert_true(slice_eq(m.members[0].client_urls[1], SLICE_LIT("http://[::1]:2379")));
    }
    lab_close(&l);
}

#define CALL(l, method, name, r) lab_call(l, "/etcdserverpb.Cluster/" method, &wire_##name, r)

static void expect_urls(struct lab *l, uint64_t id, const char *first, size_t n)
{
    struct pb_member_list_response m;
    const struct pb_member_list_request ask = {.linearizable = true};
    lab_response(l, CALL(l, "MemberList", member_list_request, &ask), &wire_member_list_response,
                 &m);
    for (size_t i = 0; i < m.members_n; i++) {
        if (i > 0)
            assert_true(m.members[i - 1].id < m.members[i].id);
        if (m.members[i].id != id)
            continue;
        assert_int_equal(m.members[i].peer_urls_n, n);
        assert_true(slice_eq(m.members[i].peer_urls[0], slice_str(first)));
        assert_int_equal(m.members[i].is_learner, id != LAB_MEMBER);
        assert_int_equal(m.members[i].name.n, id == LAB_MEMBER ? 6 : 0);
        return;
    }
    fail_msg("no member %llx", (unsigned long long)id);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    struct lab l;
    struct slice own = SLICE_LIT("http://10.0.0.1:2380");
    struct slice bad = SLICE_LIT("10.0.0.2:2380");
    struct pb_member_add_request add = {.peer_urls = &bad, .peer_urls_n = 1};
    lab_open(&l, NULL);
    caller_refused(CALL(&l, "MemberAdd", member_add_request, &add), GRPC_INVALID_ARGUMENT,
                   "etcdserver: given member URLs are invalid");
    add.peer_urls_n = 0;
    caller_refused(CALL(&l, "MemberAdd", member_add_request, &add), GRPC_INVALID_ARGUMENT,
                   "etcdserver: given member URLs are invalid");
    add = (struct pb_member_add_request){.peer_urls = &own, .peer_urls_n = 1};
    caller_refused(CALL(&l, "MemberAdd", member_add_request, &add), GRPC_FAILED_PRECONDITION,
                   "etcdserver: Peer URLs already exists");
    struct pb_member_remove_request gone = {.id = LAB_MEMBER};
    caller_refused(CALL(&l, "MemberRemove", member_remove_request, &gone), GRPC_UNKNOWN,
                   "etcdserver: re-configuration failed due to not enough started members");
    gone.id++;
    caller_refused(CALL(&l, "MemberRemove", member_remove_request, &gone), GRPC_NOT_FOUND,
                   "etcdserver: member not found");
    struct pb_member_promote_request promote = {.id = LAB_MEMBER};
    caller_refused(CALL(&l, "MemberPromote", member_promote_request, &promote),
                   GRPC_FAILED_PRECONDITION, "etcdserver: can only promote a learner member");
    promote.id++;
    caller_refused(CALL(&l, "MemberPromote", member_promote_request, &promote), GRPC_NOT_FOUND,
                   "etcdserver: member not found");
    lab_close(&l);
}

static void peer_urls_change_and_the_id_stays(void **state)
{
    (void)state;
    struct lab l;
    struct slice urls[65] = {SLICE_LIT("http://10.0.0.9:1"), SLICE_LIT("\"odd\"")};
    struct pb_member_update_request update = {LAB_MEMBER, urls, 2};
    struct pb_member_update_response out;
    lab_open(&l, NULL);
    lab_response(&l, CALL(&l, "MemberUpdate", member_update_request, &update),
                 &wire_member_update_response, &out);
    assert_int_equal(out.header->revision, 0);
    assert_int_equal(out.members_n, 1);
    expect_urls(&l, LAB_MEMBER, "http://10.0.0.9:1", 2);
    update.id++;
    caller_refused(CALL(&l, "MemberUpdate", member_update_request, &update), GRPC_NOT_FOUND,
                   "etcdserver: member not found");
    update = (struct pb_member_update_request){LAB_MEMBER, urls, ARRAY_LEN(urls)};
    caller_refused(CALL(&l, "MemberUpdate", member_update_request, &update), GRPC_INVALID_ARGUMENT,
                   "etcdserver: given member URLs are invalid");
    expect_urls(&l, LAB_MEMBER, "http://10.0.0.9:1", 2);
    lab_close(&l);
}

static void a_learner_comes_and_goes_without_a_vote(void **state)
{
    (void)state;
    struct lab l;
    struct slice urls[] = {SLICE_LIT("http://10.0.0.3:2380"), SLICE_LIT("HTTP://10.0.0.2:2380")};
    struct slice own = SLICE_LIT("http://10.0.0.1:2380");
    struct pb_member_add_request add = {urls, 2, true};
    struct pb_member_add_response out;
    lab_open(&l, NULL);
    lab_response(&l, CALL(&l, "MemberAdd", member_add_request, &add), &wire_member_add_response,
                 &out);
    assert_int_equal(out.members_n, 2);
    uint64_t id = out.member->id;
    assert_true(out.member->is_learner);
    expect_urls(&l, id, "http://10.0.0.2:2380", 2);
    expect_urls(&l, LAB_MEMBER, "http://10.0.0.1:2380", 1);
    assert_true(quorum_is_leader(l.quorum));
    lab_put(&l, "k", "v");
    assert_int_equal(lab_count(&l), 1);
    caller_refused(CALL(&l, "MemberAdd", member_add_request, &add), GRPC_FAILED_PRECONDITION,
                   "etcdserver: member ID already exist"); /* the second has not passed */
    struct pb_member_promote_request promote = {.id = id};
    caller_refused(CALL(&l, "MemberPromote", member_promote_request, &promote),
                   GRPC_FAILED_PRECONDITION,
                   "etcdserver: can only promote a learner member which is in sync with leader");
    struct pb_member_update_request update = {id, &own, 1};
    caller_refused(CALL(&l, "MemberUpdate", member_update_request, &update),
                   GRPC_FAILED_PRECONDITION, "etcdserver: Peer URLs already exists");
    urls[0] = SLICE_LIT("http://10.0.0.4:2380");
    add.peer_urls_n = 1;
    caller_refused(CALL(&l, "MemberAdd", member_add_request, &add), GRPC_FAILED_PRECONDITION,
                   "etcdserver: too many learner members in cluster");
    struct pb_member_remove_request gone = {.id = id};
    assert_int_equal(CALL(&l, "MemberRemove", member_remove_request, &gone)->grpc_status, 0);
    caller_refused(CALL(&l, "MemberRemove", member_remove_request, &gone), GRPC_NOT_FOUND,
                   "etcdserver: member not found");
    lab_close(&l);
}

/* What etcd answers, after each of these. */
static uint64_t add_second(struct lab *l, const struct lab_options *opt)
{
    lab_open(l, opt);
    lab_put(l, "k", "1");
    return lab_add_voter(l, "http://10.0.0.2:2380");
}

static void a_second_voter_costs_the_majority(void **state)
{
    (void)state;
    struct lab l;
    struct pb_status_response s;
    const struct pb_status_request ask = {0};
    uint64_t id = add_second(&l, NULL);
    struct caller_reply *in_the_log = lab_put(&l, "k", "2");
    lab_pass_ms(&l, QUORUM_ELECTION_MS);
    assert_false(quorum_is_leader(l.quorum));
    lab_response(&l, lab_call(&l, "/etcdserverpb.Maintenance/Status", &wire_status_request, &ask),
                 &wire_status_response, &s);
    assert_int_equal(s.leader, 0);
    assert_true(slice_eq(s.errors[0], SLICE_LIT("etcdserver: no leader")));
    struct caller_reply *waiting = lab_put(&l, "k", "3");
    struct pb_member_remove_request gone = {.id = id};
    struct caller_reply *removal = CALL(&l, "MemberRemove", member_remove_request, &gone);
    struct pb_member_promote_request up = {.id = id};
    struct caller_reply *promotion = CALL(&l, "MemberPromote", member_promote_request, &up);
    struct pb_member_list_request list = {.linearizable = true};
    struct caller_reply *listing = CALL(&l, "MemberList", member_list_request, &list);
    lab_pass_ms(&l, API_REQUEST_MS_MAX + 500);
    caller_refused(in_the_log, GRPC_UNAVAILABLE, "etcdserver: request timed out");
    caller_refused(waiting, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
    caller_refused(removal, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
    caller_refused(promotion, GRPC_UNAVAILABLE, "etcdserver: no leader");
    caller_refused(listing, GRPC_UNAVAILABLE, "etcdserver: request timed out");
    struct caller_reply *all[] = {in_the_log, waiting, removal, promotion, listing};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (!strstr(all[i]->explain, "(http://10.0.0.2:2380); start what is missing"))
            fail_msg("%zu: %s", i, all[i]->explain);
    struct caller_reply *after = lab_put(&l, "k", "4"); /* one that was given up is in the log */
    lab_pass_ms(&l, API_REQUEST_MS_MAX + 500);
    caller_refused(after, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
    const struct pb_range_request key = {.key = SLICE_LIT("k"), .serializable = true};
    struct pb_range_response found;
    lab_response(&l, lab_range(&l, &key), &wire_range_response, &found);
    assert_true(slice_eq(found.kvs[0].value, SLICE_LIT("1")));
    lab_close(&l);
}

static void strictly_no_third_is_added_or_first_removed(void **state)
{
    (void)state;
    struct lab l;
    struct slice url = SLICE_LIT("http://10.0.0.3:2380");
    static const char few[] =
        "etcdserver: re-configuration failed due to not enough started members";
    add_second(&l, NULL);
    struct pb_member_add_request add = {.peer_urls = &url, .peer_urls_n = 1};
    caller_refused(CALL(&l, "MemberAdd", member_add_request, &add), GRPC_UNKNOWN, few);
    add.is_learner = true;
    caller_refused(CALL(&l, "MemberAdd", member_add_request, &add), GRPC_UNAVAILABLE,
                   "etcdserver: unhealthy cluster");
    struct pb_member_remove_request gone = {.id = LAB_MEMBER};
    caller_refused(CALL(&l, "MemberRemove", member_remove_request, &gone), GRPC_UNKNOWN, few);
    gone.id = 1234;
    caller_refused(CALL(&l, "MemberRemove", member_remove_request, &gone), GRPC_UNKNOWN, few);
    lab_close(&l);
    add_second(&l, &(struct lab_options){.lax = true});
    struct caller_reply *all[] = {CALL(&l, "MemberAdd", member_add_request, &add),
                                  CALL(&l, "MemberRemove", member_remove_request, &gone)};
    assert_false(all[0]->ended || all[1]->ended); /* they wait, like all that is to be written */
    lab_pass_ms(&l, API_REQUEST_MS_MAX + 500);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        caller_refused(all[i], GRPC_UNAVAILABLE, "etcdserver: request timed out");
    lab_close(&l);
}

static void health_follows_the_lead(void **state)
{
    (void)state;
    struct lab l;
    struct pb_health_check_response h;
    struct pb_health_check_request ask = {0};
    lab_open(&l, NULL);
    lab_response(&l, lab_call(&l, "/grpc.health.v1.Health/Check", &wire_health_check_request, &ask),
                 &wire_health_check_response, &h);
    assert_int_equal(h.status, PB_SERVING_STATUS_SERVING);
    ask.service = SLICE_LIT("other");
    caller_refused(lab_call(&l, "/grpc.health.v1.Health/Check", &wire_health_check_request, &ask),
                   GRPC_NOT_FOUND, "unknown service");
    lab_close(&l);
    lab_open(&l, &(struct lab_options){.members = 3});
    ask.service.n = 0;
    lab_response(&l, lab_call(&l, "/grpc.health.v1.Health/Check", &wire_health_check_request, &ask),
                 &wire_health_check_response, &h);
    assert_int_equal(h.status, PB_SERVING_STATUS_NOT_SERVING);
    lab_close(&l);
}

/* Told at once, and once for each change. A service that there is not never changes. */
static void who_watches_health_is_told_of_changes(void **state)
{
    (void)state;
    static const char path[] = "/grpc.health.v1.Health/Watch";
    struct lab l;
    struct lab leaderless;
    struct pb_health_check_request ask = {0};
    size_t at = 0;
    size_t none_at = 0;
    lab_open(&l, NULL);
    lab_open(&leaderless, &(struct lab_options){.members = 3});
    struct caller_reply *whole = lab_call(&l, path, &wire_health_check_request, &ask);
    assert_true(slice_eq(caller_next(whole, &at), SLICE_LIT("\x08\1")));
    ask.service = SLICE_LIT("other");
    struct caller_reply *none = lab_call(&l, path, &wire_health_check_request, &ask);
    assert_true(slice_eq(caller_next(none, &none_at), SLICE_LIT("\x08\3")));
    l.api->quorum = leaderless.quorum;
    lab_run(&l);
    lab_run(&l);
    assert_true(slice_eq(caller_next(whole, &at), SLICE_LIT("\x08\2")));
    l.api->quorum = l.quorum;
    lab_run(&l);
    assert_true(slice_eq(caller_next(whole, &at), SLICE_LIT("\x08\1")));
    lab_run(&l);
    assert_null(caller_next(whole, &at).p);
    assert_null(caller_next(none, &none_at).p);
    caller_cancel(&l.caller, whole);
    caller_cancel(&l.caller, none);
    lab_close(&leaderless);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_says_how_far_it_is),
        cmocka_unit_test(the_member_list_is_this_member),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(peer_urls_change_and_the_id_stays),
        cmocka_unit_test(a_learner_comes_and_goes_without_a_vote),
        cmocka_unit_test(a_second_voter_costs_the_majority),
        cmocka_unit_test(strictly_no_third_is_added_or_first_removed),
        cmocka_unit_test(health_follows_the_lead),
        cmocka_unit_test(who_watches_health_is_told_of_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
