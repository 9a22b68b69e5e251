/* What fills the key space is told by prefix, to the byte, and without looking at each key. */
#include "kv/usage.h"

#include "base/cc.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct usage find(struct lab *l, const char *prefix, bool descend)
{
    struct usage u;
    usage_find(
        l->kv,
        &(struct usage_request){
            .prefix = slice_str(prefix), .delimiter = '/', .descend = descend, .groups_max = 100},
        &u);
    return u;
}

static void expect_group(const struct usage *u, size_t i, const char *prefix, uint64_t keys,
                         uint64_t revisions)
{
    assert_true(i < u->n);
    assert_true(slice_eq(buf_slice(&u->groups[i].prefix), slice_str(prefix)));
    assert_int_equal(u->groups[i].weight.keys, keys);
    assert_int_equal(u->groups[i].weight.revisions, revisions);
}

/* Total is what its parts are. */
static void expect_sum(const struct usage *u)
{
    struct index_weight sum = u->direct;
    sum.keys += u->unsplit.keys;
    sum.bytes += u->unsplit.bytes;
    sum.revisions += u->unsplit.revisions;
    for (size_t i = 0; i < u->n; i++) {
        sum.keys += u->groups[i].weight.keys;
        sum.bytes += u->groups[i].weight.bytes;
        sum.revisions += u->groups[i].weight.revisions;
    }
    assert_int_equal(sum.keys, u->total.keys);
    assert_int_equal(sum.bytes, u->total.bytes);
    assert_int_equal(sum.revisions, u->total.revisions);
}

static void fill(struct lab *l)
{
    lab_open(l);
    lab_put(l, "/reg/pods/a", "12345");
    lab_put(l, "/reg/pods/b", "12345");
    lab_put(l, "/reg/pods/b", "1234567");
    lab_put(l, "/reg/leases/x", "1");
    lab_put(l, "/reg/alone", "1");
    lab_put(l, "/reg/\xff/y", "1");
    lab_put(l, "/reg/gone/z", "1");
    assert_int_equal(lab_delete(l, "/reg/gone/z", ""), 1);
}

static void keys_are_split_at_the_delimiter(void **state)
{
    (void)state;
    struct lab l = {0};
    fill(&l);
    struct usage u = find(&l, "/reg/", false);
    assert_int_equal(u.n, 4);
    expect_group(&u, 0, "/reg/gone/", 0, 2); /* what a compaction would free */
    expect_group(&u, 1, "/reg/leases/", 1, 1);
    expect_group(&u, 2, "/reg/pods/", 2, 3);
    expect_group(&u, 3, "/reg/\xff/", 1, 1);
    assert_int_equal(u.direct.keys, 1);
    assert_int_equal(u.total.keys, 5);
    assert_int_equal(u.total.revisions, 8);
    assert_int_equal(u.unsplit.revisions, 0);
    expect_sum(&u);
    usage_sort(&u);
    expect_group(&u, 0, "/reg/pods/", 2, 3);
    usage_fini(&u);
    lab_close(&l);
}

static void what_all_share_is_gone_into(void **state)
{
    (void)state;
    struct lab l = {0};
    fill(&l);
    struct usage u = find(&l, "", true);
    assert_true(slice_eq(buf_slice(&u.prefix), SLICE_LIT("/reg/")));
    assert_int_equal(u.n, 4);
    usage_fini(&u);
    u = find(&l, "", false);
    assert_int_equal(u.n, 1);
    expect_group(&u, 0, "/", 5, 8);
    usage_fini(&u);
    u = find(&l, "/none", true);
    assert_int_equal(u.n, 0);
    assert_int_equal(u.total.revisions, 0);
    usage_fini(&u);
    lab_close(&l);
}

static void a_prefix_may_end_in_the_last_byte(void **state)
{
    (void)state;
    struct lab l = {0};
    lab_open(&l);
    lab_put(&l, "\xff\xff", "1");
    lab_put(&l, "\xff\xff/a", "1");
    struct usage u = find(&l, "\xff\xff", false);
    assert_int_equal(u.total.keys, 2);
    assert_int_equal(u.direct.keys, 1);
    expect_group(&u, 0, "\xff\xff/", 1, 1);
    expect_sum(&u);
    usage_fini(&u);
    lab_close(&l);
}

static void the_work_is_bounded(void **state)
{
    (void)state;
    struct lab l = {0};
    char key[32];
    lab_open(&l);
    for (unsigned i = 0; i < USAGE_STEPS_MAX + 100; i++) {
        snprintf(key, sizeof(key), "k%06u", i);
        lab_put(&l, key, "v");
    }
    struct usage u = find(&l, "", true);
    assert_int_equal(u.direct.keys, USAGE_STEPS_MAX);
    assert_int_equal(u.unsplit.keys, 100);
    expect_sum(&u);
    usage_fini(&u);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "d%03u/a", i);
        lab_put(&l, key, "v");
    }
    u = find(&l, "d", true);
    assert_int_equal(u.n, 100);
    assert_int_equal(u.unsplit.keys, 100);
    expect_sum(&u);
    usage_fini(&u);
    lab_close(&l);
}

/* Each step down copies the prefix: a key of many delimiters must not hold everybody up. */
static void it_goes_down_so_far(void **state)
{
    (void)state;
    struct lab l = {0};
    struct buf key = {0};
    lab_open(&l);
    for (unsigned i = 0; i < 100 * USAGE_DESCENTS_MAX; i++)
        buf_append_u8(&key, '/');
    buf_append_u8(&key, 0);
    lab_put(&l, (const char *)key.p, "v");
    struct usage u = find(&l, "", true);
    assert_int_equal(u.prefix.n, USAGE_DESCENTS_MAX);
    assert_int_equal(u.n, 1);
    expect_sum(&u);
    usage_fini(&u);
    buf_fini(&key);
    lab_close(&l);
}

/* Prefixes are copied into the answer, which must not become as large as the keys are. */
static void long_prefixes_stay_unsplit(void **state)
{
    (void)state;
    struct lab l = {0};
    static char key[USAGE_BYTES_MAX / 4 + 2];
    lab_open(&l);
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 2] = '/';
    for (unsigned i = 0; i < 10; i++) {
        key[0] = (char)('0' + i);
        lab_put(&l, key, "v");
    }
    struct usage u = find(&l, "", false);
    assert_int_equal(u.n, 4);
    assert_int_equal(u.unsplit.keys, 6);
    expect_sum(&u);
    usage_fini(&u);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_split_at_the_delimiter),
        cmocka_unit_test(what_all_share_is_gone_into),
        cmocka_unit_test(a_prefix_may_end_in_the_last_byte),
        cmocka_unit_test(the_work_is_bounded),
        cmocka_unit_test(it_goes_down_so_far),
        cmocka_unit_test(long_prefixes_stay_unsplit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
