/* The gateway's paths are etcd's, each leads to the method of that name, and every answer is as its
 * message says: tried with those that one member answers. */
#include "api/inner.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Which of a service's methods etcd has no path for. */
static const char *const without[] = {"/etcdserverpb.KV/RangeStream", "/grpc.health.v1.Health/"};

static void paths_are_sorted_and_messages_named_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_gateway_count; i++) {
        const struct rpc_gateway_route *r = &api_gateway[i];
        const char *request = wire_name(r->request);
        const char *response = wire_name(r->response);
        size_t n = strlen(request) - strlen("Request");
        if (i > 0)
            assert_true(strcmp(api_gateway[i - 1].path, r->path) < 0);
        assert_string_equal(request + n, "Request");
        assert_memory_equal(request, response, n);
        assert_string_equal(response + n, "Response");
        /* of the method's own package */
        assert_memory_equal(r->method + 1, request, strcspn(request, "."));
        assert_true(r->streams || !r->many);
    }
    assert_int_equal(api_gateway_count, 51);
}

static struct caller_reply *post(struct lab *l, const char *path, const char *body)
{
    struct caller_reply *r = caller_send(
        &l->caller, &(struct caller_request){
                        .path = path, .content_type = "application/json", .body = slice_str(body)});
    lab_run(l);
    *buf_extend(&r->body, 1) = 0;
    return r;
}

static void answers(struct lab *l, const char *path, const char *body, const char *want)
{
    struct caller_reply *r = post(l, path, body);
    assert_int_equal(r->status, 200);
    const char *behind = strstr((const char *)r->body.p, "\"raft_term\":\"");
    assert_non_null(behind);
    behind += strlen("\"raft_term\":\"");
    assert_string_equal(behind + strcspn(behind, "\"") + 2, want);
}

static void keys_are_written_and_read(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    answers(&l, "/v3/kv/put", "{\"key\":\"YQ==\",\"value\":\"Yg==\"}", "}");
    answers(&l, "/v3beta/kv/range", "{\"key\":\"YQ==\"}",
            ",\"kvs\":[{\"key\":\"YQ==\",\"create_revision\":\"2\",\"mod_revision\":\"2\","
            "\"version\":\"1\",\"value\":\"Yg==\"}],\"count\":\"1\"}");
    answers(&l, "/v3/kv/deleterange", "{\"key\":\"YQ==\"}", ",\"deleted\":\"1\"}");
    answers(&l, "/v3/kv/txn", "{\"success\":[{\"request_range\":{\"key\":\"YQ==\"}}]}",
            ",\"succeeded\":true,\"responses\":[{\"response_range\":{\"header\":{"
            "\"revision\":\"3\"}}}]}");
    struct caller_reply *r = post(&l, "/v3/kv/put", "{}");
    assert_int_equal(r->status, 400);
    assert_string_equal((const char *)r->body.p,
                        "{\"error\":\"etcdserver: key is not provided\",\"message\":"
                        "\"etcdserver: key is not provided\",\"code\":3}");
    lab_close(&l);
}

static void every_path_leads_somewhere(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    for (size_t i = 0; i < api_gateway_count; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/v3/%s", api_gateway[i].path);
        struct caller_reply *r = caller_send(
            &l.caller, &(struct caller_request){
                           .method = "GET", .path = path, .content_type = "", .no_body = true});
        assert_int_equal(r->status, 501);
    }
    for (size_t i = 0; i < ARRAY_LEN(without); i++)
        for (size_t j = 0; j < api_gateway_count; j++)
            assert_null(strstr(api_gateway[j].method, without[i]));
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_sorted_and_messages_named_alike),
        cmocka_unit_test(keys_are_written_and_read),
        cmocka_unit_test(every_path_leads_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
