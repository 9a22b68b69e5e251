/* The log as its owner sees it: what was appended and reported durable is there after a reopen, a
 * batch goes out at once and with one sync, and a failed sync is the end. */
#include "rig.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static int setup(void **state)
{
    static struct rig rig;
    rig_init(&rig, 1);
    assert_int_equal(rig_open(&rig), RC_OK);
    worker_drain(&rig.workers.workers, LANE_WAL);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    rig_fini(*state);
    return 0;
}

static void a_new_log_is_empty(void **state)
{
    struct rig *r = *state;
    assert_true(r->found.created);
    assert_int_equal(r->found.first_index, 1);
    assert_int_equal(r->found.next_index, 1);
    assert_int_equal(wal_durable_index(r->wal), 0);
    rig_reopen(r);
    assert_false(r->found.created);
    assert_false(r->found.torn);
    assert_int_equal(r->found.next_index, 1);
    assert_int_equal(r->seen_n, 0);
}

static void entries_survive(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 9, 3, 100);
    assert_int_equal(r->durable, 9);
    assert_int_equal(wal_durable_index(r->wal), 9);
    rig_reopen(r);
    rig_expect(r, 1, 9, 3, 100);
    assert_int_equal(r->found.next_index, 10);
    assert_false(r->found.torn);
    rig_close(r);
    assert_int_equal(rig_open_from(r, 7), RC_OK);
    rig_expect(r, 7, 9, 3, 100);
}

static void kinds_and_empty_bodies_survive(void **state)
{
    struct rig *r = *state;
    const struct wal_entry es[] = {
        {.index = 1, .term = 1, .kind = WAL_BARRIER},
        {.index = 2, .term = 1, .kind = WAL_CHANGE, .body = SLICE_LIT("members")},
        {.index = 3, .term = 2, .kind = WAL_COMMAND, .body = SLICE_LIT("x")},
    };
    wal_append(r->wal, es, ARRAY_LEN(es));
    assert_int_equal(wal_sync(r->wal), RC_OK);
    rig_reopen(r);
    assert_int_equal(r->seen_n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(r->seen[i].kind, es[i].kind);
        assert_int_equal(r->seen[i].term, es[i].term);
        assert_true(slice_eq(buf_slice(&r->seen[i].body), es[i].body));
    }
}

static void hard_state_survives(void **state)
{
    struct rig *r = *state;
    wal_set_hard_state(r->wal, (struct wal_hard_state){.term = 4, .vote = 2});
    assert_int_equal(wal_sync(r->wal), RC_OK);
    rig_reopen(r);
    assert_int_equal(r->found.hard.term, 4);
    assert_int_equal(r->found.hard.vote, 2);
}

static void hard_state_outlives_its_segment(void **state)
{
    struct rig *r = *state;
    wal_set_hard_state(r->wal, (struct wal_hard_state){.term = 4, .vote = 2});
    rig_fill(r, 1, 40, 4, 1500);
    wal_trim(r->wal, 40);
    rig_run(r);
    assert_true(wal_first_index(r->wal) > 30);
    rig_reopen(r);
    assert_int_equal(r->found.hard.term, 4);
    assert_int_equal(r->found.hard.vote, 2);
    assert_int_equal(r->found.prev_term, 4);
}

static void a_batch_costs_one_write_and_one_sync(void **state)
{
    struct rig *r = *state;
    for (uint64_t i = 1; i <= 20; i++)
        rig_append(r, i, 1, 50);
    uint64_t before = sim_disk_effects(r->disk);
    rig_run(r);
    assert_int_equal(sim_disk_effects(r->disk) - before, 2);
    assert_int_equal(r->durables, 1);
    assert_int_equal(r->durable, 20);
    rig_run(r); /* nothing to do */
    assert_int_equal(sim_disk_effects(r->disk) - before, 2);
}

static void the_next_batch_goes_out_at_once(void **state)
{
    struct rig *r = *state;
    rig_append(r, 1, 1, 10);
    wal_submit(r->wal);
    rig_append(r, 2, 1, 10);
    rig_append(r, 3, 1, 10);
    wal_submit(r->wal); /* one is in flight: no second job */
    assert_true(sim_workers_run_one(&r->workers, LANE_WAL));
    assert_int_equal(r->durable, 1);
    assert_true(sim_workers_run_one(&r->workers, LANE_WAL));
    assert_int_equal(r->durable, 3);
    assert_true(sim_workers_idle(&r->workers, LANE_WAL));
}

static void nothing_is_durable_before_it_is_reported(void **state)
{
    struct rig *r = *state;
    rig_append(r, 1, 1, 10);
    wal_submit(r->wal);
    assert_true(sim_workers_begin(&r->workers, LANE_WAL));
    assert_int_equal(wal_durable_index(r->wal), 0);
    struct wal_read got = {0};
    assert_int_equal(wal_read(r->wal, 1, 100, &got), RC_END);
    assert_true(sim_workers_finish(&r->workers, LANE_WAL));
    assert_int_equal(wal_durable_index(r->wal), 1);
    assert_int_equal(wal_read(r->wal, 1, 100, &got), RC_OK);
    wal_read_fini(&got);
}

static void a_lower_index_cuts(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 9, 1, 100);
    rig_append(r, 6, 2, 100);
    assert_int_equal(wal_durable_index(r->wal), 5);
    assert_int_equal(wal_next_index(r->wal), 7);
    rig_run(r);
    assert_int_equal(wal_durable_index(r->wal), 6);
    rig_reopen(r);
    assert_int_equal(r->seen_n, 6);
    assert_int_equal(r->seen[4].term, 1);
    assert_int_equal(r->seen[5].term, 2);
}

static void a_cut_reaches_the_batch_in_flight(void **state)
{
    struct rig *r = *state;
    for (uint64_t i = 1; i <= 5; i++)
        rig_append(r, i, 1, 10);
    wal_submit(r->wal);
    rig_append(r, 3, 2, 10);
    assert_true(sim_workers_run_one(&r->workers, LANE_WAL));
    assert_int_equal(r->durable, 2); /* 3 is no longer the one that was written */
    assert_true(sim_workers_run_one(&r->workers, LANE_WAL));
    assert_int_equal(r->durable, 3);
}

static void a_cut_within_a_batch(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 3, 1, 10);
    for (uint64_t i = 4; i <= 8; i++)
        rig_append(r, i, 1, 10);
    rig_append(r, 6, 2, 10);
    wal_set_hard_state(r->wal, (struct wal_hard_state){.term = 3, .vote = 1});
    rig_append(r, 2, 3, 10); /* below all of the batch */
    rig_run(r);
    rig_reopen(r);
    assert_int_equal(r->seen_n, 2);
    assert_int_equal(r->seen[1].term, 3);
    assert_int_equal(r->found.hard.term, 3);
}

static void a_cut_into_an_earlier_segment(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 30, 1, 1500);
    assert_true(rig_count(r, ".seg") >= 4);
    rig_append(r, 4, 2, 1500);
    rig_fill(r, 5, 20, 2, 1500);
    rig_reopen(r);
    assert_int_equal(r->seen_n, 20);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(r->seen[i].term, i < 3 ? 1 : 2);
    wal_trim(r->wal, 20); /* all before the segment that begins with 4 may go, and more */
    rig_run(r);
    rig_reopen(r);
    assert_int_equal(r->found.next_index, 21);
    assert_int_equal(r->found.prev_term, 2);
}

static void reset_begins_anew(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 30, 1, 1500);
    wal_set_hard_state(r->wal, (struct wal_hard_state){.term = 7, .vote = 1});
    rig_append(r, 31, 7, 10);
    assert_int_equal(wal_reset(r->wal, 1000, 6), RC_OK);
    assert_int_equal(wal_first_index(r->wal), 1001);
    assert_int_equal(wal_next_index(r->wal), 1001);
    assert_int_equal(rig_count(r, ".seg"), 1);
    rig_reopen(r);
    assert_int_equal(r->seen_n, 0);
    assert_int_equal(r->found.first_index, 1001);
    assert_int_equal(r->found.prev_term, 6);
    assert_int_equal(r->found.hard.term, 7);
    rig_fill(r, 1001, 1003, 7, 10);
    rig_reopen(r);
    rig_expect(r, 1001, 1003, 7, 10);
}

static void reset_may_go_back(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 9, 1, 10);
    assert_int_equal(wal_reset(r->wal, 4, 1), RC_OK);
    rig_fill(r, 5, 6, 2, 10);
    rig_reopen(r);
    rig_expect(r, 5, 6, 2, 10);
}

static void reset_is_safe_at_each_fault(void **state)
{
    (void)state;
    static const char *const points[] = {"wal.pwrite", "wal.sync", "wal.rename", "wal.sync_dir"};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        static struct rig rig;
        rig_init(&rig, i);
        assert_int_equal(rig_open(&rig), RC_OK);
        rig_fill(&rig, 1, 5, 1, 10);
        rig.fault_point = points[i];
        assert_int_equal(wal_reset(rig.wal, 1000, 6), RC_IO);
        assert_int_equal(rig.errors, 1);
        rig_reopen(&rig);
        bool before = rig.found.next_index == 6;
        assert_true(before || rig.found.next_index == 1001);
        rig_fini(&rig);
    }
}

static void a_failed_write_is_the_end(void **state)
{
    (void)state;
    static const char *const points[] = {"wal.pwrite", "wal.sync"};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        static struct rig rig;
        rig_init(&rig, i);
        assert_int_equal(rig_open(&rig), RC_OK);
        rig_fill(&rig, 1, 3, 1, 100);
        rig.fault_point = points[i];
        rig_fill(&rig, 4, 4, 1, 100);
        assert_int_equal(rig.errors, 1);
        assert_int_equal(rig.error_rc, RC_IO);
        assert_non_null(strstr(rig.error_text, "0000000000000001.seg"));
        uint64_t effects = sim_disk_effects(rig.disk);
        rig_append(&rig, 5, 1, 100);
        rig_run(&rig);
        rig_pass(&rig, 10 * (uint64_t)NS_PER_S);
        wal_trim(rig.wal, 3);
        assert_int_equal(wal_sync(rig.wal), RC_IO);
        assert_int_equal(wal_reset(rig.wal, 9, 9), RC_IO);
        assert_int_equal(sim_disk_effects(rig.disk), effects);
        assert_int_equal(rig.errors, 1);
        assert_int_equal(rig.durable, 3);
        rig_fini(&rig);
    }
}

static void what_is_queued_behind_a_failure_is_not_done(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 40, 1, 1500);
    rig_append(r, 41, 1, 100);
    wal_submit(r->wal);
    wal_trim(r->wal, 40); /* its job waits behind the batch */
    r->fault_point = "wal.sync";
    size_t segments = rig_count(r, ".seg");
    worker_drain(&r->workers.workers, LANE_WAL);
    assert_int_equal(rig_count(r, ".seg"), segments);
    assert_int_equal(r->errors, 1);
}

static void close_waits_for_the_batch_in_flight(void **state)
{
    struct rig *r = *state;
    rig_append(r, 1, 1, 10);
    wal_submit(r->wal);
    rig_append(r, 2, 1, 10);
    rig_reopen(r);
    rig_expect(r, 1, 1, 1, 10);
    assert_int_equal(r->durables, 0);
}

int main(void)
{
#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_new_log_is_empty),
        WITH_RIG(entries_survive),
        WITH_RIG(kinds_and_empty_bodies_survive),
        WITH_RIG(hard_state_survives),
        WITH_RIG(hard_state_outlives_its_segment),
        WITH_RIG(a_batch_costs_one_write_and_one_sync),
        WITH_RIG(the_next_batch_goes_out_at_once),
        WITH_RIG(nothing_is_durable_before_it_is_reported),
        WITH_RIG(a_lower_index_cuts),
        WITH_RIG(a_cut_reaches_the_batch_in_flight),
        WITH_RIG(a_cut_within_a_batch),
        WITH_RIG(a_cut_into_an_earlier_segment),
        WITH_RIG(reset_begins_anew),
        WITH_RIG(reset_may_go_back),
        cmocka_unit_test(reset_is_safe_at_each_fault),
        cmocka_unit_test(a_failed_write_is_the_end),
        WITH_RIG(what_is_queued_behind_a_failure_is_not_done),
        WITH_RIG(close_waits_for_the_batch_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
