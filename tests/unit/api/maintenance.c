/* Alarms, hashes, MoveLeader, Defragment and downgrades answer as etcd 3.7 does on one node. */
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MAINTENANCE "/etcdserverpb.Maintenance/"

static void status(struct lab *l, struct pb_status_response *out)
{
    const struct pb_status_request ask = {0};
    lab_response(l, lab_call(l, MAINTENANCE "Status", &wire_status_request, &ask),
                 &wire_status_response, out);
}

static size_t alarm(struct lab *l, enum pb_alarm_action action, enum pb_alarm_type type)
{
    const struct pb_alarm_request r = {(int32_t)action, LAB_MEMBER, (int32_t)type};
    struct pb_alarm_response out;
    lab_response(l, lab_call(l, MAINTENANCE "Alarm", &wire_alarm_request, &r), &wire_alarm_response,
                 &out);
    return out.alarms_n;
}

static void an_alarm_shows_and_refuses(void **state)
{
    (void)state;
    struct lab l;
    struct pb_status_response s;
    lab_open(&l, NULL);
    assert_int_equal(alarm(&l, PB_ALARM_ACTION_ACTIVATE, PB_ALARM_TYPE_NOSPACE), 1);
    status(&l, &s);
    assert_int_equal(s.errors_n, 1);
    assert_true(slice_eq(s.errors[0], SLICE_LIT("memberID:62 alarm:NOSPACE")));
    caller_refused(lab_put(&l, "k", "v"), GRPC_RESOURCE_EXHAUSTED,
                   "etcdserver: mvcc: database space exceeded");
    char *health = caller_http1(&l.env, api_handler(l.api, RPC_DOOR_ALL),
                                "GET /health HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_non_null(strstr(health, "ALARM NOSPACE"));
    free(health);
    assert_int_equal(alarm(&l, PB_ALARM_ACTION_DEACTIVATE, PB_ALARM_TYPE_NOSPACE), 1);
    assert_int_equal(alarm(&l, PB_ALARM_ACTION_ACTIVATE, PB_ALARM_TYPE_CORRUPT), 1);
    caller_refused(lab_put(&l, "k", "v"), GRPC_DATA_LOSS, "etcdserver: corrupt cluster");
    assert_int_equal(lab_count(&l), 0); /* reads go on */
    assert_int_equal(alarm(&l, PB_ALARM_ACTION_DEACTIVATE, PB_ALARM_TYPE_CORRUPT), 1);
    assert_int_equal(lab_put(&l, "k", "v")->grpc_status, 0);
    lab_close(&l);
}

static void hash_kv_is_etcds(void **state)
{
    (void)state;
    struct lab l;
    struct pb_hash_kv_response h;
    struct pb_hash_kv_request ask = {0};
    lab_open(&l, NULL);
    lab_response(&l, lab_call(&l, MAINTENANCE "HashKV", &wire_hash_kv_request, &ask),
                 &wire_hash_kv_response, &h);
    assert_int_equal(h.hash, 1084519789);
    assert_int_equal(h.compact_revision, -1);
    lab_put(&l, "a", "1");
    lab_put(&l, "b", "2");
    lab_response(&l, lab_call(&l, MAINTENANCE "HashKV", &wire_hash_kv_request, &ask),
                 &wire_hash_kv_response, &h);
    assert_int_equal(h.hash_revision, 3);
    assert_int_equal(h.header->revision, 3);
    ask.revision = 9;
    caller_refused(lab_call(&l, MAINTENANCE "HashKV", &wire_hash_kv_request, &ask),
                   GRPC_OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision");
    lab_close(&l);
}

static void a_leader_moves_to_itself_alone(void **state)
{
    (void)state;
    struct lab l;
    struct pb_move_leader_request r = {.target_id = LAB_MEMBER};
    lab_open(&l, NULL);
    assert_int_equal(
        lab_call(&l, MAINTENANCE "MoveLeader", &wire_move_leader_request, &r)->grpc_status, 0);
    r.target_id++;
    caller_refused(lab_call(&l, MAINTENANCE "MoveLeader", &wire_move_leader_request, &r),
                   GRPC_FAILED_PRECONDITION, "etcdserver: bad leader transferee");
    const struct pb_defragment_request defragment = {0};
    assert_int_equal(
        lab_call(&l, MAINTENANCE "Defragment", &wire_defragment_request, &defragment)->grpc_status,
        0);
    lab_close(&l);
}

static struct caller_reply *downgrade(struct lab *l, enum pb_downgrade_action action,
                                      const char *version)
{
    const struct pb_downgrade_request r = {(int32_t)action, slice_str(version)};
    return lab_call(l, MAINTENANCE "Downgrade", &wire_downgrade_request, &r);
}

static void downgraded(struct lab *l, struct caller_reply *r, const char *version)
{
    struct pb_downgrade_response out;
    lab_response(l, r, &wire_downgrade_response, &out);
    assert_true(slice_eq(out.version, slice_str(version)));
}

static void a_downgrade_shows_until_it_is_cancelled(void **state)
{
    (void)state;
    struct lab l;
    struct pb_status_response s;
    lab_open(&l, NULL);
    downgraded(&l, downgrade(&l, PB_DOWNGRADE_ACTION_VALIDATE, "3.6"), "3.7");
    caller_refused(downgrade(&l, PB_DOWNGRADE_ACTION_VALIDATE, "3.5"), GRPC_INVALID_ARGUMENT,
                   "etcdserver: invalid downgrade target version");
    caller_refused(downgrade(&l, PB_DOWNGRADE_ACTION_ENABLE, "x"), GRPC_INVALID_ARGUMENT,
                   "etcdserver: wrong downgrade target version format");
    downgraded(&l, downgrade(&l, PB_DOWNGRADE_ACTION_CANCEL, ""), "3.7");
    downgraded(&l, downgrade(&l, PB_DOWNGRADE_ACTION_ENABLE, "3.6"), "3.7");
    status(&l, &s);
    assert_true(s.downgrade_info->enabled);
    assert_true(slice_eq(s.downgrade_info->target_version, SLICE_LIT("3.6.0")));
    assert_true(slice_eq(s.storage_version, SLICE_LIT("3.6.0")));
    assert_true(slice_eq(s.version, SLICE_LIT("3.7.0")));
    caller_refused(downgrade(&l, PB_DOWNGRADE_ACTION_ENABLE, "3.6"), GRPC_FAILED_PRECONDITION,
                   "etcdserver: cluster has a downgrade job in progress");
    downgraded(&l, downgrade(&l, PB_DOWNGRADE_ACTION_CANCEL, ""), "3.6");
    status(&l, &s);
    assert_false(s.downgrade_info->enabled);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alarm_shows_and_refuses),
        cmocka_unit_test(hash_kv_is_etcds),
        cmocka_unit_test(a_leader_moves_to_itself_alone),
        cmocka_unit_test(a_downgrade_shows_until_it_is_cancelled),
    };
    return cmocka_run_group_tests_name("api/maintenance", tests, NULL, NULL);
}
