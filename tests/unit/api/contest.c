/* The Lock and Election services: keys as etcd names them, one holder at a time in the order of
 * arrival, nothing for a session that has ended, nothing left behind by a client that goes. */
#include "api/contest.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void grant(struct lab *l, int64_t id)
{
    const struct pb_lease_grant_request r = {.id = id, .ttl = 60};
    caller_message(lab_call(l, "/etcdserverpb.Lease/LeaseGrant", &wire_lease_grant_request, &r));
}

static void revoke(struct lab *l, int64_t id)
{
    const struct pb_lease_revoke_request r = {.id = id};
    caller_message(lab_call(l, "/etcdserverpb.Lease/LeaseRevoke", &wire_lease_revoke_request, &r));
}

static struct caller_reply *lock(struct lab *l, int64_t lease)
{
    const struct pb_lock_request r = {.name = SLICE_LIT("l"), .lease = lease};
    return lab_call(l, "/v3lockpb.Lock/Lock", &wire_lock_request, &r);
}

static struct caller_reply *unlock(struct lab *l, const char *key)
{
    const struct pb_unlock_request r = {.key = slice_str(key)};
    return lab_call(l, "/v3lockpb.Lock/Unlock", &wire_unlock_request, &r);
}

static struct caller_reply *campaign(struct lab *l, int64_t lease, const char *value)
{
    const struct pb_campaign_request r = {
        .name = SLICE_LIT("e"), .lease = lease, .value = slice_str(value)};
    return lab_call(l, "/v3electionpb.Election/Campaign", &wire_campaign_request, &r);
}

static struct caller_reply *of_leader(struct lab *l, const char *method)
{
    const struct pb_leader_request r = {.name = SLICE_LIT("e")};
    char path[64];
    struct buf text = {0};
    buf_printf(&text, "/v3electionpb.Election/%s", method);
    buf_append_u8(&text, 0);
    memcpy(path, text.p, text.n);
    buf_fini(&text);
    return lab_call(l, path, &wire_leader_request, &r);
}

static void holds(struct lab *l, const struct caller_reply *r, const char *key)
{
    struct pb_lock_response out;
    lab_response(l, r, &wire_lock_response, &out);
    assert_true(slice_eq(out.key, slice_str(key)));
}

static bool exists(struct lab *l, const char *key)
{
    return kv_exists(state_kv(l->state), slice_str(key));
}

/* ---- Locks ---- */

static void test_a_lock_goes_to_whoever_came_first(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    for (int64_t id = 0xa; id <= 0xc; id++)
        grant(&l, id);
    holds(&l, lock(&l, 0xa), "l/a");
    holds(&l, lock(&l, 0xa), "l/a"); /* the same session has it already */
    struct caller_reply *second = lock(&l, 0xb);
    struct caller_reply *third = lock(&l, 0xc);
    assert_false(second->ended || third->ended);
    caller_message(unlock(&l, "l/a"));
    holds(&l, second, "l/b");
    assert_false(third->ended);
    revoke(&l, 0xb); /* a session that ends lets go, too */
    holds(&l, third, "l/c");
    assert_int_equal(api_open_calls(l.api), 0);
    lab_close(&l);
}

static void test_without_a_lease_the_server_makes_a_session(void **state)
{
    (void)state;
    struct lab l;
    struct pb_lock_response out;
    lab_open(&l, NULL);
    lab_response(&l, lock(&l, 0), &wire_lock_response, &out);
    assert_true(slice_has_prefix(out.key, SLICE_LIT("l/")));
    lab_pass_ms(&l, CONTEST_SESSION_TTL * 1000 - 1);
    assert_int_equal(lab_count(&l), 1);
    lab_pass_ms(&l, 1);
    assert_int_equal(lab_count(&l), 0);
    caller_refused(lock(&l, 0x77), GRPC_UNKNOWN, "etcdserver: requested lease not found");
    grant(&l, -3);
    holds(&l, lock(&l, -3), "l/-3");
    lab_close(&l);
}

/* A lock whose session's key is gone is not granted, whoever let go before. */
static void test_a_session_that_ended_while_it_waited_gets_nothing(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    grant(&l, 0xa);
    grant(&l, 0xb);
    lock(&l, 0xa);
    struct caller_reply *waits = lock(&l, 0xb);
    revoke(&l, 0xb);
    caller_refused(waits, GRPC_UNKNOWN, "mutex: session is expired");
    grant(&l, 0xb);
    waits = lock(&l, 0xb);
    caller_message(unlock(&l, "l/b"));
    caller_refused(waits, GRPC_UNKNOWN, "mutex: session is expired");
    assert_true(exists(&l, "l/a"));
    assert_int_equal(api_open_calls(l.api), 0);
    lab_close(&l);
}

/* Both keys go in one transaction: the predecessor's, and the own one. */
static void test_the_own_key_is_looked_at_again(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    grant(&l, 0xa);
    grant(&l, 0xb);
    lock(&l, 0xa);
    struct caller_reply *waits = lock(&l, 0xb);
    const struct pb_delete_range_request all = {.key = SLICE_LIT("l/"),
                                                .range_end = SLICE_LIT("l0")};
    lab_call(&l, "/etcdserverpb.KV/DeleteRange", &wire_delete_range_request, &all);
    caller_refused(waits, GRPC_UNKNOWN, "mutex: session is expired");
    lab_close(&l);
}

static void test_who_goes_leaves_the_queue(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    for (int64_t id = 0xa; id <= 0xc; id++)
        grant(&l, id);
    lock(&l, 0xa);
    struct caller_reply *second = lock(&l, 0xb);
    struct caller_reply *third = lock(&l, 0xc);
    caller_cancel(&l.caller, second);
    lab_run(&l);
    assert_false(exists(&l, "l/b"));
    assert_false(third->ended);
    caller_message(unlock(&l, "l/a"));
    holds(&l, third, "l/c");
    lab_close(&l);
}

static void test_unlocking_is_deleting(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    caller_message(unlock(&l, "nothing"));
    caller_refused(unlock(&l, ""), GRPC_UNKNOWN, "etcdserver: key is not provided");
    lab_close(&l);
}

/* ---- Elections ---- */

static struct pb_leader_key won(struct lab *l, const struct caller_reply *r)
{
    struct pb_campaign_response out;
    lab_response(l, r, &wire_campaign_response, &out);
    return *out.leader;
}

static void test_one_leads_until_it_resigns(void **state)
{
    (void)state;
    struct lab l;
    struct pb_leader_response leader;
    lab_open(&l, NULL);
    grant(&l, 0xa);
    grant(&l, 0xb);
    caller_refused(of_leader(&l, "Leader"), GRPC_UNKNOWN, "election: no leader");
    struct pb_leader_key first = won(&l, campaign(&l, 0xa, "one"));
    struct buf key = {0};
    buf_append_slice(&key, first.key);
    assert_true(slice_eq(first.key, SLICE_LIT("e/a")));
    assert_int_equal(first.lease, 0xa);
    assert_int_equal(first.rev, 2);
    struct caller_reply *second = campaign(&l, 0xb, "two");
    lab_response(&l, of_leader(&l, "Leader"), &wire_leader_response, &leader);
    assert_true(slice_eq(leader.kv->value, SLICE_LIT("one")));
    first.name = SLICE_LIT("e");
    first.key = buf_slice(&key);
    struct pb_resign_request resign = {.leader = &first};
    caller_message(lab_call(&l, "/v3electionpb.Election/Resign", &wire_resign_request, &resign));
    assert_int_equal(won(&l, second).lease, 0xb);
    /* What it says now is no leader's word. */
    const struct pb_proclaim_request late = {.leader = &first, .value = SLICE_LIT("still me")};
    caller_refused(lab_call(&l, "/v3electionpb.Election/Proclaim", &wire_proclaim_request, &late),
                   GRPC_UNKNOWN, "election: not leader");
    buf_fini(&key);
    lab_close(&l);
}

static void test_what_lacks_a_leader_key_is_refused(void **state)
{
    (void)state;
    struct lab l;
    const struct pb_proclaim_request proclaim = {.value = SLICE_LIT("v")};
    const struct pb_resign_request resign = {0};
    lab_open(&l, NULL);
    caller_refused(
        lab_call(&l, "/v3electionpb.Election/Proclaim", &wire_proclaim_request, &proclaim),
        GRPC_UNKNOWN, "\"leader\" field must be provided");
    caller_refused(lab_call(&l, "/v3electionpb.Election/Resign", &wire_resign_request, &resign),
                   GRPC_UNKNOWN, "\"leader\" field must be provided");
    lab_close(&l);
}

static void test_campaigning_again_proclaims(void **state)
{
    (void)state;
    struct lab l;
    struct pb_leader_response leader;
    lab_open(&l, NULL);
    grant(&l, 0xa);
    won(&l, campaign(&l, 0xa, "one"));
    assert_int_equal(won(&l, campaign(&l, 0xa, "two")).rev, 2);
    lab_response(&l, of_leader(&l, "Leader"), &wire_leader_response, &leader);
    assert_true(slice_eq(leader.kv->value, SLICE_LIT("two")));
    assert_int_equal(leader.kv->version, 2);
    lab_close(&l);
}

static void sees(struct lab *l, const struct caller_reply *s, size_t *at, const char *value)
{
    struct pb_leader_response out;
    struct slice message = caller_next(s, at);
    assert_int_equal(message.p != NULL, value != NULL);
    if (!value)
        return;
    arena_fini(&l->arena);
    assert_int_equal(wire_decode(&wire_leader_response, message, &l->arena, &out), RC_OK);
    assert_true(slice_eq(out.kv->value, slice_str(value)));
}

static void test_observers_see_the_leaders_values_and_no_others(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, NULL);
    for (int64_t id = 0xa; id <= 0xc; id++)
        grant(&l, id);
    struct caller_reply *s = of_leader(&l, "Observe");
    sees(&l, s, &at, NULL);
    campaign(&l, 0xa, "one");
    sees(&l, s, &at, "one");
    campaign(&l, 0xb, "other");
    sees(&l, s, &at, NULL);
    campaign(&l, 0xa, "two");
    sees(&l, s, &at, "two");
    lab_put(&l, "e/b", "other, changed");
    sees(&l, s, &at, NULL);
    revoke(&l, 0xa);
    sees(&l, s, &at, "other, changed");
    caller_message(unlock(&l, "e/b"));
    sees(&l, s, &at, NULL);
    campaign(&l, 0xc, "three");
    sees(&l, s, &at, "three");
    assert_false(s->ended);
    caller_cancel(&l.caller, s);
    lab_run(&l);
    assert_int_equal(api_open_calls(l.api), 0);
    lab_close(&l);
}

/* All of it is there when the first change is heard of. */
static void test_a_leader_that_changes_at_once_is_seen_once(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    struct pb_delete_range_request remove = {.key = SLICE_LIT("e/a")};
    struct pb_put_request put = {.key = SLICE_LIT("e/b"), .value = SLICE_LIT("two")};
    struct pb_request_op ops[2] = {
        {.request_case = PB_OP_DELETE_RANGE, .request_delete_range = &remove},
        {.request_case = PB_OP_PUT, .request_put = &put}};
    const struct pb_txn_request both = {.success = ops, .success_n = 2};
    lab_open(&l, NULL);
    grant(&l, 0xa);
    campaign(&l, 0xa, "one");
    struct caller_reply *s = of_leader(&l, "Observe");
    sees(&l, s, &at, "one");
    caller_message(lab_call(&l, "/etcdserverpb.KV/Txn", &wire_txn_request, &both));
    sees(&l, s, &at, "two");
    sees(&l, s, &at, NULL);
    lab_put(&l, "e/b", "three");
    sees(&l, s, &at, "three");
    caller_cancel(&l.caller, s);
    lab_close(&l);
}

/* Names are the client's, and copied: what waits with them is counted. */
static void test_what_waits_is_counted(void **state)
{
    (void)state;
    struct lab l;
    static uint8_t name[50000];
    memset(name, 'n', sizeof(name));
    const struct slice all = slice_of(name, sizeof(name));
    struct pb_lock_request r = {.name = all, .lease = 0xa};
    const struct pb_leader_request o = {.name = all};
    lab_open(&l, &(struct lab_options){.request_bytes = 1u << 20});
    grant(&l, 0xa);
    grant(&l, 0xb);
    caller_message(lab_call(&l, "/v3lockpb.Lock/Lock", &wire_lock_request, &r));
    uint64_t used = l.budget.used;
    r.lease = 0xb;
    struct caller_reply *waits = lab_call(&l, "/v3lockpb.Lock/Lock", &wire_lock_request, &r);
    assert_true(l.budget.used >= used + 5 * sizeof(name));
    caller_cancel(&l.caller, waits);
    lab_run(&l);
    assert_int_equal(l.budget.used, used);
    struct caller_reply *sees =
        lab_call(&l, "/v3electionpb.Election/Observe", &wire_leader_request, &o);
    assert_true(l.budget.used >= used + 4 * sizeof(name));
    caller_cancel(&l.caller, sees);
    lab_run(&l);
    assert_int_equal(l.budget.used, used);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lock_goes_to_whoever_came_first),
        cmocka_unit_test(test_without_a_lease_the_server_makes_a_session),
        cmocka_unit_test(test_a_session_that_ended_while_it_waited_gets_nothing),
        cmocka_unit_test(test_the_own_key_is_looked_at_again),
        cmocka_unit_test(test_who_goes_leaves_the_queue),
        cmocka_unit_test(test_unlocking_is_deleting),
        cmocka_unit_test(test_one_leads_until_it_resigns),
        cmocka_unit_test(test_what_lacks_a_leader_key_is_refused),
        cmocka_unit_test(test_campaigning_again_proclaims),
        cmocka_unit_test(test_observers_see_the_leaders_values_and_no_others),
        cmocka_unit_test(test_a_leader_that_changes_at_once_is_seen_once),
        cmocka_unit_test(test_what_waits_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
