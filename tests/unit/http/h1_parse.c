/* What an HTTP/1 request is and is not: a table of each, with the smuggler's favourites among the
 * refused, and the same verdict however the bytes are cut. */
#include "http/h1_parse.h"

#include "base/mem.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST "Host: a\r\n"

struct accepted {
    const char *text;
    const char *journal;
};

static const struct accepted accepted[] = {
    {"GET / HTTP/1.1\r\n" HOST "\r\n", "request GET / a\nend\n"},
    {"GET / HTTP/1.0\r\n\r\n", "request GET / \nend\n"},
    {"\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "request GET / a\nend\n"},
    {"GET /hold?a=b&c={%20} HTTP/1.1\r\nHost:\r\n\r\n", "request GET /hold?a=b&c={%20} \nend\n"},
    {"get / HTTP/1.1\r\nHOST: [::1]:2379 \t\r\n\r\n", "request get / [::1]:2379\nend\n"},
    {"GET http://b:1/x?y HTTP/1.1\r\n" HOST "\r\n", "request GET /x?y b:1\nend\n"},
    {"GET HTTPS://b HTTP/1.1\r\n" HOST "\r\n", "request GET / b\nend\n"},
    {"GET http://b?q HTTP/1.1\r\n" HOST "\r\n", "request GET /?q b\nend\n"},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "request OPTIONS * a\nend\n"},
    {"GET / HTTP/1.1\r\n" HOST "X: \r\nY:\r\nZ:\t\xc3\xa9\t\r\n\r\n", "request GET / a\nend\n"},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "request GET / a\nend\n"},
    {"PUT /hold HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
     "request PUT /hold a\ndata 3\nend\n"},
    {"PUT /hold HTTP/1.1\r\n" HOST "Content-Length: 03\r\n\r\nabc",
     "request PUT /hold a\ndata 3\nend\n"},
    {"PUT /hold HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
     "request PUT /hold a\ndata 3\nend\n"},
    {"PUT /hold HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
     "0A;ext=\"v\"\r\n0123456789\r\n000;x\r\nSum: 1\r\nEmpty:\r\n\r\n",
     "request PUT /hold a\ndata 10\nend\n"},
    {"PUT /hold HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
     "HTTP2-Settings: AAMAAABk\r\nContent-Length: 1\r\n\r\nx",
     "request PUT /hold a\ndata 1\nend\n"},
};

struct refused {
    const char *text;
    const char *status;
};

static const struct refused refused[] = {
    /* Lines */
    {"GET / HTTP/1.1\n" HOST "\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "X: a\rY: b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "X: a\r\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\r\n" HOST "\r\n", "400"},
    {"\n", "400"},
    {"\r\n\n", "400"},
    {"\r\r\n", "400"},
    {"\x16\x03\x01\x02", "400"},
    {"{\"key\":1}", "400"},
    {"GET\r\n\r\n", "400"},
    {"GET /\r\n\r\n", "400"},
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", "400"},
    {"GET\t/ HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET / x HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GE(T / HTTP/1.1\r\n" HOST "\r\n", "400"},
    /* Versions */
    {"GET / HTTP/2.0\r\n" HOST "\r\n", "505"},
    {"GET / HTTP/1.2\r\n" HOST "\r\n", "505"},
    {"GET / HTTP/0.9\r\n\r\n", "505"},
    {"GET / HTTP/1.10\r\n" HOST "\r\n", "400"},
    {"GET / http/1.1\r\n" HOST "\r\n", "400"},
    {"GET / HTTP/1\r\n" HOST "\r\n", "400"},
    {"GET / HTTPS/1.1\r\n" HOST "\r\n", "400"},
    {"PRI * HTTP/2.0\r\nSM: x\r\n\r\n", ""}, /* taken for HTTP/2 with a bad preface */
    {"PRI * HTTP/2.0\n\n", "400"},
    {"PRI / HTTP/1.1\r\n\r\n", "400"},
    /* Targets */
    {"GET x HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET /a\x01 HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET /a\x7f HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET /a#b HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET * HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET http:///x HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET http://u@b/ HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET http://b\\c/ HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"CONNECT /a HTTP/1.1\r\n" HOST "\r\n", "405"},
    /* Fields */
    {"GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "X: a\r\n\tfolded\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "X\t: a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "X{: a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "X\xc3\xa9: a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n", "400"},
    /* Host */
    {"GET / HTTP/1.1\r\n\r\n", "400"},
    {"GET http://b/ HTTP/1.1\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", "400"},
    {"GET / HTTP/1.0\r\n" HOST HOST "\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: u@b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\xff\r\n\r\n", "400"},
    /* Framing */
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\nabc", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\nabc", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3 3\r\n\r\nabc", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nabc", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\nabc", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\na", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
     "400"},
    {"PUT / HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "501"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", "501"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "501"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b"
     "chunked\r\n\r\n0\r\n\r\n",
     "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n", "501"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400"},
    {"PUT / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 200-maybe\r\n\r\nabc", "417"},
};

#define CHUNKED "PUT /hold HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

/* Bodies refused once the request is with the handler. */
static const char *const bad_chunks[] = {
    "\r\n",
    "x\r\n",
    " 3\r\nabc\r\n",
    "3 \r\nabc\r\n",
    "3 ;x\r\nabc\r\n",
    "+3\r\nabc\r\n",
    "-3\r\nabc\r\n",
    "0x3\r\nabc\r\n",
    "3\nabc\r\n",
    "3\r\rabc\r\n",
    "3;a\nabc\r\n",
    "3;a\rb\r\nabc\r\n",
    "3;\x01\r\nabc\r\n",
    ";\r\nabc\r\n",
    "3\r\nabcd\r\n",
    "3\r\nabc\n",
    "3\r\nabc0\r\n\r\n",
    "3\r\nabc\rx",
    "10000000000000000\r\n",
    "ffffffffffffffff\r\n",
    "0000000000000003\r\nabc\r\n",
    "0\r\nX\r\n\r\n",
    "0\r\nX y: z\r\n\r\n",
    "0\r\n X: z\r\n\r\n",
    "0\r\n: z\r\n\r\n",
    "0\r\nX: z\n\r\n",
    "0\r\nX: \x01\r\n\r\n",
    "0\r\n\n",
    "0\r\n\rx",
};

/* Feed in pieces of n bytes; the journal with data calls joined, then the first output line. */
static char *verdict(const char *text, size_t len, size_t n)
{
    struct lab l;
    lab_open(&l, NULL, UINT64_MAX);
    struct slice in = slice_of(text, len);
    while (in.n) {
        size_t now = in.n < n ? in.n : n;
        lab_feed(&l, slice_of(in.p, now));
        lab_flush(&l);
        in = slice_skip(in, now);
    }
    char *all = mem_zalloc(4096);
    size_t at = 0;
    size_t data = 0;
    char *save = NULL;
    for (char *line = strtok_r((char *)(uintptr_t)lab_journal(&l), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        unsigned long piece;
        if (sscanf(line, "data %lu", &piece) == 1) {
            data += piece;
            continue;
        }
        if (data)
            at += (size_t)snprintf(all + at, 4096 - at, "data %zu\n", data);
        data = 0;
        at += (size_t)snprintf(all + at, 4096 - at, "%s\n", line);
    }
    if (data)
        at += (size_t)snprintf(all + at, 4096 - at, "data %zu\n", data);
    const uint8_t *end = l.out.n ? memchr(l.out.p, '\r', l.out.n) : NULL;
    if (end)
        snprintf(all + at, 4096 - at, "%.*s", (int)(end - l.out.p), (const char *)l.out.p);
    lab_close(&l);
    return all;
}

static void assert_same_when_cut(const char *text, const char *whole)
{
    size_t len = strlen(text);
    for (size_t n = 1; n <= 3; n++) {
        char *cut = verdict(text, len, n);
        assert_string_equal(cut, whole);
        free(cut);
    }
}

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        char *got = verdict(accepted[i].text, strlen(accepted[i].text), SIZE_MAX);
        assert_string_equal(got, accepted[i].journal);
        assert_same_when_cut(accepted[i].text, got);
        free(got);
    }
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        char *got = verdict(refused[i].text, strlen(refused[i].text), SIZE_MAX);
        if (*refused[i].status) {
            char want[32];
            snprintf(want, sizeof(want), "HTTP/1.1 %s ", refused[i].status);
            if (strncmp(got, want, strlen(want)) != 0)
                fail_msg("request %zu: %s, not %s", i, got, want);
        }
        assert_null(strstr(got, "request"));
        assert_same_when_cut(refused[i].text, got);
        free(got);
    }
}

static void test_bad_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_chunks); i++) {
        struct buf text = {0};
        buf_append_str(&text, CHUNKED);
        buf_append_str(&text, bad_chunks[i]);
        buf_append_u8(&text, 0);
        char *got = verdict((const char *)text.p, text.n - 1, SIZE_MAX);
        if (!strstr(got, "close closed\nHTTP/1.1 400 Bad Request") || strstr(got, "end\n"))
            fail_msg("body %zu: %s", i, got);
        assert_same_when_cut((const char *)text.p, got);
        free(got);
        buf_fini(&text);
    }
}

/* Extensions and trailers are dropped, so their size is nobody's to choose. */
static void test_chunk_limits(void **state)
{
    (void)state;
    struct buf text = {0};
    buf_append_str(&text, CHUNKED "1;");
    size_t line = text.n;
    memset(buf_extend(&text, H1_CHUNK_LINE_MAX), 'x', H1_CHUNK_LINE_MAX);
    char *got = verdict((const char *)text.p, text.n, SIZE_MAX);
    assert_non_null(strstr(got, "HTTP/1.1 400"));
    free(got);
    text.n = line + H1_CHUNK_LINE_MAX - 3; /* "1;", and its CR */
    size_t fits = text.n;
    buf_append_str(&text, "\r\na\r\n0\r\n\r\n");
    got = verdict((const char *)text.p, text.n, SIZE_MAX);
    assert_non_null(strstr(got, "data 1\nend\n"));
    free(got);
    /* The same line again and again: a byte of body for each 256. */
    text.n = fits;
    buf_append_str(&text, "\r\na\r\n1;");
    struct slice chunk = {text.p + line, text.n - line};
    char *copy = mem_alloc(chunk.n);
    memcpy(copy, chunk.p, chunk.n);
    for (size_t n = 0; n < H1_CHUNK_WASTE; n += H1_CHUNK_LINE_MAX - 8)
        buf_append(&text, copy, chunk.n);
    free(copy);
    got = verdict((const char *)text.p, text.n, SIZE_MAX);
    assert_non_null(strstr(got, "HTTP/1.1 400"));
    free(got);
    text.n = 0;
    buf_append_str(&text, CHUNKED "0\r\nX: ");
    memset(buf_extend(&text, H1_TRAILER_MAX), 'x', H1_TRAILER_MAX);
    got = verdict((const char *)text.p, text.n, SIZE_MAX);
    assert_non_null(strstr(got, "HTTP/1.1 400"));
    free(got);
    buf_fini(&text);
}

static void test_head_limits(void **state)
{
    (void)state;
    struct buf text = {0};
    buf_append_str(&text, "GET / HTTP/1.1\r\n" HOST "X: ");
    memset(buf_extend(&text, HTTP_H1_HEAD_MAX), 'x', HTTP_H1_HEAD_MAX);
    for (size_t n = 1000; n <= HTTP_H1_HEAD_MAX; n += 7692) {
        char *got = verdict((const char *)text.p, text.n, n);
        assert_string_equal(got, "HTTP/1.1 431 Request Header Fields Too Large");
        free(got);
    }
    /* A bare LF behind the limit is not looked at, whatever the cut. */
    text.p[text.n - 1] = '\n';
    char *got = verdict((const char *)text.p, text.n, SIZE_MAX);
    assert_string_equal(got, "HTTP/1.1 431 Request Header Fields Too Large");
    free(got);
    /* Many small headers: each counts 32 more than it is long. */
    text.n = 0;
    buf_append_str(&text, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 500; i++)
        buf_append_str(&text, "a:b\r\n");
    buf_append_str(&text, "\r\n");
    got = verdict((const char *)text.p, text.n, SIZE_MAX);
    assert_string_equal(got, "HTTP/1.1 431 Request Header Fields Too Large");
    free(got);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bad_chunks),  cmocka_unit_test(test_chunk_limits),
        cmocka_unit_test(test_head_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
