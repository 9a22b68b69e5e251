/* What was applied reaches storage in whole entries, in time, whatever happens to storage
 * meanwhile; and the log is told it may forget only what a power loss cannot take back. */
#include "kv/map_storage.h"
#include "lab.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_change_waits_no_longer_than_it_may(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    lab_put(&l, "k", "v");
    lab_pass_ms(&l, STATE_FLUSH_MS - 1);
    (void)state_turn(l.state);
    assert_true(sim_workers_idle(&l.workers, LANE_STORE));
    lab_pass_ms(&l, 1);
    assert_false(sim_workers_idle(&l.workers, LANE_STORE));
    lab_store(&l);
    assert_int_equal(l.flushes, 1);
    assert_int_equal(kv_unflushed_bytes(state_kv(l.state)), 0);
    lab_pass_ms(&l, 10 * STATE_FLUSH_MS); /* nothing new: nothing is written */
    assert_int_equal(l.flushes, 1);
    assert_int_equal(lab_restart(&l), RC_OK);
    assert_true(slice_eq(lab_value(&l, "k"), SLICE_LIT("v")));
    assert_int_equal(l.restored.index, 1);
    assert_int_equal(l.restored.term, LAB_TERM);
    assert_int_equal(l.restored.conf_index, 1);
    assert_true(slice_eq(buf_slice(&l.restored.conf), SLICE_LIT("members")));
    lab_close(&l);
}

static void many_operations_go_at_once(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    for (unsigned i = 0; i + 1 < STATE_FLUSH_OPS; i++)
        lab_put(&l, "k", "v");
    (void)state_turn(l.state);
    assert_true(sim_workers_idle(&l.workers, LANE_STORE));
    lab_put(&l, "k", "v");
    (void)state_turn(l.state);
    assert_false(sim_workers_idle(&l.workers, LANE_STORE));
    lab_close(&l);
}

static void many_bytes_go_at_once(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    size_t n = 1u << 20;
    char *value = mem_alloc(n + 1);
    memset(value, 'v', n);
    value[n] = '\0';
    for (unsigned i = 1; i < STATE_FLUSH_BYTES / n; i++)
        lab_put(&l, "k", value);
    (void)state_turn(l.state);
    assert_true(sim_workers_idle(&l.workers, LANE_STORE));
    lab_put(&l, "k", value);
    (void)state_turn(l.state);
    assert_false(sim_workers_idle(&l.workers, LANE_STORE));
    /* With one batch out, more gathers, until it is too much. */
    while (!state_congested(l.state))
        lab_put(&l, "k", value);
    assert_true(kv_unflushed_bytes(state_kv(l.state)) >= STATE_UNFLUSHED_MAX);
    assert_true(kv_unflushed_bytes(state_kv(l.state)) < STATE_UNFLUSHED_MAX + 2 * n);
    lab_store(&l);
    assert_false(state_congested(l.state));
    free(value);
    lab_close(&l);
}

static void a_batch_holds_whole_entries(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    struct pb_put_request puts[3] = {
        {.key = SLICE_LIT("a")}, {.key = SLICE_LIT("b")}, {.key = SLICE_LIT("c")}};
    struct pb_request_op ops[3];
    for (size_t i = 0; i < 3; i++)
        ops[i] = (struct pb_request_op){.request_case = PB_OP_PUT, .request_put = &puts[i]};
    const struct pb_txn_request t = {.success = ops, .success_n = 3};
    lab_txn(&l, &t);
    lab_pass_ms(&l, STATE_FLUSH_MS); /* the batch is out … */
    assert_true(sim_workers_begin(&l.workers, LANE_STORE));
    lab_txn(&l, &t); /* … and this one is not in it */
    assert_true(sim_workers_finish(&l.workers, LANE_STORE));
    assert_int_equal(lab_restart(&l), RC_OK);
    assert_int_equal(l.restored.index, 1);
    for (size_t i = 0; i < 3; i++) {
        struct slice encoded;
        assert_int_equal(kv_get(state_kv(l.state), puts[i].key, &encoded), RC_OK);
    }
    assert_int_equal(kv_revision(state_kv(l.state)), 2);
    lab_close(&l);
}

/* A power loss may undo the last batch: what counts is the one before. */
static void only_the_batch_before_is_safe(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    lab_put(&l, "a", "1");
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_store(&l);
    assert_int_equal(l.safe, 0);
    lab_put(&l, "a", "2");
    lab_put(&l, "a", "3");
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_store(&l);
    assert_int_equal(l.safe, 1);
    lab_put(&l, "a", "4");
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_store(&l);
    assert_int_equal(l.safe, 3);
    state_free(l.state);
    l.state = NULL;
    map_storage_power_loss(l.storage, true);
    lab_restart(&l);
    assert_true(l.restored.index >= l.safe);
    assert_int_equal(l.restored.index, 3);
    lab_close(&l);
}

static void without_room_the_same_batch_is_tried_again(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    lab_put(&l, "a", "1");
    map_storage_fail_commit(l.storage, RC_NO_SPACE);
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_store(&l);
    assert_int_equal(l.storage_events, 1);
    assert_int_equal(l.storage_rc, RC_NO_SPACE);
    lab_put(&l, "a", "2");
    (void)state_turn(l.state);
    lab_store(&l);
    assert_int_equal(l.flushes, 0);
    map_storage_fail_commit(l.storage, RC_NO_SPACE);
    lab_pass_ms(&l, STATE_RETRY_MS);
    lab_store(&l);
    assert_int_equal(l.storage_events, 1); /* said once */
    lab_pass_ms(&l, STATE_RETRY_MS);
    lab_store(&l);
    assert_int_equal(l.storage_events, 2);
    assert_int_equal(l.storage_rc, RC_OK);
    assert_int_equal(l.flushes, 1);
    assert_true(slice_eq(lab_value(&l, "a"), SLICE_LIT("2")));
    lab_pass_ms(&l, STATE_FLUSH_MS); /* what came meanwhile follows */
    lab_store(&l);
    assert_int_equal(l.flushes, 2);
    assert_int_equal(lab_restart(&l), RC_OK);
    assert_int_equal(l.restored.index, 2);
    assert_true(slice_eq(lab_value(&l, "a"), SLICE_LIT("2")));
    lab_close(&l);
}

static void a_failure_is_final(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    lab_put(&l, "a", "1");
    l.fault_point = "state.flush";
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_store(&l);
    assert_int_equal(l.storage_events, 1);
    assert_int_equal(l.storage_rc, RC_IO);
    assert_true(state_congested(l.state));
    lab_put(&l, "a", "2");
    lab_pass_ms(&l, 10 * STATE_FLUSH_MS);
    assert_false(state_turn(l.state));
    assert_true(sim_workers_idle(&l.workers, LANE_STORE));
    assert_int_equal(state_sync(l.state), RC_IO);
    assert_true(slice_eq(lab_value(&l, "a"), SLICE_LIT("2"))); /* reads go on */
    lab_close(&l);
}

static void a_clean_stop_leaves_nothing_to_replay(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    assert_int_equal(state_sync(l.state), RC_OK); /* nothing there yet: nothing to do */
    lab_put(&l, "a", "1");
    lab_pass_ms(&l, STATE_FLUSH_MS);
    lab_put(&l, "a", "2"); /* one batch out, one to come */
    assert_int_equal(state_sync(l.state), RC_OK);
    state_free(l.state);
    l.state = NULL;
    map_storage_power_loss(l.storage, true); /* not even that takes it back */
    lab_restart(&l);
    assert_int_equal(l.restored.index, 2);
    assert_true(slice_eq(lab_value(&l, "a"), SLICE_LIT("2")));
    lab_close(&l);
}

static void a_stop_without_room_says_so(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    lab_put(&l, "a", "1");
    map_storage_fail_commit(l.storage, RC_NO_SPACE);
    assert_int_equal(state_sync(l.state), RC_NO_SPACE);
    map_storage_fail_commit(l.storage, RC_NO_SPACE);
    assert_int_equal(state_sync(l.state), RC_NO_SPACE);
    assert_int_equal(state_sync(l.state), RC_OK); /* there is room again */
    assert_int_equal(lab_restart(&l), RC_OK);
    assert_int_equal(l.restored.index, 1);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_waits_no_longer_than_it_may),
        cmocka_unit_test(many_operations_go_at_once),
        cmocka_unit_test(many_bytes_go_at_once),
        cmocka_unit_test(a_batch_holds_whole_entries),
        cmocka_unit_test(only_the_batch_before_is_safe),
        cmocka_unit_test(without_room_the_same_batch_is_tried_again),
        cmocka_unit_test(a_failure_is_final),
        cmocka_unit_test(a_clean_stop_leaves_nothing_to_replay),
        cmocka_unit_test(a_stop_without_room_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
