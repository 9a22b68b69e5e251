#include "json_client.h"

#include "base/must.h"
#include "program.h"
#include "wire/json_decode.h"
#include "wire/json_encode.h"
#include "wire/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* ---- HTTP ---- */

static enum rc send_all(int fd, struct slice s)
{
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return errno == EAGAIN ? RC_TIMEOUT : RC_CLOSED;
        s = slice_skip(s, (size_t)n);
    }
    return RC_OK;
}

/* Have at least n bytes in b. */
static enum rc receive(int fd, struct buf *b, size_t n)
{
    while (b->n < n) {
        uint8_t in[16384];
        ssize_t got = recv(fd, in, sizeof(in), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 && errno == EAGAIN ? RC_TIMEOUT : RC_CLOSED;
        buf_append(b, in, (size_t)got);
    }
    return RC_OK;
}

/* Receive up to and including end, which begins at or behind from; *at is behind it. */
static enum rc receive_until(int fd, struct buf *b, size_t from, const char *end, size_t *at)
{
    size_t n = strlen(end);
    for (;;) {
        const uint8_t *found = b->n > from ? memmem(b->p + from, b->n - from, end, n) : NULL;
        if (found) {
            *at = (size_t)(found - b->p) + n;
            return RC_OK;
        }
        enum rc rc = receive(fd, b, b->n + 1);
        if (rc != RC_OK)
            return rc;
    }
}

/* The body behind the head that ends at `at`. RFC 9112 7.1. */
static enum rc receive_chunks(int fd, struct buf *b, size_t at, struct buf *body)
{
    for (;;) {
        size_t data;
        enum rc rc = receive_until(fd, b, at, "\r\n", &data);
        size_t size = rc == RC_OK ? strtoul((const char *)b->p + at, NULL, 16) : 0;
        if (rc == RC_OK)
            rc = receive(fd, b, data + size + 2);
        if (rc != RC_OK || size == 0)
            return rc;
        buf_append(body, b->p + data, size);
        at = data + size + 2;
    }
}

static enum rc receive_answer(int fd, struct answer *a, struct buf *body)
{
    struct buf b = {0};
    size_t head = 0;
    enum rc rc = receive_until(fd, &b, 0, "\r\n\r\n", &head);
    if (rc == RC_OK) {
        char *text = (char *)b.p;
        text[head - 1] = 0;
        const char *length = strcasestr(text, "\r\nContent-Length: ");
        size_t n = length ? strtoul(length + strlen("\r\nContent-Length: "), NULL, 10) : 0;
        a->http_status = head > 12 ? atoi(text + 9) : 0;
        rc = length ? receive(fd, &b, head + n) : receive_chunks(fd, &b, head, body);
        if (rc == RC_OK && length)
            buf_append(body, b.p + head, n);
    }
    buf_fini(&b);
    return rc;
}

/* ---- JSON ---- */

/* {"code":3,"message":"…"}, with whatever else. */
static bool take_error(struct slice body, struct answer *a)
{
    struct json_lex l = {.all = body};
    struct buf scratch = {0};
    bool first = true;
    bool object = json_take(&l, '{');
    while (object && json_more(&l, '}', &first)) {
        struct slice name = json_name(&l, &scratch);
        bool is_text = slice_eq(name, SLICE_LIT("message"));
        if (slice_eq(name, SLICE_LIT("code"))) {
            bool negative;
            uint64_t code = 0;
            if (json_number_whole(json_number(&l), &negative, &code))
                a->code = (int)code;
        } else if (is_text) {
            struct slice text = json_string(&l, &scratch);
            a->has_text = true;
            snprintf(a->text, sizeof(a->text), "%.*s", (int)text.n, (const char *)text.p);
        } else {
            json_skip(&l, &scratch);
        }
    }
    buf_fini(&scratch);
    return object && l.failed == RC_OK && a->code > 0;
}

/* In the order of the tables, whatever the members' order was. */
static bool take_message(const struct wire_message *m, struct slice body, struct answer *a)
{
    char why[JSON_WHY_MAX];
    struct buf plain = {0};
    struct arena arena = {0};
    void *msg = arena_zalloc(&arena, m->size);
    bool ok = json_decode(m, body, &plain, why) == RC_OK &&
              wire_decode(m, buf_slice(&plain), &arena, msg) == RC_OK;
    if (ok)
        wire_encode(m, msg, &a->message);
    a->code = ok ? 0 : -1;
    a->has_text = ok;
    arena_fini(&arena);
    buf_fini(&plain);
    return ok;
}

enum rc json_call(int fd, const char *path, struct slice token, struct slice message,
                  struct answer *a)
{
    enum step_kind kind = step_find(path);
    struct buf text = {0};
    struct buf out = {0};
    struct buf body = {0};
    *a = (struct answer){.code = -1};
    if (kind == STEP_KIND_COUNT)
        return RC_UNSUPPORTED;
    enum rc rc = json_encode(step_request(kind), message, &text);
    must(rc == RC_OK);
    buf_printf(&out, "POST /v3/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n",
               step_gateway(kind), text.n);
    if (token.n > 0)
        buf_printf(&out, "Authorization: %.*s\r\n", (int)token.n, (const char *)token.p);
    buf_append_str(&out, "\r\n");
    buf_append_slice(&out, buf_slice(&text));
    rc = send_all(fd, buf_slice(&out));
    if (rc == RC_OK)
        rc = receive_answer(fd, a, &body);
    if (rc == RC_OK) {
        bool refused = a->http_status != 200;
        a->complete = refused ? take_error(buf_slice(&body), a)
                              : take_message(step_response(kind), buf_slice(&body), a);
        a->trailers_only = refused;
        snprintf(a->content_type, sizeof(a->content_type), "application/json");
    }
    buf_fini(&text);
    buf_fini(&out);
    buf_fini(&body);
    return rc;
}
