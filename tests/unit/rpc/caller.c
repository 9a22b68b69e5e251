#include "caller.h"

#include "base/mem.h"
#include "base/wr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PLENTY (1 << 28)

static struct caller_reply *reply_of(struct caller *c, int32_t id)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->replies[i]->id == id)
            return c->replies[i];
    return NULL;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    (void)session;
    (void)flags;
    struct caller_reply *r = reply_of(user, frame->hd.stream_id);
    struct slice n = {name, name_n};
    assert_non_null(r);
    buf_printf(&r->headers, "%.*s: %.*s\n", (int)name_n, (const char *)name, (int)value_n,
               (const char *)value);
    if (slice_eq(n, SLICE_LIT(":status")))
        r->status = (unsigned)strtoul((const char *)value, NULL, 10);
    else if (slice_eq(n, SLICE_LIT("grpc-status")))
        r->grpc_status = (int)strtol((const char *)value, NULL, 10);
    else if (slice_eq(n, SLICE_LIT("grpc-message")))
        snprintf(r->message, sizeof(r->message), "%.*s", (int)value_n, (const char *)value);
    else if (slice_eq(n, SLICE_LIT("moat-explain")))
        snprintf(r->explain, sizeof(r->explain), "%.*s", (int)value_n, (const char *)value);
    return 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                    size_t n, void *user)
{
    (void)session;
    (void)flags;
    struct caller_reply *r = reply_of(user, id);
    assert_non_null(r);
    buf_append(&r->body, data, n);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    struct caller_reply *r = reply_of(user, frame->hd.stream_id);
    if (r && frame->hd.type == NGHTTP2_RST_STREAM)
        r->reset = true;
    if (r && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        r->ended = true;
    return 0;
}

static void below_wake(struct layer_below *b)
{
    (void)b;
}

static void below_pause(struct layer_below *b, bool paused)
{
    (void)b;
    (void)paused;
}

static void below_finish(struct layer_below *b)
{
    CONTAINER_OF(b, struct caller, below)->finished = true;
}

void caller_open(struct caller *c, struct env *env, struct http_handler *handler,
                 struct http_budget *budget, uint32_t stream_window)
{
    *c = (struct caller){.below = {below_wake, below_pause, below_finish}};
    nghttp2_session_callbacks *cb;
    nghttp2_option *opt;
    assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
    assert_int_equal(nghttp2_option_new(&opt), 0);
    nghttp2_option_set_no_auto_window_update(opt, stream_window != 0);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    assert_int_equal(nghttp2_session_client_new2(&c->session, cb, c, opt), 0);
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(opt);
    nghttp2_settings_entry s = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                stream_window ? stream_window : PLENTY};
    nghttp2_submit_settings(c->session, 0, &s, 1);
    c->layer = http_conn_new(&(struct http_options){
        .env = env, .handler = handler, .budget = budget, .peer = SLICE_LIT("127.0.0.1:1")});
    c->layer->below = &c->below;
    caller_pump(c);
}

void caller_close(struct caller *c)
{
    if (c->layer)
        c->layer->ops->close(c->layer, RC_CLOSED);
    nghttp2_session_del(c->session);
    for (size_t i = 0; i < c->n; i++) {
        buf_fini(&c->replies[i]->headers);
        buf_fini(&c->replies[i]->body);
        buf_fini(&c->replies[i]->to_send);
        free(c->replies[i]);
    }
    buf_fini(&c->out);
    *c = (struct caller){0};
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t n,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)id;
    (void)user;
    struct caller_reply *r = source->ptr;
    size_t left = r->to_send.n - r->sent;
    n = n < left ? n : left;
    if (n)
        memcpy(out, r->to_send.p + r->sent, n);
    r->sent += n;
    if (r->sent == r->to_send.n && !r->open)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (n == 0)
        return NGHTTP2_ERR_DEFERRED;
    return (ssize_t)n;
}

static nghttp2_nv nv(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

struct caller_reply *caller_send(struct caller *c, const struct caller_request *q)
{
    const char *type = q->content_type ? q->content_type : "application/grpc";
    nghttp2_nv nva[9] = {nv(":method", q->method ? q->method : "POST"), nv(":scheme", "http"),
                         nv(":path", q->path), nv(":authority", "a")};
    size_t n = 4;
    if (type[0])
        nva[n++] = nv("content-type", type);
    if (q->timeout)
        nva[n++] = nv("grpc-timeout", q->timeout);
    if (q->encoding)
        nva[n++] = nv("grpc-encoding", q->encoding);
    if (q->token)
        nva[n++] = nv("token", q->token);
    if (q->hasleader)
        nva[n++] = nv("hasleader", q->hasleader);
    assert_true(c->n < CALLER_STREAMS_MAX);
    struct caller_reply *r = mem_zalloc(sizeof(*r));
    c->replies[c->n++] = r;
    r->grpc_status = -1;
    r->open = q->open;
    buf_append_slice(&r->to_send, q->body);
    const nghttp2_data_provider body = {.source = {.ptr = r}, .read_callback = read_body};
    r->id = nghttp2_submit_request(c->session, NULL, nva, n, q->no_body ? NULL : &body, NULL);
    assert_true(r->id > 0);
    caller_pump(c);
    return r;
}

void caller_more(struct caller *c, struct caller_reply *r, struct slice body, bool end)
{
    buf_append_slice(&r->to_send, body);
    r->open = !end;
    nghttp2_session_resume_data(c->session, r->id);
    caller_pump(c);
}

void caller_cancel(struct caller *c, struct caller_reply *r)
{
    assert_int_equal(nghttp2_submit_rst_stream(c->session, 0, r->id, NGHTTP2_CANCEL), 0);
    caller_pump(c);
}

void caller_allow(struct caller *c, struct caller_reply *r, int32_t n)
{
    assert_int_equal(nghttp2_submit_window_update(c->session, 0, r->id, n), 0);
    assert_int_equal(nghttp2_submit_window_update(c->session, 0, 0, n), 0);
    caller_pump(c);
}

static void emit_all(struct layer *l, struct buf *out)
{
    size_t before;
    do {
        before = out->n;
        (void)!l->ops->emit(l, out, 64u << 10);
    } while (out->n > before);
}

void caller_pump(struct caller *c)
{
    bool moved = true;
    while (moved && c->layer) {
        const uint8_t *out;
        ssize_t n;
        moved = false;
        while ((n = nghttp2_session_mem_send(c->session, &out)) > 0) {
            if (!c->finished)
                c->finished = c->layer->ops->feed(c->layer, slice_of(out, (size_t)n)) != RC_OK;
            moved = true;
        }
        buf_clear(&c->out);
        emit_all(c->layer, &c->out);
        if (c->out.n > 0) {
            n = nghttp2_session_mem_recv(c->session, c->out.p, c->out.n);
            assert_int_equal(n, c->out.n);
            moved = true;
        }
    }
}

void caller_frame(struct buf *out, uint8_t flag, struct slice message)
{
    buf_append_u8(out, flag);
    buf_append_u32_big(out, (uint32_t)message.n);
    buf_append_slice(out, message);
}

struct caller_reply *caller_call(struct caller *c, const char *path, struct slice message)
{
    struct buf body = {0};
    caller_frame(&body, 0, message);
    struct caller_reply *r =
        caller_send(c, &(struct caller_request){.path = path, .body = buf_slice(&body)});
    buf_fini(&body);
    return r;
}

struct slice caller_message(const struct caller_reply *r)
{
    if (!r->ended || r->grpc_status != 0)
        fail_msg("status %d: %s", r->grpc_status, r->message);
    assert_int_equal(r->status, 200);
    assert_string_equal(r->message, "");
    assert_true(r->body.n >= 5);
    assert_int_equal(r->body.p[0], 0);
    assert_int_equal(__builtin_bswap32(load_u32(r->body.p + 1)), r->body.n - 5);
    return slice_skip(buf_slice(&r->body), 5);
}

struct slice caller_next(const struct caller_reply *r, size_t *at)
{
    struct slice rest = slice_skip(buf_slice(&r->body), *at);
    if (rest.n < 5)
        return (struct slice){0};
    assert_int_equal(rest.p[0], 0);
    size_t n = __builtin_bswap32(load_u32(rest.p + 1));
    if (rest.n < 5 + n)
        return (struct slice){0};
    *at += 5 + n;
    return slice_of(rest.p + 5, n);
}

void caller_say(struct caller *c, struct caller_reply *r, const char *text)
{
    struct buf body = {0};
    caller_frame(&body, 0, slice_str(text));
    caller_more(c, r, buf_slice(&body), false);
    buf_fini(&body);
}

void caller_refused(const struct caller_reply *r, int code, const char *text)
{
    assert_true(r->ended);
    assert_string_equal(r->message, text);
    assert_int_equal(r->grpc_status, code);
    assert_int_equal(r->body.n, 0);
}

char *caller_http1(struct env *env, struct http_handler *handler, const char *text)
{
    struct caller c = {.below = {below_wake, below_pause, below_finish}};
    struct layer *l = http_conn_new(&(struct http_options){.env = env, .handler = handler});
    struct buf out = {0};
    l->below = &c.below;
    (void)!l->ops->feed(l, slice_str(text));
    emit_all(l, &out);
    buf_append_u8(&out, 0);
    l->ops->close(l, RC_END);
    return (char *)out.p;
}
