/* A write is answered once it is applied, refused when it cannot be, and told when nobody knows;
 * nothing waits for ever and a stop leaves nothing behind. */
#include "api/api.h"

#include "api/waiting.h"
#include "kv/map_storage.h"
#include "lab.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_write_waits_for_the_log(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    l.halted = true;
    struct caller_reply *r = lab_put(&l, "k", "v");
    assert_false(r->ended);
    assert_int_equal(api_open_calls(l.api), 1);
    assert_int_equal(lab_count(&l), 0);
    l.halted = false;
    lab_run(&l);
    struct pb_put_response out;
    lab_response(&l, r, &wire_put_response, &out);
    assert_int_equal(out.header->cluster_id, LAB_CLUSTER);
    assert_int_equal(out.header->member_id, LAB_MEMBER);
    assert_int_equal(out.header->revision, 2);
    assert_int_equal(out.header->raft_term, quorum_term(l.quorum));
    assert_int_equal(lab_count(&l), 1);
    assert_int_equal(api_open_calls(l.api), 0);
    lab_close(&l);
}

static void a_write_that_takes_too_long_is_told_so(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    l.halted = true;
    struct caller_reply *first = lab_put(&l, "a", "v");
    lab_pass_ms(&l, 5000);
    struct caller_reply *second = lab_put(&l, "b", "v");
    lab_pass_ms(&l, 1900);
    assert_false(first->ended);
    lab_pass_ms(&l, 600);
    caller_refused(first, GRPC_UNAVAILABLE, "etcdserver: request timed out");
    assert_false(second->ended);
    l.halted = false; /* it may take effect all the same */
    lab_run(&l);
    assert_int_equal(lab_count(&l), 2);
    assert_int_equal(second->grpc_status, 0);
    assert_int_equal(first->grpc_status, GRPC_UNAVAILABLE);
    assert_int_equal(api_open_calls(l.api), 0);
    lab_pass_ms(&l, 10000);
    lab_close(&l);
}

/* Also those that were told already, and those whose client is gone. */
static void a_stop_refuses_what_waits(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    l.halted = true;
    struct caller_reply *late = lab_put(&l, "a", "v");
    lab_pass_ms(&l, API_REQUEST_MS_MAX / 2);
    struct caller_reply *gone = lab_put(&l, "b", "v");
    caller_cancel(&l.caller, gone);
    const struct caller_reply *waiting = lab_put(&l, "c", "v");
    lab_pass_ms(&l, API_REQUEST_MS_MAX / 2 + 500);
    assert_true(late->ended);
    caller_refused(lab_put(&l, "d", "v"), GRPC_RESOURCE_EXHAUSTED,
                   "etcdserver: too many requests"); /* the log does not move */
    assert_int_equal(api_open_calls(l.api), 3);
    assert_false(waiting->ended);
    lab_close(&l); /* checks that no call is left */
}

#define LARGE 1000000u
#define MANY  20u

/* More than may be on its way through the log, with the log standing still. */
static void send_much(struct lab *l, struct caller_reply *replies[MANY])
{
    char *value = mem_zalloc(LARGE + 1);
    memset(value, 'v', LARGE);
    lab_open(l, &(struct lab_options){.request_bytes = 2 * LARGE});
    l->halted = true;
    for (unsigned i = 0; i < MANY; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%u", i);
        replies[i] = lab_put(l, key, value);
    }
    free(value);
    assert_true(MANY * LARGE > 2 * WAITING_LOG_LARGE);
    assert_true(quorum_pending_bytes(l->quorum) < WAITING_LOG_LARGE + 2 * LARGE);
}

static void what_takes_long_is_logged(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    lab_put(&l, "a", "v");
    assert_int_equal(l.slow_requests, 0);
    l.halted = true;
    const struct caller_reply *r = lab_put(&l, "b", "v");
    lab_pass_ms(&l, 301);
    l.halted = false;
    lab_run(&l);
    assert_int_equal(r->grpc_status, 0);
    assert_int_equal(l.slow_requests, 1);
    lab_close(&l);
}

static void what_has_no_room_waits_and_is_written_all_the_same(void **state)
{
    (void)state;
    struct lab l;
    struct caller_reply *replies[MANY];
    send_much(&l, replies);
    size_t before = quorum_pending_bytes(l.quorum);
    const struct caller_reply *small = lab_put(&l, "small", "v");
    assert_true(quorum_pending_bytes(l.quorum) > before); /* it need not wait */
    for (unsigned i = 0; i < MANY; i++)
        assert_false(replies[i]->ended);
    l.halted = false;
    lab_run(&l);
    assert_int_equal(small->grpc_status, 0);
    for (unsigned i = 0; i < MANY; i++) {
        assert_true(replies[i]->ended);
        assert_int_equal(replies[i]->grpc_status, 0);
    }
    assert_int_equal(lab_count(&l), MANY + 1);
    lab_close(&l);
}

/* Those in the log may still be written, and are; those that waited are told so, and are not. */
static void what_waits_too_long_is_not_written(void **state)
{
    (void)state;
    struct lab l;
    struct caller_reply *replies[MANY];
    send_much(&l, replies);
    lab_pass_ms(&l, API_REQUEST_MS_MAX + 500);
    int64_t timed_out = 0;
    for (unsigned i = 0; i < MANY; i++) {
        assert_true(replies[i]->ended);
        timed_out += replies[i]->grpc_status == GRPC_UNAVAILABLE;
        if (replies[i]->grpc_status != GRPC_UNAVAILABLE)
            caller_refused(replies[i], GRPC_RESOURCE_EXHAUSTED, "etcdserver: too many requests");
    }
    assert_true(timed_out > 0 && timed_out < MANY);
    l.halted = false;
    lab_run(&l);
    assert_int_equal(lab_count(&l), timed_out);
    lab_close(&l);
}

static void a_stop_refuses_those_that_wait_for_room(void **state)
{
    (void)state;
    struct lab l;
    struct caller_reply *replies[MANY];
    send_much(&l, replies);
    caller_cancel(&l.caller, replies[MANY - 1]);
    lab_close(&l); /* checks that nothing is left */
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    char *value = mem_zalloc(LAB_REQUEST_BYTES + 1);
    memset(value, 'v', LAB_REQUEST_BYTES);
    caller_refused(lab_put(&l, "k", value), GRPC_INVALID_ARGUMENT,
                   "etcdserver: request is too large");
    value[LAB_REQUEST_BYTES - 100] = '\0';
    assert_int_equal(lab_put(&l, "k", value)->grpc_status, 0);
    free(value);
    lab_close(&l);
}

static void the_quota_refuses_what_adds(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &(struct lab_options){.quota = 200 << 10});
    char value[8193];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    struct caller_reply *r = lab_put(&l, "k", value);
    for (int i = 0; r->grpc_status == 0 && i < 50; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%d", i);
        r = lab_put(&l, key, value);
    }
    caller_refused(r, GRPC_RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded");
    assert_non_null(strstr(r->explain, "--quota-backend-bytes"));
    struct pb_status_response s;
    const struct pb_status_request ask = {0};
    lab_response(&l, lab_call(&l, "/etcdserverpb.Maintenance/Status", &wire_status_request, &ask),
                 &wire_status_response, &s);
    /* What frees space is taken. */
    const struct pb_delete_range_request all = {.key = SLICE_LIT("\0"),
                                                .range_end = SLICE_LIT("\0")};
    struct pb_delete_range_response gone;
    lab_response(&l, lab_call(&l, "/etcdserverpb.KV/DeleteRange", &wire_delete_range_request, &all),
                 &wire_delete_range_response, &gone);
    assert_true(gone.deleted > 10);
    const struct pb_compaction_request compact = {.revision = gone.header->revision,
                                                  .physical = true};
    r = lab_call(&l, "/etcdserverpb.KV/Compact", &wire_compaction_request, &compact);
    assert_int_equal(r->grpc_status, 0);
    /* The alarm stays until it is disarmed. */
    caller_refused(lab_put(&l, "k", "small"), GRPC_RESOURCE_EXHAUSTED,
                   "etcdserver: mvcc: database space exceeded");
    const struct pb_alarm_request disarm = {.action = PB_ALARM_ACTION_DEACTIVATE,
                                            .member_id = LAB_MEMBER,
                                            .alarm = PB_ALARM_TYPE_NOSPACE};
    struct pb_alarm_response disarmed;
    lab_response(&l, lab_call(&l, "/etcdserverpb.Maintenance/Alarm", &wire_alarm_request, &disarm),
                 &wire_alarm_response, &disarmed);
    assert_int_equal(disarmed.alarms_n, 1);
    assert_int_equal(lab_put(&l, "k", "small")->grpc_status, 0);
    lab_close(&l);
}

static void a_full_disk_refuses_what_adds(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    lab_put(&l, "k", "v");
    api_no_space(l.api, true);
    struct caller_reply *r = lab_put(&l, "k", "v");
    caller_refused(r, GRPC_RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded");
    assert_non_null(strstr(r->explain, "the disk is full"));
    const struct pb_delete_range_request del = {.key = SLICE_LIT("k")};
    r = lab_call(&l, "/etcdserverpb.KV/DeleteRange", &wire_delete_range_request, &del);
    assert_int_equal(r->grpc_status, 0);
    api_no_space(l.api, false);
    assert_int_equal(lab_put(&l, "k", "v")->grpc_status, 0);
    lab_close(&l);
}

static void read_only_it_still_reads(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    lab_put(&l, "k", "v");
    api_read_only(l.api, "the disk is gone");
    struct caller_reply *r = lab_put(&l, "k", "v");
    caller_refused(r, GRPC_UNAVAILABLE, "etcdserver: server stopped");
    assert_string_equal(r->explain, "the disk is gone");
    assert_int_equal(lab_count(&l), 1);
    lab_close(&l);
}

/* One of three, and the others do not answer. */
static void without_a_leader_nothing_is_promised(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &(struct lab_options){.members = 3});
    struct caller_reply *put = lab_put(&l, "k", "v");
    const struct pb_range_request linearizable = {.key = SLICE_LIT("k")};
    struct caller_reply *range = lab_range(&l, &linearizable);
    assert_int_equal(lab_count(&l), 0); /* serializable: answered from here */
    lab_pass_ms(&l, API_REQUEST_MS_MAX - 1000);
    assert_false(put->ended || range->ended); /* a leader may come */
    lab_pass_ms(&l, 1500);
    caller_refused(put, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
    caller_refused(range, GRPC_UNAVAILABLE, "etcdserver: request timed out");
    assert_non_null(strstr(put->explain, "2 of 3 voting members"));
    assert_non_null(strstr(range->explain, "--force-new-cluster"));
    struct pb_status_response s;
    const struct pb_status_request ask = {0};
    lab_response(&l, lab_call(&l, "/etcdserverpb.Maintenance/Status", &wire_status_request, &ask),
                 &wire_status_response, &s);
    assert_int_equal(s.leader, 0);
    assert_int_equal(s.errors_n, 1);
    assert_true(slice_eq(s.errors[0], SLICE_LIT("etcdserver: no leader")));
    lab_close(&l);
}

/* The lead was lost between the request and the end of the turn. */
static void a_dropped_proposal_may_be_tried_again(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    struct pb_put_request put = {.key = SLICE_LIT("k")};
    AUTO(buf_fini) struct buf body = {0};
    wire_encode(&wire_put_request, &put, &body);
    sim_disk_die_at(l.disk, sim_disk_effects(l.disk));
    struct caller_reply *r = caller_call(&l.caller, "/etcdserverpb.KV/Put", buf_slice(&body));
    assert_false(r->ended);
    lab_run(&l); /* the log dies with it; what is new is refused, what waits is told in time */
    caller_refused(lab_put(&l, "k", "v"), GRPC_UNAVAILABLE, "etcdserver: server stopped");
    assert_false(r->ended);
    lab_pass_ms(&l, API_REQUEST_MS_MAX + 500);
    caller_refused(r, GRPC_UNAVAILABLE, "etcdserver: request timed out");
    lab_close(&l);
}

static void a_physical_compaction_is_answered_when_it_is_done(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    for (int i = 0; i < 20; i++)
        lab_put(&l, "k", "v");
    struct pb_compaction_request r = {.revision = 10};
    struct pb_compaction_response out;
    lab_response(&l, lab_call(&l, "/etcdserverpb.KV/Compact", &wire_compaction_request, &r),
                 &wire_compaction_response, &out);
    assert_int_equal(out.header->revision, 21);
    caller_refused(lab_call(&l, "/etcdserverpb.KV/Compact", &wire_compaction_request, &r),
                   GRPC_OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted");
    r.revision = 99;
    caller_refused(lab_call(&l, "/etcdserverpb.KV/Compact", &wire_compaction_request, &r),
                   GRPC_OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision");
    r = (struct pb_compaction_request){.revision = 20, .physical = true};
    map_storage_fail_commit(l.storage, RC_NO_SPACE); /* the sweep has to wait */
    struct caller_reply *reply =
        lab_call(&l, "/etcdserverpb.KV/Compact", &wire_compaction_request, &r);
    assert_false(reply->ended);
    assert_false(state_swept(l.state, 20));
    lab_pass_ms(&l, STATE_RETRY_MS);
    lab_pass_ms(&l, STATE_RETRY_MS);
    assert_true(state_swept(l.state, 20));
    assert_int_equal(reply->grpc_status, 0);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_waits_for_the_log),
        cmocka_unit_test(a_write_that_takes_too_long_is_told_so),
        cmocka_unit_test(a_stop_refuses_what_waits),
        cmocka_unit_test(what_takes_long_is_logged),
        cmocka_unit_test(what_has_no_room_waits_and_is_written_all_the_same),
        cmocka_unit_test(what_waits_too_long_is_not_written),
        cmocka_unit_test(a_stop_refuses_those_that_wait_for_room),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(the_quota_refuses_what_adds),
        cmocka_unit_test(a_full_disk_refuses_what_adds),
        cmocka_unit_test(read_only_it_still_reads),
        cmocka_unit_test(without_a_leader_nothing_is_promised),
        cmocka_unit_test(a_dropped_proposal_may_be_tried_again),
        cmocka_unit_test(a_physical_compaction_is_answered_when_it_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
