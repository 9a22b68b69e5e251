/* Bytes come out of an outbox as they went in, whatever they are made of and however they are
 * pulled, and are counted exactly while they wait. */
#include "rpc/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct lab {
    struct outbox box;
    struct http_budget budget;
    unsigned low;
    unsigned released;
};

static void on_low(struct outbox *o)
{
    CONTAINER_OF(o, struct lab, box)->low++;
}

static void on_release(struct outbox *o)
{
    CONTAINER_OF(o, struct lab, box)->released++;
}

static const struct outbox_ops ops = {on_low, on_release};

static enum http_pull pull(struct lab *l, struct buf *out, size_t max)
{
    return l->box.source.ops->pull(&l->box.source, out, max);
}

/* The outbox is never told to resume a stream here: it is being pulled, as far as it knows. */
static void lab_open(struct lab *l)
{
    *l = (struct lab){.budget.max = UINT64_MAX};
    outbox_init(&l->box, &ops, NULL, &l->budget);
    l->box.pulling = true;
}

static enum http_pull lab_pull(struct lab *l, struct buf *out, size_t max)
{
    enum http_pull more = pull(l, out, max);
    l->box.pulling = true;
    return more;
}

static void fill(struct lab *l, struct buf *all, unsigned seed)
{
    for (unsigned i = 0; i < 40; i++) {
        size_t n = (seed * 7919 + i * 104729) % (i % 5 == 0 ? 30000 : 300);
        struct buf b = {0};
        memset(buf_extend(&b, n), (int)('a' + i % 26), n);
        buf_append_slice(all, buf_slice(&b));
        if (i % 3 == 0) {
            outbox_copy(&l->box, buf_slice(&b));
            buf_fini(&b);
        } else if (i % 3 == 1) {
            outbox_take(&l->box, &b);
        } else {
            struct blob *shared = blob_new(&b);
            outbox_share(&l->box, shared);
            blob_release(shared);
        }
    }
}

static void everything_comes_out_in_order(void **state)
{
    (void)state;
    static const size_t turns[] = {1000, 1, 16384, 333, 1u << 20};
    for (unsigned seed = 0; seed < ARRAY_LEN(turns); seed++) {
        struct lab l;
        AUTO(buf_fini) struct buf all = {0};
        AUTO(buf_fini) struct buf out = {0};
        lab_open(&l);
        fill(&l, &all, seed);
        assert_int_equal(l.box.waiting, all.n);
        assert_int_equal(l.budget.used, all.n);
        while (lab_pull(&l, &out, turns[seed]) == HTTP_PULL_MORE)
            assert_int_equal(l.box.waiting, all.n - out.n);
        assert_true(slice_eq(buf_slice(&out), buf_slice(&all)));
        assert_int_equal(l.budget.used, 0);
        assert_int_equal(l.low, 1);
        outbox_copy(&l.box, SLICE_LIT("again"));
        buf_clear(&out);
        assert_int_equal(lab_pull(&l, &out, 100), HTTP_PULL_WAIT);
        assert_true(slice_eq(buf_slice(&out), SLICE_LIT("again")));
        struct buf large = {0};
        memset(buf_extend(&large, 50000), 'l', 50000);
        outbox_take(&l.box, &large);
        buf_clear(&out);
        assert_int_equal(lab_pull(&l, &out, 100000), HTTP_PULL_WAIT);
        assert_int_equal(out.n, 50000);
        assert_int_equal(lab_pull(&l, &out, 100), HTTP_PULL_WAIT);
        outbox_end(&l.box);
        assert_int_equal(lab_pull(&l, &out, 100), HTTP_PULL_END);
        l.box.source.ops->release(&l.box.source);
        assert_int_equal(l.released, 1);
    }
}

static void what_nobody_pulls_is_freed(void **state)
{
    (void)state;
    struct lab l;
    AUTO(buf_fini) struct buf all = {0};
    AUTO(buf_fini) struct buf out = {0};
    for (size_t pulled = 0; pulled < 100000; pulled += 9973) {
        lab_open(&l);
        buf_clear(&all);
        fill(&l, &all, 1);
        if (pulled > 0)
            lab_pull(&l, &out, pulled);
        l.box.source.ops->release(&l.box.source);
        assert_int_equal(l.budget.used, 0);
        assert_int_equal(l.released, 1);
    }
}

static void shared_bytes_count_once(void **state)
{
    (void)state;
    struct lab a;
    struct lab b;
    struct buf bytes = {0};
    AUTO(buf_fini) struct buf out = {0};
    memset(buf_extend(&bytes, 100000), 'x', 100000);
    struct blob *blob = blob_new(&bytes);
    lab_open(&a);
    lab_open(&b);
    b.box.budget = &a.budget; /* of one server */
    outbox_share(&a.box, blob);
    outbox_share(&b.box, blob);
    outbox_share(&b.box, blob);
    blob_release(blob);
    assert_int_equal(a.budget.used, 100000);
    assert_int_equal(b.box.waiting, 200000);
    assert_int_equal(lab_pull(&a, &out, 200000), HTTP_PULL_WAIT);
    assert_int_equal(a.budget.used, 100000);
    a.box.source.ops->release(&a.box.source);
    lab_pull(&b, &out, 150000);
    assert_int_equal(a.budget.used, 100000);
    b.box.source.ops->release(&b.box.source);
    assert_int_equal(a.budget.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_out_in_order),
        cmocka_unit_test(what_nobody_pulls_is_freed),
        cmocka_unit_test(shared_bytes_count_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
