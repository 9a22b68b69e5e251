/* Calls on one connection: messages both ways, windows, ends of every kind. */
#include "client/conn.h"

#include "client/method.h"
#include "peer.h"

#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct lab {
    struct peer peer;
    struct client_loop loop;
    struct client_conn *conn;
};

static void open_lab(struct lab *l, peer_serve *serve, size_t recv_max, uint64_t keepalive_ms)
{
    struct client_endpoint e;
    struct err err = {0};
    const struct client_conn_options opt = {keepalive_ms, keepalive_ms, recv_max};
    peer_start(&l->peer, serve);
    client_loop_init(&l->loop);
    client_endpoint_parse(slice_str(l->peer.endpoint), &e);
    struct client_transport *t = client_socket_open(&e, &err);
    assert_non_null(t);
    l->conn = client_conn_new(&l->loop, t, &e, &opt);
    client_endpoint_fini(&e);
    while (client_conn_state(l->conn, &err) == RC_AGAIN)
        client_loop_wait(&l->loop, CLIENT_FOREVER, -1);
    assert_int_equal(client_conn_state(l->conn, &err), RC_OK);
}

static void close_lab(struct lab *l)
{
    client_conn_free(l->conn);
    client_loop_fini(&l->loop);
    peer_stop(&l->peer);
}

static struct client_call *call(struct lab *l, struct slice message)
{
    struct client_call *c = client_call_new(l->conn, "/etcdserverpb.KV/Range", NULL, 0);
    client_call_send(c, message);
    return c;
}

static enum rc next(struct lab *l, struct client_call *c, struct buf *out)
{
    enum rc rc;
    while ((rc = client_call_next(c, out)) == RC_AGAIN)
        client_loop_wait(&l->loop, CLIENT_FOREVER, -1);
    return rc;
}

static void serve_echo(struct peer_call *call, const struct peer_request *request)
{
    struct buf b = {0};
    uint32_t n = (uint32_t)request->message.n;
    const uint8_t head[] = {0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                            (uint8_t)n};
    buf_append(&b, head, sizeof(head));
    buf_append_slice(&b, request->message);
    peer_raw(call, buf_slice(&b));
    buf_fini(&b);
    if (n == 0)
        peer_end(call, GRPC_NOT_FOUND, "no%20more");
}

static void messages_go_both_ways_and_the_status_ends_them(void **state)
{
    (void)state;
    struct lab l;
    AUTO(buf_fini) struct buf out = {0};
    open_lab(&l, serve_echo, 1000, 0);
    struct client_call *c = call(&l, SLICE_LIT("one"));
    client_call_send(c, SLICE_LIT("two"));
    assert_int_equal(next(&l, c, &out), RC_OK);
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("one")));
    assert_int_equal(next(&l, c, &out), RC_OK);
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("two")));
    client_call_send(c, SLICE_LIT(""));
    client_call_finish(c);
    assert_int_equal(next(&l, c, &out), RC_OK);
    assert_int_equal(out.n, 0);
    assert_int_equal(next(&l, c, &out), RC_END);
    assert_int_equal(client_call_status(c)->code, GRPC_NOT_FOUND);
    assert_true(slice_eq(buf_slice(&client_call_status(c)->text), SLICE_LIT("no more")));
    client_call_free(c);
    close_lab(&l);
}

static void a_message_longer_than_the_window_arrives(void **state)
{
    (void)state;
    struct lab l;
    AUTO(buf_fini) struct buf big = {0};
    AUTO(buf_fini) struct buf out = {0};
    memset(buf_extend(&big, 3 * CLIENT_WINDOW), 'x', 3 * CLIENT_WINDOW);
    open_lab(&l, serve_echo, 4 * CLIENT_WINDOW, 0);
    struct client_call *c = call(&l, buf_slice(&big));
    for (int i = 0; i < 2; i++) { /* the window is whole again after the first */
        assert_int_equal(next(&l, c, &out), RC_OK);
        assert_true(slice_eq(buf_slice(&out), buf_slice(&big)));
        client_call_send(c, buf_slice(&big));
    }
    client_call_free(c);
    close_lab(&l);
}

static void a_message_over_the_limit_ends_its_call_alone(void **state)
{
    (void)state;
    struct lab l;
    AUTO(buf_fini) struct buf out = {0};
    open_lab(&l, serve_echo, 4, 0);
    struct client_call *c = call(&l, SLICE_LIT("12345"));
    assert_int_equal(next(&l, c, &out), RC_END);
    assert_int_equal(client_call_status(c)->code, GRPC_RESOURCE_EXHAUSTED);
    assert_true(slice_eq(buf_slice(&client_call_status(c)->text),
                         SLICE_LIT("grpc: received message larger than max (5 vs. 4)")));
    client_call_free(c);
    c = call(&l, SLICE_LIT("1234"));
    assert_int_equal(next(&l, c, &out), RC_OK);
    client_call_free(c);
    close_lab(&l);
}

/* What nobody reads, too long to be read or not, stays with its sender, and in nobody's way. */
static void an_unread_call_does_not_stop_others(void **state)
{
    (void)state;
    static const size_t lengths[] = {CLIENT_WINDOW - 100, 3 * CLIENT_WINDOW};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct lab l;
        AUTO(buf_fini) struct buf big = {0};
        AUTO(buf_fini) struct buf out = {0};
        memset(buf_extend(&big, lengths[i]), 'x', lengths[i]);
        open_lab(&l, serve_echo, CLIENT_WINDOW, 0);
        struct client_call *unread = call(&l, buf_slice(&big));
        client_call_send(unread, buf_slice(&big));
        client_call_send(unread, SLICE_LIT(""));
        struct client_call *c = call(&l, SLICE_LIT("x"));
        for (int turn = 0; turn < 1000; turn++) {
            assert_int_equal(next(&l, c, &out), RC_OK);
            client_call_send(c, SLICE_LIT("x"));
        }
        assert_false(client_call_is_over(unread));
        client_call_free(c);
        client_call_free(unread);
        close_lab(&l);
    }
}

static void serve_strange_status(struct peer_call *call, const struct peer_request *request)
{
    (void)request;
    peer_end(call, (enum grpc_code) - 1, "");
}

static void a_status_that_is_no_number_is_not_fine(void **state)
{
    (void)state;
    struct lab l;
    AUTO(buf_fini) struct buf out = {0};
    open_lab(&l, serve_strange_status, 100, 0);
    struct client_call *c = call(&l, SLICE_LIT("x"));
    assert_int_equal(next(&l, c, &out), RC_END);
    assert_int_equal(client_call_status(c)->code, GRPC_UNKNOWN);
    client_call_free(c);
    close_lab(&l);
}

static void serve_compressed(struct peer_call *call, const struct peer_request *request)
{
    (void)request;
    peer_raw(call, SLICE_LIT("\1\0\0\0\1x"));
}

static void a_compressed_message_ends_its_call(void **state)
{
    (void)state;
    struct lab l;
    AUTO(buf_fini) struct buf out = {0};
    open_lab(&l, serve_compressed, 100, 0);
    struct client_call *c = call(&l, SLICE_LIT("x"));
    assert_int_equal(next(&l, c, &out), RC_END);
    assert_int_equal(client_call_status(c)->code, GRPC_INTERNAL);
    client_call_free(c);
    close_lab(&l);
}

static void serve_refusal(struct peer_call *call, const struct peer_request *request)
{
    bool refuse = slice_eq(request->message, SLICE_LIT("refuse"));
    peer_reset(call, refuse ? 7 : 2); /* REFUSED_STREAM, INTERNAL_ERROR */
}

static void a_refused_stream_was_never_seen(void **state)
{
    (void)state;
    struct lab l;
    AUTO(buf_fini) struct buf out = {0};
    open_lab(&l, serve_refusal, 100, 0);
    struct client_call *c = call(&l, SLICE_LIT("refuse"));
    assert_int_equal(next(&l, c, &out), RC_END);
    assert_int_equal(client_call_status(c)->code, GRPC_UNAVAILABLE);
    assert_true(client_call_is_unseen(c));
    client_call_free(c);
    c = call(&l, SLICE_LIT("break"));
    assert_int_equal(next(&l, c, &out), RC_END);
    assert_int_equal(client_call_status(c)->code, GRPC_INTERNAL);
    assert_false(client_call_is_unseen(c));
    client_call_free(c);
    close_lab(&l);
}

static void serve_hang_up(struct peer_call *call, const struct peer_request *request)
{
    (void)request;
    peer_hang_up(call);
}

static void a_lost_connection_takes_its_calls_along(void **state)
{
    (void)state;
    struct lab l;
    struct err err = {0};
    AUTO(buf_fini) struct buf out = {0};
    open_lab(&l, serve_hang_up, 100, 0);
    struct client_call *quiet = client_call_new(l.conn, "/a/B", NULL, 0);
    struct client_call *c = call(&l, SLICE_LIT("x"));
    assert_int_equal(next(&l, c, &out), RC_END);
    assert_true(client_call_is_over(quiet));
    assert_int_equal(client_call_status(quiet)->code, GRPC_UNAVAILABLE);
    assert_int_equal(client_conn_state(l.conn, &err), RC_CLOSED);
    assert_non_null(strstr(err.text, l.peer.endpoint));
    client_call_free(quiet);
    client_call_free(c);
    c = call(&l, SLICE_LIT("x")); /* on a dead connection: over at once */
    assert_int_equal(next(&l, c, &out), RC_END);
    assert_true(client_call_is_unseen(c));
    client_call_free(c);
    close_lab(&l);
}

static void serve_nothing(struct peer_call *call, const struct peer_request *request)
{
    (void)call;
    (void)request;
    pause();
}

static void a_silent_server_is_found_out_by_a_ping(void **state)
{
    (void)state;
    struct lab l;
    struct err err = {0};
    AUTO(buf_fini) struct buf out = {0};
    open_lab(&l, serve_nothing, 100, 10);
    struct client_call *c = call(&l, SLICE_LIT("x"));
    assert_int_equal(next(&l, c, &out), RC_END);
    assert_int_equal(client_conn_state(l.conn, &err), RC_TIMEOUT);
    client_call_free(c);
    close_lab(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_go_both_ways_and_the_status_ends_them),
        cmocka_unit_test(a_message_longer_than_the_window_arrives),
        cmocka_unit_test(a_message_over_the_limit_ends_its_call_alone),
        cmocka_unit_test(an_unread_call_does_not_stop_others),
        cmocka_unit_test(a_status_that_is_no_number_is_not_fine),
        cmocka_unit_test(a_compressed_message_ends_its_call),
        cmocka_unit_test(a_refused_stream_was_never_seen),
        cmocka_unit_test(a_lost_connection_takes_its_calls_along),
        cmocka_unit_test(a_silent_server_is_found_out_by_a_ping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
