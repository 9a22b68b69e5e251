/* A watch gives each event once, also over a lost connection, and ends when the server ends it. */
#include "client/watch.h"

#include "peer.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct lab {
    struct peer peer;
    struct client_loop loop;
    struct client *client;
    struct client_watch *watch;
};

static void open_lab(struct lab *l, peer_serve *serve, int64_t revision)
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
    const struct client_watch_options watch = {.key = SLICE_INIT("k"), .revision = revision};
    l->client = client_new(&l->loop, &opt);
    l->watch = client_watch_new(l->client, &watch);
}

static void close_lab(struct lab *l)
{
    client_watch_free(l->watch);
    client_free(l->client);
    client_loop_fini(&l->loop);
    peer_stop(&l->peer);
}

static struct pb_watch_request decode(struct slice message, struct arena *arena)
{
    struct pb_watch_request r;
    if (wire_decode(&wire_watch_request, message, arena, &r) != RC_OK)
        _Exit(1);
    return r;
}

static void reply_event(struct peer_call *call, int64_t revision)
{
    struct pb_response_header header = {.revision = revision};
    struct pb_key_value kv = {.key = SLICE_INIT("k"), .mod_revision = revision};
    struct pb_event event = {.kv = &kv};
    const struct pb_watch_response r = {.header = &header, .events = &event, .events_n = 1};
    peer_reply(call, &wire_watch_response, &r);
}

static void reply_created(struct peer_call *call, int64_t revision)
{
    struct pb_response_header header = {.revision = revision};
    const struct pb_watch_response r = {.header = &header, .created = true};
    peer_reply(call, &wire_watch_response, &r);
}

/* Event 7, then the stream breaks; each time it is opened again, the event at which it begins. */
static void serve_broken(struct peer_call *call, const struct peer_request *request)
{
    static unsigned streams;
    struct arena arena = {0};
    int64_t start = decode(request->message, &arena).create_request->start_revision;
    arena_fini(&arena);
    reply_created(call, 6);
    if (streams++ == 0) {
        reply_event(call, 7);
        peer_end(call, GRPC_UNAVAILABLE, "server%20stopped");
    } else {
        reply_event(call, start);
        peer_end(call, GRPC_INTERNAL, "again");
    }
}

static int64_t next_event(struct lab *l)
{
    struct arena arena = {0};
    struct pb_watch_response r;
    assert_int_equal(client_watch_await(l->watch, -1, &arena, &r), RC_OK);
    assert_int_equal(r.events_n, 1);
    int64_t revision = r.events[0].kv->mod_revision;
    arena_fini(&arena);
    return revision;
}

static void it_goes_on_behind_the_last_event(void **state)
{
    (void)state;
    struct lab l;
    open_lab(&l, serve_broken, 0);
    for (int64_t revision = 7; revision < 11; revision++)
        assert_int_equal(next_event(&l), revision);
    close_lab(&l);
}

/* A stream that ends before any event: the watch must not miss what comes meanwhile. */
static void serve_empty_first(struct peer_call *call, const struct peer_request *request)
{
    static unsigned streams;
    struct arena arena = {0};
    int64_t start = decode(request->message, &arena).create_request->start_revision;
    arena_fini(&arena);
    reply_created(call, 41);
    if (streams++ == 0)
        peer_end(call, GRPC_UNAVAILABLE, "");
    else
        reply_event(call, start);
}

static void from_now_on_means_from_its_creation_on(void **state)
{
    (void)state;
    struct lab l;
    open_lab(&l, serve_empty_first, 0);
    assert_int_equal(next_event(&l), 42);
    close_lab(&l);
}

static void serve_compacted(struct peer_call *call, const struct peer_request *request)
{
    (void)request;
    reply_created(call, 9);
    const struct pb_watch_response r = {.canceled = true, .compact_revision = 5};
    peer_reply(call, &wire_watch_response, &r);
}

static void what_the_server_cancels_is_over(void **state)
{
    (void)state;
    struct lab l;
    struct arena arena = {0};
    struct pb_watch_response r;
    AUTO(buf_fini) struct buf why = {0};
    open_lab(&l, serve_compacted, 2);
    assert_int_equal(client_watch_await(l.watch, -1, &arena, &r), RC_OK);
    assert_true(r.canceled);
    client_watch_reason(&r, &why);
    assert_true(slice_eq(buf_slice(&why), slice_str(etcd_error_text(ETCD_COMPACTED))));
    assert_int_equal(client_watch_await(l.watch, -1, &arena, &r), RC_END);
    arena_fini(&arena);
    close_lab(&l);
}

static void serve_denied(struct peer_call *call, const struct peer_request *request)
{
    (void)request;
    peer_end(call, GRPC_PERMISSION_DENIED, etcd_error_text(ETCD_PERMISSION_DENIED));
}

static void a_refusal_is_given_as_its_reason(void **state)
{
    (void)state;
    struct lab l;
    struct arena arena = {0};
    struct pb_watch_response r;
    open_lab(&l, serve_denied, 0);
    assert_int_equal(client_watch_await(l.watch, -1, &arena, &r), RC_OK);
    assert_true(r.canceled);
    assert_true(slice_eq(r.cancel_reason, slice_str(etcd_error_text(ETCD_PERMISSION_DENIED))));
    assert_int_equal(client_watch_await(l.watch, -1, &arena, &r), RC_END);
    arena_fini(&arena);
    close_lab(&l);
}

/* Gives tokens t1, t2 …; a watch with another than the second is refused, as etcd refuses it. */
static void serve_second_token(struct peer_call *call, const struct peer_request *request)
{
    static unsigned given;
    if (strcmp(request->path, "/etcdserverpb.Auth/Authenticate") == 0) {
        char token[8] = {'t', (char)('1' + given++)};
        const struct pb_authenticate_response r = {.token = slice_str(token)};
        peer_reply(call, &wire_authenticate_response, &r);
        peer_end(call, GRPC_OK, "");
    } else if (strcmp(request->token, "t2") == 0) {
        reply_created(call, 6);
        reply_event(call, 7);
        peer_end(call, GRPC_UNAVAILABLE, "");
    } else {
        const struct pb_watch_response r = {
            .created = true,
            .canceled = true,
            .watch_id = -1,
            .cancel_reason = SLICE_INIT("rpc error: code = Unauthenticated desc = "
                                        "etcdserver: invalid auth token"),
        };
        peer_reply(call, &wire_watch_response, &r);
    }
}

static void a_stale_token_is_renewed_once(void **state)
{
    (void)state;
    struct lab l;
    struct client_status status = {0};
    struct arena arena = {0};
    struct pb_watch_response r;
    open_lab(&l, serve_second_token, 0);
    assert_int_equal(client_login(l.client, &status), RC_OK); /* t1 */
    assert_int_equal(next_event(&l), 7);                      /* t2 */
    assert_int_equal(client_login(l.client, &status), RC_OK); /* t3, for the next stream */
    assert_int_equal(client_watch_await(l.watch, -1, &arena, &r), RC_OK);
    assert_true(r.canceled); /* t4 is no better */
    assert_int_equal(client_watch_await(l.watch, -1, &arena, &r), RC_END);
    arena_fini(&arena);
    client_status_fini(&status);
    close_lab(&l);
}

static void serve_progress(struct peer_call *call, const struct peer_request *request)
{
    struct arena arena = {0};
    uint32_t kind = decode(request->message, &arena).request_union_case;
    arena_fini(&arena);
    struct pb_response_header header = {.revision = 77};
    const struct pb_watch_response r = {.header = &header};
    if (kind == PB_WATCH_CREATE) {
        reply_created(call, 70);
        reply_event(call, 71);
    } else {
        peer_reply(call, &wire_watch_response, &r);
    }
}

static void progress_can_be_asked_for(void **state)
{
    (void)state;
    struct lab l;
    struct arena arena = {0};
    struct pb_watch_response r;
    open_lab(&l, serve_progress, 0);
    assert_int_equal(next_event(&l), 71);
    client_watch_request_progress(l.watch);
    assert_int_equal(client_watch_await(l.watch, -1, &arena, &r), RC_OK);
    assert_int_equal(r.header->revision, 77);
    assert_int_equal(r.events_n, 0);
    arena_fini(&arena);
    close_lab(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_on_behind_the_last_event),
        cmocka_unit_test(from_now_on_means_from_its_creation_on),
        cmocka_unit_test(what_the_server_cancels_is_over),
        cmocka_unit_test(a_refusal_is_given_as_its_reason),
        cmocka_unit_test(a_stale_token_is_renewed_once),
        cmocka_unit_test(progress_can_be_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
