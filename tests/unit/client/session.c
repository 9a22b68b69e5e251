/* A session renews its lease, also on a new stream, and knows when it is gone. */
#include "client/session.h"

#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct lab {
    struct peer peer;
    struct client_loop loop;
    struct client *client;
    struct client_session *session;
    unsigned seen;
};

static void on_seen(void *arg, const struct pb_lease_keep_alive_response *r)
{
    struct lab *l = arg;
    assert_int_equal(r->id, 5);
    l->seen++;
}

static void open_lab(struct lab *l, peer_serve *serve)
{
    *l = (struct lab){0};
    peer_start(&l->peer, serve);
    client_loop_init(&l->loop);
    struct slice endpoint = slice_str(l->peer.endpoint);
    const struct client_options opt = {
        .endpoints = &endpoint,
        .endpoints_n = 1,
        .user = SLICE_INIT("u"),
        .password = SLICE_INIT("p"),
        .dial_timeout_ms = 20000,
    };
    l->client = client_new(&l->loop, &opt);
    l->session = client_session_new(l->client, 5, 60, on_seen, l);
}

static void close_lab(struct lab *l)
{
    client_session_free(l->session);
    client_free(l->client);
    client_loop_fini(&l->loop);
    peer_stop(&l->peer);
}

static void reply(struct peer_call *call, int64_t ttl)
{
    const struct pb_lease_keep_alive_response r = {.id = 5, .ttl = ttl};
    peer_reply(call, &wire_lease_keep_alive_response, &r);
}

static void serve_broken(struct peer_call *call, const struct peer_request *request)
{
    (void)request;
    reply(call, 60);
    peer_end(call, GRPC_UNAVAILABLE, "");
}

static void a_lost_stream_is_opened_again(void **state)
{
    (void)state;
    struct lab l;
    open_lab(&l, serve_broken);
    while (client_session_alive(l.session) && l.seen < 3)
        client_loop_wait(&l.loop, CLIENT_FOREVER, -1);
    assert_int_equal(l.seen, 3);
    close_lab(&l);
}

static void serve_gone(struct peer_call *call, const struct peer_request *request)
{
    (void)request;
    reply(call, 0);
}

static void a_lease_without_time_is_gone(void **state)
{
    (void)state;
    struct lab l;
    open_lab(&l, serve_gone);
    while (client_session_alive(l.session))
        client_loop_wait(&l.loop, CLIENT_FOREVER, -1);
    assert_int_equal(l.seen, 0);
    assert_false(client_session_alive(l.session));
    close_lab(&l);
}

/* A lease of keys is renewed for whoever may write these. */
static void serve_with_token(struct peer_call *call, const struct peer_request *request)
{
    if (strcmp(request->path, "/etcdserverpb.Auth/Authenticate") == 0) {
        const struct pb_authenticate_response r = {.token = SLICE_INIT("t")};
        peer_reply(call, &wire_authenticate_response, &r);
        peer_end(call, GRPC_OK, "");
    } else if (strcmp(request->token, "t") == 0) {
        reply(call, 60);
    } else {
        peer_end(call, GRPC_UNAUTHENTICATED, etcd_error_text(ETCD_INVALID_AUTH_TOKEN));
    }
}

static void a_stale_token_is_renewed(void **state)
{
    (void)state;
    struct lab l;
    open_lab(&l, serve_with_token);
    while (client_session_alive(l.session) && l.seen < 1)
        client_loop_wait(&l.loop, CLIENT_FOREVER, -1);
    assert_int_equal(l.seen, 1);
    close_lab(&l);
}

static void serve_twice(struct peer_call *call, const struct peer_request *request)
{
    static unsigned asked;
    (void)request;
    if (asked++ < 2)
        reply(call, 1);
}

static void without_answers_it_is_gone_after_its_time(void **state)
{
    (void)state;
    struct lab l;
    open_lab(&l, serve_twice);
    while (client_session_alive(l.session))
        client_loop_wait(&l.loop, CLIENT_FOREVER, -1);
    assert_int_equal(l.seen, 2);
    close_lab(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_stream_is_opened_again),
        cmocka_unit_test(a_lease_without_time_is_gone),
        cmocka_unit_test(a_stale_token_is_renewed),
        cmocka_unit_test(without_answers_it_is_gone_after_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
