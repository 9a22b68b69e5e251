/* What is pushed is found, in order, with the bytes that storage will get, until it is popped; a
 * steady load goes round in the same memory. */
#include "kv/ring.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint32_t length_of(int64_t main)
{
    return (uint32_t)(main * 7919 % 400) + (main % 97 == 0 ? RING_CHUNK_BYTES : 0);
}

static void push(struct ring *r, int64_t main, int64_t sub)
{
    uint32_t n = length_of(main);
    memset(ring_push(r, (struct revision){main, sub}, main % 3 == 0, n), (int)(main & 0xff), n);
    ring_seal_last(r);
}

static void expect_entry(const struct ring_entry *e, int64_t main, int64_t sub)
{
    struct revision rev;
    bool tombstone;
    struct slice value;
    assert_non_null(e);
    assert_int_equal(revision_key_parse(ring_entry_key(e), &rev, &tombstone), RC_OK);
    assert_int_equal(rev.main, main);
    assert_int_equal(rev.sub, sub);
    assert_int_equal(tombstone, main % 3 == 0);
    assert_int_equal(stored_value(ring_entry_stored(e), &value), RC_OK);
    assert_true(slice_eq(value, ring_entry_value(e)));
    assert_int_equal(value.n, length_of(main));
    for (size_t i = 0; i < value.n; i++)
        assert_int_equal(value.p[i], main & 0xff);
}

static void keeps_what_is_between_push_and_pop(void **state)
{
    (void)state;
    struct ring r = {0};
    struct rng rng;
    int64_t first = 1;
    int64_t next = 1;
    rng_seed(&rng, 1);
    for (int step = 0; step < 300; step++) {
        for (uint64_t i = rng_below(&rng, 40); i > 0; i--, next++)
            for (int64_t sub = 0; sub < 2; sub++)
                push(&r, next, sub);
        uint64_t drop = rng_below(&rng, 40);
        drop = drop < (uint64_t)(next - first) ? drop : (uint64_t)(next - first);
        ring_pop(&r, 2 * drop);
        first += (int64_t)drop;
        assert_int_equal(r.n, 2 * (next - first));
        assert_null(ring_find(&r, (struct revision){first - 1, 1}));
        assert_null(ring_find(&r, (struct revision){next, 0}));
        if (step % 10)
            continue;
        size_t bytes = 0;
        for (int64_t main = first; main < next; main++)
            for (int64_t sub = 0; sub < 2; sub++) {
                const struct ring_entry *e = ring_find(&r, (struct revision){main, sub});
                expect_entry(e, main, sub);
                assert_ptr_equal(e, ring_at(&r, (size_t)(2 * (main - first) + sub)));
                bytes += e->key_len + ring_entry_stored(e).n;
            }
        assert_int_equal(r.bytes, bytes);
    }
    ring_fini(&r);
}

static void a_steady_load_allocates_nothing(void **state)
{
    (void)state;
    struct ring r = {0};
    const struct ring_chunk *seen[8] = {0};
    size_t seen_n = 0;
    for (int64_t main = 1; main < 20000; main++) {
        memset(ring_push(&r, (struct revision){main, 0}, false, 100), 1, 100);
        ring_seal_last(&r);
        const struct ring_chunk *c = ring_at(&r, r.n - 1)->chunk;
        size_t i = 0;
        while (i < seen_n && seen[i] != c)
            i++;
        if (i == seen_n) {
            assert_true(seen_n < 3);
            seen[seen_n++] = c;
        }
        if (r.n == 500)
            ring_pop(&r, 400);
    }
    assert_true(seen_n >= 2);
    ring_fini(&r);
    assert_int_equal(r.bytes, 0);
}

static void revision_keys_are_etcds(void **state)
{
    (void)state;
    uint8_t key[REVISION_TOMBSTONE_LEN];
    struct revision rev;
    bool tombstone;
    revision_key_store(key, (struct revision){0x0102030405060708, 0x0a}, true);
    assert_true(
        slice_eq(slice_of(key, sizeof(key)), SLICE_LIT("\1\2\3\4\5\6\7\10_\0\0\0\0\0\0\0\12t")));
    for (size_t n = 0; n <= sizeof(key); n++) {
        bool whole = n == REVISION_KEY_LEN || n == REVISION_TOMBSTONE_LEN;
        assert_int_equal(revision_key_parse(slice_of(key, n), &rev, &tombstone),
                         whole ? RC_OK : RC_CORRUPT);
    }
    assert_true(tombstone);
    key[17] = 'x';
    assert_int_equal(revision_key_parse(slice_of(key, 18), &rev, &tombstone), RC_CORRUPT);
    key[8] = '-';
    assert_int_equal(revision_key_parse(slice_of(key, 17), &rev, &tombstone), RC_CORRUPT);
}

static void a_flipped_bit_is_found(void **state)
{
    (void)state;
    struct ring r = {0};
    uint8_t stored[30 + STORED_CRC_LEN];
    struct slice value;
    memset(ring_push(&r, (struct revision){2, 0}, false, 30), 'v', 30);
    ring_seal_last(&r);
    memcpy(stored, ring_entry_stored(ring_at(&r, 0)).p, sizeof(stored));
    ring_fini(&r);
    for (size_t n = 0; n < sizeof(stored); n++) /* cut at each byte */
        assert_int_equal(stored_value(slice_of(stored, n), &value), RC_CORRUPT);
    for (size_t bit = 0; bit < 8 * sizeof(stored); bit++) {
        stored[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(stored_value(slice_of(stored, sizeof(stored)), &value), RC_CORRUPT);
        stored[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(stored_value(slice_of(stored, sizeof(stored)), &value), RC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_is_between_push_and_pop),
        cmocka_unit_test(a_steady_load_allocates_nothing),
        cmocka_unit_test(revision_keys_are_etcds),
        cmocka_unit_test(a_flipped_bit_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
