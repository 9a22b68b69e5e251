/* Which HTTP it is, from the first bytes however they come; deadlines before there is one. */
#include "http/conn.h"

#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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

static void test_silence(void **state)
{
    (void)state;
    lab_pass_ms(&lab, HTTP_PREFACE_MS_MAX - 1);
    assert_false(lab.finished);
    lab_pass_ms(&lab, 1);
    assert_true(lab.finished);
    assert_string_equal(lab_talk(&lab, ""), "");
}

static void test_deadline_is_an_option(void **state)
{
    (void)state;
    lab_close(&lab);
    lab_open(&lab, &(struct http_limits){.preface_ms = 10}, UINT64_MAX);
    lab_pass_ms(&lab, 10);
    assert_true(lab.finished);
}

/* Wherever the preface stalls, up to and including the SETTINGS that belong to it. */
static void test_stalled_preface(void **state)
{
    (void)state;
    struct buf b = {0};
    raw_begin(&b);
    for (size_t n = 1; n <= b.n; n++) {
        lab_close(&lab);
        lab_open(&lab, NULL, UINT64_MAX);
        for (size_t i = 0; i < n; i++) {
            lab_pass_ms(&lab, 1);
            lab_feed(&lab, slice_of(b.p + i, 1));
        }
        lab_flush(&lab);
        lab_pass_ms(&lab, HTTP_PREFACE_MS_MAX);
        lab_flush(&lab);
        assert_int_equal(lab.finished, n < b.n);
        if (lab.finished && n > 16)
            assert_int_equal(raw_goaway(&lab), NGHTTP2_PROTOCOL_ERROR);
    }
    buf_fini(&b);
}

static void test_bad_preface(void **state)
{
    (void)state;
    lab_feed(&lab, SLICE_LIT("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"));
    lab_flush(&lab);
    assert_true(lab.finished);
    assert_int_equal(raw_goaway(&lab), NGHTTP2_PROTOCOL_ERROR);
}

static void test_preface_without_settings(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_append_str(&b, PEER_PREFACE);
    raw_frame(&b, NGHTTP2_PING, 0, 0, SLICE_LIT("12345678"));
    raw_send(&lab, &b);
    lab_flush(&lab);
    assert_true(lab.finished);
    assert_int_equal(raw_goaway(&lab), NGHTTP2_PROTOCOL_ERROR);
    buf_fini(&b);
}

/* What begins like the preface and is none is for HTTP/1 to judge. */
static void test_nearly_preface(void **state)
{
    (void)state;
    assert_string_equal(lab_talk(&lab, "P"), "");
    assert_non_null(strstr(lab_talk(&lab, "UT /sink HTTP/1.1\r\nHost: a\r\n\r\n"), "200 OK"));
    assert_string_equal(lab_journal(&lab), "request PUT /sink a\nend\nclose ok\n");
    lab_close(&lab);
    lab_open(&lab, NULL, UINT64_MAX);
    assert_non_null(strstr(lab_talk(&lab, "PRI * HTTP/2.1\r\n\r\n"), "HTTP/1.1 505 "));
}

static void test_shutdown_before_first_byte(void **state)
{
    (void)state;
    http_conn_shutdown(lab.layer);
    assert_true(lab.finished);
}

static void test_shutdown_within_preface(void **state)
{
    (void)state;
    lab_feed(&lab, SLICE_LIT("PRI *"));
    http_conn_shutdown(lab.layer);
    assert_false(lab.finished);
    struct buf b = {0};
    raw_begin(&b);
    lab_feed(&lab, slice_skip(buf_slice(&b), 5));
    buf_clear(&b);
    raw_get(&b, 1, "/sink"); /* was on its way: it counts */
    raw_send(&lab, &b);
    lab_flush(&lab);
    assert_string_equal(lab_journal(&lab), "request GET /sink a\nend\nclose ok\n");
    raw_frame(&b, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, SLICE_LIT("shutdown"));
    raw_send(&lab, &b);
    lab_flush(&lab);
    assert_true(lab.finished);
    assert_int_equal(raw_goaway(&lab), NGHTTP2_NO_ERROR);
    buf_fini(&b);
}

static void test_peer_name(void **state)
{
    (void)state;
    const struct http_conn *c = CONTAINER_OF(lab.layer, struct http_conn, layer);
    assert_true(slice_eq(http_conn_peer(c), SLICE_LIT("127.0.0.1:54321")));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_silence),
        TEST(test_deadline_is_an_option),
        TEST(test_stalled_preface),
        TEST(test_bad_preface),
        TEST(test_preface_without_settings),
        TEST(test_nearly_preface),
        TEST(test_shutdown_before_first_byte),
        TEST(test_shutdown_within_preface),
        TEST(test_peer_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
