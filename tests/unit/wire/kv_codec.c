/* What is written by hand is what the tables write, and what is read by hand is what the tables
 * read, also of damaged input. */
#include "wire/kv_codec.h"

#include "reflect.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROUNDS 3000

static void assert_encoded(const struct wire_message *m, const void *msg, const struct buf *got)
{
    struct buf want = {0};
    wire_encode(m, msg, &want);
    assert_int_equal(got->n, want.n);
    assert_memory_equal(got->p, want.p, want.n);
    buf_fini(&want);
}

static void test_put_response(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 2);
    for (int i = 0; i < ROUNDS; i++) {
        struct arena a = {0};
        struct pb_put_response msg = {0};
        message_random(&wire_put_response, &rng, 0, &a, &msg);
        struct buf got = {0};
        codec_put_response(&msg, &got);
        if (got.n > 0)
            assert_encoded(&wire_put_response, &msg, &got);
        else
            assert_int_equal(wire_encoded_len(&wire_put_response, &msg), 0);
        buf_fini(&got);
        arena_fini(&a);
    }
}

static void test_key_value(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    for (int i = 0; i < ROUNDS; i++) {
        struct arena a = {0};
        struct pb_key_value kv = {.key = SLICE_LIT("k")};
        message_random(&wire_key_value, &rng, 0, &a, &kv);
        kv.version |= 1;
        struct buf got = {0};
        codec_key_value(&kv, &got);
        assert_int_equal(got.n, codec_key_value_len(&kv));
        assert_encoded(&wire_key_value, &kv, &got);
        struct pb_key_value back;
        assert_int_equal(codec_key_value_parse(buf_slice(&got), &back), RC_OK);
        assert_true(message_equal(&wire_key_value, &kv, &back));
        buf_fini(&got);
        arena_fini(&a);
    }
}

/* etcd's own bytes of one pair, as `etcdctl put foo bar` leaves them. */
static void test_stored_form(void **state)
{
    (void)state;
    struct pb_key_value kv = {.key = SLICE_LIT("foo"),
                              .create_revision = 2,
                              .mod_revision = 2,
                              .version = 1,
                              .value = SLICE_LIT("bar")};
    struct buf got = {0};
    codec_key_value(&kv, &got);
    struct slice want = SLICE_LIT("\x0a\3foo\x10\2\x18\2\x20\1\x2a\3bar");
    assert_true(slice_eq(buf_slice(&got), want));
    buf_fini(&got);
}

static void test_range_response_in_pieces(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 4);
    for (int i = 0; i < ROUNDS; i++) {
        struct arena a = {0};
        struct pb_response_header header = {.cluster_id = UINT64_MAX, .raft_term = 2};
        struct pb_range_response msg = {0};
        message_random(&wire_range_response, &rng, 0, &a, &msg);
        msg.header = msg.header ? msg.header : &header;
        struct buf got = {0};
        codec_header(msg.header, &got);
        assert_int_equal(got.n, codec_header_len(msg.header));
        size_t len = got.n;
        for (size_t k = 0; k < msg.kvs_n; k++) {
            size_t n = codec_key_value_len(&msg.kvs[k]);
            uint8_t prefix[CODEC_RANGE_PREFIX_MAX];
            uint8_t *end = codec_range_prefix_store(prefix, n);
            buf_append(&got, prefix, (size_t)(end - prefix));
            codec_key_value(&msg.kvs[k], &got);
            len += codec_range_prefix_len(n) + n;
        }
        codec_range_tail(msg.more, msg.count, &got);
        assert_int_equal(got.n, len + codec_range_tail_len(msg.more, msg.count));
        assert_encoded(&wire_range_response, &msg, &got);
        buf_fini(&got);
        arena_fini(&a);
    }
}

/* Change, drop, double or cut a few bytes. */
static void damage(struct buf *b, struct rng *rng)
{
    for (uint64_t k = rng_below(rng, 4); k > 0 && b->n > 0; k--) {
        size_t at = rng_below(rng, b->n);
        switch (rng_below(rng, 4)) {
        case 0:
            b->p[at] = (uint8_t)rng_u64(rng);
            break;
        case 1:
            b->p[at] ^= (uint8_t)(1u << rng_below(rng, 8));
            break;
        case 2:
            b->n = at;
            break;
        default: {
            struct buf twice = {0};
            buf_append(&twice, b->p, at);
            buf_append_slice(b, buf_slice(&twice));
            buf_fini(&twice);
        }
        }
    }
}

typedef enum rc parse_fn(struct slice in, void *out);

static enum rc parse_range(struct slice in, void *out)
{
    return codec_range_request_parse(in, out);
}

static enum rc parse_put(struct slice in, void *out)
{
    return codec_put_request_parse(in, out);
}

static enum rc parse_key_value(struct slice in, void *out)
{
    return codec_key_value_parse(in, out);
}

/* Returns how many of the inputs were taken. */
static int compare_parsers(const struct wire_message *m, parse_fn *by_hand, struct rng *rng)
{
    int taken = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct arena a = {0};
        void *msg = arena_zalloc(&a, m->size);
        message_random(m, rng, 0, &a, msg);
        struct buf b = {0};
        wire_encode(m, msg, &b);
        damage(&b, rng);
        void *want = arena_zalloc(&a, m->size);
        void *got = arena_zalloc(&a, m->size);
        enum rc rc = wire_decode(m, buf_slice(&b), &a, want);
        assert_int_equal(by_hand(buf_slice(&b), got), rc);
        if (rc == RC_OK)
            assert_true(message_equal(m, want, got));
        taken += rc == RC_OK;
        buf_fini(&b);
        arena_fini(&a);
    }
    return taken;
}

static void test_parsers_equal_the_tables(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    static const struct {
        const struct wire_message *m;
        parse_fn *fn;
    } all[] = {{&wire_range_request, parse_range},
               {&wire_put_request, parse_put},
               {&wire_key_value, parse_key_value}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        int taken = compare_parsers(all[i].m, all[i].fn, &rng);
        assert_in_range(taken, ROUNDS / 10, ROUNDS - ROUNDS / 10); /* both verdicts were met */
    }
}

static void test_failure_leaves_out(void **state)
{
    (void)state;
    struct pb_put_request put = {.lease = 5};
    assert_int_equal(codec_put_request_parse(SLICE_LIT("\x18\7\x0a\5"), &put), RC_MALFORMED);
    assert_int_equal(put.lease, 5);
    struct pb_range_request range = {.limit = 5};
    assert_int_equal(codec_range_request_parse(SLICE_LIT("\x18\7\x0a\5"), &range), RC_MALFORMED);
    assert_int_equal(range.limit, 5);
    struct pb_key_value kv = {.version = 5};
    assert_int_equal(codec_key_value_parse(SLICE_LIT("\x20\7\x0a\5"), &kv), RC_MALFORMED);
    assert_int_equal(kv.version, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_response),
        cmocka_unit_test(test_key_value),
        cmocka_unit_test(test_stored_form),
        cmocka_unit_test(test_range_response_in_pieces),
        cmocka_unit_test(test_parsers_equal_the_tables),
        cmocka_unit_test(test_failure_leaves_out),
    };
    return cmocka_run_group_tests_name("kv_codec", tests, NULL, NULL);
}
