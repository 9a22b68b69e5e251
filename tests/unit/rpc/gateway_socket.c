/* WebSockets: messages are the lines of the gateway's bodies, the token is in the subprotocol. */
#include "gateway_lab.h"
#include "rpc/inner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct gateway_lab lab;

static int open_lab(void **state)
{
    (void)state;
    gateway_lab_open(&lab, 1000, 1u << 30);
    return 0;
}

static int close_lab(void **state)
{
    (void)state;
    gateway_lab_close(&lab);
    return 0;
}

static void ignore(struct layer_below *b)
{
    (void)b;
}

static void ignore_pause(struct layer_below *b, bool paused)
{
    (void)b;
    (void)paused;
}

/* A WebSocket whose handshake has more headers and behind which bytes come at once: all that it
 * says, zeros as '.'. */
static char *talk(const char *path, const char *header, const char *frames, size_t n)
{
    struct buf text = {0};
    struct layer_below below = {ignore, ignore_pause, ignore};
    struct buf out = {0};
    const struct http_options opt = {.env = &lab.env,
                                     .handler = rpc_server_handler(lab.server, RPC_DOOR_ALL),
                                     .budget = &lab.budget};
    struct layer *l = http_conn_new(&opt);
    l->below = &below;
    buf_printf(&text,
               "GET %s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
               "%s\r\n",
               path, header);
    buf_append(&text, frames, n);
    assert_int_equal(l->ops->feed(l, buf_slice(&text)), RC_OK);
    for (size_t before = 1; before != out.n;) {
        before = out.n;
        assert_int_equal(l->ops->emit(l, &out, 16384), RC_OK);
    }
    l->ops->close(l, RC_CLOSED);
    for (size_t i = 0; i < out.n; i++)
        out.p[i] = out.p[i] ? out.p[i] : '.';
    buf_append_u8(&out, 0);
    buf_fini(&text);
    return (char *)out.p;
}

static void says(const char *path, const char *header, const char *frame, size_t n,
                 const char *want)
{
    char *got = talk(path, header, frame, n);
    const char *body = strstr(got, "\r\n\r\n");
    if (!body || strcmp(body + 4, want) != 0)
        fail_msg("%s %s: wanted %s in\n%s", path, header, want, got);
    free(got);
}

/* A text frame with a mask of zeros, of a message of less than 126 bytes. */
#define FRAME(json, len) "\x81" len "\0\0\0\0" json, sizeof(json) - 1 + 6

static void test_websockets(void **state)
{
    (void)state;
    says("/v3/echo", "", FRAME("{\"key\":\"YQ\"}", "\x8c"),
         "\x81\x0e{\"key\":\"YQ==\"}\x88\x02\x03\xe8");
    says("/v3/talk", "", FRAME("{\"key\":\"YQ\"}\n{\"key\":\"Yg==\"}", "\x9b"),
         "\x81\x19{\"result\":{\"key\":\"YQ==\"}}\x81\x19{\"result\":{\"key\":\"Yg==\"}}");
    assert_int_equal(lab.closed, 1); /* with its connection */
    says("/v3/nope", "", "", 0,
         "\x81\x34{\"error\":\"Not Found\",\"message\":\"Not Found\",\"code\":5}\x88\x02\x03\xe8");
    says("/v3/talk", "", "\x81\xfe\x07\xd1\0\0\0\0", 8, "\x88\x02\x03\xf1"); /* 2001 */
}

static void test_who_speaks_by_a_websocket(void **state)
{
    static const char *const tokens[][2] = {
        {"Sec-WebSocket-Protocol: Bearer, abc\r\n", "abc"},
        {"Sec-WebSocket-Protocol: Bearer,abc\r\nAuthorization: def\r\n", "abc"},
        {"Authorization: Bearer def\r\n", "def"},
        {"Sec-WebSocket-Protocol: x\r\n", ""},
        {"Cookie: token=abc\r\n", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        strcpy(lab.token, "none yet");
        free(talk("/v3/echo", tokens[i][0], FRAME("{}", "\x82")));
        assert_string_equal(lab.token, tokens[i][1]);
    }
}

static void test_websockets_that_are_refused(void **state)
{
    static const char *const only[] = {"http://a.example"};
    (void)state;
    char *got = talk("/v3/talk", "Content-Length: 2\r\n", "{}", 2);
    assert_memory_equal(got, "HTTP/1.1 400 ", 13);
    assert_non_null(strstr(got, "\r\nSec-Websocket-Version: 13\r\n"));
    assert_non_null(strstr(got, "\r\n\r\nBad Request\n"));
    free(got);
    lab.server->opt.access = (struct rpc_access){.origins = only, .origin_count = 1};
    got = talk("/v3/talk", "Origin: http://b.example\r\n", "", 0);
    assert_memory_equal(got, "HTTP/1.1 403 ", 13);
    free(got);
    got = talk("/v3/talk", "Origin: http://a.example\r\n", "", 0);
    assert_memory_equal(got, "HTTP/1.1 101 ", 13);
    free(got);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_lab, close_lab)
    const struct CMUnitTest tests[] = {
        TEST(test_websockets),
        TEST(test_who_speaks_by_a_websocket),
        TEST(test_websockets_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
