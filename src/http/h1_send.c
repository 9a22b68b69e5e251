#include "http/h1.h"

#include <stdio.h>

#define H1_CHUNK_HEAD 10u /* bytes of a chunk's size line: up to 8 hex digits, CRLF */

static void append_status(struct buf *out, unsigned minor, unsigned status)
{
    const char *reason = http_reason(status);
    if (*reason)
        buf_printf(out, "HTTP/1.%u %u %s\r\n", minor, status, reason);
    else
        buf_printf(out, "HTTP/1.%u %u status code %u\r\n", minor, status, status);
}

static void append_date(struct buf *out, const struct env *env)
{
    char date[HTTP_DATE_SIZE];
    http_date(env->clock->wall_ns(env->clock), date);
    buf_printf(out, "Date: %s\r\n", date);
}

/* Names as people (and Go's servers) write them: Content-Type. */
static void append_header(struct buf *out, const struct http_header *h)
{
    uint8_t *p = buf_extend(out, h->name.n);
    bool first = true;
    for (size_t i = 0; i < h->name.n; i++) {
        uint8_t c = h->name.p[i];
        p[i] = first && c >= 'a' && c <= 'z' ? (uint8_t)(c & ~0x20) : c;
        first = c == '-';
    }
    buf_append_str(out, ": ");
    buf_append_slice(out, h->value);
    buf_append_str(out, "\r\n");
}

void h1_queue_refusal(struct h1 *h, struct h1_refusal no)
{
    struct buf *out = &h->out;
    const char *reason = http_reason(no.status);
    append_status(out, 1, no.status);
    buf_append_str(out, "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n");
    append_date(out, h->conn->env);
    /* "431 Reason: why" and a line's end */
    size_t n = 3 + 1 + strlen(reason) + 2 + strlen(no.why) + 1;
    buf_printf(out, "Content-Length: %zu\r\n\r\n%u %s: %s\n", n, no.status, reason, no.why);
}

/* RFC 9112 6: how the peer knows where the body ends. */
static void append_framing(struct h1 *h, struct buf *out)
{
    struct http_stream *s = h->stream;
    bool empty = s->status == 204 || s->status == 304;
    h->out_chunked = false;
    if (s->length >= 0 && !empty) {
        buf_printf(out, "Content-Length: %lld\r\n", (long long)s->length);
        h->out_left = (uint64_t)s->length;
    } else if (!s->bodiless && h->head.minor == 1) {
        buf_append_str(out, "Transfer-Encoding: chunked\r\n");
        h->out_chunked = true;
        h->out_left = 0;
    } else if (!s->bodiless) {
        h->close_after = true; /* HTTP/1.0: the end of the connection is the end of the body */
        h->out_left = UINT64_MAX;
    }
    if (h->close_after)
        buf_append_str(out, "Connection: close\r\n");
    else if (h->head.minor == 0)
        buf_append_str(out, "Connection: keep-alive\r\n");
}

static void append_head(struct h1 *h, struct buf *out)
{
    struct http_stream *s = h->stream;
    append_status(out, h->head.minor, s->status);
    if (s->grpc)
        buf_append_str(out, "Content-Type: application/grpc\r\n");
    for (size_t i = 0; i < s->response_count; i++)
        append_header(out, &s->response[i]);
    append_date(out, h->conn->env);
    append_framing(h, out);
    buf_append_str(out, "\r\n");
    s->submitted = true;
}

static void append_last_chunk(struct http_stream *s, struct buf *out)
{
    buf_append_str(out, "0\r\n");
    if (s->grpc)
        buf_append_str(out, "Grpc-Status: 0\r\nGrpc-Message: \r\n");
    for (size_t i = 0; i < s->trailer_count; i++)
        append_header(out, &s->trailers[i]);
    buf_append_str(out, "\r\n");
}

/* Go on with a chunk whose size was sent. Its source has promised that much. */
static enum http_pull go_on_with_chunk(struct h1 *h, struct buf *out)
{
    size_t before = out->n;
    size_t max = h->out_left < HTTP_DATA_TURN ? (size_t)h->out_left : HTTP_DATA_TURN;
    enum http_pull more = http_stream_pull(h->stream, out, max);
    h->out_left -= out->n - before;
    if (h->out_left > 0)
        return more == HTTP_PULL_MORE ? more : HTTP_PULL_FAIL;
    buf_append_str(out, "\r\n");
    return more == HTTP_PULL_WAIT ? HTTP_PULL_MORE : more;
}

/* Pull one piece as a chunk of its own. */
static enum http_pull small_chunk(struct http_stream *s, struct buf *out)
{
    size_t before = out->n;
    buf_extend(out, H1_CHUNK_HEAD);
    enum http_pull more = http_stream_pull(s, out, HTTP_DATA_TURN);
    size_t n = out->n - before - H1_CHUNK_HEAD;
    if (n == 0 || more == HTTP_PULL_FAIL) {
        out->n = before;
    } else {
        char head[H1_CHUNK_HEAD + 1];
        size_t head_n = (size_t)snprintf(head, sizeof(head), "%zx\r\n", n);
        uint8_t *p = out->p + before;
        if (head_n < H1_CHUNK_HEAD)
            memmove(p + head_n, p + H1_CHUNK_HEAD, n);
        memcpy(p, head, head_n);
        out->n = before + head_n + n;
        buf_append_str(out, "\r\n");
    }
    return more;
}

static enum http_pull append_chunk(struct h1 *h, struct buf *out)
{
    struct http_stream *s = h->stream;
    const struct http_source *src = s->source;
    size_t whole = h->out_left == 0 && src && src->ops->whole ? src->ops->whole(src) : 0;
    enum http_pull more;
    if (whole > HTTP_DATA_TURN) {
        buf_printf(out, "%zx\r\n", whole);
        h->out_left = whole;
    }
    more = h->out_left > 0 ? go_on_with_chunk(h, out) : small_chunk(s, out);
    if (more == HTTP_PULL_END)
        append_last_chunk(s, out);
    return more;
}

/* Pull one piece of a body with a length. The end of the length is the end. */
static enum http_pull append_piece(struct h1 *h, struct buf *out)
{
    if (h->out_left == 0)
        return HTTP_PULL_END;
    size_t before = out->n;
    size_t max = h->out_left < HTTP_DATA_TURN ? (size_t)h->out_left : HTTP_DATA_TURN;
    enum http_pull more = http_stream_pull(h->stream, out, max);
    if (h->out_left == UINT64_MAX)
        return more;
    h->out_left -= out->n - before;
    if (h->out_left == 0)
        return HTTP_PULL_END;
    /* Shorter than was said: only the end of the connection can tell. */
    return more == HTTP_PULL_END ? HTTP_PULL_FAIL : more;
}

/* True: something was done. */
static bool send_body(struct h1 *h, struct buf *out)
{
    struct http_stream *s = h->stream;
    enum http_pull more = HTTP_PULL_END;
    if (h->state == H1_SOCKET)
        return h1_socket_send(h, out);
    if (!s->bodiless)
        more = h->out_chunked ? append_chunk(h, out) : append_piece(h, out);
    switch (more) {
    case HTTP_PULL_MORE:
        return true;
    case HTTP_PULL_WAIT:
        s->waiting = true;
        return false;
    case HTTP_PULL_END:
        h1_response_over(h);
        return true;
    case HTTP_PULL_FAIL:
        http_stream_kill(s);
        h1_die(h);
        break;
    }
    return false;
}

static bool can_send(const struct h1 *h)
{
    const struct http_stream *s = h->stream;
    return s && !s->dead && s->status != 0 && !s->waiting && h->state != H1_DEAD;
}

bool h1_pending(const struct http_conn *c)
{
    const struct h1 *h = c->h1;
    return h->out.n || h->again || can_send(h);
}

enum rc h1_emit(struct http_conn *c, struct buf *out, size_t max)
{
    struct h1 *h = c->h1;
    size_t stop = out->n + max;
    bool more = true;
    while (more && out->n < stop) {
        if (h->again)
            h1_run(h);
        if (h->out.n) {
            buf_append_slice(out, buf_slice(&h->out));
            buf_fini(&h->out);
        }
        more = can_send(h);
        if (more && !h->stream->submitted)
            append_head(h, out);
        else if (more)
            more = send_body(h, out) || h->again;
    }
    return RC_OK;
}
