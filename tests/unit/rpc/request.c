/* What a client sends becomes messages, one by one, however it was cut, and no faster than they
 * are wanted. */
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

static void expect(const struct caller_reply *r, size_t *at, const char *text)
{
    struct slice m = caller_next(r, at);
    assert_non_null(m.p);
    assert_true(slice_eq(m, slice_str(text)));
}

static void messages_are_taken_one_by_one(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = chat(&l);
    assert_int_equal(l.opened, 1);
    assert_int_equal(r->status, 0); /* headers come with the first message */
    caller_say(&l.caller, r, "one");
    expect(r, &at, "one");
    assert_int_equal(r->status, 200);
    caller_say(&l.caller, r, "");
    expect(r, &at, "");
    caller_say(&l.caller, r, "two");
    expect(r, &at, "two");
    assert_false(r->ended);
    assert_int_equal(l.served, 3);
    caller_say(&l.caller, r, "end");
    assert_true(r->ended);
    assert_int_equal(r->grpc_status, 0);
    assert_int_equal(l.closed, 0); /* the method ended it, and knows */
    lab_close(&l);
}

static void messages_may_be_cut_anywhere(void **state)
{
    (void)state;
    struct lab l;
    AUTO(buf_fini) struct buf body = {0};
    lab_open(&l, 0, 1u << 30, 0);
    caller_frame(&body, 0, SLICE_LIT("first"));
    caller_frame(&body, 0, SLICE_LIT(""));
    caller_frame(&body, 0, SLICE_LIT("the last one"));
    for (size_t piece = 1; piece <= body.n; piece++) {
        size_t end = 0;
        struct caller_reply *r = chat(&l);
        for (size_t at = 0; at < body.n; at += piece) {
            size_t n = body.n - at < piece ? body.n - at : piece;
            caller_more(&l.caller, r, slice_of(body.p + at, n), false);
        }
        expect(r, &end, "first");
        expect(r, &end, "");
        expect(r, &end, "the last one");
        caller_cancel(&l.caller, r);
        assert_int_equal(l.closed, piece);
    }
    lab_close(&l);
}

static void a_half_closed_stream_still_hears(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = chat(&l);
    caller_say(&l.caller, r, "hello");
    caller_more(&l.caller, r, SLICE_LIT(""), true);
    assert_int_equal(l.half_closed, 1);
    expect(r, &at, "hello");
    expect(r, &at, "bye");
    assert_false(r->ended);
    struct buf body = {0};
    rpc_body_begin(&body);
    buf_append_str(&body, "later");
    rpc_send(l.chat, &body);
    caller_pump(&l.caller);
    expect(r, &at, "later");
    rpc_end(l.chat);
    caller_pump(&l.caller);
    assert_true(r->ended);
    lab_close(&l);
}

static void half_a_message_is_none(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = chat(&l);
    caller_more(&l.caller, r, SLICE_LIT("\0\0\0\0\5abc"), true);
    caller_refused(r, GRPC_INTERNAL, "unexpected EOF");
    assert_int_equal(l.closed, 1);
    assert_int_equal(l.half_closed, 0);
    r = chat(&l);
    caller_say(&l.caller, r, "hello");
    caller_more(&l.caller, r, SLICE_LIT("\1\0\0\0\1a"), false);
    assert_true(r->ended);
    assert_int_equal(r->grpc_status, GRPC_INTERNAL);
    assert_int_equal(l.closed, 2);
    lab_close(&l);
}

static void held_messages_wait_in_the_clients_window(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = chat(&l);
    caller_say(&l.caller, r, "before");
    caller_say(&l.caller, r, "hold");
    unsigned served = l.served;
    char large[1000];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = 0;
    for (int i = 0; i < 2000; i++)
        caller_say(&l.caller, r, large);
    caller_say(&l.caller, r, "last");
    caller_more(&l.caller, r, SLICE_LIT(""), true);
    assert_int_equal(l.served, served);
    assert_true(r->sent < r->to_send.n); /* about a MiB of two is here */
    expect(r, &at, "before");
    assert_null(caller_next(r, &at).p);
    rpc_unhold(l.chat);
    caller_pump(&l.caller);
    for (int i = 0; i < 2000; i++)
        expect(r, &at, large);
    expect(r, &at, "last");
    assert_int_equal(l.half_closed, 1);
    expect(r, &at, "bye");
    caller_cancel(&l.caller, r);
    lab_close(&l);
}

static void who_does_not_read_is_not_heard(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 1000);
    struct caller_reply *r = chat(&l);
    char *large = mem_zalloc(100001);
    memset(large, 'x', 100000);
    for (int i = 0; i < 6; i++)
        caller_say(&l.caller, r, large);
    assert_int_equal(l.served, 3); /* 300 kB of answers wait */
    size_t waiting = rpc_queued(l.chat);
    assert_true(waiting > RPC_QUEUED_MAX && waiting < RPC_QUEUED_MAX + 100100);
    for (int i = 0; i < 1000; i++)
        caller_allow(&l.caller, r, 1000);
    assert_int_equal(l.served, 6);
    size_t at = 0;
    for (int i = 0; i < 6; i++)
        expect(r, &at, large);
    caller_cancel(&l.caller, r);
    assert_int_equal(l.closed, 1);
    free(large);
    lab_close(&l);
}

static void a_stream_may_be_refused_at_once(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = caller_send(
        &l.caller,
        &(struct caller_request){.path = "/t.T/Chat", .token = "unwelcome", .open = true});
    caller_refused(r, GRPC_UNAUTHENTICATED, "go away");
    caller_say(&l.caller, r, "anyway");
    assert_int_equal(l.served, 0);
    assert_int_equal(l.closed, 0);
    lab_close(&l);
}

static void a_used_up_budget_ends_no_stream_for_a_small_message(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = chat(&l);
    l.budget.max = 1;
    caller_say(&l.caller, r, "small");
    expect(r, &at, "small");
    char large[20000];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = 0;
    caller_say(&l.caller, r, large);
    assert_int_equal(r->grpc_status, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(l.closed, 1);
    lab_close(&l);
}

static void what_is_not_admitted_ends_the_stream(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, 0, 1u << 30, 0);
    l.strict = true;
    struct caller_reply *r = chat(&l);
    caller_say(&l.caller, r, "allowed");
    caller_say(&l.caller, r, "forbidden");
    expect(r, &at, "allowed");
    assert_true(r->ended);
    assert_int_equal(r->grpc_status, GRPC_PERMISSION_DENIED);
    assert_int_equal(l.served, 1);
    assert_int_equal(l.closed, 1); /* the method lets go of what it has for the stream */
    caller_refused(caller_call(&l.caller, "/t.T/Echo", SLICE_LIT("forbidden")),
                   GRPC_PERMISSION_DENIED, "no");
    assert_int_equal(l.served, 1);
    lab_close(&l);
}

static void the_token_outlives_messages(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = caller_send(
        &l.caller, &(struct caller_request){.path = "/t.T/Chat", .token = "secret", .open = true});
    for (int i = 0; i < 10; i++)
        caller_say(&l.caller, r, "a message that is copied into the arena of the call");
    assert_true(slice_eq(l.chat->token, SLICE_LIT("secret")));
    assert_int_equal(l.chat->arena.total, 0);
    caller_cancel(&l.caller, r);
    lab_close(&l);
}

static void a_deadline_ends_a_stream(void **state)
{
    (void)state;
    struct lab l;
    size_t at = 0;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = caller_send(
        &l.caller, &(struct caller_request){.path = "/t.T/Chat", .timeout = "1S", .open = true});
    caller_say(&l.caller, r, "hello");
    lab_pass_ms(&l, 999);
    assert_int_equal(l.closed, 0);
    lab_pass_ms(&l, 1);
    assert_int_equal(l.closed, 1);
    expect(r, &at, "hello");
    assert_true(r->ended);
    assert_int_equal(r->grpc_status, GRPC_DEADLINE_EXCEEDED);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_taken_one_by_one),
        cmocka_unit_test(messages_may_be_cut_anywhere),
        cmocka_unit_test(a_half_closed_stream_still_hears),
        cmocka_unit_test(half_a_message_is_none),
        cmocka_unit_test(held_messages_wait_in_the_clients_window),
        cmocka_unit_test(who_does_not_read_is_not_heard),
        cmocka_unit_test(a_stream_may_be_refused_at_once),
        cmocka_unit_test(a_used_up_budget_ends_no_stream_for_a_small_message),
        cmocka_unit_test(what_is_not_admitted_ends_the_stream),
        cmocka_unit_test(the_token_outlives_messages),
        cmocka_unit_test(a_deadline_ends_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
