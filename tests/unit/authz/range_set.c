/* Merged ranges answer as a brute-force model does that looks at each key there is. */
#include "authz/range_set.h"

#include "base/cc.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool covers(struct range_set *s, const char *key, struct slice range_end)
{
    return range_set_covers(s, slice_str(key), range_end);
}

static void a_key_is_itself_alone(void **state)
{
    struct range_set s = {0};
    (void)state;
    range_set_add(&s, SLICE_LIT("k"), (struct slice){0});
    range_set_merge(&s);
    assert_true(covers(&s, "k", (struct slice){0}));
    assert_true(covers(&s, "k", SLICE_LIT("k\0")));
    assert_false(covers(&s, "k", SLICE_LIT("l")));
    assert_false(covers(&s, "kk", (struct slice){0}));
    assert_false(covers(&s, "j", (struct slice){0}));
    range_set_fini(&s);
}

/* GHSA-xg4h-6gfc-h4m8 */
static void a_right_on_one_key_does_not_reach_the_end_of_all_keys(void **state)
{
    struct range_set s = {0};
    (void)state;
    range_set_add(&s, SLICE_LIT("k"), (struct slice){0});
    range_set_add(&s, SLICE_LIT("m"), SLICE_LIT("z"));
    range_set_merge(&s);
    assert_false(covers(&s, "k", SLICE_LIT("\0")));
    assert_false(covers(&s, "m", SLICE_LIT("\0")));
    range_set_add(&s, SLICE_LIT("n"), SLICE_LIT("\0"));
    range_set_merge(&s);
    assert_true(covers(&s, "m", SLICE_LIT("\0")));
    assert_true(covers(&s, "zzz", SLICE_LIT("\0")));
    assert_false(covers(&s, "k", SLICE_LIT("\0")));
    range_set_fini(&s);
}

static void neighbours_cover_a_request_together(void **state)
{
    struct range_set s = {0};
    (void)state;
    range_set_add(&s, SLICE_LIT("c"), SLICE_LIT("e"));
    range_set_add(&s, SLICE_LIT("a"), SLICE_LIT("c"));
    range_set_add(&s, SLICE_LIT("e"), (struct slice){0});
    range_set_add(&s, SLICE_LIT("b"), SLICE_LIT("d"));
    range_set_merge(&s);
    assert_int_equal(s.n, 1);
    assert_true(covers(&s, "a", SLICE_LIT("e\0")));
    assert_false(covers(&s, "a", SLICE_LIT("e\0\0")));
    range_set_fini(&s);
}

static void an_empty_set_covers_nothing(void **state)
{
    struct range_set s = {0};
    (void)state;
    range_set_add(&s, SLICE_LIT("z"), SLICE_LIT("a"));
    range_set_add(&s, SLICE_LIT("z"), SLICE_LIT("z"));
    range_set_merge(&s);
    assert_int_equal(s.n, 0);
    assert_false(covers(&s, "z", (struct slice){0}));
    assert_false(covers(&s, "a", SLICE_LIT("\0")));
    range_set_fini(&s);
}

/* ---- The model: keys of up to 3 letters out of 3, one of them the zero byte, and a flag each ----
 */

#define KEYS 39 /* 3 + 9 + 27 */

static struct slice keys[KEYS];
static uint8_t bytes[KEYS][3];

static void make_keys(void)
{
    size_t n = 0;
    for (size_t len = 1; len <= 3; len++) {
        for (unsigned v = 0; v < (len == 1 ? 3u : len == 2 ? 9u : 27u); v++) {
            unsigned rest = v;
            for (size_t i = len; i-- > 0; rest /= 3)
                bytes[n][i] = (uint8_t)(rest % 3);
            keys[n] = slice_of(bytes[n], len);
            n++;
        }
    }
}

static bool in_range(struct slice k, struct slice key, struct slice range_end)
{
    if (range_end.n == 0)
        return slice_eq(k, key);
    bool open = range_end.n == 1 && range_end.p[0] == 0;
    return slice_cmp(k, key) >= 0 && (open || slice_cmp(k, range_end) < 0);
}

/* Is every key of the request allowed? Keys of three letters stand for the infinitely many that
 * begin with them: a range that ends between those is not in the model. */
static void compare_with_model(struct rng *rng)
{
    struct range_set s = {0};
    bool allowed[KEYS] = {0};
    unsigned n = (unsigned)rng_below(rng, 8);
    for (unsigned i = 0; i < n; i++) {
        struct slice key = keys[rng_below(rng, KEYS)];
        struct slice end = rng_below(rng, 5) == 0 ? SLICE_LIT("\0") : keys[rng_below(rng, KEYS)];
        range_set_add(&s, key, end);
        for (size_t k = 0; k < KEYS; k++)
            allowed[k] = allowed[k] || in_range(keys[k], key, end);
    }
    range_set_merge(&s);
    for (unsigned i = 0; i < 50; i++) {
        struct slice key = keys[rng_below(rng, KEYS)];
        struct slice end = rng_below(rng, 5) == 0 ? SLICE_LIT("\0") : keys[rng_below(rng, KEYS)];
        bool all = true;
        bool any = false;
        for (size_t k = 0; k < KEYS; k++) {
            if (!in_range(keys[k], key, end))
                continue;
            any = true;
            all = all && allowed[k];
        }
        if (any)
            assert_int_equal(range_set_covers(&s, key, end), all);
    }
    range_set_fini(&s);
}

static void random_sets_answer_as_the_model(void **state)
{
    struct rng rng;
    (void)state;
    make_keys();
    rng_seed(&rng, 20);
    for (unsigned i = 0; i < 3000; i++)
        compare_with_model(&rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_itself_alone),
        cmocka_unit_test(a_right_on_one_key_does_not_reach_the_end_of_all_keys),
        cmocka_unit_test(neighbours_cover_a_request_together),
        cmocka_unit_test(an_empty_set_covers_nothing),
        cmocka_unit_test(random_sets_answer_as_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
