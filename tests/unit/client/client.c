/* Calls go to an endpoint that answers, are repeated only when that is harmless, and log in again
 * when the token is no longer taken. */
#include "client/client.h"

#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct lab {
    struct client_loop loop;
    struct client *client;
    struct arena arena;
    struct client_status status;
    unsigned troubles;
};

static void on_trouble(void *arg, const char *sentence)
{
    struct lab *l = arg;
    assert_non_null(strstr(sentence, "127.0.0.1:"));
    l->troubles++;
}

static void open_lab(struct lab *l, const char *const *endpoints, size_t n, const char *user)
{
    struct slice list[4];
    *l = (struct lab){0};
    client_loop_init(&l->loop);
    for (size_t i = 0; i < n; i++)
        list[i] = slice_str(endpoints[i]);
    const struct client_options opt = {.endpoints = list,
                                       .endpoints_n = n,
                                       .user = slice_str(user),
                                       .password = SLICE_INIT("pw"),
                                       .dial_timeout_ms = 20000,
                                       .send_max = 1000,
                                       .trouble = on_trouble,
                                       .arg = l};
    l->client = client_new(&l->loop, &opt);
}

static void close_lab(struct lab *l)
{
    client_free(l->client);
    client_loop_fini(&l->loop);
    client_status_fini(&l->status);
    arena_fini(&l->arena);
}

static enum rc get(struct lab *l, uint64_t ms, struct pb_range_response *r)
{
    const struct pb_range_request request = {.key = SLICE_INIT("k")};
    return client_unary(l->client,
                        &(struct client_request){CLIENT_RANGE, &request, client_deadline(ms)},
                        &l->arena, r, &l->status);
}

static enum rc put(struct lab *l, size_t value_n)
{
    struct pb_put_response r;
    uint8_t *value = arena_zalloc(&l->arena, value_n + 1);
    const struct pb_put_request request = {.key = SLICE_INIT("k"),
                                           .value = slice_of(value, value_n)};
    return client_unary(l->client,
                        &(struct client_request){CLIENT_PUT, &request, client_deadline(20000)},
                        &l->arena, &r, &l->status);
}

/* Answers with how often it was asked, from the second time on; hangs up at first. */
static void serve_second(struct peer_call *call, const struct peer_request *request)
{
    static int64_t asked;
    (void)request;
    if (++asked == 1) {
        peer_hang_up(call);
        return;
    }
    const struct pb_range_response r = {.count = asked};
    peer_reply(call, &wire_range_response, &r);
    peer_end(call, GRPC_OK, "");
}

static void a_read_is_made_again_when_the_connection_is_lost(void **state)
{
    (void)state;
    struct peer peer;
    struct lab l;
    struct pb_range_response r;
    peer_start(&peer, serve_second);
    const char *endpoints[] = {peer.endpoint};
    open_lab(&l, endpoints, 1, "");
    assert_int_equal(get(&l, 20000, &r), RC_OK);
    assert_int_equal(r.count, 2);
    close_lab(&l);
    peer_stop(&peer);
}

static void a_write_is_not(void **state)
{
    (void)state;
    struct peer peer;
    struct lab l;
    peer_start(&peer, serve_second);
    const char *endpoints[] = {peer.endpoint};
    open_lab(&l, endpoints, 1, "");
    assert_int_equal(put(&l, 1), RC_CLOSED);
    assert_int_equal(l.status.code, GRPC_UNAVAILABLE);
    close_lab(&l);
    peer_stop(&peer);
}

static void serve_fine(struct peer_call *call, const struct peer_request *request)
{
    (void)request;
    const struct pb_range_response r = {.count = 1};
    peer_reply(call, &wire_range_response, &r);
    peer_end(call, GRPC_OK, "");
}

static void an_endpoint_without_a_server_is_passed_over(void **state)
{
    (void)state;
    struct peer nobody;
    struct peer peer;
    struct lab l;
    struct pb_range_response r;
    peer_nobody(&nobody);
    peer_start(&peer, serve_fine);
    const char *endpoints[] = {nobody.endpoint, "unix:///proc/nonexistent/socket", peer.endpoint};
    open_lab(&l, endpoints, 3, "");
    assert_int_equal(get(&l, 20000, &r), RC_OK);
    assert_int_equal(l.troubles, 0);
    close_lab(&l);
    peer_stop(&peer);
}

static void without_any_server_the_deadline_ends_it(void **state)
{
    (void)state;
    struct peer nobody;
    struct lab l;
    struct pb_range_response r;
    AUTO(buf_fini) struct buf text = {0};
    peer_nobody(&nobody);
    const char *endpoints[] = {nobody.endpoint};
    open_lab(&l, endpoints, 1, "");
    assert_int_not_equal(get(&l, 60, &r), RC_OK);
    client_status_print(&l.status, &text);
    assert_true(slice_eq(buf_slice(&text), SLICE_LIT("context deadline exceeded")));
    assert_int_equal(l.troubles, 1);
    close_lab(&l);
}

static void serve_refused(struct peer_call *call, const struct peer_request *request)
{
    static unsigned asked;
    if (asked++ == 0)
        peer_reset(call, 7); /* REFUSED_STREAM */
    else
        serve_fine(call, request);
}

static void what_no_server_saw_is_made_again_also_a_write(void **state)
{
    (void)state;
    struct peer peer;
    struct lab l;
    peer_start(&peer, serve_refused);
    const char *endpoints[] = {peer.endpoint};
    open_lab(&l, endpoints, 1, "");
    assert_int_equal(put(&l, 1), RC_OK);
    close_lab(&l);
    peer_stop(&peer);
}

/* Gives tokens t1, t2 …; takes only the second. */
static void serve_tokens(struct peer_call *call, const struct peer_request *request)
{
    static unsigned given;
    if (strcmp(request->path, "/etcdserverpb.Auth/Authenticate") == 0) {
        char token[8] = {'t', (char)('1' + given++)};
        const struct pb_authenticate_response r = {.token = slice_str(token)};
        peer_reply(call, &wire_authenticate_response, &r);
        peer_end(call, GRPC_OK, "");
    } else if (strcmp(request->token, "t2") == 0) {
        serve_fine(call, request);
    } else {
        peer_end(call, GRPC_UNAUTHENTICATED, etcd_error_text(ETCD_INVALID_AUTH_TOKEN));
    }
}

static void a_stale_token_is_renewed_once(void **state)
{
    (void)state;
    struct peer peer;
    struct lab l;
    struct pb_range_response r;
    peer_start(&peer, serve_tokens);
    const char *endpoints[] = {peer.endpoint};
    open_lab(&l, endpoints, 1, "u");
    assert_int_equal(client_login(l.client, &l.status), RC_OK); /* t1 */
    assert_int_equal(get(&l, 20000, &r), RC_OK);                /* t2 */
    assert_int_equal(client_login(l.client, &l.status), RC_OK); /* t3 */
    assert_int_not_equal(get(&l, 20000, &r), RC_OK);            /* t4, which is no better */
    assert_true(client_status_is(&l.status, ETCD_INVALID_AUTH_TOKEN));
    close_lab(&l);
    peer_stop(&peer);
}

static void serve_no_auth(struct peer_call *call, const struct peer_request *request)
{
    if (strcmp(request->path, "/etcdserverpb.Auth/Authenticate") == 0)
        peer_end(call, GRPC_FAILED_PRECONDITION, etcd_error_text(ETCD_AUTH_NOT_ENABLED));
    else if (*request->token)
        peer_end(call, GRPC_INTERNAL, "a token, for nothing");
    else
        serve_fine(call, request);
}

static void authentication_that_is_off_needs_no_token(void **state)
{
    (void)state;
    struct peer peer;
    struct lab l;
    struct pb_range_response r;
    peer_start(&peer, serve_no_auth);
    const char *endpoints[] = {peer.endpoint};
    open_lab(&l, endpoints, 1, "u");
    assert_int_equal(client_login(l.client, &l.status), RC_OK);
    assert_int_equal(get(&l, 20000, &r), RC_OK);
    close_lab(&l);
    peer_stop(&peer);
}

/* A stream is answered and stays open; the connection takes nothing more. */
static void serve_going_away(struct peer_call *call, const struct peer_request *request)
{
    const struct pb_lease_keep_alive_response r = {.id = 5, .ttl = 60};
    if (strcmp(request->path, "/etcdserverpb.Lease/LeaseKeepAlive") == 0) {
        peer_reply(call, &wire_lease_keep_alive_response, &r);
        peer_go_away(call);
    } else {
        serve_fine(call, request);
    }
}

static void who_goes_away_is_asked_no_more(void **state)
{
    (void)state;
    struct peer peer;
    struct lab l;
    struct pb_range_response r;
    const struct pb_lease_keep_alive_request keep = {.id = 5};
    AUTO(buf_fini) struct buf message = {0};
    peer_start(&peer, serve_going_away);
    const char *endpoints[] = {peer.endpoint};
    open_lab(&l, endpoints, 1, "");
    uint64_t deadline = client_deadline(20000);
    struct client_call *stream =
        client_open(l.client, CLIENT_LEASE_KEEP_ALIVE, deadline, false, &l.status);
    client_send(stream, CLIENT_LEASE_KEEP_ALIVE, &keep);
    assert_int_equal(client_await(l.client, stream, deadline, &message), RC_OK);
    assert_int_equal(get(&l, 20000, &r), RC_OK);
    client_call_free(stream);
    close_lab(&l);
    peer_stop(&peer);
}

static void a_request_over_the_limit_is_not_sent(void **state)
{
    (void)state;
    struct peer nobody;
    struct lab l;
    peer_nobody(&nobody);
    const char *endpoints[] = {nobody.endpoint};
    open_lab(&l, endpoints, 1, "");
    assert_int_not_equal(put(&l, 2000), RC_OK);
    assert_int_equal(l.status.code, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(l.troubles, 0);
    close_lab(&l);
}

static void serve_no_message(struct peer_call *call, const struct peer_request *request)
{
    (void)request;
    peer_end(call, GRPC_OK, "");
}

static void serve_damaged(struct peer_call *call, const struct peer_request *request)
{
    (void)request;
    peer_raw(call, SLICE_LIT("\0\0\0\0\1\xff"));
    peer_end(call, GRPC_OK, "");
}

static void an_answer_that_is_none_is_an_error(void **state)
{
    (void)state;
    peer_serve *const ways[] = {serve_no_message, serve_damaged};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct peer peer;
        struct lab l;
        struct pb_range_response r;
        peer_start(&peer, ways[i]);
        const char *endpoints[] = {peer.endpoint};
        open_lab(&l, endpoints, 1, "");
        assert_int_not_equal(get(&l, 20000, &r), RC_OK);
        assert_int_equal(l.status.code, GRPC_INTERNAL);
        close_lab(&l);
        peer_stop(&peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_is_made_again_when_the_connection_is_lost),
        cmocka_unit_test(a_write_is_not),
        cmocka_unit_test(an_endpoint_without_a_server_is_passed_over),
        cmocka_unit_test(without_any_server_the_deadline_ends_it),
        cmocka_unit_test(what_no_server_saw_is_made_again_also_a_write),
        cmocka_unit_test(a_stale_token_is_renewed_once),
        cmocka_unit_test(authentication_that_is_off_needs_no_token),
        cmocka_unit_test(who_goes_away_is_asked_no_more),
        cmocka_unit_test(a_request_over_the_limit_is_not_sent),
        cmocka_unit_test(an_answer_that_is_none_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
