/* The ranges found for a key are exactly those that have it, whatever came and went before. */
#include "kv/spans.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct found {
    unsigned n;
    unsigned right;
    struct slice key;
    struct slice last; /* where the one found before begins */
};

static void see(void *arg, struct span *span)
{
    struct found *f = arg;
    f->n++;
    f->right += span_has(span, f->key);
    assert_true(slice_cmp(f->last, span->from) <= 0);
    f->last = span->from;
}

static struct found find(const struct spans *s, struct slice key)
{
    struct found f = {.key = key};
    spans_find(s, key, see, &f);
    return f;
}

static struct span *take(struct spans *s, const char *from, const char *to)
{
    struct slice end = slice_eq(slice_str(to), SLICE_LIT("*")) ? SLICE_LIT("\0") : slice_str(to);
    return spans_take(s, slice_str(from), end, 0);
}

static void ranges_are_read_as_etcd_reads_them(void **state)
{
    (void)state;
    struct spans s;
    spans_init(&s, 1);
    struct span *point = take(&s, "b", "");
    struct span *range = take(&s, "a", "c");
    struct span *rest = take(&s, "bb", "*");
    assert_int_equal(find(&s, SLICE_LIT("")).n, 0);
    assert_int_equal(find(&s, SLICE_LIT("a")).n, 1);
    assert_int_equal(find(&s, SLICE_LIT("b")).n, 2);
    assert_int_equal(find(&s, SLICE_LIT("b\0")).n, 1);
    assert_int_equal(find(&s, SLICE_LIT("bb")).n, 2);
    assert_int_equal(find(&s, SLICE_LIT("c")).n, 1);
    assert_int_equal(find(&s, SLICE_LIT("\xff\xff")).n, 1);
    spans_drop(&s, range);
    assert_int_equal(find(&s, SLICE_LIT("a")).n, 0);
    spans_drop(&s, point);
    spans_drop(&s, rest);
    spans_fini(&s);
}

static void equal_ranges_are_one(void **state)
{
    (void)state;
    struct spans s;
    spans_init(&s, 2);
    struct span *a = take(&s, "a", "b");
    assert_ptr_equal(take(&s, "a", "b"), a);
    assert_ptr_not_equal(take(&s, "a", ""), a);
    struct span *other = spans_take(&s, SLICE_LIT("a"), SLICE_LIT("b"), 1);
    assert_ptr_not_equal(other, a);
    assert_int_equal(s.n, 3);
    assert_int_equal(find(&s, SLICE_LIT("a")).n, 3);
    spans_drop(&s, a);
    assert_int_equal(s.n, 3);
    spans_drop(&s, a);
    assert_int_equal(s.n, 2);
    spans_drop(&s, other);
    spans_drop(&s, s.root);
    spans_fini(&s);
}

/* A key of 0 to 3 letters out of "ab\0". */
static struct slice some_key(struct rng *rng, uint8_t out[3])
{
    size_t n = rng_below(rng, 4);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t) "ab\0"[rng_below(rng, 3)];
    return slice_of(out, n);
}

static void found_are_those_that_have_the_key(void **state)
{
    (void)state;
    enum { MAX = 300 };
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct span *held[MAX] = {0};
        struct spans s;
        struct rng rng;
        uint8_t a[3];
        uint8_t b[3];
        spans_init(&s, seed);
        rng_seed(&rng, seed);
        for (unsigned step = 0; step < 2000; step++) {
            size_t i = rng_below(&rng, MAX);
            if (held[i]) {
                spans_drop(&s, held[i]);
                held[i] = NULL;
            } else {
                struct slice from = some_key(&rng, a);
                struct slice to = rng_chance(&rng, 300000) ? (struct slice){0} : some_key(&rng, b);
                held[i] = spans_take(&s, from, to, (uint8_t)rng_below(&rng, 2));
            }
            struct slice key = some_key(&rng, a);
            struct found f = find(&s, key);
            unsigned right = 0;
            for (size_t j = 0; j < MAX; j++) {
                bool seen = false;
                for (size_t k = 0; k < j; k++)
                    seen = seen || held[k] == held[j];
                right += held[j] && !seen && span_has(held[j], key);
            }
            assert_int_equal(f.n, right);
            assert_int_equal(f.right, right);
            if (step % 100 == 0)
                spans_check(&s);
        }
        for (size_t i = 0; i < MAX; i++)
            if (held[i])
                spans_drop(&s, held[i]);
        spans_fini(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_read_as_etcd_reads_them),
        cmocka_unit_test(equal_ranges_are_one),
        cmocka_unit_test(found_are_those_that_have_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
