/* The tables and the codec against Go's: schema.txt, golden.txt and verdicts.txt are what etcd
 * 3.7.1's own generated code says of every message, of messages with every field set, and of random
 * bytes (moatpb is our own). Then the ways in which a sender can be odd, cut short, or hostile. */
#include "wire/message.h"

#include "base/mem.h"
#include "base/wr.h"
#include "reflect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { SCHEMA = 1, GOLDEN, VERDICTS };
static char **paths;

static bool bytes_are(const struct buf *b, struct slice want)
{
    return slice_eq(buf_slice(b), want);
}

static void *message_new(const struct wire_message *m, struct arena *a)
{
    return arena_zalloc(a, m->size);
}

static void test_schema(void **state)
{
    (void)state;
    struct arena a = {0};
    struct slice text = file_read(&a, paths[SCHEMA]);
    struct slice line;
    size_t lines = 0;
    while (next_line(&text, &line)) {
        struct slice rest = line;
        struct slice name = next_word(&rest);
        name.n--; /* the colon */
        const struct wire_message *m = message_by_name(name);
        if (!m)
            fail_msg("no table for %.*s", (int)name.n, (const char *)name.p);
        struct buf got = {0};
        message_describe(m, &got);
        if (!bytes_are(&got, line))
            fail_msg("\n%.*s\n%.*s", (int)got.n, (const char *)got.p, (int)line.n,
                     (const char *)line.p);
        buf_fini(&got);
        lines++;
    }
    for (size_t i = 0; i < wire_messages_n; i++) /* ours are not in it */
        lines += slice_has_prefix(slice_str(wire_messages[i]->name), SLICE_LIT("moatpb."));
    assert_int_equal(lines + 1, wire_messages_n); /* a map's entry has no line */
    arena_fini(&a);
}

static void test_golden(void **state)
{
    (void)state;
    struct arena a = {0};
    struct slice text = file_read(&a, paths[GOLDEN]);
    struct slice line;
    while (next_line(&text, &line)) {
        const struct wire_message *m = message_by_name(next_word(&line));
        assert_non_null(m);
        unsigned variant = (unsigned)(next_word(&line).p[0] - '0');
        struct slice want = hex_bytes(&a, line);
        void *msg = message_new(m, &a);
        message_fill(m, variant, 0, &a, msg);
        struct buf got = {0};
        wire_encode(m, msg, &got);
        if (!bytes_are(&got, want))
            fail_msg("%s is encoded otherwise", wire_name(m));
        void *back = message_new(m, &a);
        assert_int_equal(wire_decode(m, want, &a, back), RC_OK);
        if (!message_equal(m, msg, back))
            fail_msg("%s is decoded otherwise", wire_name(m));
        buf_fini(&got);
    }
    arena_fini(&a);
}

/* What Go refuses we refuse, and what it takes has the same meaning. */
static void test_verdicts(void **state)
{
    (void)state;
    struct arena a = {0};
    struct slice text = file_read(&a, paths[VERDICTS]);
    struct slice line;
    while (next_line(&text, &line)) {
        struct slice whole = line;
        const struct wire_message *m = message_by_name(next_word(&line));
        assert_non_null(m);
        struct slice in = hex_bytes(&a, slice_skip(next_word(&line), 1));
        void *msg = message_new(m, &a);
        enum rc rc = wire_decode(m, in, &a, msg);
        if (line.p[0] == '!' ? rc != RC_MALFORMED && rc != RC_INVALID : rc != RC_OK)
            fail_msg("%s: %.*s", rc_text(rc), (int)whole.n, (const char *)whole.p);
        if (rc != RC_OK)
            continue;
        struct buf got = {0};
        wire_encode(m, msg, &got);
        if (!bytes_are(&got, hex_bytes(&a, slice_skip(line, 1))))
            fail_msg("means otherwise: %.*s", (int)whole.n, (const char *)whole.p);
        buf_fini(&got);
    }
    arena_fini(&a);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < 20 * wire_messages_n; i++) {
        const struct wire_message *m = wire_messages[i % wire_messages_n];
        struct arena a = {0};
        void *msg = message_new(m, &a);
        message_random(m, &rng, 0, &a, msg);
        struct buf out = {0};
        buf_append_str(&out, "before");
        wire_encode(m, msg, &out);
        struct slice in = slice_skip(buf_slice(&out), 6);
        assert_int_equal(in.n, wire_encoded_len(m, msg));
        void *back = message_new(m, &a);
        assert_int_equal(wire_decode(m, in, &a, back), RC_OK);
        if (!message_equal(m, msg, back))
            fail_msg("%s, round %zu", wire_name(m), i);
        arena_fini(&a);
        buf_fini(&out);
    }
}

/* A message cut short is refused, or is a shorter message; its bytes stand at the very end of their
 * allocation, so that a sanitizer sees a read beyond. */
static void test_cut_at_each_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < wire_messages_n; i++) {
        const struct wire_message *m = wire_messages[i];
        struct arena a = {0};
        void *msg = message_new(m, &a);
        message_fill(m, 3, 2, &a, msg);
        struct buf out = {0};
        wire_encode(m, msg, &out);
        for (size_t n = 0; n < out.n; n++) {
            uint8_t *cut = mem_alloc(n ? n : 1);
            if (n)
                memcpy(cut, out.p, n);
            enum rc rc = wire_decode(m, slice_of(cut, n), &a, msg);
            assert_true(rc == RC_OK || rc == RC_MALFORMED);
            if (rc == RC_OK)
                assert_true(wire_encoded_len(m, msg) <= n);
            free(cut);
        }
        arena_fini(&a);
        buf_fini(&out);
    }
}

static void test_oneof(void **state)
{
    (void)state;
    struct arena a = {0};
    struct pb_request_op op;
    /* request_range {key "k"}, then request_put {}: the last wins and clears the first. */
    const uint8_t last[] = {0x0a, 3, 0x0a, 1, 'k', 0x12, 0};
    assert_int_equal(wire_decode(&wire_request_op, slice_of(last, sizeof(last)), &a, &op), RC_OK);
    assert_int_equal(op.request_case, PB_OP_PUT);
    assert_null(op.request_range);
    assert_non_null(op.request_put);

    /* The same member twice is merged. */
    const uint8_t twice[] = {0x0a, 3, 0x0a, 1, 'k', 0x0a, 2, 0x18, 7};
    assert_int_equal(wire_decode(&wire_request_op, slice_of(twice, sizeof(twice)), &a, &op), RC_OK);
    assert_int_equal(op.request_case, PB_OP_RANGE);
    assert_true(slice_eq(op.request_range->key, SLICE_LIT("k")));
    assert_int_equal(op.request_range->limit, 7);

    /* A member set to zero is set, and is written. */
    struct pb_compare compare = {.target_union_case = PB_TARGET_MOD_REVISION};
    struct buf out = {0};
    wire_encode(&wire_compare, &compare, &out);
    assert_true(bytes_are(&out, SLICE_LIT("\x30\0")));
    compare.version = 9; /* not the member that is set */
    assert_int_equal(wire_encoded_len(&wire_compare, &compare), 2);
    /* An empty member may be left NULL. */
    op = (struct pb_request_op){.request_case = PB_OP_TXN};
    buf_clear(&out);
    wire_encode(&wire_request_op, &op, &out);
    assert_true(bytes_are(&out, SLICE_LIT("\x22\0")));
    buf_fini(&out);
    arena_fini(&a);
}

static void test_merge(void **state)
{
    (void)state;
    struct arena a = {0};
    struct pb_range_stream_response r;
    /* range_response {more, kvs [{key a}], count 1}, then {kvs [{key b}], count 2}. */
    const uint8_t in[] = {0x0a, 9,    0x18, 1,    0x12, 3,    0x0a, 1,   'a',  0x20,
                          1,    0x0a, 7,    0x12, 3,    0x0a, 1,    'b', 0x20, 2};
    assert_int_equal(wire_decode(&wire_range_stream_response, slice_of(in, sizeof(in)), &a, &r),
                     RC_OK);
    assert_true(r.range_response->more);
    assert_int_equal(r.range_response->count, 2);
    assert_int_equal(r.range_response->kvs_n, 2);
    assert_true(slice_eq(r.range_response->kvs[0].key, SLICE_LIT("a")));
    assert_true(slice_eq(r.range_response->kvs[1].key, SLICE_LIT("b")));
    arena_fini(&a);
}

static void test_packed(void **state)
{
    (void)state;
    struct arena a = {0};
    struct pb_watch_create_request w;
    /* filters: one alone, two packed, none packed, one alone. */
    const uint8_t in[] = {0x28, 1, 0x2a, 2, 0, 1, 0x2a, 0, 0x28, 5};
    struct slice s = slice_of(in, sizeof(in));
    assert_int_equal(wire_decode(&wire_watch_create_request, s, &a, &w), RC_OK);
    assert_int_equal(w.filters_n, 4);
    const int32_t want[] = {1, 0, 1, 5};
    assert_memory_equal(w.filters, want, sizeof(want));
    struct buf out = {0};
    wire_encode(&wire_watch_create_request, &w, &out);
    assert_true(bytes_are(&out, SLICE_LIT("\x2a\4\1\0\1\5")));
    buf_fini(&out);
    /* A packed field that ends inside a varint. */
    s = SLICE_LIT("\x2a\2\0\x80");
    assert_int_equal(wire_decode(&wire_watch_create_request, s, &a, &w), RC_MALFORMED);
    arena_fini(&a);
}

static enum rc decode_put(struct slice in)
{
    struct arena a = {0};
    struct pb_put_request put;
    enum rc rc = wire_decode(&wire_put_request, in, &a, &put);
    /* Whatever stands around it, the key is read. */
    if (rc == RC_OK && in.n > 0)
        assert_true(slice_eq(put.key, SLICE_LIT("k")));
    assert_true(rc != RC_OK || put.lease == 0);
    arena_fini(&a);
    return rc;
}

static void test_unknown_and_wrong(void **state)
{
    (void)state;
    /* Unknown: varint, fixed64, bytes, fixed32, a group in a group. */
    assert_int_equal(decode_put(SLICE_LIT("\x78\x96\1\x0a\1k")), RC_OK);
    assert_int_equal(decode_put(SLICE_LIT("\x79"
                                          "12345678\x0a\1k")),
                     RC_OK);
    assert_int_equal(decode_put(SLICE_LIT("\x7a\2ab\x0a\1k")), RC_OK);
    assert_int_equal(decode_put(SLICE_LIT("\x7d"
                                          "1234\x0a\1k")),
                     RC_OK);
    assert_int_equal(decode_put(SLICE_LIT("\x7b\x0b\x08\1\x0c\x7c\x0a\1k")), RC_OK);
    /* A known number with another wire type is unknown: lease as bytes, key as a varint. */
    assert_int_equal(decode_put(SLICE_LIT("\x1a\1x\x0a\1k\x08\5")), RC_OK);

    assert_int_equal(decode_put(SLICE_LIT("\x02\1k")), RC_MALFORMED);          /* number 0 */
    assert_int_equal(decode_put(SLICE_LIT("\x7e\x0a\1k")), RC_MALFORMED);      /* type 6 */
    assert_int_equal(decode_put(SLICE_LIT("\x7f\x0a\1k")), RC_MALFORMED);      /* type 7 */
    assert_int_equal(decode_put(SLICE_LIT("\x7c\x0a\1k")), RC_MALFORMED);      /* only an end */
    assert_int_equal(decode_put(SLICE_LIT("\x7b\x0a\1k")), RC_MALFORMED);      /* no end */
    assert_int_equal(decode_put(SLICE_LIT("\x7b\x0b\x7c\x0c")), RC_MALFORMED); /* crossed */
    assert_int_equal(decode_put(SLICE_LIT("\x0a\2k")), RC_MALFORMED);          /* too short */
    assert_int_equal(decode_put(SLICE_LIT("\x82\x80\x80\x80\x10\0")), RC_MALFORMED); /* 2^29 */
    assert_int_equal(decode_put(SLICE_LIT("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\2")),
                     RC_MALFORMED); /* 65 bits */
    assert_int_equal(decode_put(SLICE_LIT("")), RC_OK);

    uint8_t groups[202];
    memset(groups, 0x7b, 101);
    memset(groups + 101, 0x7c, 101);
    assert_int_equal(decode_put(slice_of(groups, sizeof(groups))), RC_LIMIT);
}

static void test_utf8_in_strings_only(void **state)
{
    (void)state;
    struct arena a = {0};
    struct pb_member member;
    struct slice bad = SLICE_LIT("\x12\2\xc3\x28");
    assert_int_equal(wire_decode(&wire_member, bad, &a, &member), RC_INVALID);
    struct slice repeated = SLICE_LIT("\x1a\1\xff");
    assert_int_equal(wire_decode(&wire_member, repeated, &a, &member), RC_INVALID);
    struct slice good = SLICE_LIT("\x12\2\xc3\xa9");
    assert_int_equal(wire_decode(&wire_member, good, &a, &member), RC_OK);
    struct pb_lock_request lock;
    assert_int_equal(wire_decode(&wire_lock_request, SLICE_LIT("\x0a\1\xff"), &a, &lock), RC_OK);
    arena_fini(&a);
}

/* levels of Txn { success: [{ request_txn: … }] }, written from the inside out. */
static struct slice nested_txn(struct buf *b, size_t levels)
{
    size_t cap = levels * 2 * (1 + VARINT_MAX);
    uint8_t *p = buf_extend(b, cap);
    size_t n = 0; /* bytes written, at the end */
    for (size_t i = 0; i < 2 * levels; i++) {
        size_t body = n;
        n += varint_len(body);
        store_varint(p + cap - n, body);
        p[cap - ++n] = i % 2 ? 0x12 : 0x22; /* success, request_txn */
    }
    return slice_of(p + cap - n, n);
}

static void test_depth(void **state)
{
    (void)state;
    struct arena a = {0};
    struct buf b = {0};
    struct pb_txn_request txn;
    /* A level is two messages, and the innermost txn is one more. */
    struct slice in = nested_txn(&b, (WIRE_DEPTH_MAX - 1) / 2);
    assert_int_equal(wire_decode(&wire_txn_request, in, &a, &txn), RC_OK);
    struct wire_limits limits = {WIRE_DEPTH_MAX - 1, SIZE_MAX};
    assert_int_equal(wire_decode_limited(&wire_txn_request, in, &limits, &a, &txn), RC_OK);
    limits.depth_max--;
    assert_int_equal(wire_decode_limited(&wire_txn_request, in, &limits, &a, &txn), RC_LIMIT);
    buf_clear(&b);
    in = nested_txn(&b, WIRE_DEPTH_MAX / 2);
    assert_int_equal(wire_decode(&wire_txn_request, in, &a, &txn), RC_LIMIT);
    buf_fini(&b);
    arena_fini(&a);
}

/* 13,884 levels in 50 kB end protobuf-c by its stack; here depth and time stay small. */
static void test_depth_bombs(void **state)
{
    (void)state;
    static const size_t levels[] = {7000, 13884, 200000};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        struct arena a = {0};
        struct buf b = {0};
        struct slice in = nested_txn(&b, levels[i]);
        struct pb_txn_request txn;
        clock_t start = clock();
        assert_int_equal(wire_decode(&wire_txn_request, in, &a, &txn), RC_LIMIT);
        assert_true(clock() - start < CLOCKS_PER_SEC / 10);
        assert_true(a.total < (size_t)1 << 16);
        arena_fini(&a);
        buf_fini(&b);
    }
}

/* 700,000 ops of two bytes: within a limit they cost nothing, without one a known multiple. */
static void test_op_bomb(void **state)
{
    (void)state;
    enum { OPS = 700000 };
    uint8_t *p = mem_alloc(2 * OPS);
    for (size_t i = 0; i < OPS; i++)
        memcpy(p + 2 * i, "\x12", 2);
    struct slice in = slice_of(p, 2 * OPS);
    struct arena a = {0};
    struct pb_txn_request txn;
    struct wire_limits limits = {WIRE_DEPTH_MAX, 1 << 20};
    assert_int_equal(wire_decode_limited(&wire_txn_request, in, &limits, &a, &txn), RC_LIMIT);
    assert_int_equal(a.total, 0);
    assert_int_equal(wire_decode(&wire_txn_request, in, &a, &txn), RC_OK);
    assert_int_equal(txn.success_n, OPS);
    assert_true(a.total <= WIRE_MEMORY_BASE + in.n * WIRE_MEMORY_PER_BYTE);
    arena_fini(&a);
    free(p);
}

/* One sub-message over and over, with one element each time: every merge moves the array. */
static void test_merge_bomb(void **state)
{
    (void)state;
    enum { PARTS = 100000 };
    static const uint8_t part[] = {0x0a, 2, 0x12, 0}; /* range_response { kvs: [{}] } */
    uint8_t *p = mem_alloc(PARTS * sizeof(part));
    for (size_t i = 0; i < PARTS; i++)
        memcpy(p + i * sizeof(part), part, sizeof(part));
    struct slice in = slice_of(p, PARTS * sizeof(part));
    struct arena a = {0};
    struct pb_range_stream_response r;
    assert_int_equal(wire_decode(&wire_range_stream_response, in, &a, &r), RC_LIMIT);
    assert_true(a.total <= 4 * (WIRE_MEMORY_BASE + in.n * WIRE_MEMORY_PER_BYTE));
    arena_fini(&a);
    free(p);
}

int main(int argc, char **argv)
{
    if (argc != VERDICTS + 1)
        return 2;
    paths = argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cut_at_each_byte),
        cmocka_unit_test(test_oneof),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_unknown_and_wrong),
        cmocka_unit_test(test_utf8_in_strings_only),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_depth_bombs),
        cmocka_unit_test(test_op_bomb),
        cmocka_unit_test(test_merge_bomb),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
