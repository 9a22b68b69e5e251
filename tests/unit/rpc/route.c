/* Plain HTTP is answered as etcd's Go server answers it, in either version. */
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct caller_reply *ask(struct lab *l, const char *method, const char *path)
{
    struct caller_reply *r = caller_send(
        &l->caller, &(struct caller_request){
                        .method = method, .path = path, .content_type = "", .no_body = true});
    assert_true(r->ended);
    *buf_extend(&r->headers, 1) = 0;
    return r;
}

static bool has(const struct caller_reply *r, const char *header)
{
    return strstr((const char *)r->headers.p, header) != NULL;
}

static void routes_are_found_by_their_path(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = ask(&l, "GET", "/text?a=b&c?");
    assert_int_equal(r->status, 200);
    assert_true(slice_eq(buf_slice(&r->body), SLICE_LIT("path /text query a=b&c?")));
    assert_true(has(r, "content-type: text/plain\n"));
    assert_true(has(r, "content-length: 23\n"));
    assert_true(has(r, "access-control-allow-origin: *\n"));
    assert_false(has(r, "nosniff"));
    r = ask(&l, "GET", "/text");
    assert_true(slice_eq(buf_slice(&r->body), SLICE_LIT("path /text query ")));
    lab_close(&l);
}

static void other_paths_and_methods_are_refused(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    static const char *const paths[] = {"/", "/tex", "/text/", "/text2", "/TEXT"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct caller_reply *r = ask(&l, "GET", paths[i]);
        assert_int_equal(r->status, 404);
        assert_true(slice_eq(buf_slice(&r->body), SLICE_LIT("404 page not found\n")));
        assert_true(has(r, "x-content-type-options: nosniff\n"));
    }
    static const char *const methods[] = {"PUT", "DELETE", "HEAD"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct caller_reply *r = ask(&l, methods[i], "/text");
        assert_int_equal(r->status, 405);
        assert_true(has(r, "allow: GET\n"));
        if (i < 2)
            assert_true(slice_eq(buf_slice(&r->body), SLICE_LIT("Method Not Allowed\n")));
        else
            assert_int_equal(r->body.n, 0); /* HEAD: RFC 9110 9.3.2 */
    }
    lab_close(&l);
}

static void browsers_may_ask_first(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = ask(&l, "OPTIONS", "/anything");
    assert_int_equal(r->status, 200);
    assert_int_equal(r->body.n, 0);
    assert_true(has(r, "access-control-allow-methods: POST, GET, OPTIONS, PUT, DELETE\n"));
    assert_true(has(r, "access-control-allow-headers: accept, content-type, authorization\n"));
    lab_close(&l);
}

static void a_route_may_refuse(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct caller_reply *r = ask(&l, "GET", "/ill");
    assert_int_equal(r->status, 503);
    assert_true(has(r, "x-content-type-options: nosniff\n"));
    assert_true(has(r, "x-more: 1\n"));
    assert_true(slice_eq(buf_slice(&r->body), SLICE_LIT("ill")));
    lab_close(&l);
}

static void http1_is_answered_the_same(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    struct http_handler *h = rpc_server_handler(l.server, RPC_DOOR_ALL);
    char *text = caller_http1(&l.env, h, "GET /text?q HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(text, "\r\n\r\npath /text query q"));
    free(text);
    text = caller_http1(&l.env, h, "HEAD /text HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_non_null(strstr(text, "HTTP/1.1 405 Method Not Allowed\r\n"));
    assert_null(strstr(text, "\r\n\r\nMethod"));
    free(text);
    /* gRPC needs HTTP/2: here it is no call, and not found */
    text = caller_http1(&l.env, h,
                        "POST /t.T/Echo HTTP/1.1\r\nHost: a\r\ncontent-type: application/grpc\r\n"
                        "content-length: 5\r\n\r\n\0\0\0\0\0");
    assert_non_null(strstr(text, "HTTP/1.1 404 Not Found\r\n"));
    assert_int_equal(l.served, 0);
    free(text);
    lab_close(&l);
}

static void a_door_opens_for_what_is_meant(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, 0, 1u << 30, 0);
    const char *plain = "GET /text?q HTTP/1.1\r\nHost: a\r\n\r\n";
    char *text = caller_http1(&l.env, rpc_server_handler(l.server, RPC_DOOR_GRPC), plain);
    assert_non_null(strstr(text, "HTTP/1.1 404 Not Found\r\n"));
    free(text);
    text = caller_http1(&l.env, rpc_server_handler(l.server, RPC_DOOR_HTTP), plain);
    assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
    free(text);
    caller_close(&l.caller);
    caller_open(&l.caller, &l.env, rpc_server_handler(l.server, RPC_DOOR_HTTP), &l.budget, 0);
    assert_int_equal(caller_call(&l.caller, "/t.T/Echo", SLICE_LIT("m"))->status, 404);
    assert_int_equal(l.served, 0);
    caller_close(&l.caller);
    caller_open(&l.caller, &l.env, rpc_server_handler(l.server, RPC_DOOR_GRPC), &l.budget, 0);
    assert_int_equal(caller_call(&l.caller, "/t.T/Echo", SLICE_LIT("m"))->grpc_status, 0);
    assert_int_equal(l.served, 1);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_are_found_by_their_path),
        cmocka_unit_test(other_paths_and_methods_are_refused),
        cmocka_unit_test(browsers_may_ask_first),
        cmocka_unit_test(a_route_may_refuse),
        cmocka_unit_test(http1_is_answered_the_same),
        cmocka_unit_test(a_door_opens_for_what_is_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
