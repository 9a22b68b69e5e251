#include "peer.h"

#include "base/wr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    (void)session;
    (void)flags;
    struct peer *p = user;
    if (!p->date && name_n == 4 && memcmp(name, "date", 4) == 0)
        return 0;
    buf_printf(&p->notes, "header %d %.*s: %.*s\n", (int)frame->hd.stream_id, (int)name_n,
               (const char *)name, (int)value_n, (const char *)value);
    return 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                    size_t n, void *user)
{
    (void)session;
    (void)flags;
    (void)id;
    (void)data;
    struct peer *p = user;
    p->data += n;
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    struct peer *p = user;
    const char *end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM ? " end" : "";
    int id = frame->hd.stream_id;
    if (frame->hd.type == NGHTTP2_HEADERS)
        buf_printf(&p->notes, "headers %d%s\n", id, end);
    else if (frame->hd.type == NGHTTP2_DATA)
        buf_printf(&p->notes, "data %d %zu%s\n", id, frame->hd.length, end);
    else if (frame->hd.type == NGHTTP2_RST_STREAM)
        buf_printf(&p->notes, "reset %d %u\n", id, frame->rst_stream.error_code);
    else if (frame->hd.type == NGHTTP2_GOAWAY)
        buf_printf(&p->notes, "goaway %d %u\n", frame->goaway.last_stream_id,
                   frame->goaway.error_code);
    else if (frame->hd.type == NGHTTP2_WINDOW_UPDATE)
        buf_printf(&p->notes, "window %d %d\n", id, frame->window_update.window_size_increment);
    return 0;
}

void peer_open(struct peer *p, struct lab *l, uint32_t stream_window)
{
    *p = (struct peer){.lab = l};
    nghttp2_session_callbacks *cb;
    nghttp2_option *opt;
    assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
    assert_int_equal(nghttp2_option_new(&opt), 0);
    nghttp2_option_set_no_auto_window_update(opt, 1);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    assert_int_equal(nghttp2_session_client_new2(&p->session, cb, p, opt), 0);
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(opt);
    nghttp2_settings_entry s = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window};
    nghttp2_submit_settings(p->session, 0, &s, stream_window ? 1 : 0);
    peer_pump(p);
    peer_notes(p);
}

void peer_close(struct peer *p)
{
    nghttp2_session_del(p->session);
    buf_fini(&p->body);
    buf_fini(&p->notes);
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t n,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)id;
    (void)source;
    struct peer *p = user;
    size_t left = p->body.n - p->body_at;
    n = n < left ? n : left;
    if (n)
        memcpy(out, p->body.p + p->body_at, n);
    p->body_at += n;
    if (p->body_at == p->body.n && p->body_ends)
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

static int32_t request(struct peer *p, const char *method, const char *path,
                       const nghttp2_data_provider *body)
{
    const nghttp2_nv nva[] = {nv(":method", method), nv(":scheme", "http"), nv(":path", path),
                              nv(":authority", "a"), nv("content-type", "application/grpc")};
    int32_t id = nghttp2_submit_request(p->session, NULL, nva, ARRAY_LEN(nva), body, NULL);
    assert_true(id > 0);
    return id;
}

int32_t peer_get(struct peer *p, const char *path)
{
    return request(p, "GET", path, NULL);
}

static void fill(struct peer *p, size_t n, bool end)
{
    if (n)
        memset(buf_extend(&p->body, n), 'b', n);
    p->body_ends = end;
}

int32_t peer_post(struct peer *p, const char *path, size_t n, bool end)
{
    buf_clear(&p->body);
    p->body_at = 0;
    fill(p, n, end);
    const nghttp2_data_provider body = {.read_callback = read_body};
    return request(p, "POST", path, &body);
}

void peer_more(struct peer *p, int32_t id, size_t n, bool end)
{
    fill(p, n, end);
    nghttp2_session_resume_data(p->session, id);
}

void peer_allow(struct peer *p, int32_t id, int32_t n)
{
    assert_int_equal(nghttp2_submit_window_update(p->session, 0, id, n), 0);
}

void peer_pump(struct peer *p)
{
    bool moved = true;
    while (moved) {
        moved = false;
        const uint8_t *out;
        ssize_t n;
        while ((n = nghttp2_session_mem_send(p->session, &out)) > 0) {
            lab_feed(p->lab, slice_of(out, (size_t)n));
            moved = true;
        }
        buf_clear(&p->lab->out);
        lab_flush(p->lab);
        if (p->lab->out.n) {
            n = nghttp2_session_mem_recv(p->session, p->lab->out.p, p->lab->out.n);
            assert_int_equal(n, p->lab->out.n);
            moved = true;
        }
    }
}

const char *peer_notes(struct peer *p)
{
    *buf_extend(&p->notes, 1) = 0;
    buf_clear(&p->notes);
    return (const char *)p->notes.p;
}

void raw_begin(struct buf *b)
{
    buf_append_str(b, PEER_PREFACE);
    raw_frame(b, NGHTTP2_SETTINGS, 0, 0, (struct slice){0});
}

void raw_frame(struct buf *b, uint8_t type, uint8_t flags, int32_t id, struct slice payload)
{
    buf_append_u8(b, (uint8_t)(payload.n >> 16));
    buf_append_u8(b, (uint8_t)(payload.n >> 8));
    buf_append_u8(b, (uint8_t)payload.n);
    buf_append_u8(b, type);
    buf_append_u8(b, flags);
    buf_append_u32_big(b, (uint32_t)id);
    buf_append_slice(b, payload);
}

static void raw_headers(struct buf *b, int32_t id, const char *path, uint8_t flags)
{
    struct buf block = {0};
    buf_append_u8(&block, 0x82); /* :method GET */
    buf_append_u8(&block, 0x86); /* :scheme http */
    buf_append_u8(&block, 0x04); /* :path, literal */
    buf_append_u8(&block, (uint8_t)strlen(path));
    buf_append_str(&block, path);
    buf_append_str(&block, "\x01\x01"
                           "a"); /* :authority, literal */
    raw_frame(b, NGHTTP2_HEADERS, (uint8_t)(flags | NGHTTP2_FLAG_END_HEADERS), id,
              buf_slice(&block));
    buf_fini(&block);
}

void raw_get(struct buf *b, int32_t id, const char *path)
{
    raw_headers(b, id, path, NGHTTP2_FLAG_END_STREAM);
}

void raw_open(struct buf *b, int32_t id, const char *path)
{
    raw_headers(b, id, path, 0);
}

void raw_send(struct lab *l, struct buf *b)
{
    lab_feed(l, buf_slice(b));
    buf_clear(b);
}

/* Walk the frames that came out; what the last of the type had where a GOAWAY has its error. */
static unsigned scan(const struct lab *l, uint8_t type, int64_t *error, size_t *last)
{
    unsigned count = 0;
    for (size_t at = 0; at < l->out.n;) {
        const uint8_t *p = l->out.p + at;
        assert_true(l->out.n - at >= 9);
        size_t n = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
        *last = at;
        if (p[3] == type) {
            count++;
            if (n >= 8)
                *error = (int64_t)p[13] << 24 | p[14] << 16 | p[15] << 8 | p[16];
        }
        at += 9 + n;
        assert_true(at <= l->out.n);
    }
    return count;
}

unsigned raw_count(const struct lab *l, uint8_t type)
{
    int64_t error;
    size_t last;
    return scan(l, type, &error, &last);
}

int64_t raw_goaway(const struct lab *l)
{
    int64_t error = -1;
    size_t last;
    scan(l, NGHTTP2_GOAWAY, &error, &last);
    return error;
}

size_t raw_last(const struct lab *l)
{
    int64_t error;
    size_t last = 0;
    scan(l, NGHTTP2_GOAWAY, &error, &last);
    return last;
}
