/* Consensus is told who votes, clients are told who is missing, and the others can be dropped. */
#include "lab.h"

#include "state/lessor.h"
#include "state/members.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void consensus_follows_the_members(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    assert_int_equal(quorum_majority(l.quorum).voters, 1);
    assert_null(api_explain_voters(l.api));
    uint64_t id = lab_add_voter(&l, "http://10.0.0.2:2380");
    assert_int_equal(quorum_majority(l.quorum).voters, 2);
    char its[32];
    snprintf(its, sizeof(its), "missing are: %llx (", (unsigned long long)id);
    assert_non_null(strstr(api_explain_voters(l.api), its));
    assert_null(strstr(api_explain_voters(l.api), "10.0.0.1"));
    lab_close(&l);
}

/* A put that is in the same batch of the log as the change, and behind it, is committed with it. */
static void what_was_on_its_way_before_is_answered(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    struct slice url = SLICE_LIT("http://10.0.0.2:2380");
    const struct pb_member_add_request add = {.peer_urls = &url, .peer_urls_n = 1};
    l.halted = true;
    struct caller_reply *added =
        lab_call(&l, "/etcdserverpb.Cluster/MemberAdd", &wire_member_add_request, &add);
    struct caller_reply *behind = lab_put(&l, "k", "v");
    l.halted = false;
    lab_run(&l);
    caller_message(added);
    struct caller_reply *later = lab_put(&l, "k", "w");
    lab_pass_ms(&l, API_REQUEST_MS_MAX + 500);
    assert_true(behind->ended && later->ended);
    const struct pb_range_request key = {.key = SLICE_LIT("k"), .serializable = true};
    struct pb_range_response found;
    lab_response(&l, lab_range(&l, &key), &wire_range_response, &found);
    assert_int_equal(found.kvs_n, behind->grpc_status == 0); /* whichever: what is told is so */
    assert_true(later->grpc_status != 0);
    lab_close(&l);
}

static void without_the_lead_no_lease_ends(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    const struct pb_lease_grant_request grant = {.id = 5, .ttl = 10};
    caller_message(
        lab_call(&l, "/etcdserverpb.Lease/LeaseGrant", &wire_lease_grant_request, &grant));
    lab_add_voter(&l, "http://10.0.0.2:2380");
    lab_pass_ms(&l, QUORUM_ELECTION_MS);
    assert_false(state_lessor(l.state)->leading);
    uint64_t bytes = quorum_pending_bytes(l.quorum);
    lab_pass_ms(&l, 20000);
    assert_int_equal(quorum_pending_bytes(l.quorum), bytes);
    assert_non_null(leases_find(state_leases(l.state), 5));
    lab_close(&l);
}

static void others_are_dropped_when_there_are_any(void **state)
{
    (void)state;
    struct lab l;
    struct slice url = SLICE_LIT("http://10.0.0.2:2380");
    const struct pb_member_add_request add = {&url, 1, true};
    lab_open(&l, NULL);
    uint64_t applied = quorum_applied(l.quorum);
    api_forget_others(l.api);
    lab_run(&l);
    assert_int_equal(quorum_applied(l.quorum), applied); /* nobody: no entry */
    caller_message(lab_call(&l, "/etcdserverpb.Cluster/MemberAdd", &wire_member_add_request, &add));
    assert_int_equal(state_members(l.state)->n, 2);
    api_forget_others(l.api);
    lab_run(&l);
    assert_int_equal(state_members(l.state)->n, 1);
    const struct pb_member *own = members_find(state_members(l.state), LAB_MEMBER);
    assert_true(slice_eq(own->peer_urls[0], SLICE_LIT("http://10.0.0.1:2380")));
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consensus_follows_the_members),
        cmocka_unit_test(what_was_on_its_way_before_is_answered),
        cmocka_unit_test(without_the_lead_no_lease_ends),
        cmocka_unit_test(others_are_dropped_when_there_are_any),
    };
    return cmocka_run_group_tests_name("api/voters", tests, NULL, NULL);
}
