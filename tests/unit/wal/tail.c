/* The end of the log: a torn batch is dropped, damage to one that was durable is refused, and bytes
 * of an earlier life are neither. */
#include "rig.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BATCHES     5
#define BODY_BYTES  60
#define BATCH_BYTES (24 + 24 + 64) /* head, item, body with its gap */
#define FIRST_BATCH 4096

static int setup(void **state)
{
    static struct rig rig;
    rig_init(&rig, 4);
    assert_int_equal(rig_open(&rig), RC_OK);
    rig_fill(&rig, 1, BATCHES, 1, BODY_BYTES);
    rig_close(&rig);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    rig_fini(*state);
    return 0;
}

static void keep_segment(struct rig *r, struct buf *out)
{
    buf_clear(out);
    buf_append_slice(out, sim_disk_peek(r->disk, rig_segment(1)));
}

/* etcd#5230, etcd#6378: an end that was not written is no reason to refuse the start. */
static void cut_at_each_byte(void **state)
{
    struct rig *r = *state;
    AUTO(buf_fini) struct buf whole = {0};
    AUTO(buf_fini) struct buf cut = {0};
    keep_segment(r, &whole);
    size_t end = FIRST_BATCH + BATCHES * BATCH_BYTES;
    for (size_t at = FIRST_BATCH; at <= end; at++) {
        buf_clear(&cut);
        buf_append_slice(&cut, buf_slice(&whole));
        memset(cut.p + at, 0, cut.n - at);
        sim_disk_put(r->disk, rig_segment(1), buf_slice(&cut));
        assert_int_equal(rig_open(r), RC_OK);
        /* Of a batch, only the gap behind its body may be missing: that is zero anyway. */
        uint64_t complete = (at - FIRST_BATCH + 4) / BATCH_BYTES;
        if (r->found.next_index != complete + 1) /* or its last bytes happen to be zero */
            complete = r->found.next_index - 1;
        assert_true(complete >= (at - FIRST_BATCH) / BATCH_BYTES);
        rig_expect(r, 1, complete, 1, BODY_BYTES);
        bool nonzero = false;
        for (size_t i = FIRST_BATCH + complete * BATCH_BYTES; i < at; i++)
            nonzero = nonzero || whole.p[i];
        assert_int_equal(r->found.torn, nonzero);
        rig_reopen(r);
        assert_false(r->found.torn); /* it was cleared */
        rig_expect(r, 1, complete, 1, BODY_BYTES);
        rig_close(r);
    }
}

static void flip(struct rig *r, size_t at, unsigned bit)
{
    uint8_t byte = sim_disk_peek(r->disk, rig_segment(1)).p[at] ^ (uint8_t)(1u << bit);
    assert_true(sim_disk_poke(r->disk, rig_segment(1), at, slice_of(&byte, 1)));
}

static void a_flipped_bit_with_later_batches_behind_is_refused(void **state)
{
    struct rig *r = *state;
    AUTO(buf_fini) struct buf whole = {0};
    keep_segment(r, &whole);
    /* The gap after a body is not covered: nothing reads it. */
    for (size_t at = 0; at < BATCH_BYTES - 4; at++) {
        for (unsigned batch = 0; batch + 1 < BATCHES; batch++) {
            size_t offset = FIRST_BATCH + batch * BATCH_BYTES;
            flip(r, offset + at, (unsigned)at % 8);
            assert_int_equal(rig_open(r), RC_CORRUPT);
            char want[64];
            snprintf(want, sizeof(want), "1.seg is damaged at offset %zu:", offset);
            assert_non_null(strstr(r->err.text, want));
            assert_non_null(strstr(r->err.text, "restore this member"));
            sim_disk_put(r->disk, rig_segment(1), buf_slice(&whole));
        }
    }
    assert_int_equal(rig_open(r), RC_OK);
}

static void a_flipped_bit_in_the_last_batch_is_a_torn_tail(void **state)
{
    struct rig *r = *state;
    AUTO(buf_fini) struct buf whole = {0};
    keep_segment(r, &whole);
    for (size_t at = 0; at < BATCH_BYTES - 4; at++) {
        flip(r, FIRST_BATCH + (BATCHES - 1) * BATCH_BYTES + at, (unsigned)at % 8);
        assert_int_equal(rig_open(r), RC_OK);
        assert_true(r->found.torn);
        rig_expect(r, 1, BATCHES - 1, 1, BODY_BYTES);
        rig_close(r);
        sim_disk_put(r->disk, rig_segment(1), buf_slice(&whole));
    }
}

/* The head of a later batch proves that the one before was durable, though its body be torn. */
static void a_later_head_is_enough(void **state)
{
    struct rig *r = *state;
    flip(r, FIRST_BATCH + 3 * BATCH_BYTES + 30, 0);
    flip(r, FIRST_BATCH + 4 * BATCH_BYTES + 30, 0);
    assert_int_equal(rig_open(r), RC_CORRUPT);
    assert_non_null(strstr(r->err.text, "batch 4 cannot be read"));
}

/* Records of a batch that was never complete must not become part of the next one. */
static void remains_of_a_batch_are_cleared(void **state)
{
    struct rig *r = *state;
    r->opt.segment_bytes = 2u << 20;
    r->opt.dir = "/data/other";
    assert_int_equal(rig_open(r), RC_OK);
    rig_append(r, 1, 1, 700000); /* three records */
    rig_run(r);
    rig_close(r);
    const char *path = "/data/other/0000000000000001.seg";
    uint8_t bad = 0xff;
    assert_true(sim_disk_poke(r->disk, path, FIRST_BATCH + 1000, slice_of(&bad, 1)));
    assert_int_equal(rig_open(r), RC_OK);
    assert_true(r->found.torn);
    assert_int_equal(r->found.next_index, 1);
    struct slice all = sim_disk_peek(r->disk, path);
    for (size_t i = FIRST_BATCH; i < all.n; i++)
        assert_int_equal(all.p[i], 0);
}

static void all_records_of_a_batch_count_or_none(void **state)
{
    struct rig *r = *state;
    r->opt.segment_bytes = 2u << 20;
    r->opt.dir = "/data/other";
    assert_int_equal(rig_open(r), RC_OK);
    rig_append(r, 1, 1, 100);
    rig_run(r);
    for (uint64_t i = 2; i <= 8; i++)
        rig_append(r, i, 1, 100000); /* one batch, three records */
    rig_run(r);
    rig_close(r);
    const char *path = "/data/other/0000000000000001.seg";
    uint8_t bad = 0x55;
    assert_true(sim_disk_poke(r->disk, path, FIRST_BATCH + 650000, slice_of(&bad, 1)));
    assert_int_equal(rig_open(r), RC_OK);
    rig_expect(r, 1, 1, 1, 100);
    assert_true(r->found.torn);
}

/* Fill a reused segment over and over: what it held before never comes back. */
static void an_earlier_life_is_not_believed(void **state)
{
    struct rig *r = *state;
    assert_int_equal(rig_open(r), RC_OK);
    uint64_t index = BATCHES;
    for (int round = 0; round < 60; round++) {
        uint64_t n = 1 + (uint64_t)round % 7;
        rig_fill(r, index + 1, index + n, 1, 1500);
        index += n;
        wal_trim(r->wal, index);
        rig_run(r);
        uint64_t first = wal_first_index(r->wal);
        rig_reopen(r);
        assert_false(r->found.torn);
        assert_int_equal(r->found.first_index, first);
        assert_int_equal(r->found.next_index, index + 1);
        if (first > BATCHES)
            rig_expect(r, first, index, 1, 1500);
    }
}

int main(void)
{
#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_RIG(cut_at_each_byte),
        WITH_RIG(a_flipped_bit_with_later_batches_behind_is_refused),
        WITH_RIG(a_flipped_bit_in_the_last_batch_is_a_torn_tail),
        WITH_RIG(a_later_head_is_enough),
        WITH_RIG(remains_of_a_batch_are_cleared),
        WITH_RIG(all_records_of_a_batch_count_or_none),
        WITH_RIG(an_earlier_life_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
