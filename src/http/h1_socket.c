/* An HTTP/1 connection that became a WebSocket (RFC 6455): the handshake, messages in as pieces of
 * the request's body, lines of the response's body out as messages. */
#include "http/h1.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/secret.h"
#include "http/ws_frame.h"
#include "pki/digest.h"

#include <stdlib.h>

#define KEY_LEN 16u /* bytes of the client's nonce (4.1) */

struct h1_socket {
    struct ws_reader reader;
    struct buf pulled; /* of the response */
    size_t pong_at;    /* where in h1.out a Pong stands, or would */
    bool fragmented;   /* a message was begun and not ended */
};

/* ---- The handshake ---- */

bool http_websocket_asked(const struct http_request *r)
{
    return r->version == 1 && h1_has_token(r, "connection", "upgrade") &&
           h1_has_token(r, "upgrade", "websocket");
}

/* 4.2.2: proof that the key was read by somebody who knows what it is for. */
static void append_accept(struct slice key, struct buf *out)
{
    uint8_t digest[DIGEST_SHA1_LEN];
    struct buf text = {0};
    buf_append_slice(&text, key);
    buf_append_str(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    digest_sha1(buf_slice(&text), digest);
    base64_encode(slice_of(digest, sizeof(digest)), out);
    buf_fini(&text);
}

static bool key_is_fine(struct slice key)
{
    struct buf nonce = {0};
    bool fine = base64_decode(key, &nonce) == RC_OK && nonce.n == KEY_LEN;
    buf_fini(&nonce);
    return fine;
}

unsigned http_stream_websocket(struct http_stream *s, struct slice protocol, uint64_t message_max)
{
    struct h1 *h = s->conn->h1;
    struct slice key = http_request_header(&s->request, "sec-websocket-key");
    must(h && h->stream == s && s->status == 0 && http_websocket_asked(&s->request));
    if (!slice_eq(s->request.method, SLICE_LIT("GET")))
        return 405;
    if (h->state != H1_READY || h->head.minor == 0 || !key_is_fine(key) ||
        !h1_has_token(&s->request, "sec-websocket-version", "13"))
        return 400;
    h1_move(h, H1_SOCKET);
    h->socket = mem_zalloc(sizeof(*h->socket));
    ws_reader_init(&h->socket->reader, message_max);
    buf_append_str(&h->out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
    append_accept(key, &h->out);
    if (protocol.n > 0)
        buf_printf(&h->out, "\r\nSec-WebSocket-Protocol: %.*s", (int)protocol.n,
                   (const char *)protocol.p);
    buf_append_str(&h->out, "\r\n\r\n");
    h->socket->pong_at = h->out.n;
    s->status = 101;
    s->submitted = true;
    return 0;
}

/* ---- Closing ---- */

/* Say goodbye; what was not sent yet is not. */
static void close_with(struct h1 *h, enum ws_code code)
{
    struct http_stream *s = h->stream;
    ws_append_close(&h->out, code);
    h->stream = NULL;
    h1_die(h);
    if (s)
        http_stream_over(s, RC_CLOSED);
}

void h1_socket_shutdown(struct h1 *h)
{
    close_with(h, WS_GOING_AWAY);
}

void h1_socket_free(struct h1 *h)
{
    if (!h->socket)
        return;
    buf_fini(&h->socket->pulled);
    free(h->socket);
}

/* ---- In ---- */

/* 5.5.3: only the latest Ping needs an answer, so a peer that does not read them costs one. */
static void answer_ping(struct h1 *h, struct slice payload)
{
    if (h->out.n == 0)
        h->socket->pong_at = 0;
    h->out.n = h->socket->pong_at;
    ws_append(&h->out, WS_PONG, true, payload);
}

bool h1_socket_run(struct h1 *h)
{
    struct http_stream *s = h->stream;
    size_t window = h->conn->limits.window;
    struct ws_found found = {0};
    size_t used;
    if (!s || s->unconsumed >= window)
        return false;
    enum ws_step step = ws_next(&h->socket->reader, h->in.n ? h->in.p + h->in_at : NULL,
                                h->in.n - h->in_at, window - s->unconsumed, &used, &found);
    h->in_at += used;
    switch (step) {
    case WS_STEP_PIECE:
        http_stream_data(s, found.piece);
        return true;
    case WS_STEP_MESSAGE_END:
        http_stream_data(s, SLICE_LIT("\n"));
        return true;
    case WS_STEP_PING:
        answer_ping(h, found.piece);
        return true;
    case WS_STEP_PONG:
        return true;
    case WS_STEP_BAD:
        log_debug(h->conn->env->log, "http.websocket_refused", "peer",
                  BYTES(http_conn_peer(h->conn)), "code", U64(found.code));
        close_with(h, found.code);
        return false;
    case WS_STEP_CLOSE:
        close_with(h, found.code);
        return false;
    case WS_STEP_MORE:
        break;
    }
    return false;
}

/* ---- Out ---- */

static void append_part(struct h1_socket *w, struct buf *out, bool fin, struct slice part)
{
    ws_append(out, w->fragmented ? WS_CONTINUATION : WS_TEXT, fin, part);
    w->fragmented = !fin;
}

/* Lines are messages, without their end; an empty one is none. What is not a whole line yet goes
 * out as a fragment. */
static void append_lines(struct h1_socket *w, struct buf *out, bool last)
{
    struct slice rest = buf_slice(&w->pulled);
    const uint8_t *lf;
    while (rest.n > 0 && (lf = memchr(rest.p, '\n', rest.n))) {
        struct slice line = slice_of(rest.p, (size_t)(lf - rest.p));
        if (line.n > 0 || w->fragmented)
            append_part(w, out, true, line);
        rest = slice_skip(rest, line.n + 1);
    }
    if (rest.n > 0 || (last && w->fragmented))
        append_part(w, out, last, rest);
    buf_fini(&w->pulled);
}

bool h1_socket_send(struct h1 *h, struct buf *out)
{
    struct http_stream *s = h->stream;
    enum http_pull more = http_stream_pull(s, &h->socket->pulled, HTTP_DATA_TURN);
    append_lines(h->socket, out, more == HTTP_PULL_END);
    switch (more) {
    case HTTP_PULL_MORE:
        return true;
    case HTTP_PULL_WAIT:
        s->waiting = true;
        return false;
    case HTTP_PULL_END:
        h->close_after = true;
        ws_append_close(out, WS_NORMAL);
        h1_response_over(h);
        return true;
    case HTTP_PULL_FAIL:
        http_stream_kill(s);
        h1_die(h);
        break;
    }
    return false;
}
