/* Each known attack on HTTP/2 servers, by hand: it ends the connection with the right error, or
 * costs bounded memory. docs/ARCHITECTURE.md, Abuse. */
#include "http/h2.h"

#include "base/wr.h"

#include "peer.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct lab lab;
static struct buf raw;

static int set_up(void **state)
{
    (void)state;
    lab_open(&lab, NULL, UINT64_MAX);
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

static void set_up_with(const struct http_limits *limits)
{
    tear_down(NULL);
    lab_open(&lab, limits, UINT64_MAX);
    raw_begin(&raw);
    raw_send(&lab, &raw);
    lab_flush(&lab);
    buf_clear(&lab.out);
}

static void assert_ended_with(uint32_t error)
{
    lab_flush(&lab);
    assert_true(lab.finished);
    assert_int_equal(raw_goaway(&lab), error);
}

static void raw_u32(uint8_t type, int32_t id, uint32_t value)
{
    uint8_t p[4];
    store_u32_big(p, value);
    raw_frame(&raw, type, 0, id, slice_of(p, sizeof(p)));
}

/* CVE-2023-44487. Up to the limit it is how gRPC cancels; beyond, nobody's business. */
static void test_rapid_reset(void **state)
{
    (void)state;
    int32_t id = 1;
    for (unsigned i = 0; i < HTTP_RESETS_PER_S_MAX; i++, id += 2) {
        raw_get(&raw, id, "/wait");
        raw_u32(NGHTTP2_RST_STREAM, id, NGHTTP2_CANCEL);
    }
    raw_send(&lab, &raw);
    lab_flush(&lab);
    assert_false(lab.finished);
    assert_int_equal(lab.live, 0);
    lab_pass_ms(&lab, 1000); /* a new second */
    for (unsigned i = 0; i < HTTP_RESETS_PER_S_MAX; i++, id += 2) {
        raw_get(&raw, id, "/wait");
        raw_u32(NGHTTP2_RST_STREAM, id, NGHTTP2_CANCEL);
    }
    raw_send(&lab, &raw);
    assert_false(lab.finished);
    raw_get(&raw, id, "/wait");
    raw_u32(NGHTTP2_RST_STREAM, id, NGHTTP2_CANCEL);
    raw_send(&lab, &raw);
    assert_ended_with(NGHTTP2_ENHANCE_YOUR_CALM);
}

/* A watch tool that cancels many a second, for long, is no attack: nghttp2's own counter, which
 * allows 33 a second, must not have the say. */
static void test_steady_resets_are_fine(void **state)
{
    (void)state;
    int32_t id = 1;
    for (int second = 0; second < 60; second++) {
        for (int i = 0; i < 100; i++, id += 2) {
            raw_get(&raw, id, "/wait");
            raw_u32(NGHTTP2_RST_STREAM, id, NGHTTP2_CANCEL);
        }
        raw_send(&lab, &raw);
        lab_flush(&lab);
        lab_pass_ms(&lab, 1000);
    }
    assert_false(lab.finished);
    assert_int_equal(lab.requests, 6000);
}

/* What a stream can be sent to make the server reset it (CVE-2025-8671). */
static void made_overflow(int32_t id)
{
    raw_u32(NGHTTP2_WINDOW_UPDATE, id, 0x7fffffff);
}

static void made_content_length(int32_t id)
{
    (void)id; /* the request itself: see below */
}

static void made_bad_trailers(int32_t id)
{
    raw_frame(&raw, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id,
              slice_of("\x82", 1)); /* a pseudo header among them */
}

static void made_connection_trailers(int32_t id)
{
    raw_frame(&raw, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id,
              slice_of("\x00\x07upgrade\x01y", 11));
}

static void made_unfinished_trailers(int32_t id)
{
    raw_frame(&raw, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id,
              slice_of("\x00\x01x\x01y", 5)); /* behind which the stream goes on */
}

static void request_with_length(int32_t id)
{
    uint8_t block[] = "\x82\x86\x84\x01\x01"
                      "a"
                      "\x0f\x0d\x01"
                      "3"; /* content-length: 3, and no body */
    raw_frame(&raw, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id,
              slice_of(block, sizeof(block) - 1));
}

static void request_with_upper_case(int32_t id)
{
    uint8_t block[] = "\x82\x86\x84\x01\x01"
                      "a\x00\x01X\x01y";
    raw_frame(&raw, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id,
              slice_of(block, sizeof(block) - 1));
}

static void request_with_length_open(int32_t id)
{
    uint8_t block[] = "\x82\x86\x84\x01\x01"
                      "a\x0f\x0d\x01"
                      "3";
    raw_frame(&raw, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id,
              slice_of(block, sizeof(block) - 1));
}

static void made_too_long(int32_t id)
{
    raw_frame(&raw, NGHTTP2_DATA, 0, id, SLICE_LIT("abcd"));
}

static void made_too_short(int32_t id)
{
    raw_frame(&raw, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id, SLICE_LIT("ab"));
}

static void request_open(int32_t id)
{
    raw_open(&raw, id, "/hold");
}

static void test_made_you_reset(void **state)
{
    (void)state;
    static const struct {
        void (*request)(int32_t id);
        void (*provoke)(int32_t id);
    } ways[] = {
        {request_open, made_overflow},
        {request_open, made_bad_trailers},
        {request_open, made_connection_trailers},
        {request_open, made_unfinished_trailers},
        {request_with_length, made_content_length},
        {request_with_length_open, made_too_long},
        {request_with_length_open, made_too_short},
        {request_with_upper_case, made_content_length},
    };
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        unsigned streams = 0;
        set_up_with(NULL);
        for (int32_t id = 1; !lab.finished && streams < 1000; id += 2) {
            ways[w].request(id);
            ways[w].provoke(id);
            raw_send(&lab, &raw);
            lab_flush(&lab);
            streams++;
        }
        assert_ended_with(NGHTTP2_ENHANCE_YOUR_CALM);
        assert_true(streams >= HTTP_RESETS_PER_S_MAX);
        assert_true(streams <= HTTP_RESETS_PER_S_MAX + 1);
        assert_true(raw_count(&lab, NGHTTP2_RST_STREAM) >= HTTP_RESETS_PER_S_MAX);
    }
}

/* The same by a peer that reads nothing, so that the resets pile up unsent. */
static void test_made_you_reset_unread(void **state)
{
    (void)state;
    for (int32_t id = 1; !lab.finished && id < 100000; id += 2) {
        request_open(id);
        made_unfinished_trailers(id);
        raw_send(&lab, &raw);
    }
    assert_ended_with(NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(lab.requests <= HTTP_RESETS_PER_S_MAX + 1);
}

/* What made the stream malformed is the last that its handler hears of it, however much of the same
 * frame is to come, and no window is lost with it. */
static void test_malformed_body(void **state)
{
    (void)state;
    uint8_t block[] = "\x82\x86\x04\x05/hold\x01\x01"
                      "a\x0f\x0d\x01"
                      "3";
    set_up_with(&(struct http_limits){.window = 1000});
    for (int32_t id = 1; id < 200; id += 2) { /* 100 times 1,000 through a window of 65,535 */
        raw_frame(&raw, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id,
                  slice_of(block, sizeof(block) - 1));
        raw_frame(&raw, NGHTTP2_DATA, 0, id, SLICE_LIT("ab"));
        raw_send(&lab, &raw);
        assert_string_equal(lab_journal(&lab), "request GET /hold a\ndata 2\n");
        uint8_t rest[998] = {0};
        raw_frame(&raw, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id, slice_of(rest, sizeof(rest)));
        for (size_t i = 0; i < raw.n; i++)
            lab_feed(&lab, slice_of(raw.p + i, 1));
        buf_clear(&raw);
        buf_clear(&lab.out);
        lab_flush(&lab);
        assert_int_equal(raw_count(&lab, NGHTTP2_RST_STREAM), 1);
        assert_string_equal(lab_journal(&lab), "data 1\nclose closed\n");
        assert_false(lab.finished);
    }
}

/* DATA behind the end, and frames on streams that never were, end the connection at once. */
static void test_connection_errors(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        int32_t id;
        uint32_t error;
    } cases[] = {
        {NGHTTP2_DATA, 1, NGHTTP2_STREAM_CLOSED},
        {NGHTTP2_DATA, 9, NGHTTP2_PROTOCOL_ERROR},
        {NGHTTP2_RST_STREAM, 9, NGHTTP2_PROTOCOL_ERROR},
        {NGHTTP2_WINDOW_UPDATE, 9, NGHTTP2_PROTOCOL_ERROR},
        {NGHTTP2_WINDOW_UPDATE, 1, NGHTTP2_PROTOCOL_ERROR}, /* by nothing */
        {NGHTTP2_PUSH_PROMISE, 1, NGHTTP2_PROTOCOL_ERROR},
        {NGHTTP2_CONTINUATION, 1, NGHTTP2_PROTOCOL_ERROR},
        {NGHTTP2_PING, 0, NGHTTP2_FRAME_SIZE_ERROR},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_up_with(NULL);
        raw_get(&raw, 1, "/wait");
        raw_u32(cases[i].type, cases[i].id, 0);
        raw_send(&lab, &raw);
        assert_ended_with(cases[i].error);
    }
}

/* CVE-2024-27316: a header block that never ends. */
static void test_continuation_flood(void **state)
{
    (void)state;
    raw_frame(&raw, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, slice_of("\x82\x86\x84", 3));
    raw_send(&lab, &raw);
    unsigned frames = 0;
    while (!lab.finished && frames < 1000) {
        raw_frame(&raw, NGHTTP2_CONTINUATION, 0, 1, slice_of("\x00\x01x\x01y", 5));
        raw_send(&lab, &raw);
        lab_flush(&lab);
        frames++;
    }
    assert_true(lab.finished);
    assert_true(raw_goaway(&lab) > 0);
    assert_int_equal(frames, HTTP_CONTINUATIONS_MAX + 1);
    assert_int_equal(lab.requests, 0);
}

/* CVE-2019-9518: DATA that carries nothing. */
static void test_empty_data_flood(void **state)
{
    (void)state;
    raw_open(&raw, 1, "/sink");
    for (int round = 0; round < 3; round++) { /* something in between is well */
        for (unsigned i = 0; i < HTTP_EMPTY_FRAMES_MAX; i++)
            raw_frame(&raw, NGHTTP2_DATA, 0, 1, (struct slice){0});
        raw_frame(&raw, NGHTTP2_DATA, 0, 1, SLICE_LIT("x"));
    }
    raw_send(&lab, &raw);
    assert_false(lab.finished);
    for (unsigned i = 0; i <= HTTP_EMPTY_FRAMES_MAX; i++) /* padding is nothing, too */
        raw_frame(&raw, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, slice_of("\x02\0\0", 3));
    raw_send(&lab, &raw);
    assert_ended_with(NGHTTP2_ENHANCE_YOUR_CALM);
}

/* CVE-2019-9512, -9515: answers that nobody fetches. PINGs end sooner (h2_alive). */
static void flood(uint8_t type, struct slice payload)
{
    set_up_with(NULL);
    unsigned frames = 0;
    while (!lab.finished && frames < 100000) {
        raw_frame(&raw, type, 0, 0, payload);
        raw_send(&lab, &raw);
        frames++;
    }
    assert_in_range(frames, HTTP_CONTROL_QUEUE_MAX, HTTP_CONTROL_QUEUE_MAX + 1);
    assert_ended_with(NGHTTP2_ENHANCE_YOUR_CALM);
    /* Who fetches them may ask on. */
    set_up_with(NULL);
    for (frames = 0; frames < 5 * HTTP_CONTROL_QUEUE_MAX; frames++) {
        raw_frame(&raw, type, 0, 0, payload);
        raw_send(&lab, &raw);
        lab_flush(&lab);
    }
    assert_false(lab.finished);
}

static void test_control_floods(void **state)
{
    (void)state;
    flood(NGHTTP2_SETTINGS, (struct slice){0});
    flood(NGHTTP2_SETTINGS, slice_of("\x00\x04\x00\x01\x00\x00", 6));
}

/* The last GOAWAY is the last frame, however much there was to send. */
static void test_nothing_behind_goaway(void **state)
{
    (void)state;
    raw_get(&raw, 1, "/list?1000000");
    raw_frame(&raw, NGHTTP2_WINDOW_UPDATE, 0, 1, slice_of("\0\x0f\0\0", 4));
    raw_frame(&raw, NGHTTP2_WINDOW_UPDATE, 0, 0, slice_of("\0\x0f\0\0", 4));
    raw_send(&lab, &raw);
    lab_emit(&lab, 1000);
    raw_u32(NGHTTP2_PUSH_PROMISE, 1, 0);
    raw_send(&lab, &raw);
    lab_flush(&lab);
    assert_int_equal(raw_goaway(&lab), NGHTTP2_PROTOCOL_ERROR);
    assert_int_equal(lab.out.p[raw_last(&lab) + 3], NGHTTP2_GOAWAY);
    set_up_with(&(struct http_limits){.resets_per_s = 1});
    raw_get(&raw, 1, "/list?1000000");
    raw_send(&lab, &raw);
    lab_emit(&lab, 1000);
    for (int32_t id = 3; id < 9; id += 2) {
        raw_get(&raw, id, "/wait");
        raw_u32(NGHTTP2_RST_STREAM, id, NGHTTP2_CANCEL);
    }
    raw_send(&lab, &raw);
    assert_ended_with(NGHTTP2_ENHANCE_YOUR_CALM);
    assert_int_equal(lab.out.p[raw_last(&lab) + 3], NGHTTP2_GOAWAY);
}

/* More streams than allowed, before the limit was acknowledged: each refusal is a frame that an
 * unreading peer leaves in the queue. */
static void test_refused_streams_unread(void **state)
{
    (void)state;
    set_up_with(&(struct http_limits){.streams = 10});
    int32_t id = 1;
    while (!lab.finished && id < 1000000) {
        raw_get(&raw, id, "/hold");
        raw_send(&lab, &raw);
        id += 2;
    }
    assert_ended_with(NGHTTP2_ENHANCE_YOUR_CALM);
    assert_int_equal(lab.requests, 10);
    assert_in_range(id / 2, HTTP_RESETS_PER_S_MAX, HTTP_RESETS_PER_S_MAX + 20);
}

/* Answers to streams that were reset before anybody fetched them. */
static void test_answers_unread(void **state)
{
    (void)state;
    set_up_with(&(struct http_limits){.resets_per_s = 1000000});
    size_t before = mallinfo2().uordblks;
    for (int32_t id = 1; !lab.finished && id < 1000000; id += 2) {
        raw_get(&raw, id, "/grpc");
        raw_u32(NGHTTP2_RST_STREAM, id, NGHTTP2_CANCEL);
        raw_send(&lab, &raw);
    }
    assert_true(mallinfo2().uordblks < before + (4u << 20));
    assert_ended_with(NGHTTP2_ENHANCE_YOUR_CALM);
}

/* CVE-2016-6581: one byte of HPACK stands for 4 kB of header, again and again. */
static void hpack_bomb(unsigned repeats)
{
    struct buf block = {0};
    buf_append_str(&block, "\x82\x86\x84\x01\x01"
                           "a");
    buf_append_str(&block, "\x40\x01x\x7f\xa1\x1e"); /* to be indexed: x, 4,000 bytes */
    memset(buf_extend(&block, 4000), 'y', 4000);
    memset(buf_extend(&block, repeats), 0xbe, repeats); /* the newest entry */
    raw_frame(&raw, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, buf_slice(&block));
    buf_fini(&block);
    raw_send(&lab, &raw);
    lab_flush(&lab);
    assert_int_equal(lab.requests, 0);
}

static void test_header_list_limit(void **state)
{
    (void)state;
    hpack_bomb(10); /* 44 kB: more than the limit, no bomb yet */
    assert_false(lab.finished);
    assert_int_equal(raw_count(&lab, NGHTTP2_HEADERS), 1); /* 431, and asked off */
    assert_int_equal(raw_count(&lab, NGHTTP2_RST_STREAM), 1);
    assert_int_equal(lab.budget.used, 0);
    /* The connection lives, its HPACK state with it. */
    raw_get(&raw, 3, "/sink");
    raw_send(&lab, &raw);
    lab_flush(&lab);
    assert_int_equal(lab.requests, 1);
}

static void test_hpack_bomb(void **state)
{
    (void)state;
    hpack_bomb(5000); /* 20 MB in 9 kB */
    assert_ended_with(NGHTTP2_ENHANCE_YOUR_CALM);
}

static void test_trailer_list_limit(void **state)
{
    (void)state;
    raw_open(&raw, 1, "/sink");
    raw_send(&lab, &raw);
    struct buf block = {0};
    for (int i = 0; i < 500; i++)
        buf_append_str(&block, "\x10\x01x\x01y");
    raw_frame(&raw, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
              buf_slice(&block));
    buf_fini(&block);
    raw_send(&lab, &raw);
    lab_flush(&lab);
    assert_string_equal(lab_journal(&lab), "request GET /sink a\nclose closed\n");
    assert_int_equal(raw_count(&lab, NGHTTP2_RST_STREAM), 1);
}

/* A connection without end of small requests holds what it needs, no more with time. */
static void test_memory_does_not_grow(void **state)
{
    (void)state;
    size_t after_first = 0;
    for (int32_t id = 1; id < 40000; id += 2) {
        raw_get(&raw, id, "/grpc");
        raw_send(&lab, &raw);
        buf_clear(&lab.out);
        lab_flush(&lab);
        buf_clear(&lab.journal);
        if (id == 1001)
            after_first = mallinfo2().uordblks;
    }
    assert_true(mallinfo2().uordblks <= after_first + 1024);
}

static void test_bad_requests(void **state)
{
    (void)state;
    static const struct {
        const char *block;
        unsigned answered; /* with a status of its own; else reset */
    } cases[] = {
        {"\x82\x86\x01\x01"
         "a",
         0}, /* no path */
        {"\x82\x84\x01\x01"
         "a",
         0}, /* no scheme */
        {"\x82\x82\x86\x84\x01\x01"
         "a",
         0}, /* method twice */
        {"\x82\x86\x04\x80\x01\x01"
         "a",
         0}, /* empty path */
        {"\x82\x86\x04\x02/\x01\x01\x01"
         "a",
         0}, /* control byte in the path */
        {"\x82\x86\x84\x01\x01"
         "a\x10\x02te\x01x",
         0}, /* te other than trailers */
        {"\x82\x86\x84\x01\x01"
         "a\x10\x0a"
         "connection\x05"
         "close",
         0},
        {"\x82\x86\x84\x01\x01"
         "a\x10\x01x\x01\x01",
         0}, /* control byte in a value */
        {"\x82\x86\x84\x01\x01"
         "a\x0f\x0d\x01"
         "x",
         0},                               /* content-length that is none */
        {"\x82\x86\x10\x01x\x01y\x84", 0}, /* pseudo header behind a regular one */
        {"\x02\x07"
         "CONNECT\x84\x01\x01"
         "a",
         0}, /* CONNECT with a path */
        {"\x82\x86\x84\x01\x01"
         "a\x0f\x17\x01"
         "b",
         1}, /* host differs: 400 */
        {"\x02\x07"
         "CONNECT\x01\x01"
         "a",
         1}, /* 405 */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_up_with(NULL);
        raw_frame(&raw, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
                  slice_str(cases[i].block));
        raw_send(&lab, &raw);
        lab_flush(&lab);
        if (lab.requests != 0 || raw_count(&lab, NGHTTP2_HEADERS) != cases[i].answered)
            fail_msg("request %zu", i);
        assert_int_equal(raw_count(&lab, NGHTTP2_RST_STREAM), !cases[i].answered);
        assert_false(lab.finished);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_rapid_reset),
        TEST(test_steady_resets_are_fine),
        TEST(test_made_you_reset),
        TEST(test_made_you_reset_unread),
        TEST(test_malformed_body),
        TEST(test_connection_errors),
        TEST(test_continuation_flood),
        TEST(test_empty_data_flood),
        TEST(test_control_floods),
        TEST(test_nothing_behind_goaway),
        TEST(test_refused_streams_unread),
        TEST(test_answers_unread),
        TEST(test_header_list_limit),
        TEST(test_hpack_bomb),
        TEST(test_trailer_list_limit),
        TEST(test_memory_does_not_grow),
        TEST(test_bad_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
