/* Consensus is told who votes, clients are told who is missing, and the others can be dropped. */
#include "lab.h"

#include "quorum/driver.h"
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

/* What the other voter says once it runs: it grants votes, and has the log. */
static void receive(struct lab *l, uint64_t from, struct raft_message *m)
{
    struct raft_event event = {.type = RAFT_RECEIVE};
    m->server_id = from;
    m->server_address = "http://10.0.0.2:2380";
    event.receive.message = m;
    driver_step(l->quorum, &event);
}

static void grant(struct lab *l, uint64_t from, bool pre_vote)
{
    struct raft_message m = {.type = RAFT_REQUEST_VOTE_RESULT};
    m.request_vote_result =
        (struct raft_request_vote_result){.version = 2,
                                          .term = quorum_term(l->quorum) + (pre_vote ? 1 : 0),
                                          .vote_granted = true,
                                          .pre_vote = pre_vote,
                                          .capacity = UINT16_MAX};
    receive(l, from, &m);
}

static void hold_all(struct lab *l, uint64_t from)
{
    struct raft_message m = {.type = RAFT_APPEND_ENTRIES_RESULT};
    m.append_entries_result =
        (struct raft_append_entries_result){.version = 1,
                                            .term = quorum_term(l->quorum),
                                            .last_log_index = wal_next_index(l->wal) - 1,
                                            .capacity = UINT16_MAX};
    receive(l, from, &m);
}

static void what_waits_for_a_leader_goes_on_when_one_comes(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    uint64_t other = lab_add_voter(&l, "http://10.0.0.2:2380");
    lab_pass_ms(&l, QUORUM_ELECTION_MS);
    size_t pending = quorum_pending_bytes(l.quorum);
    struct caller_reply *put = lab_put(&l, "k", "v");
    const struct pb_range_request key = {.key = SLICE_LIT("k")};
    struct caller_reply *range = lab_range(&l, &key);
    assert_int_equal(quorum_pending_bytes(l.quorum), pending); /* none is in the log */
    lab_pass_ms(&l, 3 * QUORUM_ELECTION_MS);
    grant(&l, other, true);
    grant(&l, other, false);
    assert_true(quorum_is_leader(l.quorum));
    lab_run(&l);
    assert_false(put->ended || range->ended);
    hold_all(&l, other);
    lab_run(&l);
    caller_message(put);
    assert_false(range->ended); /* do we still lead? */
    read_index_answer(&l.quorum->reads, other, l.quorum->reads.number, quorum_term(l.quorum));
    driver_apply(l.quorum);
    lab_run(&l);
    caller_message(range);
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

#define WATCH "/etcdserverpb.Watch/Watch"

/* A watch from now on, with this metadata. */
static struct caller_reply *watch(struct lab *l, const char *hasleader)
{
    struct pb_watch_create_request create = {.key = SLICE_LIT("k")};
    const struct pb_watch_request r = {.request_union_case = PB_WATCH_CREATE,
                                       .create_request = &create};
    struct buf body = {0};
    struct buf framed = {0};
    wire_encode(&wire_watch_request, &r, &body);
    caller_frame(&framed, 0, buf_slice(&body));
    struct caller_reply *reply = caller_send(
        &l->caller,
        &(struct caller_request){
            .path = WATCH, .hasleader = hasleader, .body = buf_slice(&framed), .open = true});
    buf_fini(&framed);
    buf_fini(&body);
    lab_run(l);
    return reply;
}

static void who_needs_a_leader_is_told_when_there_is_none(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    struct caller_reply *needs = watch(&l, "true");
    struct caller_reply *gone = watch(&l, "true");
    struct caller_reply *patient = watch(&l, NULL);
    struct caller_reply *other = watch(&l, "false");
    assert_true(needs->body.n > 0);
    caller_cancel(&l.caller, gone);
    lab_add_voter(&l, "http://10.0.0.2:2380");
    lab_pass_ms(&l, QUORUM_ELECTION_MS);
    assert_false(needs->ended); /* a leader may come */
    lab_pass_ms(&l, API_LEADERLESS_MAX * QUORUM_ELECTION_MS);
    assert_true(needs->ended);
    assert_string_equal(needs->message, "etcdserver: no leader");
    assert_int_equal(needs->grpc_status, GRPC_UNAVAILABLE);
    assert_non_null(strstr(needs->explain, "10.0.0.2"));
    assert_false(patient->ended || other->ended);
    struct caller_reply *late = watch(&l, "true");
    assert_true(late->ended);
    assert_string_equal(late->message, "etcdserver: no leader");
    caller_cancel(&l.caller, patient);
    caller_cancel(&l.caller, other);
    lab_run(&l);
    assert_int_equal(api_open_calls(l.api), 0);
    lab_close(&l);
}

/* What has many answers may wait for ever, too; what has one is answered in its time. */
static void so_is_who_waits_for_answers_to_one_message(void **state)
{
    (void)state;
    struct lab l;
    struct buf framed = {0};
    lab_open(&l, NULL);
    caller_frame(&framed, 0, (struct slice){0});
    struct caller_reply *health =
        caller_send(&l.caller, &(struct caller_request){.path = "/grpc.health.v1.Health/Watch",
                                                        .hasleader = "true",
                                                        .body = buf_slice(&framed),
                                                        .open = true});
    lab_run(&l);
    assert_false(health->ended);
    lab_add_voter(&l, "http://10.0.0.2:2380");
    lab_pass_ms(&l, QUORUM_ELECTION_MS);
    lab_pass_ms(&l, API_LEADERLESS_MAX * QUORUM_ELECTION_MS);
    assert_true(health->ended);
    assert_string_equal(health->message, "etcdserver: no leader");
    buf_fini(&framed);
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
        cmocka_unit_test(what_waits_for_a_leader_goes_on_when_one_comes),
        cmocka_unit_test(without_the_lead_no_lease_ends),
        cmocka_unit_test(who_needs_a_leader_is_told_when_there_is_none),
        cmocka_unit_test(so_is_who_waits_for_answers_to_one_message),
        cmocka_unit_test(others_are_dropped_when_there_are_any),
    };
    return cmocka_run_group_tests_name("api/voters", tests, NULL, NULL);
}
