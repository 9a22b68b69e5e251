/* What may not be opened is refused with a sentence that says why and what to do, and is left as it
 * was; what may be is opened whatever a former run left lying about. */
#include "rig.h"

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/wr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state)
{
    static struct rig rig;
    rig_init(&rig, 3);
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

static void refused(struct rig *r, enum rc rc, const char *part)
{
    rig_close(r);
    uint64_t effects = sim_disk_effects(r->disk);
    assert_int_equal(rig_open(r), rc);
    assert_int_equal(r->err.rc, rc);
    if (!strstr(r->err.text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, r->err.text);
    assert_int_equal(sim_disk_effects(r->disk), effects);
    assert_null(r->wal);
}

static void a_log_in_use_is_refused(void **state)
{
    struct rig *r = *state;
    struct wal *second = NULL;
    struct wal_recovered found;
    struct err err = {0};
    assert_int_equal(wal_open(&r->opt, 0, NULL, &second, &found, &err), RC_LOCKED);
    assert_non_null(strstr(err.text, "another process uses /data/wal"));
    rig_reopen(r); /* and not any longer than that */
}

static void another_cluster_is_refused(void **state)
{
    struct rig *r = *state;
    r->opt.cluster_id = 0xdd;
    refused(r, RC_FOREIGN, "belongs to member 3e of cluster c1, not to member 3e of cluster dd");
}

static void another_member_is_refused(void **state)
{
    struct rig *r = *state;
    r->opt.member_id = 0xee;
    refused(r, RC_FOREIGN, "not to member ee of cluster c1");
}

/* Change the header of segment 1, with its check made right again. */
static void set_header(struct rig *r, size_t at, uint32_t v)
{
    uint8_t block[4096];
    memcpy(block, sim_disk_peek(r->disk, rig_segment(1)).p, sizeof(block));
    store_u32(block + at, v);
    store_u32(block + 8, crc32c(0, slice_of(block + 12, sizeof(block) - 12)));
    assert_true(sim_disk_poke(r->disk, rig_segment(1), 0, slice_of(block, sizeof(block))));
}

static void a_newer_format_is_refused(void **state)
{
    struct rig *r = *state;
    set_header(r, 12, 2);
    refused(r, RC_VERSION, "log format 2, and this program knows no later one than 1");
}

static void a_damaged_header_is_refused(void **state)
{
    struct rig *r = *state;
    for (size_t at = 0; at < 4096; at += at < 128 ? 1 : 97) {
        uint8_t byte = sim_disk_peek(r->disk, rig_segment(1)).p[at];
        uint8_t bad = byte ^ 0x10;
        assert_true(sim_disk_poke(r->disk, rig_segment(1), at, slice_of(&bad, 1)));
        refused(r, RC_CORRUPT, "the header of /data/wal/0000000000000001.seg is damaged");
        assert_true(sim_disk_poke(r->disk, rig_segment(1), at, slice_of(&byte, 1)));
    }
    assert_int_equal(rig_open(r), RC_OK);
}

static void etcds_own_log_is_refused(void **state)
{
    (void)state;
    static struct rig rig;
    rig_init(&rig, 3);
    assert_int_equal(disk_mkdir(rig.env.disk, RIG_DIR, NULL), RC_OK);
    sim_disk_put(rig.disk, RIG_DIR "/0000000000000000-0000000000000000.wal", SLICE_LIT("etcd"));
    refused(&rig, RC_FOREIGN, "0000000000000000-0000000000000000.wal is a file of etcd's own log");
    assert_non_null(strstr(rig.err.text, "moat import"));
    assert_int_equal(rig_count(&rig, ""), 1); /* not even a lock was put there */
    rig_fini(&rig);
}

static void a_missing_segment_is_refused(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 30, 1, 1500);
    assert_int_equal(disk_unlink(r->env.disk, rig_segment(2), NULL), RC_OK);
    refused(r, RC_CORRUPT, "segment 0000000000000002 is missing in /data/wal");
}

static void a_log_without_its_first_segment_begins_later(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 30, 1, 1500);
    rig_close(r);
    assert_int_equal(disk_unlink(r->env.disk, rig_segment(1), NULL), RC_OK);
    /* That is what trimming does: the log begins later, and says so. */
    assert_int_equal(rig_open(r), RC_OK);
    assert_true(r->found.first_index > 1);
    assert_int_equal(r->found.prev_term, 1);
}

static void a_renamed_segment_is_refused(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 9, 1, 1500);
    assert_int_equal(rig_count(r, ".seg"), 2);
    AUTO(mem_free_at) char *three = mem_strdup(rig_segment(3));
    assert_int_equal(disk_rename(r->env.disk, rig_segment(2), three, NULL), RC_OK);
    assert_int_equal(disk_rename(r->env.disk, rig_segment(1), RIG_DIR "/x", NULL), RC_OK);
    refused(r, RC_CORRUPT, "is segment 0000000000000002 by its header");
}

static void a_short_segment_is_refused(void **state)
{
    struct rig *r = *state;
    rig_close(r);
    struct slice all = sim_disk_peek(r->disk, rig_segment(1));
    AUTO(buf_fini) struct buf copy = {0};
    for (size_t n = 0; n < all.n; n += 1111) {
        buf_clear(&copy);
        buf_append(&copy, all.p, n);
        struct buf full = {0};
        buf_append_slice(&full, all);
        sim_disk_put(r->disk, rig_segment(1), buf_slice(&copy));
        refused(r, RC_CORRUPT, "0000000000000001.seg");
        sim_disk_put(r->disk, rig_segment(1), buf_slice(&full));
        buf_fini(&full);
        all = sim_disk_peek(r->disk, rig_segment(1));
    }
    assert_int_equal(rig_open(r), RC_OK);
}

static void a_segment_of_another_log_is_refused(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 9, 1, 1500);
    rig_close(r);
    AUTO(buf_fini) struct buf second = {0};
    buf_append_slice(&second, sim_disk_peek(r->disk, rig_segment(2)));
    static struct rig other; /* same owner, other entries */
    rig_init(&other, 99);
    assert_int_equal(rig_open(&other), RC_OK);
    worker_drain(&other.workers.workers, LANE_WAL);
    rig_fill(&other, 1, 5, 1, 1800);
    rig_close(&other);
    sim_disk_put(other.disk, rig_segment(2), buf_slice(&second));
    refused(&other, RC_CORRUPT, "is damaged");
    rig_fini(&other);
}

static void damage_in_an_older_segment_is_refused(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 12, 1, 1500);
    assert_int_equal(rig_count(r, ".seg"), 2);
    struct slice all = sim_disk_peek(r->disk, rig_segment(1));
    uint8_t bad = all.p[4096 + 6 * 1552 + 100] ^ 1; /* in its last batch but one */
    assert_true(sim_disk_poke(r->disk, rig_segment(1), 4096 + 6 * 1552 + 100, slice_of(&bad, 1)));
    refused(r, RC_CORRUPT, "0000000000000001.seg is damaged at offset 13408");
    assert_non_null(strstr(r->err.text, "restore this member from a snapshot"));
}

static void leftovers_do_no_harm(void **state)
{
    struct rig *r = *state;
    rig_fill(r, 1, 9, 1, 100);
    rig_close(r);
    sim_disk_put(r->disk, RIG_DIR "/notes.txt", SLICE_LIT("mine"));
    sim_disk_put(r->disk, RIG_DIR "/spare.0", SLICE_LIT("half an allocation"));
    sim_disk_put(r->disk, RIG_DIR "/spare.1", SLICE_LIT(""));
    sim_disk_put(r->disk, RIG_DIR "/000000000000000.seg", SLICE_LIT("not a segment's name"));
    assert_int_equal(rig_open(r), RC_OK);
    rig_expect(r, 1, 9, 1, 100);
    assert_int_equal(rig_count(r, "notes.txt"), 1);
    assert_int_equal(rig_count(r, "spare.0") + rig_count(r, "spare.1"), 0);
    worker_drain(&r->workers.workers, LANE_WAL);
    assert_int_equal(rig_count(r, "spare.0"), 1);
}

static void opening_fails_at_each_fault(void **state)
{
    struct rig *r = *state;
    static const char *const points[] = {"wal.open",     "wal.pread",  "wal.pwrite",  "wal.sync",
                                         "wal.sync_dir", "wal.rename", "wal.allocate"};
    rig_fill(r, 1, 12, 1, 1500);
    rig_close(r);
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        for (unsigned after = 0; after < 6; after++) {
            r->fault_point = points[i];
            r->fault_after = after;
            enum rc rc = rig_open(r);
            bool met = !r->fault_point;
            r->fault_point = NULL;
            assert_true(met ? rc == RC_IO && r->err.text[0] : rc == RC_OK);
            rig_close(r);
        }
    }
    assert_int_equal(rig_open(r), RC_OK);
    rig_expect(r, 1, 12, 1, 1500);
}

static void creating_fails_at_each_fault(void **state)
{
    (void)state;
    static const char *const points[] = {"wal.open",     "wal.pwrite", "wal.sync",
                                         "wal.sync_dir", "wal.rename", "wal.allocate"};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        for (unsigned after = 0; after < 2; after++) {
            static struct rig rig;
            rig_init(&rig, i);
            rig.fault_point = points[i];
            rig.fault_after = after;
            enum rc rc = rig_open(&rig);
            bool met = !rig.fault_point;
            rig.fault_point = NULL;
            bool space = strcmp(points[i], "wal.allocate") == 0;
            assert_int_equal(rc, !met ? RC_OK : space ? RC_NO_SPACE : RC_IO);
            assert_int_equal(met, rig.err.text[0] != 0);
            rig_reopen(&rig);
            assert_int_equal(rig.found.next_index, 1);
            rig_fini(&rig);
        }
    }
}

int main(void)
{
#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_log_in_use_is_refused),
        WITH_RIG(another_cluster_is_refused),
        WITH_RIG(another_member_is_refused),
        WITH_RIG(a_newer_format_is_refused),
        WITH_RIG(a_damaged_header_is_refused),
        cmocka_unit_test(etcds_own_log_is_refused),
        WITH_RIG(a_missing_segment_is_refused),
        WITH_RIG(a_log_without_its_first_segment_begins_later),
        WITH_RIG(a_renamed_segment_is_refused),
        WITH_RIG(a_short_segment_is_refused),
        WITH_RIG(a_segment_of_another_log_is_refused),
        WITH_RIG(damage_in_an_older_segment_is_refused),
        WITH_RIG(leftovers_do_no_harm),
        WITH_RIG(opening_fails_at_each_fault),
        cmocka_unit_test(creating_fails_at_each_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
