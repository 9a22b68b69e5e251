/* Entries are found by their index however the ring has turned, and its bytes are counted. */
#include "quorum/tail.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void push(struct tail *t)
{
    struct buf body = {0};
    uint64_t index = tail_next(t);
    buf_printf(&body, "%llu", (unsigned long long)index);
    struct tail_entry *e =
        tail_push(t, index / 10, index % 2 ? WAL_COMMAND : WAL_BARRIER, &body, NULL);
    assert_null(body.p); /* taken over */
    e->ctx = t;
}

static void expect(const struct tail *t, uint64_t index)
{
    const struct tail_entry *e = tail_at(t, index);
    struct buf want = {0};
    buf_printf(&want, "%llu", (unsigned long long)index);
    assert_non_null(e);
    assert_int_equal(e->term, index / 10);
    assert_int_equal(e->kind, index % 2 ? WAL_COMMAND : WAL_BARRIER);
    assert_true(slice_eq(buf_slice(&e->body), buf_slice(&want)));
    assert_ptr_equal(e->ctx, t);
    buf_fini(&want);
}

static void take(struct tail *t)
{
    uint64_t index = t->first;
    expect(t, index);
    struct tail_entry e = tail_take(t, index);
    assert_int_equal(e.term, index / 10);
    assert_true(e.body.n > 0); /* now ours */
    buf_fini(&e.body);
    assert_int_equal(t->first, index + 1);
}

static void entries_keep_their_index(void **state)
{
    (void)state;
    struct tail t;
    struct rng rng;
    rng_seed(&rng, 1);
    tail_init(&t, 1000);
    for (int step = 0; step < 5000; step++) {
        uint64_t what = rng_below(&rng, 10);
        if (what < 5)
            push(&t);
        else if (what < 8 && t.n > 0)
            take(&t);
        else if (t.n > 0)
            tail_pop_last(&t);
        assert_null(tail_at(&t, t.first - 1));
        assert_null(tail_at(&t, tail_next(&t)));
        assert_null(tail_at(&t, 0));
        assert_null(tail_at(&t, UINT64_MAX));
        if (step % 50)
            continue;
        size_t bytes = 0;
        for (uint64_t i = t.first; i < tail_next(&t); i++) {
            expect(&t, i);
            bytes += tail_at(&t, i)->body.n;
        }
        assert_int_equal(t.bytes, bytes);
    }
    for (int i = 0; i < 1000; i++)
        push(&t);
    tail_fini(&t);
    assert_int_equal(t.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(entries_keep_their_index)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
