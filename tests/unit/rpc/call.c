/* A call is answered exactly once, whatever its client does meanwhile, and leaves nothing behind.
 */
#include "lab.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define KB 1024u

static void is_answered_with_its_message(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = caller_call(&l.caller, "/t.T/Echo", SLICE_LIT("hello"));
    assert_true(slice_eq(caller_message(r), SLICE_LIT("hello")));
    *buf_extend(&r->headers, 1) = 0;
    assert_non_null(strstr((const char *)r->headers.p, "content-type: application/grpc\n"));
    r = caller_call(&l.caller, "/t.T/Echo", SLICE_LIT(""));
    assert_int_equal(caller_message(r).n, 0);
    r = caller_send(&l.caller, &(struct caller_request){.path = "/t.T/Echo",
                                                        .token = "secret",
                                                        .body = SLICE_LIT("\0\0\0\0\0")});
    assert_int_equal(caller_message(r).n, 0);
    assert_string_equal(l.token, "secret");
    lab_close(&l);
}

static void takes_its_message_in_any_pieces(void **state)
{
    (void)state;
    struct lab l;
    AUTO(buf_fini) struct buf body = {0};
    lab_open(&l, 0, 1u << 30, 0);
    caller_frame(&body, 0, SLICE_LIT("a message of some length"));
    for (size_t piece = 1; piece <= body.n; piece++) {
        struct caller_reply *r =
            caller_send(&l.caller, &(struct caller_request){.path = "/t.T/Echo", .open = true});
        for (size_t at = 0; at < body.n; at += piece) {
            assert_int_equal(l.served, piece - 1);
            size_t n = body.n - at < piece ? body.n - at : piece;
            caller_more(&l.caller, r, slice_of(body.p + at, n), false);
        }
        assert_int_equal(l.served, piece); /* at once: nobody waits for the stream's end */
        assert_true(slice_eq(caller_message(r), SLICE_LIT("a message of some length")));
    }
    lab_close(&l);
}

static void what_is_behind_the_message_is_ignored(void **state)
{
    (void)state;
    struct lab l;
    AUTO(buf_fini) struct buf body = {0};
    lab_open(&l, 0, 1u << 30, 0);
    caller_frame(&body, 0, SLICE_LIT("first"));
    caller_frame(&body, 0, SLICE_LIT("second"));
    struct caller_reply *r = caller_send(
        &l.caller, &(struct caller_request){.path = "/t.T/Echo", .body = buf_slice(&body)});
    assert_true(slice_eq(caller_message(r), SLICE_LIT("first")));
    assert_int_equal(l.served, 1);
    lab_close(&l);
}

static void refusals_say_what_and_why(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = caller_call(&l.caller, "/t.T/Explain", SLICE_LIT(""));
    caller_refused(r, GRPC_NOT_FOUND, "no such thing: 100%25 %C3%A4");
    assert_string_equal(r->explain, "look%0Aelsewhere");
    caller_call(&l.caller, "/t.T/Wait", SLICE_LIT(""));
    rpc_fail_etcd(l.held, ETCD_COMPACTED, NULL);
    caller_pump(&l.caller);
    caller_refused(l.caller.replies[1], GRPC_OUT_OF_RANGE,
                   "etcdserver: mvcc: required revision has been compacted");
    assert_string_equal(l.caller.replies[1]->explain, "");
    lab_close(&l);
}

/* ---- Requests that no method sees ---- */

static void unknown_methods_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *text;
    } cases[] = {
        {"/t.T/Ech", "unknown method Ech for service t.T"},
        {"/t.T/Echoo", "unknown method Echoo for service t.T"},
        {"/t.U/Echo", "unknown service t.U"},
        {"/t.T", "malformed method name: \"/t.T\""},
        {"/", "malformed method name: \"/\""},
        {"/t.T/", "unknown method  for service t.T"},
    };
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        caller_refused(caller_call(&l.caller, cases[i].path, SLICE_LIT("x")), GRPC_UNIMPLEMENTED,
                       cases[i].text);
    assert_int_equal(l.served, 0);
    lab_close(&l);
}

static void headers_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct caller_request request;
        unsigned status;
        int code;
        const char *text;
    } cases[] = {
        {{.path = "/t.T/Echo", .method = "GET", .no_body = true},
         405,
         GRPC_INTERNAL,
         "Received a HEADERS frame with :method \"GET\" which should be POST"},
        {{.path = "/t.T/Echo", .timeout = "soon"},
         400,
         GRPC_INTERNAL,
         "malformed grpc-timeout: \"soon\""},
        {{.path = "/t.T/Echo", .encoding = "gzip"},
         200,
         GRPC_UNIMPLEMENTED,
         "grpc: Decompressor is not installed for grpc-encoding \"gzip\""},
        {{.path = "/t.T/Echo", .content_type = "application/grpcx"},
         415,
         GRPC_INVALID_ARGUMENT,
         "invalid gRPC request content-type \"application/grpcx\""},
        {{.path = "/t.T/Echo", .content_type = "text/plain"},
         415,
         GRPC_INVALID_ARGUMENT,
         "invalid gRPC request content-type \"text/plain\""},
        {{.path = "/t.T/Echo", .content_type = ""},
         415,
         GRPC_INVALID_ARGUMENT,
         "invalid gRPC request content-type \"\""},
    };
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct caller_reply *r = caller_send(&l.caller, &cases[i].request);
        caller_refused(r, cases[i].code, cases[i].text);
        assert_int_equal(r->status, cases[i].status);
    }
    struct caller_reply *r =
        caller_send(&l.caller, &(struct caller_request){.path = "/t.T/Echo",
                                                        .encoding = "identity",
                                                        .body = SLICE_LIT("\0\0\0\0\0")});
    assert_int_equal(caller_message(r).n, 0);
    assert_int_equal(l.served, 1);
    lab_close(&l);
}

static void bodies_that_are_no_message_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct slice body;
        int code;
        const char *text;
    } cases[] = {
        {SLICE_INIT(""), GRPC_UNKNOWN, "EOF"},
        {SLICE_INIT("\0\0\0"), GRPC_UNKNOWN, "EOF"},
        {SLICE_INIT("\0\0\0\0\5abc"), GRPC_UNKNOWN, "unexpected EOF"},
        {SLICE_INIT("\1\0\0\0\3abc"), GRPC_INTERNAL,
         "grpc: compressed flag set with identity or empty encoding"},
        {SLICE_INIT("\2\0\0\0\3abc"), GRPC_INTERNAL, "grpc: received unexpected payload format 2"},
        {SLICE_INIT("\0\0\0\4\1abc"), GRPC_RESOURCE_EXHAUSTED,
         "grpc: received message larger than max (1025 vs. 1024)"},
        {SLICE_INIT("\0\xff\xff\xff\xff"), GRPC_RESOURCE_EXHAUSTED,
         "grpc: received message larger than max (4294967295 vs. 1024)"},
    };
    struct lab l;
    lab_open(&l, KB, 1u << 30, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct caller_reply *r = caller_send(
            &l.caller, &(struct caller_request){.path = "/t.T/Echo", .body = cases[i].body});
        caller_refused(r, cases[i].code, cases[i].text);
    }
    struct caller_reply *r =
        caller_send(&l.caller, &(struct caller_request){.path = "/t.T/Echo", .no_body = true});
    caller_refused(r, GRPC_UNKNOWN, "EOF");
    r = caller_send(&l.caller, &(struct caller_request){.path = "/t.T/Count", .no_body = true});
    caller_refused(
        r, GRPC_INTERNAL,
        "cardinality violation: received no request message from non-client-streaming RPC");
    r = caller_send(&l.caller, &(struct caller_request){.path = "/t.T/Count",
                                                        .body = SLICE_LIT("\0\0\0\0\5abc")});
    caller_refused(r, GRPC_INTERNAL, "unexpected EOF");
    assert_int_equal(l.served, 0);
    uint8_t most[KB] = {0};
    r = caller_call(&l.caller, "/t.T/Echo", slice_of(most, sizeof(most)));
    assert_int_equal(caller_message(r).n, KB);
    lab_close(&l);
}

static void what_waits_is_counted_in_the_budget(void **state)
{
    (void)state;
    struct lab l;
    uint8_t *large = mem_zalloc(512 * KB);
    lab_open(&l, 1024 * KB, 256 * KB, 0);
    uint64_t idle = l.budget.used;
    caller_call(&l.caller, "/t.T/Wait", slice_of(large, 100 * KB));
    assert_true(l.budget.used >= idle + 100 * KB);
    struct caller_reply *r = caller_call(&l.caller, "/t.T/Echo", slice_of(large, 500 * KB));
    caller_refused(r, GRPC_RESOURCE_EXHAUSTED, "etcdserver: too many requests");
    assert_int_equal(l.served, 1);
    lab_answer(&l, "done");
    assert_true(l.budget.used < idle + 100 * KB);
    r = caller_call(&l.caller, "/t.T/Echo", slice_of(large, 100 * KB));
    assert_int_equal(caller_message(r).n, 100 * KB);
    lab_close(&l);
    free(large);
}

/* ---- Clients that do not wait ---- */

static void a_deadline_ends_the_wait_not_the_work(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = caller_send(
        &l.caller, &(struct caller_request){
                       .path = "/t.T/Wait", .timeout = "100m", .body = SLICE_LIT("\0\0\0\0\0")});
    lab_pass_ms(&l, 99);
    assert_false(r->ended);
    assert_false(rpc_gone(l.held));
    lab_pass_ms(&l, 1);
    caller_refused(r, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
    assert_true(rpc_gone(l.held));
    assert_int_equal(rpc_server_calls(l.server), 1); /* the method still has it */
    lab_answer(&l, "too late");
    assert_int_equal(rpc_server_calls(l.server), 0);
    assert_int_equal(r->body.n, 0);
    /* One whose message never came is nobody's: it ends by itself. */
    r = caller_send(&l.caller, &(struct caller_request){.path = "/t.T/Echo",
                                                        .timeout = "1S",
                                                        .body = SLICE_LIT("\0\0\0\0\5ab"),
                                                        .open = true});
    lab_pass_ms(&l, 1000);
    caller_refused(r, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
    caller_more(&l.caller, r, SLICE_LIT("cde"), true);
    assert_int_equal(l.served, 1);
    assert_int_equal(rpc_server_calls(l.server), 0);
    /* In time: the deadline is forgotten. */
    r = caller_send(&l.caller, &(struct caller_request){.path = "/t.T/Wait",
                                                        .timeout = "1S",
                                                        .body = SLICE_LIT("\0\0\0\0\0")});
    lab_pass_ms(&l, 999);
    lab_answer(&l, "in time");
    lab_pass_ms(&l, 10);
    assert_true(slice_eq(caller_message(r), SLICE_LIT("in time")));
    lab_close(&l);
}

static void a_client_may_go_away(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = caller_call(&l.caller, "/t.T/Wait", SLICE_LIT("x"));
    caller_cancel(&l.caller, r);
    assert_true(rpc_gone(l.held));
    assert_int_equal(rpc_server_calls(l.server), 1);
    lab_answer(&l, "nobody hears");
    assert_int_equal(rpc_server_calls(l.server), 0);
    assert_false(r->ended);
    /* … before its message is whole */
    r = caller_send(&l.caller, &(struct caller_request){.path = "/t.T/Echo",
                                                        .timeout = "9S",
                                                        .body = SLICE_LIT("\0\0\0\0\5ab"),
                                                        .open = true});
    assert_int_equal(rpc_server_calls(l.server), 1);
    caller_cancel(&l.caller, r);
    assert_int_equal(rpc_server_calls(l.server), 0);
    /* … with its connection */
    caller_call(&l.caller, "/t.T/Wait", SLICE_LIT("x"));
    l.caller.layer->ops->close(l.caller.layer, RC_CLOSED);
    l.caller.layer = NULL;
    assert_true(rpc_gone(l.held));
    rpc_fail_etcd(l.held, ETCD_STOPPED, NULL);
    assert_int_equal(rpc_server_calls(l.server), 0);
    lab_close(&l);
}

static void a_call_may_be_refused_early(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    for (int round = 0; round < 3; round++) {
        struct caller_reply *r = caller_call(&l.caller, "/t.T/Wait", SLICE_LIT("x"));
        rpc_fail_early(l.held, ETCD_TIMEOUT, "slow");
        rpc_fail_early(l.held, ETCD_NO_LEADER, NULL); /* said once */
        caller_pump(&l.caller);
        caller_refused(r, GRPC_UNAVAILABLE, "etcdserver: request timed out");
        assert_string_equal(r->explain, "slow");
        assert_int_equal(rpc_server_calls(l.server), 1);
        if (round == 0) {
            lab_answer(&l, "too late");
        } else if (round == 1) {
            rpc_fail(l.held, GRPC_INTERNAL, "too late", NULL);
        } else { /* and the client goes before the method ends */
            caller_cancel(&l.caller, r);
            lab_answer(&l, "too late");
        }
        assert_int_equal(rpc_server_calls(l.server), 0);
        assert_int_equal(r->grpc_status, GRPC_UNAVAILABLE);
    }
    lab_close(&l);
}

/* ---- Answers from a source ---- */

static void a_source_is_pulled_as_the_client_takes_it(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 1000);
    struct caller_reply *r = caller_call(&l.caller, "/t.T/Source", SLICE_LIT("50000"));
    assert_int_equal(r->body.n, 1000);
    assert_true(l.source_left > 20000); /* the rest is not made before it can be sent */
    assert_int_equal(rpc_server_calls(l.server), 1);
    while (!r->ended)
        caller_allow(&l.caller, r, 777);
    struct slice m = caller_message(r);
    assert_int_equal(m.n, 50000);
    for (size_t i = 0; i < m.n; i++)
        assert_int_equal(m.p[i], 'a');
    assert_int_equal(l.released, 1);
    assert_int_equal(rpc_server_calls(l.server), 0);
    lab_close(&l);
}

static void a_source_is_released_when_nobody_wants_it(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 1000);
    struct caller_reply *r = caller_call(&l.caller, "/t.T/Source", SLICE_LIT("50000"));
    caller_cancel(&l.caller, r);
    assert_int_equal(l.released, 1);
    caller_call(&l.caller, "/t.T/Source", SLICE_LIT("50000"));
    lab_close(&l);
    assert_int_equal(l.released, 2);
}

static void a_source_may_fail(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    l.source_fails = true;
    struct caller_reply *r = caller_call(&l.caller, "/t.T/Source", SLICE_LIT("900"));
    assert_true(r->reset && !r->ended);
    assert_int_equal(l.released, 1);
    l.source_fails = false; /* a length that a frame cannot say is refused at once */
    r = caller_call(&l.caller, "/t.T/Source", SLICE_LIT("4294967296"));
    caller_refused(r, GRPC_RESOURCE_EXHAUSTED, "etcdserver: response is too large");
    assert_int_equal(l.released, 2);
    lab_close(&l);
}

/* ---- Calls from within the process ---- */

/* A carrier that writes down what it was given. */
struct ear {
    struct buf heard; /* messages, each behind a '|' */
    unsigned last;    /* last messages and ends */
    int code;
    const char *explain;
    size_t queued;
};

static void hear_message(void *carrier, struct buf *body, bool last)
{
    struct ear *e = carrier;
    buf_append_u8(&e->heard, '|');
    buf_append_slice(&e->heard, slice_skip(buf_slice(body), RPC_FRAME_LEN));
    buf_fini(body);
    e->last += last;
}

static void hear_source(void *carrier, struct http_source *src, uint64_t len, bool last)
{
    struct ear *e = carrier;
    size_t before = e->heard.n;
    while (src->ops->pull(src, &e->heard, 1000) == HTTP_PULL_MORE)
        ;
    assert_int_equal(e->heard.n - before, len);
    src->ops->release(src);
    e->last += last;
}

static void hear_end(void *carrier, enum grpc_code code, const char *text, const char *explain)
{
    struct ear *e = carrier;
    e->code = (int)code;
    e->explain = explain;
    buf_append_str(&e->heard, text);
    e->last++;
}

static size_t hear_queued(const void *carrier)
{
    return ((const struct ear *)carrier)->queued;
}

static const struct rpc_carrier_ops ear_ops = {
    .message = hear_message, .source = hear_source, .end = hear_end, .queued = hear_queued};

static struct rpc_call *open_call(struct lab *l, struct ear *e, const char *path)
{
    *e = (struct ear){.code = -1};
    return rpc_call_open(l->server, slice_str(path), &ear_ops, e, SLICE_LIT("secret"));
}

static void heard(struct ear *e, const char *text)
{
    assert_true(slice_eq(buf_slice(&e->heard), slice_str(text)));
    assert_int_equal(e->last, 1);
    buf_fini(&e->heard);
}

static void a_call_from_within_is_served_like_any(void **state)
{
    (void)state;
    struct lab l;
    struct ear e;
    lab_open(&l, 0, 1u << 30, 0);
    rpc_call_feed(open_call(&l, &e, "/t.T/Echo"), SLICE_LIT("hello"));
    heard(&e, "|hello");
    assert_string_equal(l.token, "secret");
    rpc_call_feed(open_call(&l, &e, "/t.T/Echo"), SLICE_LIT(""));
    heard(&e, "|");
    rpc_call_feed(open_call(&l, &e, "/t.T/Explain"), SLICE_LIT("x"));
    assert_int_equal(e.code, GRPC_NOT_FOUND);
    assert_string_equal(e.explain, "look\nelsewhere");
    buf_fini(&e.heard);
    rpc_call_feed(open_call(&l, &e, "/t.T/Source"), SLICE_LIT("2500"));
    assert_int_equal(e.heard.n, 2500);
    buf_fini(&e.heard);
    struct rpc_call *call = open_call(&l, &e, "/t.T/Wait");
    rpc_call_feed(call, SLICE_LIT("x"));
    rpc_call_feed_end(call);
    assert_int_equal(e.last, 0);
    lab_answer(&l, "later");
    heard(&e, "|later");
    rpc_call_feed_end(open_call(&l, &e, "/t.T/Echo")); /* without a message */
    heard(&e, "EOF");
    assert_null(open_call(&l, &e, "/t.T/Nothing"));
    assert_int_equal(rpc_server_calls(l.server), 0);
    lab_close(&l);
}

static void who_called_from_within_may_go_away(void **state)
{
    (void)state;
    struct lab l;
    struct ear e;
    lab_open(&l, 0, 1u << 30, 0);
    struct rpc_call *call = open_call(&l, &e, "/t.T/Wait");
    rpc_call_feed(call, SLICE_LIT("x"));
    rpc_call_abandon(call);
    assert_true(rpc_gone(l.held));
    lab_answer(&l, "nobody hears");
    assert_int_equal(e.last, 0);
    rpc_call_abandon(open_call(&l, &e, "/t.T/Echo"));
    call = open_call(&l, &e, "/t.T/Chat");
    rpc_call_abandon(call);
    assert_int_equal(l.closed, 1);
    assert_int_equal(rpc_server_calls(l.server), 0);
    lab_close(&l);
}

static void a_call_from_within_may_stream(void **state)
{
    (void)state;
    struct lab l;
    struct ear e;
    struct buf tail = {0};
    lab_open(&l, 0, 1u << 30, 0);
    struct rpc_call *call = open_call(&l, &e, "/t.T/Chat");
    rpc_call_feed(call, SLICE_LIT("one"));
    buf_append_str(&tail, "tail");
    struct blob *b = blob_new(&tail);
    rpc_send_shared(call, SLICE_LIT("head+"), b);
    blob_release(b);
    e.queued = RPC_QUEUED_MAX + 1;
    rpc_call_feed(call, SLICE_LIT("two"));
    rpc_call_feed_end(call);
    assert_true(slice_eq(buf_slice(&e.heard), SLICE_LIT("|one|head+tail")));
    e.queued = 0;
    l.talks = true;
    rpc_call_drained(call);
    assert_int_equal(l.drained, 1);
    assert_true(slice_eq(buf_slice(&e.heard), SLICE_LIT("|one|head+tail|more|two|bye")));
    rpc_end(call);
    heard(&e, "|one|head+tail|more|two|bye");
    assert_int_equal(e.code, GRPC_OK);
    rpc_call_feed(open_call(&l, &e, "/t.T/Chat"), SLICE_LIT("fail"));
    heard(&e, "as you wish");
    rpc_call_feed(open_call(&l, &e, "/t.T/Count"), SLICE_LIT("2"));
    heard(&e, "|one|one");
    e = (struct ear){0};
    assert_null(
        rpc_call_open(l.server, SLICE_LIT("/t.T/Chat"), &ear_ops, &e, SLICE_LIT("unwelcome")));
    heard(&e, "go away");
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_from_within_is_served_like_any),
        cmocka_unit_test(who_called_from_within_may_go_away),
        cmocka_unit_test(a_call_from_within_may_stream),
        cmocka_unit_test(is_answered_with_its_message),
        cmocka_unit_test(takes_its_message_in_any_pieces),
        cmocka_unit_test(what_is_behind_the_message_is_ignored),
        cmocka_unit_test(refusals_say_what_and_why),
        cmocka_unit_test(unknown_methods_are_named),
        cmocka_unit_test(headers_that_make_no_sense_are_refused),
        cmocka_unit_test(bodies_that_are_no_message_are_refused),
        cmocka_unit_test(what_waits_is_counted_in_the_budget),
        cmocka_unit_test(a_deadline_ends_the_wait_not_the_work),
        cmocka_unit_test(a_client_may_go_away),
        cmocka_unit_test(a_call_may_be_refused_early),
        cmocka_unit_test(a_source_is_pulled_as_the_client_takes_it),
        cmocka_unit_test(a_source_is_released_when_nobody_wants_it),
        cmocka_unit_test(a_source_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
