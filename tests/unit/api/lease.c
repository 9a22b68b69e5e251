/* The Lease service as a client sees it: IDs and times that the server chooses, the keep-alive
 * stream, what is left, the list, and leases that end while puts go on. */
#include "lab.h"

#include "state/leases.h"
#include "state/lessor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define KEEP_ALIVE "/etcdserverpb.Lease/LeaseKeepAlive"

static struct caller_reply *grant(struct lab *l, int64_t id, int64_t ttl)
{
    const struct pb_lease_grant_request r = {.id = id, .ttl = ttl};
    return lab_call(l, "/etcdserverpb.Lease/LeaseGrant", &wire_lease_grant_request, &r);
}

static struct caller_reply *revoke(struct lab *l, int64_t id)
{
    const struct pb_lease_revoke_request r = {.id = id};
    return lab_call(l, "/etcdserverpb.Lease/LeaseRevoke", &wire_lease_revoke_request, &r);
}

static void put_on(struct lab *l, const char *key, int64_t lease)
{
    const struct pb_put_request r = {.key = slice_str(key), .lease = lease};
    caller_message(lab_call(l, "/etcdserverpb.KV/Put", &wire_put_request, &r));
}

static struct pb_lease_time_to_live_response left(struct lab *l, int64_t id)
{
    const struct pb_lease_time_to_live_request r = {.id = id, .keys = true};
    struct pb_lease_time_to_live_response out;
    lab_response(
        l, lab_call(l, "/etcdserverpb.Lease/LeaseTimeToLive", &wire_lease_time_to_live_request, &r),
        &wire_lease_time_to_live_response, &out);
    return out;
}

static void test_the_server_chooses_a_positive_id_and_enough_time(void **state)
{
    (void)state;
    struct lab l;
    struct pb_lease_grant_response out;
    lab_open(&l, NULL);
    for (int64_t ttl = -5; ttl <= 3; ttl += 4) {
        lab_response(&l, grant(&l, 0, ttl), &wire_lease_grant_response, &out);
        assert_true(out.id > 0);
        assert_int_equal(out.ttl, ttl > API_LEASE_TTL_MIN ? ttl : API_LEASE_TTL_MIN);
    }
    lab_response(&l, grant(&l, 5, 100), &wire_lease_grant_response, &out);
    assert_int_equal(out.id, 5);
    caller_refused(grant(&l, 5, 100), GRPC_FAILED_PRECONDITION, "etcdserver: lease already exists");
    caller_refused(grant(&l, 6, 9000000001), GRPC_OUT_OF_RANGE, "etcdserver: too large lease TTL");
    caller_refused(revoke(&l, 6), GRPC_NOT_FOUND, "etcdserver: requested lease not found");
    lab_close(&l);
}

static void test_what_is_left_is_told_with_the_keys_in_order(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    grant(&l, 5, 100);
    put_on(&l, "b", 5);
    put_on(&l, "a", 5);
    lab_pass_ms(&l, 1500);
    struct pb_lease_time_to_live_response out = left(&l, 5);
    assert_int_equal(out.ttl, 98);
    assert_int_equal(out.granted_ttl, 100);
    assert_int_equal(out.keys_n, 2);
    assert_true(slice_eq(out.keys[0], SLICE_LIT("a")));
    assert_true(slice_eq(out.keys[1], SLICE_LIT("b")));
    out = left(&l, 6);
    assert_int_equal(out.ttl, -1);
    assert_int_equal(out.granted_ttl, 0);
    lab_close(&l);
}

static void test_those_that_end_first_are_listed_first(void **state)
{
    (void)state;
    struct lab l;
    struct pb_lease_leases_response out;
    const struct pb_lease_leases_request r = {0};
    lab_open(&l, NULL);
    grant(&l, 1, 300);
    grant(&l, 2, 100);
    grant(&l, -3, 200);
    lab_response(&l,
                 lab_call(&l, "/etcdserverpb.Lease/LeaseLeases", &wire_lease_leases_request, &r),
                 &wire_lease_leases_response, &out);
    assert_int_equal(out.leases_n, 3);
    assert_int_equal(out.leases[0].id, 2);
    assert_int_equal(out.leases[1].id, -3);
    assert_int_equal(out.leases[2].id, 1);
    lab_close(&l);
}

static void test_a_lease_ends_with_its_keys_by_an_entry(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    grant(&l, 5, 10);
    put_on(&l, "k", 5);
    lab_pass_ms(&l, 9999);
    assert_int_equal(lab_count(&l), 1);
    uint64_t before = state_applied(l.state);
    lab_pass_ms(&l, 1);
    assert_int_equal(lab_count(&l), 0);
    assert_int_equal(state_applied(l.state), before + 1);
    assert_int_equal(left(&l, 5).ttl, -1);
    lab_close(&l);
}

/* ---- Keep-alive ---- */

static struct caller_reply *open_stream(struct lab *l)
{
    return caller_send(&l->caller, &(struct caller_request){.path = KEEP_ALIVE, .open = true});
}

static struct buf frame_of(int64_t id)
{
    const struct pb_lease_keep_alive_request r = {.id = id};
    struct buf body = {0};
    struct buf framed = {0};
    wire_encode(&wire_lease_keep_alive_request, &r, &body);
    caller_frame(&framed, 0, buf_slice(&body));
    buf_fini(&body);
    return framed;
}

static void keep_alive(struct lab *l, struct caller_reply *s, int64_t id, bool end)
{
    struct buf framed = frame_of(id);
    caller_more(&l->caller, s, buf_slice(&framed), end);
    buf_fini(&framed);
    lab_run(l);
}

static void answered(struct lab *l, const struct caller_reply *s, size_t *at, int64_t id,
                     int64_t ttl)
{
    struct pb_lease_keep_alive_response out;
    struct slice message = caller_next(s, at);
    assert_non_null(message.p);
    arena_fini(&l->arena);
    assert_int_equal(wire_decode(&wire_lease_keep_alive_response, message, &l->arena, &out), RC_OK);
    assert_int_equal(out.id, id);
    assert_int_equal(out.ttl, ttl);
    assert_int_equal(out.header->member_id, LAB_MEMBER);
}

static void test_keep_alives_are_answered_one_by_one(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, NULL);
    grant(&l, 5, 10);
    struct caller_reply *s = open_stream(&l);
    for (int i = 0; i < 5; i++) {
        lab_pass_ms(&l, 8000);
        keep_alive(&l, s, 5, false);
        answered(&l, s, &at, 5, 10);
    }
    keep_alive(&l, s, 6, true); /* no such lease: no TTL, and no error */
    answered(&l, s, &at, 6, 0);
    assert_true(s->ended);
    assert_int_equal(s->grpc_status, GRPC_OK);
    assert_int_equal(api_open_calls(l.api), 0);
    lab_close(&l);
}

/* The second is served while the lease ends: it must not take hold of what is about to go. */
static void test_who_asks_twice_for_a_lease_that_ends_is_told_twice(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, NULL);
    grant(&l, 5, 10);
    struct caller_reply *s = open_stream(&l);
    l.halted = true;
    lab_pass_ms(&l, 10000);
    for (int i = 0; i < 3; i++)
        keep_alive(&l, s, 5, false);
    l.halted = false;
    lab_run(&l);
    for (int i = 0; i < 3; i++)
        answered(&l, s, &at, 5, 0);
    assert_int_equal(leases_count(state_leases(l.state)), 0);
    caller_cancel(&l.caller, s);
    lab_close(&l);
}

/* The end of the lease is in the log, and the disk takes its time. */
static void test_a_keep_alive_waits_for_the_end_that_it_is_too_late_for(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, NULL);
    grant(&l, 5, 10);
    grant(&l, 6, 100);
    struct caller_reply *s = open_stream(&l);
    l.halted = true;
    lab_pass_ms(&l, 10000);
    keep_alive(&l, s, 5, false);
    keep_alive(&l, s, 6, true);
    assert_null(caller_next(s, &at).p);
    l.halted = false;
    lab_run(&l);
    answered(&l, s, &at, 5, 0);
    answered(&l, s, &at, 6, 100);
    assert_true(s->ended);
    lab_close(&l);
}

static void test_a_client_may_go_while_its_keep_alive_waits(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    grant(&l, 5, 10);
    struct caller_reply *s = open_stream(&l);
    l.halted = true;
    lab_pass_ms(&l, 10000);
    keep_alive(&l, s, 5, false);
    caller_cancel(&l.caller, s);
    l.halted = false;
    lab_run(&l);
    assert_int_equal(left(&l, 5).ttl, -1);
    assert_int_equal(api_open_calls(l.api), 0);
    lab_close(&l);
}

static void test_without_a_leader_none_is_kept_alive(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, NULL);
    grant(&l, 5, 100);
    struct caller_reply *s = open_stream(&l);
    keep_alive(&l, s, 5, false);
    answered(&l, s, &at, 5, 100);
    lab_add_voter(&l, "http://10.0.0.2:2380");
    lab_pass_ms(&l, QUORUM_ELECTION_MS);
    keep_alive(&l, s, 5, false);
    struct caller_reply *gone = open_stream(&l);
    keep_alive(&l, gone, 5, false);
    caller_cancel(&l.caller, gone);
    const struct pb_lease_time_to_live_request ask = {.id = 5};
    struct caller_reply *time =
        lab_call(&l, "/etcdserverpb.Lease/LeaseTimeToLive", &wire_lease_time_to_live_request, &ask);
    lab_pass_ms(&l, API_REQUEST_MS_MAX - 1000);
    assert_false(s->ended || time->ended);
    lab_pass_ms(&l, 1500);
    assert_true(s->ended && time->ended);
    assert_string_equal(s->message, "etcdserver: no leader");
    assert_string_equal(time->message, "etcdserver: no leader");
    assert_non_null(strstr(s->explain, "voting members"));
    assert_int_equal(api_open_calls(l.api), 0);
    lab_close(&l);
}

/* etcd#13932: asked on one stream while the grant is on its way on another, it was not granted yet;
 * after the grant was answered it is there. */
static void test_a_lease_is_there_once_its_grant_is_answered(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, NULL);
    struct caller_reply *s = open_stream(&l);
    l.halted = true;
    struct caller_reply *g = grant(&l, 5, 10);
    assert_false(g->ended);
    l.halted = false;
    lab_run(&l);
    caller_message(g);
    keep_alive(&l, s, 5, true);
    answered(&l, s, &at, 5, 10);
    lab_close(&l);
}

static void test_a_message_that_is_none_ends_the_stream(void **state)
{
    (void)state;
    struct lab l;
    struct buf framed = {0};
    lab_open(&l, NULL);
    struct caller_reply *s = open_stream(&l);
    caller_frame(&framed, 0, SLICE_LIT("\x08"));
    caller_more(&l.caller, s, buf_slice(&framed), false);
    buf_fini(&framed);
    lab_run(&l);
    caller_refused(s, GRPC_INTERNAL,
                   "grpc: failed to unmarshal the received message: proto: cannot parse invalid "
                   "wire-format data");
    assert_int_equal(api_open_calls(l.api), 0);
    lab_close(&l);
}

static void test_leases_that_end_wait_while_nothing_can_be_written(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    grant(&l, 5, 10);
    put_on(&l, "k", 5);
    l.halted = true;
    struct caller_reply *stuck = lab_put(&l, "other", "v");
    lab_pass_ms(&l, API_REQUEST_MS_MAX + 500);
    assert_int_equal(stuck->grpc_status, GRPC_UNAVAILABLE);
    lab_pass_ms(&l, 10000);
    assert_int_equal(leases_count(state_leases(l.state)), 1);
    l.halted = false;
    lab_run(&l);
    lab_pass_ms(&l, LESSOR_RETRY_MS);
    assert_int_equal(leases_count(state_leases(l.state)), 0);
    assert_int_equal(lab_count(&l), 1);
    lab_close(&l);
}

/* What is small is told whatever waits elsewhere. */
static void test_answers_meet_the_budget(void **state)
{
    (void)state;
    struct lab l;
    char key[1001];
    lab_open(&l, NULL);
    grant(&l, 5, 100);
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    for (int i = 0; i < 40; i++) {
        key[0] = (char)('A' + i);
        put_on(&l, key, 5);
    }
    assert_int_equal(left(&l, 5).keys_n, 40);
    grant(&l, 6, 100);
    uint64_t used = l.budget.used;
    l.budget.used = l.budget.max - 20000; /* a call must still be taken */
    assert_int_equal(left(&l, 6).granted_ttl, 100);
    const struct pb_lease_time_to_live_request r = {.id = 5, .keys = true};
    caller_refused(
        lab_call(&l, "/etcdserverpb.Lease/LeaseTimeToLive", &wire_lease_time_to_live_request, &r),
        GRPC_RESOURCE_EXHAUSTED, "etcdserver: response is too large");
    l.budget.used -= l.budget.max - 20000 - used;
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_server_chooses_a_positive_id_and_enough_time),
        cmocka_unit_test(test_what_is_left_is_told_with_the_keys_in_order),
        cmocka_unit_test(test_those_that_end_first_are_listed_first),
        cmocka_unit_test(test_a_lease_ends_with_its_keys_by_an_entry),
        cmocka_unit_test(test_keep_alives_are_answered_one_by_one),
        cmocka_unit_test(test_who_asks_twice_for_a_lease_that_ends_is_told_twice),
        cmocka_unit_test(test_a_keep_alive_waits_for_the_end_that_it_is_too_late_for),
        cmocka_unit_test(test_a_client_may_go_while_its_keep_alive_waits),
        cmocka_unit_test(test_without_a_leader_none_is_kept_alive),
        cmocka_unit_test(test_a_lease_is_there_once_its_grant_is_answered),
        cmocka_unit_test(test_a_message_that_is_none_ends_the_stream),
        cmocka_unit_test(test_leases_that_end_wait_while_nothing_can_be_written),
        cmocka_unit_test(test_answers_meet_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
