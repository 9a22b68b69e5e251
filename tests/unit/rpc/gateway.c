/* Requests in JSON: which are calls, whose, and which are refused, and how. */
#include "gateway_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MESSAGE_MAX 1000u

static struct gateway_lab lab;

static int open_lab(void **state)
{
    (void)state;
    gateway_lab_open(&lab, MESSAGE_MAX, 1u << 30);
    return 0;
}

static int close_lab(void **state)
{
    (void)state;
    gateway_lab_close(&lab);
    return 0;
}

static void expect(const char *path, const char *header, const char *body, unsigned status,
                   const char *part)
{
    char line[32];
    char *answer = gateway_lab_post(&lab, path, header, body);
    snprintf(line, sizeof(line), "HTTP/1.1 %u ", status);
    if (strncmp(answer, line, strlen(line)) != 0 || !strstr(answer, part))
        fail_msg("%s %s: wanted %u and %s in\n%s", path, body, status, part, answer);
    free(answer);
}

static void test_a_body_is_a_call(void **state)
{
    (void)state;
    expect("/v3/echo", "", "{\"key\":\"YQ\",\"modRevision\":7}", 200,
           "\r\n\r\n{\"key\":\"YQ==\",\"mod_revision\":\"7\"}");
    expect("/v3/echo", "", "{\"key\":\"YQ\"} and more", 200, "\r\n\r\n{\"key\":\"YQ==\"}");
    expect("/v3/echo?pretty", "", "", 200, "\r\n\r\n{}");
    expect("/v3beta/echo", "", "{}", 200, "\r\n\r\n{}");
    assert_int_equal(lab.served, 4);
}

static void test_paths_that_lead_nowhere(void **state)
{
    (void)state;
    expect("/v3/nope", "", "{}", 404,
           "{\"error\":\"Not Found\",\"message\":\"Not Found\",\"code\":5}");
    expect("/v3/echo/", "", "{}", 404, "\"code\":5");
    expect("/v3/", "", "{}", 404, "\"code\":5");
    expect("/v3alpha/echo", "", "{}", 404, "404 page not found");
    expect("/v3", "", "{}", 307, "Location: /v3/\r\n");
    expect("//v3/./x/../echo?q", "", "{}", 307, "Location: /v3/echo?q\r\n");
    expect("/./\\host?a=\"", "", "{}", 307, "Location: /%5Chost?a=%22\r\n");
    expect("/v3/missing", "", "{}", 501, "\"unknown method Missing for service t.T\"");
    struct caller_reply *r = caller_send(
        &lab.caller, &(struct caller_request){
                         .method = "GET", .path = "/v3/echo", .content_type = "", .no_body = true});
    assert_int_equal(r->status, 501);
    gateway_lab_said(r, "{\"error\":\"Method Not Allowed\",\"message\":\"Method Not Allowed\","
                        "\"code\":12}");
    assert_int_equal(lab.served, 0);
}

static void test_bodies_that_are_no_message(void **state)
{
    char big[2 * MESSAGE_MAX + 100];
    (void)state;
    expect("/v3/echo", "", "{\"key\":", 400, "\"error\":\"unexpected EOF\"");
    expect("/v3/echo", "", "null", 400, "unexpected token null");
    expect("/v3/talk", "", "x", 400, "{\"error\":\"proto: syntax error");
    expect("/v3/talk", "", "{\"key\":", 400, "{\"error\":\"unexpected EOF\"");
    memset(big, 'A', sizeof(big));
    memcpy(big, "{\"key\":\"", 8);
    memcpy(big + 8 + MESSAGE_MAX / 3 * 4, "\"}", 3);
    expect("/v3/echo", "", big, 429, "received message larger than max (1002 vs. 1000)");
    memset(big, ' ', sizeof(big));
    big[0] = '{';
    big[sizeof(big) - 1] = 0;
    expect("/v3/echo", "", big, 429, "received message larger than max");
    assert_int_equal(lab.served, 0);
}

static void test_the_caller_is_its_token(void **state)
{
    (void)state;
    expect("/v3/echo", "Authorization: abc\r\n", "{}", 200, "{}");
    assert_string_equal(lab.token, "abc");
    expect("/v3/echo", "Grpc-Metadata-Token: def\r\nAuthorization: abc\r\n", "{}", 200, "{}");
    assert_string_equal(lab.token, "def");
    expect("/v3/echo", "Grpc-Metadata-Authorization: ghi\r\n", "{}", 200, "{}");
    assert_string_equal(lab.token, "ghi");
    expect("/v3/echo", "Token: no\r\nX-Token: no\r\n", "{}", 200, "{}");
    assert_string_equal(lab.token, "");
}

static void test_many_messages_in_any_pieces(void **state)
{
    static const char text[] = " {\"key\":\"YQ==\"}\n{\"key\":\"Yg==\"}";
    (void)state;
    struct caller_reply *r = gateway_lab_send(&lab, "/v3/talk", "", true);
    assert_int_equal(r->status, 0);
    for (size_t i = 0; text[i]; i++)
        caller_more(&lab.caller, r, slice_of(&text[i], 1), false);
    assert_int_equal(r->status, 200);
    gateway_lab_said(r, "{\"result\":{\"key\":\"YQ==\"}}\n{\"result\":{\"key\":\"Yg==\"}}\n");
    caller_more(&lab.caller, r, (struct slice){0}, true);
    assert_int_equal(lab.half_closed, 1);
    assert_false(r->ended); /* and still it hears */
    caller_cancel(&lab.caller, r);
    assert_int_equal(lab.closed, 1);
}

static void test_a_fault_later_on_ends_the_stream(void **state)
{
    (void)state;
    struct caller_reply *r = gateway_lab_send(&lab, "/v3/talk", "{\"key\":\"YQ==\"}[", true);
    assert_true(r->ended);
    assert_non_null(r->body.p);
    gateway_lab_said(
        r, "{\"result\":{\"key\":\"YQ==\"}}\n{\"error\":{\"grpc_code\":3,\"http_code\":400,"
           "\"message\":\"proto: syntax error (line 1:1): unexpected token [\","
           "\"http_status\":\"Bad Request\",\"code\":3}}\n");
    assert_int_equal(lab.closed, 1);
}

static void test_a_stream_without_a_message(void **state)
{
    (void)state;
    struct caller_reply *r = gateway_lab_send(&lab, "/v3/talk", "", false);
    assert_int_equal(lab.half_closed, 1);
    caller_cancel(&lab.caller, r);
    assert_int_equal(lab.closed, 1);
}

static void test_a_deadline_ends_the_wait(void **state)
{
    (void)state;
    expect("/v3/echo", "Grpc-Timeout: soon\r\n", "{}", 400, "invalid grpc-timeout: soon");
    char *answer = gateway_lab_post(&lab, "/v3/wait", "Grpc-Timeout: 1S\r\n", "{}");
    free(answer); /* that client has gone */
    struct rpc_call *call = lab.held;
    assert_true(rpc_gone(call));
    rpc_fail_etcd(call, ETCD_STOPPED, NULL);
}

static void test_an_answer_for_nobody(void **state)
{
    (void)state;
    struct caller_reply *r = gateway_lab_send(&lab, "/v3/wait", "{}", false);
    caller_cancel(&lab.caller, r);
    assert_true(rpc_gone(lab.held));
    struct buf body = {0};
    rpc_body_begin(&body);
    rpc_reply(lab.held, &body);
}

/* Who sends many requests at once is one among others all the same. */
static void test_calls_of_a_connection_have_one_origin(void **state)
{
    (void)state;
    gateway_lab_send(&lab, "/v3/wait", "{}", false);
    struct rpc_call *first = lab.held;
    gateway_lab_send(&lab, "/v3/wait", "{}", false);
    assert_true(first != lab.held);
    assert_int_equal(rpc_call_origin(first), rpc_call_origin(lab.held));
    rpc_fail_etcd(first, ETCD_STOPPED, NULL);
    rpc_fail_etcd(lab.held, ETCD_STOPPED, NULL);
}

static void test_memory_is_counted(void **state)
{
    (void)state;
    struct caller_reply *r = gateway_lab_send(&lab, "/v3/echo", "{\"key\":\"", true);
    lab.budget.max = lab.budget.used + 100;
    char more[1000];
    memset(more, 'A', sizeof(more));
    caller_more(&lab.caller, r, slice_of(more, sizeof(more)), false);
    assert_int_equal(r->status, 429);
    gateway_lab_said(r, "{\"error\":\"etcdserver: too many requests\",\"message\":"
                        "\"etcdserver: too many requests\",\"code\":8}");
    lab.budget.max = 1u << 30;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_lab, close_lab)
    const struct CMUnitTest tests[] = {
        TEST(test_a_body_is_a_call),
        TEST(test_paths_that_lead_nowhere),
        TEST(test_bodies_that_are_no_message),
        TEST(test_the_caller_is_its_token),
        TEST(test_many_messages_in_any_pieces),
        TEST(test_a_fault_later_on_ends_the_stream),
        TEST(test_a_stream_without_a_message),
        TEST(test_a_deadline_ends_the_wait),
        TEST(test_an_answer_for_nobody),
        TEST(test_calls_of_a_connection_have_one_origin),
        TEST(test_memory_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
