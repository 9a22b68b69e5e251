/* An HTTP/1 connection over its life: keep-alive, pipelining, 100-continue, bodies that nobody
 * reads, bodies that come faster than they are consumed. */
#include "http/h1.h"

#include "base/mem.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST "Host: a\r\n"
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

#define OK_HEAD(length)                                                                            \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" DATE "Content-Length: " length "\r\n\r\n"

static struct lab lab;

static int set_up(void **state)
{
    (void)state;
    lab_open(&lab, NULL, UINT64_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lab_close(&lab);
    return 0;
}

static void test_keep_alive(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_string_equal(lab_talk(&lab, "GET /sink HTTP/1.1\r\n" HOST "\r\n"),
                            OK_HEAD("2") "ok");
        assert_string_equal(lab_journal(&lab), "request GET /sink a\nend\nclose ok\n");
    }
    assert_false(lab.finished);
}

static void test_connection_close(void **state)
{
    (void)state;
    const char *out =
        lab_talk(&lab, "GET /sink HTTP/1.1\r\n" HOST "Connection: x, Close\r\n\r\nGET /sink H");
    assert_string_equal(out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" DATE
                             "Content-Length: 2\r\nConnection: close\r\n\r\nok");
    assert_true(lab.finished);
    assert_int_equal(lab.requests, 1);
}

static void test_http_1_0(void **state)
{
    (void)state;
    const char *out = lab_talk(&lab, "GET /sink HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_string_equal(out, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n" DATE
                             "Content-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
    assert_false(lab.finished);
    /* No chunks in 1.0: the end of the connection is the end of the body. */
    out = lab_talk(&lab, "GET /unsized?3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_string_equal(out, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n" DATE
                             "Connection: close\r\n\r\naaa");
    assert_true(lab.finished);
}

static void test_pipelining(void **state)
{
    (void)state;
    const char *out = lab_talk(&lab, "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                                     "GET /list?2 HTTP/1.1\r\n" HOST "\r\n"
                                     "GET /early HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(out, OK_HEAD("3") "abc" OK_HEAD("2") "aa" OK_HEAD("5") "early");
    assert_int_equal(lab.requests, 3);
    assert_int_equal(lab.released, 1);
}

/* What is pipelined waits, and the socket is told to hold back until it is its turn. */
static void test_pipelining_pauses(void **state)
{
    (void)state;
    lab_talk(&lab, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    assert_false(lab.paused);
    lab_talk(&lab, "GET /sink HTTP/1.1\r\n" HOST "\r\n");
    assert_true(lab.paused);
    assert_int_equal(lab.requests, 1);
    lab_say(&lab, 2, true);
    const char *out = lab_talk(&lab, "");
    assert_non_null(strstr(out, "2\r\naa\r\n0\r\n\r\nHTTP/1.1 200 OK"));
    assert_false(lab.paused);
    assert_int_equal(lab.requests, 2);
}

/* A socket that goes on feeding meets a limit. */
static void test_waiting_limit(void **state)
{
    (void)state;
    lab_talk(&lab, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    uint8_t piece[16384] = {0};
    unsigned fed = 0;
    while (!lab.finished && fed < 100) {
        lab_feed(&lab, slice_of(piece, sizeof(piece)));
        fed++;
    }
    assert_int_equal(fed, H1_WAITING_MAX / sizeof(piece) + 1);
    assert_true(lab.budget.used < 4096);
}

static void test_expect_continue(void **state)
{
    (void)state;
    const char *out = lab_talk(&lab, "PUT /echo HTTP/1.1\r\n" HOST
                                     "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n");
    assert_string_equal(out, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_string_equal(lab_talk(&lab, "abc"), OK_HEAD("3") "abc");
    /* No body, nothing to continue with. */
    out = lab_talk(&lab, "GET /sink HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n");
    assert_string_equal(out, OK_HEAD("2") "ok");
}

/* RFC 9110 10.1.1: answered at once, the body may come or not: only closing is safe. */
static void test_expect_answered_early(void **state)
{
    (void)state;
    const char *out = lab_talk(&lab, "PUT /early HTTP/1.1\r\n" HOST
                                     "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_string_equal(out, OK_HEAD("5") "early");
    assert_true(lab.finished);
}

/* Told to continue, it sends the body, wanted or not: that can be drained. */
static void test_expect_answered_late(void **state)
{
    (void)state;
    const char *out = lab_talk(&lab, "PUT /late HTTP/1.1\r\n" HOST
                                     "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_string_equal(out, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_string_equal(lab_talk(&lab, "a"), OK_HEAD("4") "late");
    assert_false(lab.finished);
    out = lab_talk(&lab, "bcGET /sink HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(out, OK_HEAD("2") "ok");
}

static void test_head(void **state)
{
    (void)state;
    assert_string_equal(lab_talk(&lab, "HEAD /sink HTTP/1.1\r\n" HOST "\r\n"), OK_HEAD("2"));
    assert_string_equal(lab_talk(&lab, "HEAD /list?9 HTTP/1.1\r\n" HOST "\r\n"), OK_HEAD("9"));
    assert_int_equal(lab.released, 1);
    assert_string_equal(lab_talk(&lab, "GET /sink HTTP/1.1\r\n" HOST "\r\n"), OK_HEAD("2") "ok");
}

/* The rest of a body that nobody wants is dropped up to a limit, then the next request counts. */
static void test_drain(void **state)
{
    (void)state;
    const char *out =
        lab_talk(&lab, "PUT /early HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc");
    assert_string_equal(out, OK_HEAD("5") "early");
    assert_string_equal(lab_journal(&lab), "request PUT /early a\ndata 3\nclose ok\n");
    out = lab_talk(&lab, "defghijGET /sink HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(out, OK_HEAD("2") "ok");
    assert_string_equal(lab_journal(&lab), "request GET /sink a\nend\nclose ok\n");
    out = lab_talk(&lab, "PUT /early HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    assert_string_equal(out, OK_HEAD("5") "early");
    out = lab_talk(&lab, "3\r\nabc\r\n0\r\n\r\nGET /sink HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(out, OK_HEAD("2") "ok");
    assert_false(lab.finished);
}

static void test_drain_limit(void **state)
{
    (void)state;
    lab_talk(&lab, "PUT /early HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    lab_talk(&lab, "fffff\r\n");
    char piece[16384] = {0};
    for (unsigned fed = 0; fed < H1_DRAIN_MAX; fed += sizeof(piece)) {
        assert_false(lab.finished);
        lab_feed(&lab, slice_of(piece, sizeof(piece)));
    }
    lab_feed(&lab, slice_of(piece, 1));
    assert_true(lab.finished);
}

static void test_drain_announced_too_much(void **state)
{
    (void)state;
    lab_talk(&lab, "PUT /early HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n");
    assert_true(lab.finished);
}

static void test_drain_deadline(void **state)
{
    (void)state;
    lab_talk(&lab, "PUT /early HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n");
    lab_pass_ms(&lab, HTTP_PREFACE_MS_MAX - 1);
    assert_false(lab.finished);
    lab_pass_ms(&lab, 1);
    assert_true(lab.finished);
}

/* A body that is not consumed stops the socket at the window, and goes on when it is. */
static void test_window(void **state)
{
    (void)state;
    lab_close(&lab);
    lab_open(&lab, &(struct http_limits){.window = 100}, UINT64_MAX);
    char body[250];
    memset(body, 'x', sizeof(body));
    lab_talk(&lab, "PUT /hold HTTP/1.1\r\n" HOST "Content-Length: 250\r\n\r\n");
    lab_journal(&lab);
    lab_feed(&lab, slice_of(body, 50));
    assert_false(lab.paused);
    lab_feed(&lab, slice_of(body, 200));
    assert_true(lab.paused);
    assert_string_equal(lab_journal(&lab), "data 50\ndata 50\n");
    lab_consume(&lab, 20);
    lab_flush(&lab);
    assert_true(lab.paused); /* goes on in halves, not byte by byte */
    lab_consume(&lab, 80);
    lab_flush(&lab);
    assert_string_equal(lab_journal(&lab), "data 100\n");
    lab_consume(&lab, 100);
    lab_flush(&lab);
    assert_string_equal(lab_journal(&lab), "data 50\nend\n");
    assert_false(lab.paused);
}

static void test_reset_closes(void **state)
{
    (void)state;
    assert_string_equal(lab_talk(&lab, "GET /reset HTTP/1.1\r\n" HOST "\r\n"), "");
    assert_true(lab.finished);
    lab_close(&lab);
    lab_open(&lab, NULL, UINT64_MAX);
    lab_talk(&lab, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    lab_cancel(&lab, HTTP_RESET_CANCEL);
    assert_string_equal(lab_talk(&lab, ""), "");
    assert_true(lab.finished);
}

static void test_fault_in_body_after_answer(void **state)
{
    (void)state;
    lab_talk(&lab, "PUT /wait HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    /* The response has begun: a second status line in it would be read as its body. */
    assert_string_equal(lab_talk(&lab, "zz\r\n"), "");
    assert_true(lab.finished);
    assert_string_equal(lab_journal(&lab), "request PUT /wait a\nclose closed\n");
    assert_int_equal(lab.released, 1);
}

static void test_slow_head(void **state)
{
    (void)state;
    lab_talk(&lab, "GET / HT");
    lab_pass_ms(&lab, HTTP_PREFACE_MS_MAX / 2);
    lab_talk(&lab, "TP/1.1\r\nX"); /* a byte now and then does not help */
    lab_pass_ms(&lab, HTTP_PREFACE_MS_MAX / 2);
    assert_true(lab.finished);
    assert_non_null(strstr(lab_talk(&lab, ""), "HTTP/1.1 408 Request Timeout\r\n"));
}

/* Between requests time is free; from a head's first byte on it is not. */
static void test_slow_second_head(void **state)
{
    (void)state;
    lab_talk(&lab, "GET /sink HTTP/1.1\r\n" HOST "\r\n");
    lab_pass_ms(&lab, 1000000);
    assert_false(lab.finished);
    lab_talk(&lab, "GET /sink HTTP/1.1\r\n");
    lab_pass_ms(&lab, HTTP_PREFACE_MS_MAX - 1);
    assert_false(lab.finished);
    lab_pass_ms(&lab, 1);
    assert_true(lab.finished);
}

static void test_idle(void **state)
{
    (void)state;
    lab_close(&lab);
    lab_open(&lab, &(struct http_limits){.idle_ms = 60000}, UINT64_MAX);
    for (int i = 0; i < 3; i++) {
        lab_talk(&lab, "GET /sink HTTP/1.1\r\n" HOST "\r\n");
        lab_pass_ms(&lab, 59999);
        assert_false(lab.finished);
    }
    lab_talk(&lab, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    lab_pass_ms(&lab, 1000000); /* a request under way is not idle */
    assert_false(lab.finished);
    lab_say(&lab, 0, true);
    lab_flush(&lab);
    lab_pass_ms(&lab, 60000);
    assert_true(lab.finished);
    assert_string_equal(lab_talk(&lab, ""), "");
}

static void test_shutdown(void **state)
{
    (void)state;
    lab_talk(&lab, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    http_conn_shutdown(lab.layer);
    http_conn_shutdown(lab.layer);
    assert_false(lab.finished);
    lab_say(&lab, 1, true);
    assert_string_equal(lab_talk(&lab, ""), "1\r\na\r\n0\r\n\r\n");
    assert_true(lab.finished);
}

static void test_shutdown_idle(void **state)
{
    (void)state;
    lab_talk(&lab, "GET /sink HTTP/1.1\r\n" HOST "\r\nGET /si");
    http_conn_shutdown(lab.layer);
    assert_true(lab.finished);
}

static void test_budget(void **state)
{
    (void)state;
    lab_close(&lab);
    lab_open(&lab, NULL, 1);
    const char *out = lab_talk(&lab, "GET /sink HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(out, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_non_null(strstr(out, "too many requests are in flight; try again\n"));
    assert_true(lab.finished);
    assert_int_equal(lab.requests, 0);
}

static void test_refusal_text(void **state)
{
    (void)state;
    const char *out = lab_talk(&lab, "GET / HTTP/1.1\r\n\r\n");
    assert_string_equal(out,
                        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        "Connection: close\r\n" DATE "Content-Length: 46\r\n\r\n"
                        "400 Bad Request: missing required Host header\n");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_keep_alive),
        TEST(test_connection_close),
        TEST(test_http_1_0),
        TEST(test_pipelining),
        TEST(test_pipelining_pauses),
        TEST(test_waiting_limit),
        TEST(test_expect_continue),
        TEST(test_expect_answered_early),
        TEST(test_expect_answered_late),
        TEST(test_head),
        TEST(test_drain),
        TEST(test_drain_limit),
        TEST(test_drain_announced_too_much),
        TEST(test_drain_deadline),
        TEST(test_window),
        TEST(test_reset_closes),
        TEST(test_fault_in_body_after_answer),
        TEST(test_slow_head),
        TEST(test_slow_second_head),
        TEST(test_idle),
        TEST(test_shutdown),
        TEST(test_shutdown_idle),
        TEST(test_budget),
        TEST(test_refusal_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
