/* The bytes are as docs/formats/wal.md says, and nothing but what was written verifies: not in
 * another place, segment, life, member or cluster. */
#include "wal/format.h"

#include "base/wr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct wal_header sample = {
    .flags = WAL_SEGMENT_RESET,
    .cluster_id = 0x1111111111111111,
    .member_id = 0x2222222222222222,
    .seq = 7,
    .salt = 0x0123456789abcdef,
    .size = 65536,
    .batch = 99,
    .first_index = 1000,
    .prev_term = 5,
    .hard = {.term = 6, .vote = 3},
    .prev_end = 8192,
};

static void header_bytes(void **state)
{
    (void)state;
    uint8_t b[WAL_HEADER_BYTES];
    wal_header_encode(&sample, b);
    assert_memory_equal(b, "moat-wal", 8);
    assert_int_equal(load_u32(b + 12), 1);
    assert_int_equal(load_u32(b + 16), 1);
    assert_int_equal(load_u32(b + 20), 0);
    static const uint64_t want[] = {0x1111111111111111,
                                    0x2222222222222222,
                                    7,
                                    0x0123456789abcdef,
                                    65536,
                                    99,
                                    1000,
                                    5,
                                    6,
                                    3,
                                    8192};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(load_u64(b + 24 + 8 * i), want[i]);
    for (size_t i = 112; i < sizeof(b); i++)
        assert_int_equal(b[i], 0);
}

static void header_round_trip_and_damage(void **state)
{
    (void)state;
    uint8_t b[WAL_HEADER_BYTES];
    wal_header_encode(&sample, b);
    struct wal_header h;
    assert_int_equal(wal_header_parse(b, &h), RC_OK);
    assert_int_equal(h.version, 1);
    assert_int_equal(h.seq, sample.seq);
    assert_int_equal(h.hard.vote, sample.hard.vote);
    assert_int_equal(h.prev_end, sample.prev_end);
    for (size_t at = 0; at < sizeof(b); at++) {
        b[at] ^= 4;
        assert_int_equal(wal_header_parse(b, &h), RC_CORRUPT);
        b[at] ^= 4;
    }
}

#define BODY "the body of a record"

static void make_record(uint32_t seed, uint8_t out[WAL_HEAD_BYTES + sizeof(BODY)])
{
    struct wal_head head = {.batch = 5, .len = sizeof(BODY), .part = 2, .last = true};
    memcpy(out + WAL_HEAD_BYTES, BODY, sizeof(BODY));
    wal_head_encode(seed, &head, out);
}

static void record_bytes(void **state)
{
    (void)state;
    uint8_t b[WAL_HEAD_BYTES + sizeof(BODY)];
    make_record(wal_seed(&sample, 4096), b);
    assert_int_equal(load_u64(b + 8), 5);
    assert_int_equal(load_u32(b + 16), sizeof(BODY));
    assert_int_equal(load_u32(b + 20), 0x80000002);
    struct wal_head head;
    assert_true(wal_head_parse(wal_seed(&sample, 4096), b, &head));
    assert_int_equal(head.part, 2);
    assert_true(head.last);
    assert_true(wal_body_ok(wal_seed(&sample, 4096), &head, slice_of(BODY, sizeof(BODY))));
}

static void a_record_is_right_in_one_place_only(void **state)
{
    (void)state;
    uint8_t b[WAL_HEAD_BYTES + sizeof(BODY)];
    uint32_t seed = wal_seed(&sample, 4096);
    make_record(seed, b);
    struct wal_header other[5];
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        other[i] = sample;
    other[0].cluster_id++;
    other[1].member_id++;
    other[2].seq++;
    other[3].salt++;
    struct wal_head head;
    struct wal_head good;
    assert_true(wal_head_parse(seed, b, &good));
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        uint32_t wrong = wal_seed(&other[i], i == 4 ? 4104 : 4096);
        assert_false(wal_head_parse(wrong, b, &head));
        assert_false(wal_body_ok(wrong, &good, slice_of(BODY, sizeof(BODY))));
    }
}

static void a_flipped_bit_anywhere_is_seen(void **state)
{
    (void)state;
    uint8_t b[WAL_HEAD_BYTES + sizeof(BODY)];
    uint32_t seed = wal_seed(&sample, 4096);
    make_record(seed, b);
    for (size_t bit = 0; bit < sizeof(b) * 8; bit++) {
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct wal_head head;
        bool ok = wal_head_parse(seed, b, &head) &&
                  wal_body_ok(seed, &head, slice_of(b + WAL_HEAD_BYTES, sizeof(BODY)));
        assert_false(ok);
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void item_limits(void **state)
{
    (void)state;
    uint8_t b[WAL_ITEM_BYTES] = {0};
    struct wal_item item;
    for (uint32_t kind = 0; kind < 40; kind++) {
        store_u32(b, kind);
        bool known = (kind >= 1 && kind <= 3) || kind == 16;
        assert_int_equal(wal_item_parse(b, &item), known ? RC_OK : RC_CORRUPT);
    }
    store_u32(b, WAL_COMMAND);
    store_u32(b + 4, WAL_ENTRY_BYTES_MAX);
    assert_int_equal(wal_item_parse(b, &item), RC_OK);
    store_u32(b + 4, WAL_ENTRY_BYTES_MAX + 1);
    assert_int_equal(wal_item_parse(b, &item), RC_CORRUPT);
    store_u32(b, WAL_ITEM_HARD_STATE);
    store_u32(b + 4, 1);
    assert_int_equal(wal_item_parse(b, &item), RC_CORRUPT);
}

static void batch_spans(void **state)
{
    (void)state;
    assert_int_equal(wal_batch_span(1), 24 + 8);
    assert_int_equal(wal_batch_span(8), 24 + 8);
    assert_int_equal(wal_batch_span(WAL_RECORD_BODY_MAX), 24 + WAL_RECORD_BODY_MAX);
    assert_int_equal(wal_batch_span(WAL_RECORD_BODY_MAX + 1), 48 + WAL_RECORD_BODY_MAX + 8);
}

static void names(void **state)
{
    (void)state;
    char name[WAL_NAME_BYTES];
    uint64_t seq = 0;
    wal_segment_name(0xabcdef, name);
    assert_string_equal(name, "0000000000abcdef.seg");
    assert_true(wal_segment_name_parse(name, &seq));
    assert_int_equal(seq, 0xabcdef);
    static const char *const bad[] = {"",
                                      "0000000000abcdef",
                                      "0000000000abcdef.segs",
                                      "0000000000ABCDEF.seg",
                                      "000000000abcdef.seg",
                                      "00000000000abcdef.seg",
                                      "0000000000000000.seg",
                                      "spare.0",
                                      "lock"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(wal_segment_name_parse(bad[i], &seq));
    assert_true(wal_name_is_etcds("0000000000000001-000000000000a1b2.wal"));
    assert_false(wal_name_is_etcds("0000000000000001-000000000000a1b2.snap"));
    assert_false(wal_name_is_etcds("0000000000000001.wal"));
    assert_false(wal_name_is_etcds("0.tmp"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_bytes),
        cmocka_unit_test(header_round_trip_and_damage),
        cmocka_unit_test(record_bytes),
        cmocka_unit_test(a_record_is_right_in_one_place_only),
        cmocka_unit_test(a_flipped_bit_anywhere_is_seen),
        cmocka_unit_test(item_limits),
        cmocka_unit_test(batch_spans),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
