/* Alarms are raised and disarmed by entries, forbid what etcd's forbid, and outlast a restart. */
#include "state/alarm.h"
#include "people.h"
#include "state/check.h"

static size_t ask(struct lab *l, enum pb_alarm_action action, uint64_t member,
                  enum pb_alarm_type type)
{
    struct pb_alarm_request r = {
        .action = (int32_t)action, .member_id = member, .alarm = (int32_t)type};
    struct pb_alarm_response out;
    assert_int_equal(lab_apply(l, RAFT_REQUEST_ALARM, &wire_alarm_request, &r), ETCD_OK);
    lab_response(l, &wire_alarm_response, &out);
    assert_int_equal(out.header->cluster_id, LAB_CLUSTER);
    if (out.alarms_n == 1 && action != PB_ALARM_ACTION_GET) {
        assert_int_equal(out.alarms[0].member_id, member);
        assert_int_equal(out.alarms[0].alarm, type);
    }
    return out.alarms_n;
}

static void alarms_are_raised_once_and_disarmed_once(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    assert_int_equal(ask(&l, PB_ALARM_ACTION_GET, 0, PB_ALARM_TYPE_NONE), 0);
    assert_int_equal(ask(&l, PB_ALARM_ACTION_ACTIVATE, 1, PB_ALARM_TYPE_NONE), 0);
    assert_int_equal(ask(&l, PB_ALARM_ACTION_ACTIVATE, 1, PB_ALARM_TYPE_NOSPACE), 1);
    assert_int_equal(ask(&l, PB_ALARM_ACTION_ACTIVATE, 1, PB_ALARM_TYPE_NOSPACE), 1);
    assert_int_equal(ask(&l, PB_ALARM_ACTION_ACTIVATE, 2, PB_ALARM_TYPE_CORRUPT), 1);
    assert_int_equal(ask(&l, PB_ALARM_ACTION_GET, 0, PB_ALARM_TYPE_NONE), 2);
    assert_int_equal(ask(&l, PB_ALARM_ACTION_GET, 0, PB_ALARM_TYPE_NOSPACE), 1);
    assert_int_equal(ask(&l, PB_ALARM_ACTION_DEACTIVATE, 2, PB_ALARM_TYPE_NOSPACE), 0);
    assert_int_equal(ask(&l, PB_ALARM_ACTION_DEACTIVATE, 1, PB_ALARM_TYPE_NOSPACE), 1);
    assert_int_equal(ask(&l, PB_ALARM_ACTION_DEACTIVATE, 1, PB_ALARM_TYPE_NOSPACE), 0);
    assert_true(state_has_alarm(l.state, PB_ALARM_TYPE_CORRUPT));
    assert_false(state_has_alarm(l.state, PB_ALARM_TYPE_NOSPACE));
    lab_close(&l);
}

static void no_space_forbids_what_adds(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_put_request put = {.key = SLICE_LIT("k")};
    struct pb_request_op op = {.request_case = PB_OP_PUT, .request_put = &put};
    struct pb_txn_request adding = {.failure = &op, .failure_n = 1};
    struct pb_txn_request empty = {0};
    lab_open(&l);
    assert_int_equal(lab_put(&l, "a", "1"), ETCD_OK);
    ask(&l, PB_ALARM_ACTION_ACTIVATE, 1, PB_ALARM_TYPE_NOSPACE);
    assert_int_equal(lab_put(&l, "a", "2"), ETCD_NO_SPACE);
    assert_int_equal(lab_txn(&l, &adding), ETCD_NO_SPACE);
    assert_int_equal(alarm_refusal(l.state, RAFT_REQUEST_LEASE_GRANT, 64), ETCD_NO_SPACE);
    assert_int_equal(lab_txn(&l, &empty), ETCD_OK);
    assert_true(slice_eq(lab_value(&l, "a"), SLICE_LIT("1")));
    assert_int_equal(lab_delete(&l, "a", (struct slice){0}), ETCD_OK);
    assert_int_equal(lab_compact(&l, 3, false), ETCD_OK);
    ask(&l, PB_ALARM_ACTION_DEACTIVATE, 1, PB_ALARM_TYPE_NOSPACE);
    assert_int_equal(lab_put(&l, "a", "2"), ETCD_OK);
    lab_close(&l);
}

static void corrupt_forbids_every_change(void **state)
{
    (void)state;
    struct lab l = {0};
    struct pb_txn_request empty = {0};
    lab_open(&l);
    assert_int_equal(lab_put(&l, "a", "1"), ETCD_OK);
    ask(&l, PB_ALARM_ACTION_ACTIVATE, 1, PB_ALARM_TYPE_CORRUPT);
    assert_int_equal(lab_put(&l, "a", "2"), ETCD_CORRUPT);
    assert_int_equal(lab_txn(&l, &empty), ETCD_CORRUPT);
    assert_int_equal(lab_delete(&l, "a", (struct slice){0}), ETCD_CORRUPT);
    assert_int_equal(lab_compact(&l, 2, false), ETCD_CORRUPT);
    assert_int_equal(alarm_refusal(l.state, RAFT_REQUEST_LEASE_REVOKE, 0), ETCD_CORRUPT);
    assert_int_equal(alarm_refusal(l.state, RAFT_REQUEST_AUTH_ENABLE, 0), ETCD_OK);
    assert_true(slice_eq(lab_value(&l, "a"), SLICE_LIT("1")));
    lab_close(&l);
}

/* As in etcd, which asks for permissions behind it. */
static void corrupt_is_said_to_whoever_asks(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    people_move_in(&l);
    assert_int_equal(lab_put(&l, "a", "1"), ETCD_USER_EMPTY);
    ask(&l, PB_ALARM_ACTION_ACTIVATE, 1, PB_ALARM_TYPE_CORRUPT);
    assert_int_equal(lab_put(&l, "a", "1"), ETCD_CORRUPT);
    ask(&l, PB_ALARM_ACTION_DEACTIVATE, 1, PB_ALARM_TYPE_CORRUPT);
    assert_int_equal(lab_put(&l, "a", "1"), ETCD_USER_EMPTY);
    lab_close(&l);
}

static void they_outlast_a_restart(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    ask(&l, PB_ALARM_ACTION_ACTIVATE, 1, PB_ALARM_TYPE_NOSPACE);
    ask(&l, PB_ALARM_ACTION_ACTIVATE, 0, PB_ALARM_TYPE_CORRUPT);
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_turns(&l);
    ask(&l, PB_ALARM_ACTION_DEACTIVATE, 0, PB_ALARM_TYPE_CORRUPT);
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_turns(&l);
    assert_int_equal(lab_restart(&l), RC_OK);
    assert_int_equal(state_alarms(l.state)->n, 1);
    assert_int_equal(lab_put(&l, "a", "2"), ETCD_NO_SPACE);
    lab_close(&l);
}

static void their_number_is_limited(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    for (uint64_t i = 0; i < STATE_ALARMS_MAX; i++)
        assert_int_equal(ask(&l, PB_ALARM_ACTION_ACTIVATE, i, PB_ALARM_TYPE_CORRUPT), 1);
    assert_int_equal(ask(&l, PB_ALARM_ACTION_ACTIVATE, STATE_ALARMS_MAX, PB_ALARM_TYPE_CORRUPT), 0);
    assert_int_equal(state_alarms(l.state)->n, STATE_ALARMS_MAX);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alarms_are_raised_once_and_disarmed_once),
        cmocka_unit_test(no_space_forbids_what_adds),
        cmocka_unit_test(corrupt_forbids_every_change),
        cmocka_unit_test(corrupt_is_said_to_whoever_asks),
        cmocka_unit_test(they_outlast_a_restart),
        cmocka_unit_test(their_number_is_limited),
    };
    return cmocka_run_group_tests_name("state/alarm", tests, NULL, NULL);
}
