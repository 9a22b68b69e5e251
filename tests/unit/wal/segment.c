/* Segments come and go: the log rolls without a stall, reuses what was trimmed, waits when the disk
 * is full with room kept for what frees it, and takes entries larger than a segment. */
#include "rig.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BODY_BYTES 1500 /* seven or eight to a segment */

static int setup(void **state)
{
    static struct rig rig;
    rig_init(&rig, 2);
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

static void a_spare_is_ready_before_it_is_needed(void **state)
{
    struct rig *r = *state;
    assert_int_equal(rig_count(r, ".seg"), 1);
    assert_int_equal(rig_count(r, "spare.0"), 1);
    assert_int_equal(wal_disk_bytes(r->wal), 2 * RIG_SEGMENT_BYTES);
    r->fault_point = "wal.allocate"; /* rolling does not allocate: the new spare does, after */
    rig_fill(r, 1, 9, 1, BODY_BYTES);
    assert_int_equal(rig_count(r, ".seg"), 2);
    assert_int_equal(r->durable, 9);
}

static void a_young_log_is_small(void **state)
{
    (void)state;
    static struct rig rig;
    rig_init(&rig, 1);
    rig.opt.segment_bytes = 0;
    assert_int_equal(rig_open(&rig), RC_OK);
    assert_int_equal(wal_disk_bytes(rig.wal), 4u << 20);
    for (uint64_t i = 1; i <= 5; i++)
        rig_append(&rig, i, 1, 1u << 20);
    rig_run(&rig);
    assert_int_equal(wal_disk_bytes(rig.wal), (4u << 20) + 2 * WAL_SEGMENT_BYTES);
    wal_trim(rig.wal, 5);
    rig_reopen(&rig);
    assert_int_equal(rig.seen_n, 5);
    rig_fini(&rig);
}

static void trimmed_segments_are_reused(void **state)
{
    struct rig *r = *state;
    uint64_t index = 0;
    for (int round = 0; round < 20; round++) {
        rig_fill(r, index + 1, index + 30, 1, BODY_BYTES);
        index += 30;
        wal_trim(r->wal, index - 10);
        rig_run(r);
        assert_true(wal_first_index(r->wal) <= index - 9);
        assert_true(wal_disk_bytes(r->wal) <= 8 * RIG_SEGMENT_BYTES);
        assert_int_equal(wal_disk_bytes(r->wal), sim_disk_used(r->disk));
        assert_true(rig_count(r, ".0") + rig_count(r, ".1") <= 2);
    }
    rig_reopen(r);
    rig_expect(r, r->found.first_index, index, 1, BODY_BYTES);
    assert_int_equal(wal_disk_bytes(r->wal), sim_disk_used(r->disk));
}

static void trim_keeps_what_it_must(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 30, 1, BODY_BYTES);
    uint64_t trimmed = 0;
    for (uint64_t i = 1; i <= 30; i++) {
        wal_trim(r->wal, i);
        assert_true(wal_first_index(r->wal) <= i + 1);
        assert_true(wal_first_index(r->wal) >= trimmed);
        trimmed = wal_first_index(r->wal);
    }
    assert_true(trimmed > 20);
    rig_run(r);
    assert_int_equal(rig_count(r, ".seg"), 1);
}

/* CVE-2020-15106, CVE-2020-15112: what was logged can be read, whatever its size. */
static void large_entries_get_a_segment_of_their_size(void **state)
{
    struct rig *r = *state;
    static const size_t sizes[] = {RIG_SEGMENT_BYTES - 4096 - 48, RIG_SEGMENT_BYTES,
                                   5 * RIG_SEGMENT_BYTES, 1u << 20, 3u << 20};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        rig_append(r, i + 1, 1, sizes[i]);
        rig_run(r);
    }
    rig_reopen(r);
    assert_int_equal(r->seen_n, ARRAY_LEN(sizes));
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO(buf_fini) struct buf want = rig_body(i + 1, 1, sizes[i]);
        assert_true(slice_eq(buf_slice(&r->seen[i].body), buf_slice(&want)));
    }
    rig_fill(r, 6, 30, 1, BODY_BYTES);
    wal_trim(r->wal, 30);
    rig_run(r);
    assert_true(wal_disk_bytes(r->wal) <= 3 * RIG_SEGMENT_BYTES); /* none of them was kept */
    assert_int_equal(wal_disk_bytes(r->wal), sim_disk_used(r->disk));
}

static void the_largest_entry_fits(void **state)
{
    struct rig *r = *state;
    rig_append(r, 1, 1, WAL_ENTRY_BYTES_MAX);
    assert_int_equal(wal_sync(r->wal), RC_OK);
    rig_reopen(r);
    assert_int_equal(r->seen_n, 1);
    assert_int_equal(r->seen[0].body.n, WAL_ENTRY_BYTES_MAX);
}

static void a_full_disk_is_told_while_there_is_room(void **state)
{
    struct rig *r = *state;
    sim_disk_set_capacity(r->disk, sim_disk_used(r->disk));
    uint64_t index = 0;
    while (r->errors == 0) {
        index++;
        rig_fill(r, index, index, 1, BODY_BYTES);
    }
    assert_int_equal(r->error_rc, RC_NO_SPACE);
    assert_non_null(strstr(r->error_text, "spare.0"));
    assert_int_equal(rig_count(r, "spare.0"), 0); /* what was begun of it is gone */
    assert_int_equal(r->durable, index);
    rig_fill(r, index + 1, index + 4, 1, BODY_BYTES); /* what frees space still goes through */
    assert_int_equal(r->durable, index + 4);
    assert_int_equal(r->errors, 1);
}

/* Write until the batch waits, and return the last index that is durable. */
static uint64_t fill_disk(struct rig *r)
{
    sim_disk_set_capacity(r->disk, sim_disk_used(r->disk));
    uint64_t index = wal_durable_index(r->wal);
    while (wal_durable_index(r->wal) == index) {
        index++;
        rig_fill(r, index, index, 1, BODY_BYTES);
    }
    assert_int_equal(r->errors, 1);
    assert_int_equal(r->error_rc, RC_NO_SPACE);
    return index - 1;
}

static void a_waiting_batch_goes_through_when_there_is_room(void **state)
{
    struct rig *r = *state;
    uint64_t durable = fill_disk(r);
    rig_append(r, durable + 2, 1, BODY_BYTES);
    rig_run(r);
    assert_int_equal(wal_sync(r->wal), RC_NO_SPACE);
    for (int i = 0; i < 5; i++) {
        rig_pass(r, NS_PER_S);
        worker_drain(&r->workers.workers, LANE_WAL);
    }
    assert_int_equal(r->errors, 1);
    assert_int_equal(r->rooms, 0);
    assert_int_equal(r->durable, durable);
    sim_disk_set_capacity(r->disk, UINT64_MAX);
    rig_pass(r, NS_PER_S);
    worker_drain(&r->workers.workers, LANE_WAL);
    assert_int_equal(r->rooms, 1);
    assert_int_equal(r->durable, durable + 2);
    rig_reopen(r);
    rig_expect(r, 1, durable + 2, 1, BODY_BYTES);
}

static void trimming_makes_room(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 20, 1, BODY_BYTES);
    uint64_t durable = fill_disk(r);
    wal_trim(r->wal, durable);
    rig_run(r);
    assert_int_equal(r->durable, durable + 1);
    assert_int_equal(r->rooms, 1);
    assert_int_equal(r->errors, 1);
}

static void a_second_lack_of_space_is_told_again(void **state)
{
    struct rig *r = *state;
    uint64_t durable = fill_disk(r);
    sim_disk_set_capacity(r->disk, UINT64_MAX);
    rig_pass(r, NS_PER_S);
    worker_drain(&r->workers.workers, LANE_WAL);
    assert_int_equal(r->durable, durable + 1);
    r->errors = 0;
    fill_disk(r);
    assert_int_equal(r->rooms, 1);
}

static void a_full_disk_can_be_restarted_on(void **state)
{
    struct rig *r = *state;
    uint64_t durable = fill_disk(r);
    rig_reopen(r);
    rig_expect(r, 1, durable, 1, BODY_BYTES);
    worker_drain(&r->workers.workers, LANE_WAL);
    assert_int_equal(r->errors, 2); /* the reserve is still missing: said again to the new owner */
    assert_int_equal(r->error_rc, RC_NO_SPACE);
}

static void a_reset_on_a_full_disk_leaves_the_log(void **state)
{
    struct rig *r = *state;
    uint64_t durable = fill_disk(r);
    assert_int_equal(wal_reset(r->wal, 5000, 2), RC_NO_SPACE);
    assert_int_equal(wal_next_index(r->wal), durable + 2);
    sim_disk_set_capacity(r->disk, UINT64_MAX);
    assert_int_equal(wal_reset(r->wal, 5000, 2), RC_OK);
    worker_drain(&r->workers.workers, LANE_WAL);
    assert_int_equal(r->rooms, 1);
    rig_reopen(r);
    assert_int_equal(r->found.next_index, 5001);
}

static void rolling_fails_at_each_fault(void **state)
{
    (void)state;
    static const char *const points[] = {"wal.pwrite", "wal.sync", "wal.rename",  "wal.sync_dir",
                                         "wal.unlink", "wal.open", "wal.allocate"};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        for (unsigned after = 0; after < 4; after++) {
            static struct rig rig;
            rig_init(&rig, i);
            assert_int_equal(rig_open(&rig), RC_OK);
            rig_fill(&rig, 1, 7, 1, BODY_BYTES);
            rig.fault_point = points[i];
            rig.fault_after = after;
            for (uint64_t k = 8; k < 60 && rig.errors == 0; k++) {
                rig_fill(&rig, k, k, 1, BODY_BYTES);
                if (k % 20 == 0)
                    wal_trim(rig.wal, k - 1);
            }
            bool met = rig.fault_point == NULL;
            assert_int_equal(rig.errors, met ? 1 : 0);
            uint64_t durable = rig.durable;
            rig_reopen(&rig);
            assert_true(rig.found.next_index > durable);
            rig_fini(&rig);
        }
    }
}

int main(void)
{
#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_spare_is_ready_before_it_is_needed),
        cmocka_unit_test(a_young_log_is_small),
        WITH_RIG(trimmed_segments_are_reused),
        WITH_RIG(trim_keeps_what_it_must),
        WITH_RIG(large_entries_get_a_segment_of_their_size),
        WITH_RIG(the_largest_entry_fits),
        WITH_RIG(a_full_disk_is_told_while_there_is_room),
        WITH_RIG(a_waiting_batch_goes_through_when_there_is_room),
        WITH_RIG(trimming_makes_room),
        WITH_RIG(a_second_lack_of_space_is_told_again),
        WITH_RIG(a_full_disk_can_be_restarted_on),
        WITH_RIG(a_reset_on_a_full_disk_leaves_the_log),
        cmocka_unit_test(rolling_fails_at_each_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
