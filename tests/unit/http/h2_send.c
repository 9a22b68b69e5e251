/* The order and size of what HTTP/2 sends: turns, urgency, windows, and memory that stays bounded
 * when a peer does not read. */
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
    peer_open(&peer, &lab, 1u << 24);
    peer_allow(&peer, 0, 1 << 24);
    peer_pump(&peer);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    peer_close(&peer);
    lab_close(&lab);
    return 0;
}

/* The stream of each DATA frame in the order they came, as letters: stream 1 is 'a'. */
static void data_order(const char *notes, char *out)
{
    for (const char *at = strstr(notes, "data "); at; at = strstr(at + 1, "\ndata ")) {
        at += *at == '\n' ? 1 : 0;
        *out++ = (char)('a' + strtol(at + 5, NULL, 10) / 2);
    }
    *out = 0;
}

static void test_round_robin(void **state)
{
    (void)state;
    char order[256];
    peer_get(&peer, "/list?65536");
    peer_get(&peer, "/list?65536");
    peer_get(&peer, "/unsized?32768");
    peer_pump(&peer);
    data_order(peer_notes(&peer), order);
    assert_string_equal(order, "abcabcabab");
}

/* A stream that begins late waits a turn of the others, not for their end. */
static void test_small_between_large(void **state)
{
    (void)state;
    char order[256];
    peer_get(&peer, "/list?655360");
    peer_get(&peer, "/list?655360");
    peer_post(&peer, "/grpc", 10, true);
    peer_pump(&peer);
    data_order(peer_notes(&peer), order);
    const char *at = strchr(order, 'c');
    assert_non_null(at);
    assert_true(at - order <= 2);
}

static void test_urgent_first(void **state)
{
    (void)state;
    char order[256];
    peer_get(&peer, "/list?65536");
    peer_get(&peer, "/urgent?49152");
    peer_pump(&peer);
    data_order(peer_notes(&peer), order);
    assert_string_equal(order, "bbbaaaa");
}

static void get_with_priority(const char *path, const char *priority)
{
    const nghttp2_nv nva[] = {
        {(uint8_t *)(uintptr_t) ":method", (uint8_t *)(uintptr_t) "GET", 7, 3, 0},
        {(uint8_t *)(uintptr_t) ":scheme", (uint8_t *)(uintptr_t) "http", 7, 4, 0},
        {(uint8_t *)(uintptr_t) ":path", (uint8_t *)(uintptr_t)path, 5, strlen(path), 0},
        {(uint8_t *)(uintptr_t) ":authority", (uint8_t *)(uintptr_t) "a", 10, 1, 0},
        {(uint8_t *)(uintptr_t) "priority", (uint8_t *)(uintptr_t)priority, 8, 3, 0},
    };
    assert_true(nghttp2_submit_request(peer.session, NULL, nva, 5, NULL, NULL) > 0);
}

/* The server's order stands: a request may say how urgent it is (RFC 9218), and is not believed. */
static void test_client_priority_ignored(void **state)
{
    (void)state;
    char order[256];
    get_with_priority("/urgent?49152", "u=7");
    get_with_priority("/list?49152", "u=0");
    get_with_priority("/list?49152", "u=1");
    peer_pump(&peer);
    data_order(peer_notes(&peer), order);
    assert_string_equal(order, "aaabcbcbc");
}

static void test_emit_stops_at_max(void **state)
{
    (void)state;
    peer_get(&peer, "/list?200000");
    const uint8_t *p;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(peer.session, &p)) > 0)
        lab_feed(&lab, slice_of(p, (size_t)n));
    size_t rounds = 0;
    while (lab.live) {
        size_t before = lab.out.n;
        assert_true(lab.layer->ops->pending(lab.layer));
        lab_emit(&lab, 20000);
        assert_true(lab.out.n > before);
        assert_true(lab.out.n - before < 20000 + HTTP_DATA_TURN + 64);
        rounds++;
    }
    assert_true(rounds >= 200000 / (20000 + HTTP_DATA_TURN));
    assert_false(lab.layer->ops->pending(lab.layer));
}

static void test_source_waits(void **state)
{
    (void)state;
    peer_get(&peer, "/wait");
    peer_pump(&peer);
    /* Headers go out at once: a watch begins with them. */
    assert_non_null(strstr(peer_notes(&peer), ":status: 200"));
    assert_false(lab.layer->ops->pending(lab.layer));
    lab.woken = false;
    lab_say(&lab, 2, false);
    assert_true(lab.woken);
    peer_pump(&peer);
    assert_string_equal(peer_notes(&peer), "data 1 2\n");
    lab_say(&lab, 0, false); /* resumed for nothing */
    peer_pump(&peer);
    assert_string_equal(peer_notes(&peer), "");
    lab_say(&lab, 0, true);
    peer_pump(&peer);
    assert_string_equal(peer_notes(&peer), "data 1 0 end\n");
}

static void test_source_fails(void **state)
{
    (void)state;
    peer_get(&peer, "/fail?3");
    peer_pump(&peer);
    const char *notes = peer_notes(&peer);
    assert_null(strstr(notes, "end"));
    assert_non_null(strstr(notes, "reset 1 2\n"));
    assert_int_equal(lab.released, 1);
    assert_non_null(strstr(lab_journal(&lab), "close closed\n"));
    assert_false(lab.finished);
}

/* CVE-2019-9511 and its like: without a window nothing is pulled, so nothing is held. */
static void test_zero_window(void **state)
{
    (void)state;
    tear_down(NULL);
    lab_open(&lab, NULL, UINT64_MAX);
    struct buf b = {0};
    buf_append_str(&b, PEER_PREFACE);
    raw_frame(&b, NGHTTP2_SETTINGS, 0, 0, slice_of("\x00\x04\x00\x00\x00\x00", 6));
    for (int32_t id = 1; id < 200; id += 2)
        raw_get(&b, id, "/list?99999999");
    raw_send(&lab, &b);
    lab_flush(&lab);
    assert_int_equal(raw_count(&lab, NGHTTP2_HEADERS), 100);
    assert_int_equal(raw_count(&lab, NGHTTP2_DATA), 0);
    assert_true(lab.out.n < 100 * 64);
    assert_true(lab.budget.used < 100 * 2048);
    /* A window of one byte, again and again, costs a frame each and no more memory. */
    buf_clear(&lab.out);
    size_t held = lab.budget.used;
    for (int i = 0; i < 100; i++)
        raw_frame(&b, NGHTTP2_WINDOW_UPDATE, 0, 1, slice_of("\x00\x00\x00\x01", 4));
    raw_send(&lab, &b);
    lab_flush(&lab);
    assert_int_equal(lab.out.n, 9 + 100);
    assert_int_equal(lab.budget.used, held);
    buf_fini(&b);
    peer_open(&peer, &lab, 0); /* for tear_down */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_round_robin),       TEST(test_small_between_large),
        TEST(test_urgent_first),      TEST(test_client_priority_ignored),
        TEST(test_emit_stops_at_max), TEST(test_source_waits),
        TEST(test_source_fails),      TEST(test_zero_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
