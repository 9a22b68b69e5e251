/* Frames of a WebSocket: what is taken, in any pieces, what is refused and with which code. */
#include "http/ws_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MESSAGE_MAX 70000u

/* A frame as clients send it: its payload masked. */
static void add(struct buf *out, unsigned first, const char *payload, size_t n)
{
    static const uint8_t mask[4] = {0x12, 0xfe, 0x00, 0x81};
    struct buf plain = {0};
    ws_append(&plain, (enum ws_opcode)(first & 15u), (first & 0x80u) != 0, slice_of(payload, n));
    size_t head = plain.n - n;
    plain.p[0] = (uint8_t)first;
    plain.p[1] |= 0x80;
    buf_append(out, plain.p, head);
    buf_append(out, mask, sizeof(mask));
    for (size_t i = 0; i < n; i++)
        buf_append_u8(out, (uint8_t)payload[i] ^ mask[i % 4]);
    buf_fini(&plain);
}

static void add_text(struct buf *out, unsigned first, const char *payload)
{
    add(out, first, payload, strlen(payload));
}

/* What a reader makes of it, fed in pieces of n bytes: pieces joined, a letter for what else. */
static char *story(const struct buf *in, size_t n)
{
    struct ws_reader r;
    struct buf told = {0};
    struct buf copy = {0};
    bool bad = false;
    ws_reader_init(&r, MESSAGE_MAX);
    buf_append_slice(&copy, buf_slice(in));
    for (size_t at = 0; at < copy.n && !bad;) {
        size_t end = copy.n - at < n ? copy.n : at + n;
        enum ws_step step;
        do {
            struct ws_found found = {0};
            size_t used;
            step = ws_next(&r, copy.p + at, end - at, 3, &used, &found);
            at += used;
            bad = step == WS_STEP_BAD;
            if (step == WS_STEP_PIECE)
                buf_append_slice(&told, found.piece);
            else if (step == WS_STEP_MESSAGE_END)
                buf_append_str(&told, "|");
            else if (step == WS_STEP_PING)
                buf_printf(&told, "<ping %.*s>", (int)found.piece.n, (const char *)found.piece.p);
            else if (step == WS_STEP_PONG)
                buf_append_str(&told, "<pong>");
            else if (step == WS_STEP_CLOSE || bad)
                buf_printf(&told, "<%s %d>", bad ? "bad" : "close", (int)found.code);
        } while (step != WS_STEP_MORE && !bad);
        assert_true(bad || at == end);
    }
    buf_append_u8(&told, 0);
    buf_fini(&copy);
    return (char *)told.p;
}

/* The same in any pieces. */
static void expect(struct buf *in, const char *want)
{
    for (size_t n = 1; n <= in->n; n = n < 20 ? n + 1 : n * 2) {
        char *got = story(in, n);
        assert_string_equal(got, want);
        free(got);
    }
    buf_fini(in);
}

static void test_messages_and_fragments(void **state)
{
    struct buf in = {0};
    (void)state;
    add_text(&in, 0x81, "hello");
    add_text(&in, 0x82, "");
    add_text(&in, 0x01, "one");
    add_text(&in, 0x00, "");
    add_text(&in, 0x89, "are you there");
    add_text(&in, 0x80, "two");
    add_text(&in, 0x8a, "unasked");
    add_text(&in, 0x88, "\x03\xe8 bye");
    expect(&in, "hello||one<ping are you there>two|<pong><close 1000>");
    add_text(&in, 0x88, "");
    expect(&in, "<close 1005>");
}

static void test_long_messages(void **state)
{
    static const size_t lengths[] = {125, 126, 65535, 65536, MESSAGE_MAX};
    static char text[MESSAGE_MAX];
    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct buf in = {0};
        add(&in, 0x81, text, lengths[i]);
        char *got = story(&in, 1000);
        assert_int_equal(strlen(got), lengths[i] + 1);
        assert_int_equal(strspn(got, "a"), lengths[i]);
        free(got);
        buf_fini(&in);
    }
}

/* The length of all fragments, and before a byte of them is taken. */
static void test_messages_that_are_too_big(void **state)
{
    static char text[MESSAGE_MAX];
    struct buf in = {0};
    (void)state;
    buf_append(&in, "\x81\xff\0\0\0\0\0\x01\x11\x71\0\0\0\0", 14);
    expect(&in, "<bad 1009>");
    buf_append(&in, "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14);
    expect(&in, "<bad 1009>");
    add(&in, 0x01, text, MESSAGE_MAX);
    add_text(&in, 0x80, "b");
    char *got = story(&in, in.n);
    assert_string_equal(got, ""); /* the zeros */
    assert_non_null(memmem(got, MESSAGE_MAX + 16, "<bad 1009>", 10));
    free(got);
    buf_fini(&in);
    add(&in, 0x81, text, 1); /* what was whole does not count */
    in.n -= 1;
    buf_append_u8(&in, 0x12 ^ 'x');
    add_text(&in, 0x81, "y");
    expect(&in, "x|y|");
}

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        {"\x81\x02{}", 4},                            /* not masked */
        {"\xc1\x80\0\0\0\0", 6},                      /* a reserved bit */
        {"\x83\x80\0\0\0\0", 6},                      /* opcodes that are none */
        {"\x8b\x80\0\0\0\0", 6},                      /* … */
        {"\x80\x80\0\0\0\0", 6},                      /* nothing to continue */
        {"\x09\x80\0\0\0\0", 6},                      /* a fragment of a Ping */
        {"\x89\xfe\0\x7e\0\0\0\0", 8},                /* a Ping that is too long */
        {"\x81\xfe\0\x7d\0\0\0\0", 8},                /* lengths that are too long */
        {"\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 14}, /* … */
        {"\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14},   /* a length below zero */
        {"\x01\x80\0\0\0\0\x81\x80\0\0\0\0", 12},     /* a message within another */
        {"\x88\x81\0\0\0\0x", 7},                     /* half a code */
        {"\x88\x82\0\0\0\0\x03\xed", 8},              /* 1005 is never sent */
        {"\x88\x82\0\0\0\0\x03\xe7", 8},              /* 999 */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf in = {0};
        buf_append(&in, bad[i].bytes, bad[i].n);
        expect(&in, "<bad 1002>");
    }
}

static void test_close_codes_that_are_taken(void **state)
{
    static const unsigned codes[] = {1000, 1001, 1003, 1007, 1011, 3000, 4999};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        char payload[2] = {(char)(codes[i] >> 8), (char)codes[i]};
        char want[32];
        struct buf in = {0};
        add(&in, 0x88, payload, 2);
        snprintf(want, sizeof(want), "<close %u>", codes[i]);
        expect(&in, want);
    }
}

static void test_frames_of_a_server(void **state)
{
    struct buf out = {0};
    (void)state;
    ws_append(&out, WS_TEXT, false, SLICE_LIT("a"));
    ws_append(&out, WS_CONTINUATION, true, (struct slice){0});
    ws_append_close(&out, WS_GOING_AWAY);
    ws_append_close(&out, WS_NO_CODE);
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("\x01\x01"
                                                    "a\x80\0\x88\x02\x03\xe9\x88\0")));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_and_fragments),
        cmocka_unit_test(test_long_messages),
        cmocka_unit_test(test_messages_that_are_too_big),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_close_codes_that_are_taken),
        cmocka_unit_test(test_frames_of_a_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
