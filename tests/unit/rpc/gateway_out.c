/* Answers in JSON: one message or many, each in its own chunk, what is pulled, and every refusal.
 */
#include "gateway_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct gateway_lab lab;

static int open_lab(void **state)
{
    (void)state;
    gateway_lab_open(&lab, 0, 1u << 30);
    return 0;
}

static int close_lab(void **state)
{
    (void)state;
    gateway_lab_close(&lab);
    return 0;
}

static void has(const char *answer, const char *part)
{
    if (!strstr(answer, part))
        fail_msg("%s is not in\n%s", part, answer);
}

static void test_each_message_is_a_chunk(void **state)
{
    (void)state;
    char *answer = gateway_lab_post(&lab, "/v3/talk", "",
                                    "{\"key\":\"YQ==\"}{\"key\":\"Yg==\"}{\"key\":\"ZW5k\"}");
    has(answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                "Grpc-Metadata-Content-Type: application/grpc\r\n");
    has(answer, "Transfer-Encoding: chunked\r\n\r\n"
                "1a\r\n{\"result\":{\"key\":\"YQ==\"}}\n\r\n"
                "1a\r\n{\"result\":{\"key\":\"Yg==\"}}\n\r\n"
                "0\r\n\r\n");
    free(answer);
}

static void test_a_large_message_is_one_chunk_too(void **state)
{
    enum { VALUE = 100000 };
    struct buf body = {0};
    (void)state;
    buf_append_str(&body, "{\"value\":\"");
    memset(buf_extend(&body, VALUE), 'A', VALUE);
    buf_append_str(&body, "\"}{\"key\":\"ZW5k\"}");
    buf_append_u8(&body, 0);
    char *answer = gateway_lab_post(&lab, "/v3/talk", "", (const char *)body.p);
    has(answer, "\r\n\r\n186b8\r\n{\"result\":{\"value\":\"AAAA");
    has(answer, "AAA\"}}\n\r\n0\r\n\r\n");
    free(answer);
    buf_fini(&body);
}

static void test_the_end_of_a_stream_may_be_a_refusal(void **state)
{
    (void)state;
    char *answer =
        gateway_lab_post(&lab, "/v3/talk", "", "{\"key\":\"YQ==\"}{\"key\":\"ZmFpbA==\"}");
    has(answer, "HTTP/1.1 200 OK\r\n");
    has(answer,
        "\n{\"error\":{\"grpc_code\":10,\"http_code\":409,\"message\":\"as you wish\","
        "\"http_status\":\"Conflict\",\"code\":10,\"explain\":\"you asked for it\"}}\n\r\n0\r\n");
    free(answer);
    answer = gateway_lab_post(&lab, "/v3/talk", "", "{\"key\":\"ZmFpbA==\"}");
    has(answer, "HTTP/1.1 409 Conflict\r\n");
    has(answer, "\r\n{\"error\":{\"grpc_code\":10,");
    free(answer);
    answer = gateway_lab_post(&lab, "/v3/talk", "", "{\"key\":\"ZW5k\"}");
    has(answer, "HTTP/1.1 200 OK\r\n");
    has(answer, "\r\n\r\n0\r\n\r\n");
    free(answer);
}

static void test_every_code_has_its_status(void **state)
{
    static const unsigned status[] = {0,   499, 500, 400, 504, 404, 409, 403, 429,
                                      400, 409, 400, 501, 500, 503, 500, 401};
    (void)state;
    for (unsigned code = 1; code < ARRAY_LEN(status); code++) {
        char body[32];
        char want[160];
        snprintf(body, sizeof(body), "{\"version\":%u}", code);
        char *answer = gateway_lab_post(&lab, "/v3/refuse", "", body);
        snprintf(want, sizeof(want), "HTTP/1.1 %u ", status[code]);
        assert_memory_equal(answer, want, strlen(want));
        snprintf(
            want, sizeof(want),
            "\r\n\r\n{\"error\":\"no \\\"such\\\" thing\",\"message\":\"no \\\"such\\\" thing\","
            "\"code\":%u}",
            code);
        has(answer, want);
        assert_true((code == 16) == (strstr(answer, "Www-Authenticate: no \"such\"") != NULL));
        free(answer);
    }
    char *answer = gateway_lab_post(&lab, "/v3/refuse", "", "{\"version\":5,\"lease\":1}");
    has(answer, "\"code\":5,\"explain\":\"look\"}");
    free(answer);
}

static void test_what_is_pulled_becomes_json(void **state)
{
    (void)state;
    struct caller_reply *r = gateway_lab_send(&lab, "/v3/pull", "{\"version\":2}", false);
    gateway_lab_said(r, "{\"kvs\":[{\"key\":\"aw==\"},{\"key\":\"aw==\"}]}");
    assert_true(r->ended);
    r = gateway_lab_send(&lab, "/v3/pull", "{\"version\":0}", false);
    gateway_lab_said(r, "{}");
    r = gateway_lab_send(&lab, "/v3/pull", "{\"version\":100000}", false);
    assert_int_equal(r->body.n, 8 + 100000 * 15 - 1 + 2);
    assert_memory_equal(r->body.p + r->body.n - 17, ",{\"key\":\"aw==\"}]}", 17);
    assert_int_equal(lab.released, 3);
}

static void test_a_reader_that_leaves_releases_the_source(void **state)
{
    (void)state;
    lab.stalls = true;
    struct caller_reply *r = gateway_lab_send(&lab, "/v3/pull", "{\"version\":5}", false);
    assert_int_equal(r->status, 200);
    assert_int_equal(lab.released, 0);
    caller_cancel(&lab.caller, r);
    assert_int_equal(lab.released, 1);
}

static void test_a_slow_reader_is_not_heard(void **state)
{
    enum { VALUE = 100000, MESSAGES = 6 };
    struct buf body = {0};
    (void)state;
    buf_append_str(&body, "{\"value\":\"");
    memset(buf_extend(&body, VALUE), 'A', VALUE);
    buf_append_str(&body, "\"}");
    caller_close(&lab.caller); /* one that lets 64 KiB come, and no more */
    caller_open(&lab.caller, &lab.env, rpc_server_handler(lab.server, RPC_DOOR_ALL), &lab.budget,
                65535);
    struct caller_reply *r = gateway_lab_send(&lab, "/v3/talk", "", true);
    for (unsigned i = 0; i < MESSAGES; i++)
        caller_more(&lab.caller, r, buf_slice(&body), false);
    assert_true(lab.served < MESSAGES);
    caller_allow(&lab.caller, r, 10000000);
    caller_pump(&lab.caller);
    assert_int_equal(lab.served, MESSAGES);
    assert_true(lab.drained > 0);
    caller_cancel(&lab.caller, r);
    buf_fini(&body);
}

static void test_what_is_shared_waits_once(void **state)
{
    enum { READERS = 3, VALUE = 90000, JSON = VALUE / 3 * 4 };
    struct caller_reply *r[READERS];
    struct rpc_call *calls[READERS];
    struct buf field = {0};
    (void)state;
    buf_append_str(&field, "\x2a\x90\xbf\x05"); /* KeyValue.value, 90000 bytes */
    memset(buf_extend(&field, VALUE), 0, VALUE);
    struct blob *tail = blob_new(&field);
    for (size_t i = 0; i < READERS; i++) {
        r[i] = gateway_lab_send(&lab, "/v3/talk", "{\"key\":\"YQ==\"}", true);
        calls[i] = lab.talk;
        gateway_lab_said(r[i], "{\"result\":{\"key\":\"YQ==\"}}\n");
    }
    size_t before = lab.budget.used;
    for (size_t i = 0; i < READERS; i++) {
        rpc_send_shared(calls[i], SLICE_LIT("\x0a\1b"), tail);
        assert_true(rpc_queued(calls[i]) > JSON);
    }
    assert_in_range(lab.budget.used - before, JSON, JSON + 1000);
    blob_release(tail);
    caller_cancel(&lab.caller, r[0]);
    for (size_t i = 1; i < READERS; i++) {
        caller_allow(&lab.caller, r[i], 10000000);
        caller_pump(&lab.caller);
        buf_append_u8(&r[i]->body, 0);
        has((const char *)r[i]->body.p, "{\"result\":{\"key\":\"Yg==\",\"value\":\"AAAA");
        has((const char *)r[i]->body.p, "AAA\"}}\n");
        assert_int_equal(rpc_queued(calls[i]), 0);
        caller_cancel(&lab.caller, r[i]);
    }
}

static void test_a_little_is_shared_as_well(void **state)
{
    struct buf field = {0};
    (void)state;
    struct caller_reply *r = gateway_lab_send(&lab, "/v3/talk", "{\"key\":\"YQ==\"}", true);
    buf_clear(&r->body);
    buf_append_str(&field, "\x2a\1x");
    struct blob *tail = blob_new(&field);
    for (int i = 0; i < 2; i++) {
        rpc_send_shared(lab.talk, SLICE_LIT("\x0a\1b"), tail);
        caller_pump(&lab.caller);
        gateway_lab_said(r, "{\"result\":{\"key\":\"Yg==\",\"value\":\"eA==\"}}\n");
    }
    blob_release(tail);
    caller_cancel(&lab.caller, r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_lab, close_lab)
    const struct CMUnitTest tests[] = {
        TEST(test_each_message_is_a_chunk),
        TEST(test_a_large_message_is_one_chunk_too),
        TEST(test_the_end_of_a_stream_may_be_a_refusal),
        TEST(test_every_code_has_its_status),
        TEST(test_what_is_pulled_becomes_json),
        TEST(test_a_reader_that_leaves_releases_the_source),
        TEST(test_a_slow_reader_is_not_heard),
        TEST(test_what_is_shared_waits_once),
        TEST(test_a_little_is_shared_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
