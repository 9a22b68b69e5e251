/* HTTP/2 as a well-behaved client sees it, and how the connection ends. */
#include "http/h2.h"

#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct lab lab;
static struct peer peer;

static int set_up(void **state)
{
    (void)state;
    lab_open(&lab, NULL, UINT64_MAX);
    peer_open(&peer, &lab, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    peer_close(&peer);
    lab_close(&lab);
    return 0;
}

static void set_up_with(const struct http_limits *limits, uint64_t budget)
{
    tear_down(NULL);
    lab_open(&lab, limits, budget);
    peer_open(&peer, &lab, 0);
}

static void test_settings(void **state)
{
    (void)state;
    assert_int_equal(
        nghttp2_session_get_remote_settings(peer.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS),
        HTTP_STREAMS_MAX);
    assert_int_equal(
        nghttp2_session_get_remote_settings(peer.session, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE),
        HTTP_HEADER_LIST_MAX);
    assert_int_equal(
        nghttp2_session_get_remote_settings(peer.session, NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES),
        1);
    assert_int_equal(
        nghttp2_session_get_remote_settings(peer.session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE),
        HTTP_WINDOW_DEFAULT);
    assert_int_equal(nghttp2_session_get_remote_window_size(peer.session), 4 * HTTP_WINDOW_DEFAULT);
}

static void test_grpc_reply(void **state)
{
    (void)state;
    peer_post(&peer, "/grpc", 7, true);
    peer_pump(&peer);
    assert_string_equal(lab_journal(&lab), "request POST /grpc a\ndata 7\nend\nclose ok\n");
    assert_string_equal(peer_notes(&peer), "header 1 :status: 200\n"
                                           "header 1 content-type: application/grpc\nheaders 1\n"
                                           "data 1 7\nheader 1 grpc-status: 0\n"
                                           "header 1 grpc-message: \nheaders 1 end\n");
    /* An empty message has no DATA frame. */
    peer_post(&peer, "/grpc", 0, true);
    peer_pump(&peer);
    assert_null(strstr(peer_notes(&peer), "data"));
}

/* The body of a reply survives the windows it needs. */
static void test_grpc_reply_large(void **state)
{
    (void)state;
    peer_post(&peer, "/grpc", 200000, true);
    peer_pump(&peer);
    assert_int_equal(peer.data, 65535);
    peer_allow(&peer, 0, 1000000);
    peer_allow(&peer, 1, 1000000);
    peer_pump(&peer);
    assert_int_equal(peer.data, 200000);
    assert_non_null(strstr(peer_notes(&peer), "grpc-status: 0"));
}

/* gRPC's trailers-only form: one HEADERS frame ends the stream. */
static void test_trailers_only(void **state)
{
    (void)state;
    peer_get(&peer, "/error");
    peer_pump(&peer);
    assert_string_equal(peer_notes(&peer),
                        "header 1 :status: 200\nheader 1 content-type: application/grpc\n"
                        "header 1 grpc-status: 5\nheader 1 grpc-message: no such thing\n"
                        "headers 1 end\n");
}

static void test_plain(void **state)
{
    (void)state;
    peer.date = true;
    peer_get(&peer, "/list?3");
    peer_pump(&peer);
    assert_string_equal(peer_notes(&peer),
                        "header 1 :status: 200\nheader 1 content-type: text/plain\n"
                        "header 1 date: Sun, 06 Nov 1994 08:49:37 GMT\n"
                        "header 1 content-length: 3\nheaders 1\ndata 1 3 end\n");
    peer.date = false;
    peer_get(&peer, "/trailers?3");
    peer_pump(&peer);
    assert_string_equal(peer_notes(&peer),
                        "header 3 :status: 200\nheader 3 content-type: text/plain\nheaders 3\n"
                        "data 3 3\nheader 3 x-sum: a  b: c\nheaders 3 end\n");
    assert_int_equal(lab.released, 2);
}

/* RFC 9113 8.1: answered early, the rest of the request is asked off without an error. */
static void test_early_answer(void **state)
{
    (void)state;
    int32_t id = peer_post(&peer, "/early", 10, false);
    peer_pump(&peer);
    assert_int_equal(id, 1);
    assert_string_equal(peer_notes(&peer),
                        "header 1 :status: 200\nheader 1 content-type: text/plain\n"
                        "header 1 content-length: 5\nheaders 1\ndata 1 5 end\nreset 1 0\n");
    assert_string_equal(lab_journal(&lab), "request POST /early a\ndata 10\nclose ok\n");
}

static void test_peer_resets(void **state)
{
    (void)state;
    int32_t id = peer_post(&peer, "/wait", 1, false);
    peer_pump(&peer);
    lab_journal(&lab);
    nghttp2_submit_rst_stream(peer.session, 0, id, NGHTTP2_CANCEL);
    peer_pump(&peer);
    assert_string_equal(lab_journal(&lab), "close canceled\n");
    assert_int_equal(lab.released, 1);
}

static void test_we_reset(void **state)
{
    (void)state;
    peer_get(&peer, "/reset");
    peer_pump(&peer);
    assert_string_equal(peer_notes(&peer), "reset 1 11\n");
    assert_string_equal(lab_journal(&lab), "request GET /reset a\nclose closed\n");
    peer_get(&peer, "/wait");
    peer_pump(&peer);
    lab_cancel(&lab, HTTP_RESET_REFUSED);
    lab_say(&lab, 5, true); /* not heard any more */
    peer_pump(&peer);
    assert_non_null(strstr(peer_notes(&peer), "reset 3 7\n"));
    assert_string_equal(lab_journal(&lab), "request GET /wait a\nend\nclose closed\n");
    assert_false(lab.finished);
}

/* A gone connection closes every stream, which nghttp2 itself would not. */
static void test_close(void **state)
{
    (void)state;
    peer_get(&peer, "/wait");
    peer_post(&peer, "/hold", 10, false);
    peer_pump(&peer);
    assert_int_equal(lab.live, 2);
    lab_journal(&lab);
    lab.layer->ops->close(lab.layer, RC_END);
    lab.layer = NULL;
    assert_string_equal(lab_journal(&lab), "close closed\nclose closed\n");
    assert_int_equal(lab.released, 1);
}

/* What is not consumed holds its stream back, and no other. */
static void test_stream_window(void **state)
{
    (void)state;
    set_up_with(&(struct http_limits){.window = 1000}, UINT64_MAX);
    peer_post(&peer, "/hold", 3000, true);
    peer_pump(&peer);
    assert_string_equal(lab_journal(&lab), "request POST /hold a\ndata 1000\n");
    lab_consume(&lab, 1000);
    peer_pump(&peer);
    assert_non_null(strstr(lab_journal(&lab), "data 1000\n"));
    for (int i = 0; i < 10; i++) {
        buf_fini(&peer.body);
        peer_post(&peer, "/sink", 500, true);
        peer_pump(&peer);
        assert_non_null(strstr(lab_journal(&lab), "data 500\nend\nclose ok\n"));
    }
}

/* Bytes that the handler never gives back must not leak the connection's window. */
static void test_connection_window_returned(void **state)
{
    (void)state;
    set_up_with(&(struct http_limits){.window = 1000}, UINT64_MAX);
    for (int i = 0; i < 200; i++) { /* 200,000 bytes through a window of 65,535 or less */
        int32_t id = peer_post(&peer, "/hold", 1000, false);
        peer_pump(&peer);
        assert_string_equal(lab_journal(&lab), "request POST /hold a\ndata 1000\n");
        nghttp2_submit_rst_stream(peer.session, 0, id, NGHTTP2_CANCEL);
        peer_pump(&peer);
        assert_string_equal(lab_journal(&lab), "close canceled\n");
    }
    assert_true(nghttp2_session_get_remote_window_size(peer.session) >= 2000);
}

static void test_budget(void **state)
{
    (void)state;
    set_up_with(NULL, 1);
    int32_t a = peer_get(&peer, "/wait");
    peer_pump(&peer);
    assert_int_equal(a, 1);
    peer_notes(&peer);
    lab_journal(&lab);
    peer_post(&peer, "/sink", 10, true);
    peer_pump(&peer);
    assert_string_equal(peer_notes(&peer), "reset 3 7\n"); /* REFUSED_STREAM: safe to try again */
    assert_string_equal(lab_journal(&lab), "");
    lab_say(&lab, 0, true);
    peer_pump(&peer);
    assert_int_equal(lab.budget.used, 0);
    peer_get(&peer, "/sink");
    peer_pump(&peer);
    assert_non_null(strstr(peer_notes(&peer), ":status: 200"));
}

static void test_budget_counts_replies(void **state)
{
    (void)state;
    peer_post(&peer, "/grpc", 100000, true);
    peer_pump(&peer);
    assert_true(lab.budget.used >= 100000);
    peer_allow(&peer, 0, 1000000);
    peer_allow(&peer, 1, 1000000);
    peer_pump(&peer);
    assert_int_equal(lab.budget.used, 0);
}

/* Announced first, then, when the peer has seen that, final: no request is lost on the way. */
static void test_shutdown(void **state)
{
    (void)state;
    peer_get(&peer, "/wait");
    peer_pump(&peer);
    peer_notes(&peer);
    http_conn_shutdown(lab.layer);
    peer_pump(&peer);
    assert_string_equal(peer_notes(&peer), "goaway 2147483647 0\ngoaway 1 0\n");
    assert_false(lab.finished);
    lab_say(&lab, 5, true);
    peer_pump(&peer);
    assert_string_equal(peer_notes(&peer), "data 1 5 end\n");
    assert_true(lab.finished);
}

static void test_shutdown_of_deaf_peer(void **state)
{
    (void)state;
    peer_get(&peer, "/sink");
    peer_pump(&peer);
    http_conn_shutdown(lab.layer);
    lab_flush(&lab);
    assert_false(lab.finished);
    lab_pass_ms(&lab, 1000);
    lab_flush(&lab);
    assert_int_equal(raw_goaway(&lab), 0);
    assert_true(lab.finished);
}

static void test_idle(void **state)
{
    (void)state;
    set_up_with(&(struct http_limits){.idle_ms = 10000}, UINT64_MAX);
    lab_pass_ms(&lab, 9000);
    peer_get(&peer, "/sink");
    peer_pump(&peer);
    lab_pass_ms(&lab, 9000);
    assert_false(lab.finished);
    peer_get(&peer, "/wait");
    peer_pump(&peer);
    lab_pass_ms(&lab, 100000);
    lab_pass_ms(&lab, 100000);
    assert_false(lab.finished);
    lab_say(&lab, 0, true);
    peer_pump(&peer);
    lab_pass_ms(&lab, 10000);
    assert_true(lab.finished);
    peer_notes(&peer);
    peer_pump(&peer);
    assert_string_equal(peer_notes(&peer), "goaway 3 0\n");
}

static void test_expect_continue(void **state)
{
    (void)state;
    struct buf b = {0};
    raw_open(&b, 1, "/sink");
    /* The same with expect: 100-continue at the end of the block. */
    buf_append_str(&b, "\x0f\x14\x0c"
                       "100-continue");
    b.p[2] = (uint8_t)(b.n - 9);
    raw_send(&lab, &b);
    buf_clear(&lab.out);
    lab_flush(&lab);
    assert_int_equal(raw_count(&lab, NGHTTP2_HEADERS), 1);
    raw_frame(&b, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, SLICE_LIT("x"));
    raw_send(&lab, &b);
    lab_flush(&lab);
    assert_int_equal(raw_count(&lab, NGHTTP2_HEADERS), 2);
    buf_fini(&b);
}

/* What etcd's clients send, and Go's servers take. */
static void test_odd_requests(void **state)
{
    (void)state;
    static const struct {
        const char *block;
        const char *journal;
    } cases[] = {
        {"\x82\x86\x04\x05/sink\x01\x15http://127.0.0.1:2379",
         "request GET /sink http://127.0.0.1:2379\nend\nclose ok\n"},
        {"\x82\x86\x04\x05/sink", "request GET /sink \nend\nclose ok\n"},
        {"\x82\x86\x04\x05/sink\x01\x80" /* empty, in Huffman's code */,
         "request GET /sink \nend\nclose ok\n"},
        {"\x82\x86\x04\x05/sink\x0f\x17\x03 b ", "request GET /sink b\nend\nclose ok\n"},
        {"\x82\x86\x04\x03"
         "abc\x01\x01"
         "a",
         "request GET abc a\n"},
        {"\x82\x86\x04\x01*\x01\x01"
         "a",
         "request GET * a\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = {0};
        set_up_with(NULL, UINT64_MAX);
        raw_frame(&b, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
                  slice_str(cases[i].block));
        raw_send(&lab, &b);
        lab_flush(&lab);
        const char *journal = lab_journal(&lab);
        if (strncmp(journal, cases[i].journal, strlen(cases[i].journal)) != 0)
            fail_msg("request %zu: %s", i, journal);
        buf_fini(&b);
    }
}

/* The limit counts names, values and 32 for each header (RFC 9113 6.5.2), and is answered. */
static void test_header_list(void **state)
{
    (void)state;
    struct buf value = {0};
    memset(buf_extend(&value, HTTP_HEADER_LIST_MAX), 'v', HTTP_HEADER_LIST_MAX);
    nghttp2_nv nva[] = {
        {(uint8_t *)(uintptr_t) ":method", (uint8_t *)(uintptr_t) "GET", 7, 3, 0},
        {(uint8_t *)(uintptr_t) ":scheme", (uint8_t *)(uintptr_t) "http", 7, 4, 0},
        {(uint8_t *)(uintptr_t) ":path", (uint8_t *)(uintptr_t) "/sink", 5, 5, 0},
        {(uint8_t *)(uintptr_t) ":authority", (uint8_t *)(uintptr_t) "a", 10, 1, 0},
        {(uint8_t *)(uintptr_t) "x", value.p, 1, 0, 0},
    };
    size_t others = (7 + 3) + (7 + 4) + (5 + 5) + (10 + 1) + 1 + 5 * 32;
    nva[4].valuelen = HTTP_HEADER_LIST_MAX - others;
    assert_int_equal(nghttp2_submit_request(peer.session, NULL, nva, 5, NULL, NULL), 1);
    peer_pump(&peer);
    assert_non_null(strstr(peer_notes(&peer), "header 1 :status: 200\n"));
    nva[4].valuelen++;
    assert_int_equal(nghttp2_submit_request(peer.session, NULL, nva, 5, NULL, NULL), 3);
    peer_pump(&peer);
    assert_string_equal(peer_notes(&peer), "header 3 :status: 431\nheaders 3 end\n");
    assert_int_equal(lab.requests, 1);
    buf_fini(&value);
}

/* Any cut of the bytes gives the same output. */
static void test_cut(void **state)
{
    (void)state;
    struct buf b = {0};
    struct buf whole = {0};
    raw_begin(&b);
    raw_open(&b, 1, "/echo");
    raw_frame(&b, NGHTTP2_DATA, 0, 1, SLICE_LIT("abc"));
    raw_get(&b, 3, "/list?20");
    raw_frame(&b, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, SLICE_LIT("def"));
    raw_get(&b, 5, "/error");
    for (size_t cut = 0; cut <= b.n; cut++) {
        struct lab l;
        lab_open(&l, NULL, UINT64_MAX);
        lab_feed(&l, slice_of(b.p, cut));
        lab_feed(&l, slice_of(b.p + cut, b.n - cut));
        lab_flush(&l);
        if (cut == 0)
            buf_append_slice(&whole, buf_slice(&l.out));
        assert_true(slice_eq(buf_slice(&l.out), buf_slice(&whole)));
        lab_close(&l);
    }
    buf_fini(&b);
    buf_fini(&whole);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_settings),
        TEST(test_grpc_reply),
        TEST(test_grpc_reply_large),
        TEST(test_trailers_only),
        TEST(test_plain),
        TEST(test_early_answer),
        TEST(test_peer_resets),
        TEST(test_we_reset),
        TEST(test_close),
        TEST(test_stream_window),
        TEST(test_connection_window_returned),
        TEST(test_budget),
        TEST(test_budget_counts_replies),
        TEST(test_shutdown),
        TEST(test_shutdown_of_deaf_peer),
        TEST(test_idle),
        TEST(test_expect_continue),
        TEST(test_odd_requests),
        TEST(test_header_list),
        TEST(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
