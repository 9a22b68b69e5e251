/* A quiet connection is asked whether its peer is there; a peer that asks too often is sent away.
 */
#include "http/h2.h"

#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct lab lab;
static struct buf raw;

static int set_up(void **state)
{
    static const struct http_limits limits = {
        .keepalive_ms = 10000, .keepalive_timeout_ms = 3000, .ping_min_ms = 5000};
    (void)state;
    lab_open(&lab, &limits, UINT64_MAX);
    raw_begin(&raw);
    raw_send(&lab, &raw);
    lab_flush(&lab);
    buf_clear(&lab.out);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&raw);
    lab_close(&lab);
    return 0;
}

static void ping(uint8_t flags)
{
    raw_frame(&raw, NGHTTP2_PING, flags, 0, SLICE_LIT("alive?\0\0"));
    raw_send(&lab, &raw);
    lab_flush(&lab);
}

static unsigned pings_sent(void)
{
    lab_flush(&lab);
    unsigned n = raw_count(&lab, NGHTTP2_PING);
    buf_clear(&lab.out);
    return n;
}

static void a_quiet_peer_is_asked_and_answers(void **state)
{
    (void)state;
    lab_pass_ms(&lab, 9999);
    assert_int_equal(pings_sent(), 0);
    lab_pass_ms(&lab, 1);
    assert_int_equal(pings_sent(), 1);
    lab_pass_ms(&lab, 2000);
    ping(NGHTTP2_FLAG_ACK);
    lab_pass_ms(&lab, 9999);
    assert_int_equal(pings_sent(), 0);
    lab_pass_ms(&lab, 1);
    assert_int_equal(pings_sent(), 1);
    assert_false(lab.finished);
}

static void a_peer_that_is_gone_is_given_up(void **state)
{
    (void)state;
    lab_pass_ms(&lab, 10000);
    assert_int_equal(pings_sent(), 1);
    lab_pass_ms(&lab, 2999);
    assert_false(lab.finished);
    lab_pass_ms(&lab, 1);
    lab_flush(&lab);
    assert_true(lab.finished);
    assert_int_equal(raw_goaway(&lab), NGHTTP2_NO_ERROR);
}

static void an_answer_counts_even_when_the_timeout_is_the_longer(void **state)
{
    static const struct http_limits limits = {.keepalive_ms = 500, .keepalive_timeout_ms = 1000};
    (void)state;
    lab_close(&lab);
    lab_open(&lab, &limits, UINT64_MAX);
    raw_begin(&raw);
    raw_send(&lab, &raw);
    for (int i = 0; i < 5; i++) {
        lab_pass_ms(&lab, i == 0 ? 500 : 1000);
        assert_int_equal(pings_sent(), 1);
        ping(NGHTTP2_FLAG_ACK);
    }
    assert_false(lab.finished);
}

static void whoever_talks_is_not_asked(void **state)
{
    (void)state;
    for (int32_t i = 0; i < 10; i++) {
        lab_pass_ms(&lab, 9000);
        raw_get(&raw, 2 * i + 1, "/list?1");
        raw_send(&lab, &raw);
        assert_int_equal(pings_sent(), 0);
    }
    assert_false(lab.finished);
}

static void three_pings_too_soon_are_too_many(void **state)
{
    (void)state;
    raw_open(&raw, 1, "/hold");
    raw_send(&lab, &raw);
    ping(0); /* the first has none before it */
    ping(0);
    ping(0);
    assert_false(lab.finished);
    ping(0);
    assert_true(lab.finished);
    assert_int_equal(raw_goaway(&lab), NGHTTP2_ENHANCE_YOUR_CALM);
    assert_non_null(memmem(lab.out.p, lab.out.n, "too_many_pings", 14));
}

static void patient_pings_are_fine(void **state)
{
    (void)state;
    raw_open(&raw, 1, "/hold");
    raw_send(&lab, &raw);
    for (int i = 0; i < 20; i++) {
        lab_pass_ms(&lab, 5000);
        ping(0);
    }
    assert_false(lab.finished);
}

static void whoever_was_answered_may_ask(void **state)
{
    (void)state;
    for (int32_t i = 0; i < 20; i++) { /* as clients that measure the way do */
        raw_get(&raw, 2 * i + 1, "/list?1");
        raw_send(&lab, &raw);
        lab_flush(&lab);
        ping(0);
    }
    assert_false(lab.finished);
}

static void without_a_stream_there_is_nothing_to_keep(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        lab_pass_ms(&lab, 6000);
        ping(0);
    }
    assert_true(lab.finished);
    assert_int_equal(raw_goaway(&lab), NGHTTP2_ENHANCE_YOUR_CALM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_quiet_peer_is_asked_and_answers),
        TEST(a_peer_that_is_gone_is_given_up),
        TEST(an_answer_counts_even_when_the_timeout_is_the_longer),
        TEST(whoever_talks_is_not_asked),
        TEST(three_pings_too_soon_are_too_many),
        TEST(patient_pings_are_fine),
        TEST(whoever_was_answered_may_ask),
        TEST(without_a_stream_there_is_nothing_to_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
