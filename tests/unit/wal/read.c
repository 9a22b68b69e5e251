/* Old entries can be read while the log goes on: any range, across segments and cuts, in bounded
 * bites, and a trimmed one says so. */
#include "rig.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static int setup(void **state)
{
    static struct rig rig;
    rig_init(&rig, 5);
    assert_int_equal(rig_open(&rig), RC_OK);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    rig_fini(*state);
    return 0;
}

/* Read from first on, and check each entry's body against its index and term. Returns how many. */
static size_t read_some(struct rig *r, uint64_t first, size_t max, size_t *bytes)
{
    struct wal_read got = {0};
    assert_int_equal(wal_read(r->wal, first, max, &got), RC_OK);
    *bytes = 0;
    for (size_t i = 0; i < got.n; i++) {
        const struct wal_entry *e = &got.entries[i];
        assert_int_equal(e->index, first + i);
        AUTO(buf_fini) struct buf want = rig_body(e->index, e->term, e->body.n);
        assert_true(slice_eq(e->body, buf_slice(&want)));
        *bytes += e->body.n;
    }
    size_t n = got.n;
    wal_read_fini(&got);
    return n;
}

static void any_range_can_be_read(void **state)
{
    struct rig *r = *state;
    for (uint64_t i = 1; i <= 200; i++) {
        rig_append(r, i, 1, (size_t)(i * 37 % 900));
        if (i % 3 == 0)
            rig_run(r);
    }
    rig_run(r);
    assert_true(rig_count(r, ".seg") > 4);
    for (int reopened = 0; reopened < 2; reopened++) {
        for (uint64_t first = 1; first <= 200; first++) {
            size_t bytes;
            size_t n = read_some(r, first, 5000, &bytes);
            assert_true(n >= 1 && bytes <= 5000);
            assert_true(first + n == 201 || bytes + 900 > 5000);
            assert_int_equal(read_some(r, first, SIZE_MAX, &bytes), 201 - first);
        }
        rig_reopen(r);
    }
}

static void at_least_one_entry_comes(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 3, 1, 9000);
    size_t bytes;
    assert_int_equal(read_some(r, 2, 1, &bytes), 1);
    assert_int_equal(read_some(r, 2, 0, &bytes), 1);
}

static void replaced_entries_are_not_read(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 20, 1, 700);
    for (uint64_t term = 2; term < 12; term++) {
        uint64_t from = 21 - term;
        for (uint64_t i = from; i <= 20; i++) {
            rig_append(r, i, term, 700);
            if ((i + term) % 4 == 0)
                rig_run(r);
        }
        rig_append(r, 20, term, 300); /* within the batch */
        rig_run(r);
        struct wal_read got = {0};
        assert_int_equal(wal_read(r->wal, 1, SIZE_MAX, &got), RC_OK);
        assert_int_equal(got.n, 20);
        for (size_t i = 0; i < 20; i++)
            assert_int_equal(got.entries[i].term, i + 1 < from ? 1 : term);
        assert_int_equal(got.entries[19].body.n, 300);
        wal_read_fini(&got);
    }
}

/* What another thread may do while a read is under way is done here within it. */
static void cut_meanwhile(struct rig *r)
{
    rig_append(r, 6, 2, 100);
}

static void a_cut_during_a_read_shortens_it(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 9, 1, 100);
    r->on_pread = cut_meanwhile;
    size_t bytes;
    assert_int_equal(read_some(r, 3, SIZE_MAX, &bytes), 3); /* 3, 4, 5 */
    r->on_pread = cut_meanwhile;
    struct wal_read got = {0};
    rig_append(r, 7, 2, 100);
    assert_int_equal(wal_read(r->wal, 6, 1000, &got), RC_END);
}

static void trim_meanwhile(struct rig *r)
{
    wal_trim(r->wal, 30);
    worker_drain(&r->workers.workers, LANE_WAL);
    assert_true(wal_first_index(r->wal) > 5);
}

static void a_segment_stays_while_it_is_read(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 30, 1, 1500);
    size_t segments = rig_count(r, ".seg");
    r->on_pread = trim_meanwhile;
    size_t bytes;
    assert_true(read_some(r, 1, SIZE_MAX, &bytes) >= 5); /* all of the segment it was in */
    assert_int_equal(rig_count(r, ".seg"), segments);
    wal_trim(r->wal, 30); /* now it can go */
    rig_run(r);
    assert_int_equal(rig_count(r, ".seg"), 1);
}

static void what_is_not_there_is_told_apart(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 40, 1, 1500);
    wal_trim(r->wal, 30);
    struct wal_read got = {0};
    uint64_t first = wal_first_index(r->wal);
    assert_int_equal(wal_read(r->wal, first - 1, 100, &got), RC_NOT_FOUND);
    assert_int_equal(wal_read(r->wal, 41, 100, &got), RC_END);
    size_t bytes;
    assert_int_equal(read_some(r, first, SIZE_MAX, &bytes), 41 - first);
    wal_read_fini(&got);
}

static void a_failing_disk_is_reported(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 3, 1, 100);
    struct wal_read got = {0};
    r->fault_point = "wal.pread";
    assert_int_equal(wal_read(r->wal, 1, 100, &got), RC_IO);
    assert_null(got.entries);
    assert_int_equal(r->errors, 0); /* the log itself goes on */
    assert_int_equal(wal_read(r->wal, 1, 100, &got), RC_OK);
    wal_read_fini(&got);
}

static void damage_is_reported(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 3, 1, 100);
    uint8_t bad = 0xff;
    assert_true(sim_disk_poke(r->disk, rig_segment(1), 4096 + 60, slice_of(&bad, 1)));
    struct wal_read got = {0};
    assert_int_equal(wal_read(r->wal, 1, 1000, &got), RC_CORRUPT);
    assert_int_equal(wal_read(r->wal, 1, 1000, &got), RC_CORRUPT);
}

int main(void)
{
#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_RIG(any_range_can_be_read),           WITH_RIG(at_least_one_entry_comes),
        WITH_RIG(replaced_entries_are_not_read),   WITH_RIG(what_is_not_there_is_told_apart),
        WITH_RIG(a_cut_during_a_read_shortens_it), WITH_RIG(a_segment_stays_while_it_is_read),
        WITH_RIG(a_failing_disk_is_reported),      WITH_RIG(damage_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
