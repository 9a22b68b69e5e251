/* Several answers of one call go out in order, from wherever their bytes are, with the status
 * behind them. */
#include "lab.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct caller_reply *chat(struct lab *l)
{
    return caller_send(&l->caller, &(struct caller_request){.path = "/t.T/Chat", .open = true});
}

static struct blob *letters(char c, size_t n)
{
    struct buf b = {0};
    if (n)
        memset(buf_extend(&b, n), c, n);
    return blob_new(&b);
}

static void a_unary_request_may_have_several_answers(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = caller_call(&l.caller, "/t.T/Count", SLICE_LIT("3"));
    for (int i = 0; i < 3; i++)
        assert_true(slice_eq(caller_next(r, &at), SLICE_LIT("one")));
    assert_int_equal(at, r->body.n);
    assert_true(r->ended);
    assert_int_equal(r->grpc_status, 0);
    r = caller_call(&l.caller, "/t.T/Count", SLICE_LIT("0"));
    assert_true(r->ended); /* none at all is fine, too */
    assert_int_equal(r->grpc_status, 0);
    assert_int_equal(r->body.n, 0);
    lab_close(&l);
}

static void a_status_follows_what_was_sent(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, 0, 1u << 30, 10);
    struct caller_reply *r = chat(&l);
    caller_say(&l.caller, r, "some words");
    caller_say(&l.caller, r, "fail");
    assert_false(r->ended); /* the words are not out yet */
    caller_allow(&l.caller, r, 100);
    assert_true(slice_eq(caller_next(r, &at), SLICE_LIT("some words")));
    assert_true(r->ended);
    assert_int_equal(r->grpc_status, GRPC_ABORTED);
    assert_string_equal(r->message, "as you wish");
    assert_string_equal(r->explain, "you asked for it");
    lab_close(&l);
}

static void shared_bytes_are_sent_to_many(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 4096, 4097, 50000, 200000};
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = chat(&l);
    struct rpc_call *first = l.chat;
    struct caller_reply *other = chat(&l);
    struct rpc_call *second = l.chat;
    size_t at = 0;
    size_t other_at = 0;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct blob *b = letters('x', sizes[i]);
        uint64_t used = l.budget.used;
        rpc_send_shared(first, SLICE_LIT("head "), b);
        rpc_send_shared(second, SLICE_LIT("another "), b);
        if (sizes[i] > 4096) /* counted once, wherever it waits */
            assert_true(l.budget.used < used + sizes[i] + 1000);
        caller_pump(&l.caller);
        struct slice m = caller_next(r, &at);
        assert_int_equal(m.n, 5 + sizes[i]);
        assert_true(slice_has_prefix(m, SLICE_LIT("head ")));
        m = caller_next(other, &other_at);
        assert_int_equal(m.n, 8 + sizes[i]);
        assert_true(sizes[i] == 0 || m.p[m.n - 1] == 'x');
        assert_int_equal(b->owners, 1);
        assert_int_equal(b->queues, 0);
        blob_release(b);
    }
    l.chat = first;
    caller_cancel(&l.caller, r);
    l.chat = second;
    caller_cancel(&l.caller, other);
    lab_close(&l);
}

static void a_source_has_its_place_among_messages(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, 0, 1u << 30, 1000);
    struct caller_reply *r = chat(&l);
    caller_say(&l.caller, r, "before");
    rpc_send_source(l.chat, lab_letters(&l, 50000), 50000);
    caller_say(&l.caller, r, "after");
    assert_true(l.source_left > 40000); /* not made before it can be sent */
    while (l.source_left > 0)
        caller_allow(&l.caller, r, 777);
    caller_allow(&l.caller, r, 777);
    assert_true(slice_eq(caller_next(r, &at), SLICE_LIT("before")));
    assert_int_equal(caller_next(r, &at).n, 50000);
    assert_true(slice_eq(caller_next(r, &at), SLICE_LIT("after")));
    assert_int_equal(l.released, 1);
    rpc_send_source(l.chat, lab_letters(&l, 50000), 50000);
    caller_cancel(&l.caller, r);
    assert_int_equal(l.released, 2);
    lab_close(&l);
}

static void the_method_hears_when_little_waits(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, 0, 1u << 30, 1000);
    struct caller_reply *r = chat(&l);
    struct blob *b = letters('y', 100000);
    rpc_send_shared(l.chat, (struct slice){0}, b);
    blob_release(b);
    caller_pump(&l.caller);
    assert_true(rpc_queued(l.chat) > 99000);
    l.talks = true;
    for (int i = 0; i < 60; i++)
        caller_allow(&l.caller, r, 1000);
    assert_int_equal(l.drained, 0);
    for (int i = 0; i < 60; i++)
        caller_allow(&l.caller, r, 1000);
    assert_int_equal(l.drained, 1);
    assert_int_equal(caller_next(r, &at).n, 100000);
    assert_true(slice_eq(caller_next(r, &at), SLICE_LIT("more")));
    caller_cancel(&l.caller, r);
    lab_close(&l);
}

static void urgent_streams_go_first(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = chat(&l);
    struct buf out = {0};
    struct blob *b = letters('u', 20000);
    caller_call(&l.caller, "/t.T/Wait", SLICE_LIT(""));
    l.source_left = 1 << 20;
    rpc_reply_source(l.held, lab_letters(&l, 1 << 20), 1 << 20);
    l.caller.layer->ops->emit(l.caller.layer, &out, 10000); /* bulk is under way */
    size_t bulk = l.source_left;
    rpc_send_shared(l.chat, (struct slice){0}, b);
    blob_release(b);
    while (rpc_queued(l.chat) > 0) {
        size_t before = out.n;
        assert_int_equal(l.caller.layer->ops->emit(l.caller.layer, &out, 16384), RC_OK);
        assert_true(out.n > before);
    }
    assert_true(bulk - l.source_left <= 16384); /* the bulk had hardly another turn */
    buf_fini(&out);
    l.caller.layer->ops->close(l.caller.layer, RC_CLOSED);
    l.caller.layer = NULL;
    (void)r;
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unary_request_may_have_several_answers),
        cmocka_unit_test(a_status_follows_what_was_sent),
        cmocka_unit_test(shared_bytes_are_sent_to_many),
        cmocka_unit_test(a_source_has_its_place_among_messages),
        cmocka_unit_test(the_method_hears_when_little_waits),
        cmocka_unit_test(urgent_streams_go_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
