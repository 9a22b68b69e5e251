/* How a response stands on an HTTP/1 connection: framing, chunks, trailers, bodies that fail. */
#include "http/h1.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

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

static void test_chunks(void **state)
{
    (void)state;
    assert_string_equal(lab_talk(&lab, GET("/unsized?3")),
                        HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\naaa\r\n0\r\n\r\n");
    assert_string_equal(lab_talk(&lab, GET("/unsized?0")),
                        HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    /* A value never ends its line, whatever it was made from. */
    assert_string_equal(lab_talk(&lab, GET("/trailers?1")),
                        HEAD "Transfer-Encoding: chunked\r\n\r\n"
                             "1\r\na\r\n0\r\nX-Sum: a  b: c\r\n\r\n");
    assert_int_equal(lab.released, 3);
}

static void test_grpc_shape(void **state)
{
    (void)state;
    const char *out = lab_talk(&lab, GET("/grpc"));
    assert_non_null(strstr(out, "Content-Type: application/grpc\r\n"));
    assert_non_null(strstr(out, "\r\n\r\n0\r\nGrpc-Status: 0\r\nGrpc-Message: \r\n\r\n"));
}

/* Large bodies are chunks of one turn each, pulled only as the socket takes them. */
static void test_turns(void **state)
{
    (void)state;
    lab_feed(&lab, slice_str(GET("/unsized?40000")));
    for (size_t before = 0; lab.live; before = lab.out.n) {
        lab_emit(&lab, 1000);
        assert_true(lab.out.n - before < HTTP_DATA_TURN + 1000);
    }
    *buf_extend(&lab.out, 1) = 0;
    const char *body = strstr((const char *)lab.out.p, "\r\n\r\n") + 4;
    char *end;
    size_t total = 0;
    for (;;) {
        size_t n = strtoul(body, &end, 16);
        assert_memory_equal(end, "\r\n", 2);
        if (n == 0)
            break;
        assert_true(n <= HTTP_DATA_TURN);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(end[2 + i], 'a');
        assert_memory_equal(end + 2 + n, "\r\n", 2);
        body = end + 2 + n + 2;
        total += n;
    }
    assert_int_equal(total, 40000);
}

static void test_source_waits(void **state)
{
    (void)state;
    assert_string_equal(lab_talk(&lab, GET("/wait")), HEAD "Transfer-Encoding: chunked\r\n\r\n");
    assert_false(lab.layer->ops->pending(lab.layer));
    lab.woken = false;
    lab_say(&lab, 2, false);
    assert_true(lab.woken);
    assert_string_equal(lab_talk(&lab, ""), "2\r\naa\r\n");
    lab_say(&lab, 0, true);
    assert_string_equal(lab_talk(&lab, ""), "0\r\n\r\n");
    assert_string_equal(lab_journal(&lab), "request GET /wait a\nend\nclose ok\n");
}

/* A body that cannot be completed must not look complete. */
static void test_source_fails(void **state)
{
    (void)state;
    const char *out = lab_talk(&lab, GET("/fail?3"));
    assert_null(strstr(out, "0\r\n\r\n"));
    assert_true(lab.finished);
    lab_close(&lab);
    assert_int_equal(lab.released, 1);
    lab_open(&lab, NULL, UINT64_MAX);
    assert_string_equal(lab_talk(&lab, GET("/short?9")), HEAD "Content-Length: 9\r\n\r\naaaaaaaa");
    assert_true(lab.finished);
}

/* One chunk, and yet no more of it at once than of any body. */
static void test_whole_chunk(void **state)
{
    (void)state;
    lab_feed(&lab, slice_str(GET("/whole?40000")));
    for (size_t before = 0; lab.live; before = lab.out.n) {
        lab_emit(&lab, 1000);
        assert_true(lab.out.n - before < HTTP_DATA_TURN + 1000);
    }
    *buf_extend(&lab.out, 1) = 0;
    char *end;
    const char *body = strstr((const char *)lab.out.p, "\r\n\r\n") + 4;
    assert_int_equal(strtoul(body, &end, 16), 40000);
    assert_int_equal(strspn(end + 2, "a"), 40000);
    assert_string_equal(end + 2 + 40000, "\r\n0\r\n\r\n");
    buf_clear(&lab.out);
    assert_non_null(strstr(lab_talk(&lab, GET("/unsized?3")), "\r\n\r\n3\r\naaa\r\n0\r\n"));
}

static void test_gone_while_sending(void **state)
{
    (void)state;
    lab_feed(&lab, slice_str(GET("/list?100000")));
    lab_emit(&lab, 10);
    lab.layer->ops->close(lab.layer, RC_END);
    lab.layer = NULL;
    assert_int_equal(lab.released, 1);
    assert_string_equal(lab_journal(&lab), "request GET /list?100000 a\nend\nclose closed\n");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_chunks),       TEST(test_grpc_shape),   TEST(test_turns),
        TEST(test_source_waits), TEST(test_source_fails), TEST(test_gone_while_sending),
        TEST(test_whole_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
