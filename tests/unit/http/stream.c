/* The part of a stream that both versions share: what a handler may do, and when it is heard. */
#include "http/conn.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A handler of few words: it keeps the request and answers when the test says so. */
struct quiet {
    struct http_handler handler;
    struct http_stream *stream;
    const struct http_request *request;
    enum rc why;
};

static void *on_request(struct http_handler *h, struct http_stream *s, const struct http_request *r)
{
    struct quiet *q = CONTAINER_OF(h, struct quiet, handler);
    q->stream = s;
    q->request = r;
    return q;
}

static void on_data(struct http_handler *h, void *ctx, struct slice piece)
{
    (void)h;
    struct quiet *q = ctx;
    http_stream_consumed(q->stream, piece.n);
}

static void on_end(struct http_handler *h, void *ctx)
{
    (void)h;
    (void)ctx;
}

static void on_close(struct http_handler *h, void *ctx, enum rc why)
{
    (void)h;
    struct quiet *q = ctx;
    q->stream = NULL;
    q->why = why;
}

static struct lab lab;
static struct quiet quiet;

static int set_up(void **state)
{
    static const struct http_handler_ops ops = {on_request, on_data, on_end, on_close};
    (void)state;
    quiet = (struct quiet){.handler = {&ops}};
    lab_open(&lab, NULL, UINT64_MAX);
    CONTAINER_OF(lab.layer, struct http_conn, layer)->handler = &quiet.handler;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lab_close(&lab);
    return 0;
}

static bool header_is(const char *name, const char *value)
{
    return slice_eq(http_request_header(quiet.request, name), slice_str(value));
}

static void test_request_headers(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_append_str(&b, "GET / HTTP/1.1\r\nHOST: a\r\nX-One:1\r\nx-one: 2\r\nEmpty:\r\n");
    for (int i = 0; i < 100; i++) /* beyond the first arena block and the first array */
        buf_printf(&b, "n%d: value %d\r\n", i, i);
    buf_append_str(&b, "\r\n");
    lab_feed(&lab, buf_slice(&b));
    assert_int_equal(quiet.request->header_count, 104);
    assert_true(header_is("x-one", "1"));
    assert_true(header_is("n99", "value 99"));
    assert_non_null(http_request_header(quiet.request, "empty").p);
    assert_int_equal(http_request_header(quiet.request, "empty").n, 0);
    assert_null(http_request_header(quiet.request, "none").p);
    assert_int_equal(quiet.request->version, 1);
    assert_true(lab.budget.used > b.n);
    buf_fini(&b);
}

/* The answer is copied: what the caller had may go. */
static void test_answer_is_copied(void **state)
{
    (void)state;
    lab_feed(&lab, SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    char name[] = "x-name";
    char value[] = "v\x01\x7f\n";
    char body[] = "body";
    const struct http_header h = {slice_str(name), slice_str(value)};
    http_stream_headers(quiet.stream, 404, &h, 1, -1);
    http_stream_send(quiet.stream, slice_str(body));
    memset(name, '?', sizeof(name) - 1);
    memset(value, '?', sizeof(value) - 1);
    memset(body, '?', sizeof(body) - 1);
    const char *out = lab_talk(&lab, "");
    assert_non_null(strstr(out, "HTTP/1.1 404 Not Found\r\nX-Name: v   \r\n"));
    assert_non_null(strstr(out, "Content-Length: 4\r\n\r\nbody"));
    assert_null(quiet.stream);
    assert_int_equal(quiet.why, RC_OK);
}

/* Statuses that have no body have none, whatever is sent. */
static void test_bodiless(void **state)
{
    (void)state;
    lab_feed(&lab, SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    http_stream_headers(quiet.stream, 204, NULL, 0, -1);
    http_stream_send(quiet.stream, SLICE_LIT("body"));
    const char *out = lab_talk(&lab, "");
    assert_null(strstr(out, "Content-Length"));
    assert_memory_equal(out + strlen(out) - 4, "\r\n\r\n", 4);
    lab_feed(&lab, SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    http_stream_headers(quiet.stream, 200, NULL, 0, 0); /* nothing more is to come */
    assert_non_null(strstr(lab_talk(&lab, ""), "Content-Length: 0\r\n\r\n"));
    assert_null(quiet.stream);
}

static void test_unknown_status(void **state)
{
    (void)state;
    lab_feed(&lab, SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    http_stream_headers(quiet.stream, 299, NULL, 0, 0);
    assert_non_null(strstr(lab_talk(&lab, ""), "HTTP/1.1 299 status code 299\r\n"));
}

static unsigned released;

static void count_release(struct http_source *src)
{
    (void)src;
    released++;
}

/* After a reset the handler may still speak, until it hears of the end; nothing of it is sent. */
static void test_reset_is_final(void **state)
{
    (void)state;
    static const struct http_source_ops ops = {NULL, count_release};
    struct http_source source = {&ops};
    released = 0;
    lab_feed(&lab, SLICE_LIT("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"));
    struct http_stream *s = quiet.stream;
    http_stream_reset(s, HTTP_RESET_INTERNAL);
    struct buf body = {0};
    buf_append_str(&body, "body");
    http_stream_headers(s, 200, NULL, 0, -1);
    http_stream_send(s, buf_slice(&body));
    http_stream_trailers(s, NULL, 0);
    http_stream_grpc_reply(s, &body);
    assert_null(body.p);
    http_stream_source(s, &source);
    assert_int_equal(released, 1);
    http_stream_class(s, HTTP_CLASS_URGENT);
    http_stream_resume(s);
    http_stream_reset(s, HTTP_RESET_CANCEL);
    assert_string_equal(lab_talk(&lab, ""), "");
    assert_true(lab.finished);
    assert_ptr_equal(quiet.stream, s);
    lab.layer->ops->close(lab.layer, RC_CLOSED);
    lab.layer = NULL;
    assert_int_equal(quiet.why, RC_CLOSED);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_request_headers), TEST(test_answer_is_copied), TEST(test_bodiless),
        TEST(test_unknown_status),  TEST(test_reset_is_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
