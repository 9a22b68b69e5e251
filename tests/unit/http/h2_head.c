/* Each rule of RFC 9113 8.1 to 8.3 by itself, and the oddities that real clients send. */
#include "http/h2_head.h"

#include "base/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FIELDS_MAX 8

struct field {
    const char *name;
    const char *value;
};

#define METHOD                                                                                     \
    {                                                                                              \
        ":method", "POST"                                                                          \
    }
#define SCHEME                                                                                     \
    {                                                                                              \
        ":scheme", "http"                                                                          \
    }
#define PATH                                                                                       \
    {                                                                                              \
        ":path", "/x"                                                                              \
    }
#define GOOD METHOD, SCHEME, PATH

/* NULL: the head is fine; else why it is not. */
static const char *judge(const struct field *fields)
{
    struct h2_head head = {0};
    for (size_t i = 0; i < FIELDS_MAX && fields[i].name; i++) {
        struct slice value = slice_str(fields[i].value);
        if (h2_head_field(&head, slice_str(fields[i].name), &value) == H2_BAD) {
            assert_non_null(head.why);
            return head.why;
        }
        assert_null(head.why);
    }
    return h2_head_complete(&head) ? NULL : head.why;
}

struct head_case {
    struct field fields[FIELDS_MAX];
};

static void test_accepted(void **state)
{
    (void)state;
    static const struct head_case cases[] = {
        {{GOOD}},
        {{PATH, SCHEME, METHOD, {":authority", "a"}}},
        {{{":authority", "a:1"}, GOOD}},
        /* What clients name as authority: a URL, a socket's path, nothing. */
        {{GOOD, {":authority", "http://127.0.0.1:2379"}}},
        {{GOOD, {":authority", "https://[::1]:2379/"}}},
        {{GOOD, {":authority", "unix:///run/moat.sock"}}},
        {{GOOD, {":authority", "user@host"}}},
        {{GOOD, {":authority", "a,b"}}},
        {{GOOD, {":authority", "#1$x"}}},
        {{GOOD, {":authority", ""}}},
        {{GOOD, {":authority", "\xc3\xa4.example"}}},
        {{GOOD, {"host", "http://127.0.0.1:2379"}}},
        /* Paths that rpc has an answer for. */
        {{METHOD, SCHEME, {":path", "abc"}}},
        {{METHOD, SCHEME, {":path", "*"}}},
        {{METHOD, SCHEME, {":path", "/a b"}}},
        {{METHOD, SCHEME, {":path", "/\xff"}}},
        {{METHOD, SCHEME, {":path", "http://a/b"}}},
        {{METHOD, PATH, {":scheme", "https"}}},
        {{METHOD, PATH, {":scheme", "Coap+ws-1.0"}}},
        {{SCHEME, PATH, {":method", "get"}}},
        {{SCHEME, PATH, {":method", "!#$%&'*+-.^_`|~09azAZ"}}},
        {{{":method", "CONNECT"}, {":authority", "a"}}},
        {{GOOD, {"te", "trailers"}}},
        {{GOOD, {"te", "Trailers"}}},
        {{GOOD, {"te", ""}}},
        {{GOOD, {"x", ""}}},
        {{GOOD, {"x", " \t"}}},
        {{GOOD, {"x", " around\t"}}},
        {{GOOD, {"x", "in\tside, and more than eight bytes"}}},
        {{GOOD, {"x", "\x80\xff"}}},
        {{GOOD, {"!#$%&'*+-.^_`|~09az", "x"}}},
        {{GOOD, {"x", "1"}, {"x", "2"}}},
        {{GOOD, {"connections", "x"}, {"tea", "x"}}},
        {{GOOD, {"content-length", "0"}}},
        {{GOOD, {"content-length", " 007 "}}},
        {{GOOD, {"content-length", "999999999999999999"}}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why = judge(cases[i].fields);
        if (why)
            fail_msg("head %zu: %s", i, why);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        struct field fields[FIELDS_MAX];
        const char *why;
    } cases[] = {
        {{{NULL, NULL}}, "pseudo headers do not make a request"},
        {{SCHEME, PATH}, "pseudo headers do not make a request"},
        {{METHOD, PATH}, "pseudo headers do not make a request"},
        {{METHOD, SCHEME, {":authority", "a"}}, "pseudo headers do not make a request"},
        {{{":method", "CONNECT"}}, "pseudo headers do not make a request"},
        {{{":method", "CONNECT"}, SCHEME, PATH}, "pseudo headers do not make a request"},
        {{{":method", "CONNECT"}, SCHEME, {":authority", "a"}},
         "pseudo headers do not make a request"},
        {{GOOD, METHOD}, "pseudo header twice"},
        {{GOOD, SCHEME}, "pseudo header twice"},
        {{GOOD, PATH}, "pseudo header twice"},
        {{GOOD, {":authority", "a"}, {":authority", "a"}}, "pseudo header twice"},
        {{METHOD, SCHEME, {"x", "y"}, PATH}, "pseudo header behind a regular one"},
        {{GOOD, {":status", "200"}}, "unknown pseudo header"},
        {{GOOD, {":protocol", "websocket"}}, "unknown pseudo header"},
        {{GOOD, {":Path", "/"}}, "unknown pseudo header"},
        {{GOOD, {":", "x"}}, "unknown pseudo header"},
        {{METHOD, SCHEME, {":path", ""}}, "malformed pseudo header"},
        {{METHOD, SCHEME, {":path", " /"}}, "malformed pseudo header"},
        {{METHOD, SCHEME, {":path", "/\t"}}, "malformed pseudo header"},
        {{METHOD, SCHEME, {":path", "/\x01"}}, "control byte in a value"},
        {{METHOD, SCHEME, {":path", "/ HTTP/1.1\r\nhost: x"}}, "control byte in a value"},
        {{METHOD, PATH, {":scheme", ""}}, "malformed pseudo header"},
        {{METHOD, PATH, {":scheme", "1http"}}, "malformed pseudo header"},
        {{METHOD, PATH, {":scheme", "ht tp"}}, "malformed pseudo header"},
        {{METHOD, PATH, {":scheme", "http:"}}, "malformed pseudo header"},
        {{SCHEME, PATH, {":method", ""}}, "malformed pseudo header"},
        {{SCHEME, PATH, {":method", "GE T"}}, "malformed pseudo header"},
        {{SCHEME, PATH, {":method", "GET\xc3"}}, "malformed pseudo header"},
        {{GOOD, {":authority", "a "}}, "malformed pseudo header"},
        {{GOOD, {":authority", "a\nb"}}, "control byte in a value"},
        {{GOOD, {"", "x"}}, "malformed field name"},
        {{GOOD, {"X", "y"}}, "malformed field name"},
        {{GOOD, {"content-Type", "y"}}, "malformed field name"},
        {{GOOD, {"a b", "y"}}, "malformed field name"},
        {{GOOD, {"a:", "y"}}, "malformed field name"},
        {{GOOD, {"a\x7f", "y"}}, "malformed field name"},
        {{GOOD, {"\xc3\xa4", "y"}}, "malformed field name"},
        {{GOOD, {"x", "\n"}}, "control byte in a value"},
        {{GOOD, {"x", "\x7f"}}, "control byte in a value"},
        {{GOOD, {"connection", "close"}}, "connection-specific field"},
        {{GOOD, {"keep-alive", "timeout=5"}}, "connection-specific field"},
        {{GOOD, {"proxy-connection", "keep-alive"}}, "connection-specific field"},
        {{GOOD, {"transfer-encoding", "chunked"}}, "connection-specific field"},
        {{GOOD, {"upgrade", "h2c"}}, "connection-specific field"},
        {{GOOD, {"te", "gzip"}}, "connection-specific field"},
        {{GOOD, {"te", "trailers, gzip"}}, "connection-specific field"},
        {{GOOD, {"host", "a"}, {"host", "a"}}, "host twice"},
        {{GOOD, {"content-length", ""}}, "malformed content-length"},
        {{GOOD, {"content-length", "-1"}}, "malformed content-length"},
        {{GOOD, {"content-length", "+1"}}, "malformed content-length"},
        {{GOOD, {"content-length", "1x"}}, "malformed content-length"},
        {{GOOD, {"content-length", "1, 1"}}, "malformed content-length"},
        {{GOOD, {"content-length", "1000000000000000000"}}, "malformed content-length"},
        {{GOOD, {"content-length", "1"}, {"content-length", "1"}}, "malformed content-length"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why = judge(cases[i].fields);
        if (!why || strcmp(why, cases[i].why) != 0)
            fail_msg("head %zu: %s, not %s", i, why ? why : "fine", cases[i].why);
    }
}

/* Every byte, at every place of values short and long: eight are looked at together. */
static void test_every_byte_of_a_value(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        bool fine = c == '\t' || (c >= ' ' && c != 0x7f);
        for (size_t n = 1; n <= 20; n++) {
            for (size_t at = 0; at < n; at++) {
                uint8_t bytes[20];
                struct h2_head head = {0};
                memset(bytes, at % 2 ? '~' : '\xff', sizeof(bytes));
                bytes[at] = (uint8_t)c;
                struct slice value = slice_of(bytes, n);
                bool regular = h2_head_field(&head, SLICE_LIT("x"), &value) == H2_REGULAR;
                if (regular != fine)
                    fail_msg("byte %u at %zu of %zu", c, at, n);
            }
        }
    }
}

/* Every byte in a name: RFC 9110 5.6.2 counts them up. */
static void test_every_byte_of_a_name(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        const uint8_t name[3] = {'x', (uint8_t)c, 'x'};
        struct h2_head head = {0};
        struct slice value = {0};
        bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    (c != 0 && strchr("!#$%&'*+-.^_`|~", (int)c));
        if ((h2_head_field(&head, slice_of(name, 3), &value) == H2_REGULAR) != fine)
            fail_msg("byte %u", c);
    }
}

static void test_value_is_trimmed(void **state)
{
    (void)state;
    struct h2_head head = {0};
    struct slice value = SLICE_LIT("\t a b \t ");
    assert_int_equal(h2_head_field(&head, SLICE_LIT("x"), &value), H2_REGULAR);
    assert_true(slice_eq(value, SLICE_LIT("a b")));
    value = SLICE_LIT(" \t ");
    assert_int_equal(h2_head_field(&head, SLICE_LIT("x"), &value), H2_REGULAR);
    assert_int_equal(value.n, 0);
}

static struct h2_head announced(const char *length)
{
    struct h2_head head = {0};
    struct slice value = slice_str(length);
    assert_int_equal(h2_head_field(&head, SLICE_LIT("content-length"), &value), H2_REGULAR);
    return head;
}

static void test_length(void **state)
{
    (void)state;
    struct h2_head head = {0};
    assert_true(h2_head_body(&head, SIZE_MAX)); /* none announced: any will do */
    assert_true(h2_head_body_complete(&head));
    head = announced("0");
    assert_true(h2_head_body_complete(&head));
    assert_false(h2_head_body(&head, 1));
    head = announced("5");
    assert_false(h2_head_body_complete(&head));
    assert_true(h2_head_body(&head, 2));
    assert_true(h2_head_body(&head, 3));
    assert_true(h2_head_body_complete(&head));
    assert_true(h2_head_body(&head, 0));
    assert_false(h2_head_body(&head, 1));
    assert_string_equal(head.why, "body longer than content-length");
    head = announced("5");
    assert_true(h2_head_body(&head, 4));
    assert_false(h2_head_body_complete(&head));
    assert_string_equal(head.why, "body shorter than content-length");
}

static void test_trailers(void **state)
{
    (void)state;
    static const struct {
        struct field field;
        bool fine;
    } cases[] = {
        {{"x", "y"}, true},
        {{"x", " y"}, true},
        {{"content-length", "7"}, true}, /* nobody believes it there */
        {{"te", "trailers"}, true},
        {METHOD, false},
        {{":status", "200"}, false},
        {{"X", "y"}, false},
        {{"", "y"}, false},
        {{"x", "\r"}, false},
        {{"connection", "close"}, false},
        {{"te", "gzip"}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct h2_head head = {0};
        if (h2_head_trailer(&head, slice_str(cases[i].field.name),
                            slice_str(cases[i].field.value)) != cases[i].fine)
            fail_msg("trailer %zu", i);
        assert_int_equal(head.why == NULL, cases[i].fine);
    }
    struct h2_head head = {0};
    assert_true(h2_head_trailers_complete(&head, true));
    assert_false(h2_head_trailers_complete(&head, false));
    head = announced("1");
    assert_false(h2_head_trailers_complete(&head, true));
    assert_true(h2_head_body(&head, 1));
    assert_true(h2_head_trailers_complete(&head, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_every_byte_of_a_value),
        cmocka_unit_test(test_every_byte_of_a_name),
        cmocka_unit_test(test_value_is_trimmed),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
