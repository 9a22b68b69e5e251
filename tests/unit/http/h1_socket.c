/* A connection that becomes a WebSocket: the handshake, echoes in lines, pings, the ways to end. */
#include "http/h1.h"
#include "http/ws_frame.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ASK                                                                                        \
    "Host: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"                         \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define HELLO                                                                                      \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" /* of RFC 6455 1.3 */

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

static void shake_hands(const char *path)
{
    char text[512];
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" ASK "\r\n", path);
    assert_string_equal(lab_talk(&lab, text), HELLO "\r\n");
    lab_journal(&lab);
    buf_clear(&lab.out);
}

/* Feed a frame, with a mask of zeros. */
static void feed(unsigned first, const char *payload, size_t n)
{
    struct buf in = {0};
    ws_append(&in, (enum ws_opcode)(first & 15u), (first & 0x80u) != 0, slice_of(payload, n));
    size_t head = in.n - n;
    in.p[1] |= 0x80;
    struct buf masked = {0};
    buf_append(&masked, in.p, head);
    buf_append(&masked, "\0\0\0\0", 4);
    buf_append(&masked, payload, n);
    lab_feed(&lab, buf_slice(&masked));
    buf_fini(&in);
    buf_fini(&masked);
}

static void say(unsigned first, const char *payload)
{
    feed(first, payload, strlen(payload));
}

static void expect_out(const char *bytes, size_t n)
{
    lab_flush(&lab);
    assert_int_equal(lab.out.n, n);
    assert_memory_equal(lab.out.p, bytes, n);
    buf_clear(&lab.out);
}

#define EXPECT_OUT(bytes) expect_out(bytes, sizeof(bytes) - 1)

static void test_lines_are_messages(void **state)
{
    (void)state;
    shake_hands("/socket");
    say(0x81, "hello");
    EXPECT_OUT("\x81\x05hello");
    assert_string_equal(lab_journal(&lab), "data 5\ndata 1\n");
    say(0x01, "one\n\n");
    EXPECT_OUT("\x81\x03one");
    say(0x80, "two");
    EXPECT_OUT("\x81\x03two");
    assert_false(lab.finished);
}

static void test_the_end_of_the_answer_closes(void **state)
{
    (void)state;
    shake_hands("/socket");
    say(0x82, "bye");
    EXPECT_OUT("\x81\x03"
               "bye\x88\x02\x03\xe8");
    assert_true(lab.finished);
    assert_int_equal(lab.released, 1);
}

static void test_a_line_that_comes_in_parts(void **state)
{
    char text[LAB_SOCKET_MAX];
    (void)state;
    shake_hands("/socket");
    memset(text, 'a', sizeof(text));
    for (int i = 0; i < 20; i++) {
        feed(i == 0 ? 0x01 : 0x00, text, 50);
        lab_flush(&lab);
    }
    assert_int_equal(lab.out.n, 20 * 52);
    assert_int_equal(lab.out.p[0], WS_TEXT);
    assert_int_equal(lab.out.p[52], WS_CONTINUATION);
    buf_clear(&lab.out);
    feed(0x00, "b", 1);
    EXPECT_OUT("\x88\x02\x03\xf1"); /* more than LAB_SOCKET_MAX in all */
    assert_true(lab.finished);
}

static void test_the_protocol_is_agreed_on(void **state)
{
    (void)state;
    const char *out =
        lab_talk(&lab, "GET /socket HTTP/1.1\r\n" ASK "Sec-WebSocket-Protocol: Bearer, x\r\n\r\n");
    assert_string_equal(out, HELLO "Sec-WebSocket-Protocol: Bearer\r\n\r\n");
}

/* Frames may come behind the handshake at once: the answer to that is still the first. */
static void test_frames_with_the_handshake(void **state)
{
    (void)state;
    lab_feed(&lab, SLICE_LIT("GET /socket HTTP/1.1\r\n" ASK "\r\n\x89\x80\0\0\0\0\x81\x02{}"));
    EXPECT_OUT(HELLO "\r\n\x8a\0\x88\x02\x03\xea");
    assert_true(lab.finished);
    assert_non_null(strstr(lab_journal(&lab), "close "));
}

static void refused(const char *request, const char *status)
{
    lab_open(&lab, NULL, UINT64_MAX);
    char want[64];
    snprintf(want, sizeof(want), "HTTP/1.1 %s", status);
    const char *out = lab_talk(&lab, request);
    if (strncmp(out, want, strlen(want)) != 0)
        fail_msg("%s\nwanted %s, got %s", request, want, out);
    lab_close(&lab);
}

static void test_handshakes_that_are_none(void **state)
{
    (void)state;
    lab_close(&lab);
    refused("POST /socket HTTP/1.1\r\n" ASK "\r\n", "405");
    refused("GET /socket HTTP/1.1\r\n" ASK "Content-Length: 2\r\n\r\n{}", "400");
    refused("GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n",
            "400");
    refused("GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n\r\n",
            "400");
    refused("GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            "400");
    lab_open(&lab, NULL, UINT64_MAX);
    lab_talk(&lab, "GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"); /* not asked */
    assert_string_equal(lab_journal(&lab), "request GET /socket a\nend\n");
}

static void test_only_the_last_ping_is_answered(void **state)
{
    (void)state;
    shake_hands("/socket");
    for (int i = 0; i < 1000; i++)
        say(0x89, "early");
    say(0x89, "late");
    EXPECT_OUT("\x8a\x04late");
    say(0x89, "");
    EXPECT_OUT("\x8a\0");
    say(0x8a, "unasked");
    EXPECT_OUT("");
}

static void test_a_peer_that_closes_is_gone(void **state)
{
    (void)state;
    shake_hands("/socket");
    say(0x88, "\x0f\xa0 why");
    assert_non_null(strstr(lab_journal(&lab), "close "));
    EXPECT_OUT("\x88\x02\x0f\xa0");
    assert_true(lab.finished);
    assert_int_equal(lab.live, 0);
}

static void test_shutdown_says_going_away(void **state)
{
    (void)state;
    shake_hands("/socket");
    http_conn_shutdown(lab.layer);
    EXPECT_OUT("\x88\x02\x03\xe9");
    assert_true(lab.finished);
    assert_int_equal(lab.live, 0);
}

static void test_a_handler_that_takes_nothing_pauses(void **state)
{
    char text[LAB_SOCKET_MAX] = {0};
    (void)state;
    shake_hands("/socket-hold");
    size_t fed = 0;
    for (; !lab.paused; fed += sizeof(text))
        feed(0x82, text, sizeof(text));
    assert_in_range(fed, HTTP_WINDOW_DEFAULT - HTTP_WINDOW_DEFAULT / 100, HTTP_WINDOW_DEFAULT);
    assert_false(lab.finished);
    lab_consume(&lab, HTTP_WINDOW_DEFAULT);
    lab_flush(&lab);
    assert_false(lab.paused);
}

static void test_no_deadline_runs(void **state)
{
    (void)state;
    shake_hands("/socket");
    lab_pass_ms(&lab, 3600000);
    say(0x81, "x");
    EXPECT_OUT("\x81\x01x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_are_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_end_of_the_answer_closes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_line_that_comes_in_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_protocol_is_agreed_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frames_with_the_handshake, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_handshakes_that_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_only_the_last_ping_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_peer_that_closes_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shutdown_says_going_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_handler_that_takes_nothing_pauses, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_no_deadline_runs, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
