#include "http/h2.h"

#include "base/must.h"

#include <stdio.h>

#define H2_FRAME_HEAD 9u /* bytes; RFC 9113 4.1 */

/* RFC 9218 4.1: urgencies; 0 goes first, 3 is what a request without a priority has. */
#define H2_URGENCY_URGENT 0
#define H2_URGENCY_NORMAL 3

/* nghttp2_nv knows no const, though with these flags nghttp2 only reads. */
#define NV_STATIC(n, v)                                                                            \
    {                                                                                              \
        (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), sizeof(n) - 1, sizeof(v) - 1,        \
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE                           \
    }

/* NOLINTBEGIN(performance-no-int-to-ptr): the casts only drop a const */

/* The hot answer. nghttp2 keeps pointers to these instead of copies. */
static const nghttp2_nv grpc_headers[] = {
    NV_STATIC(":status", "200"),
    NV_STATIC("content-type", "application/grpc"),
};
static const nghttp2_nv grpc_trailers[] = {
    NV_STATIC("grpc-status", "0"),
    NV_STATIC("grpc-message", ""),
};

static const nghttp2_nv continue_headers[] = {
    NV_STATIC(":status", "100"),
};

static nghttp2_nv nv_of(struct slice name, struct slice value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.n,
                        value.n, NGHTTP2_NV_FLAG_NONE};
}

/* NOLINTEND(performance-no-int-to-ptr) */

static void submit_trailers(struct h2 *h, struct http_stream *s)
{
    nghttp2_nv nv[HTTP_RESPONSE_HEADERS];
    for (size_t i = 0; i < s->trailer_count; i++)
        nv[i] = nv_of(s->trailers[i].name, s->trailers[i].value);
    nghttp2_submit_trailer(h->session, s->id, nv, s->trailer_count);
}

/* nghttp2 asks for a DATA frame's payload. It goes where it is sent from, behind room for the
 * frame's header, which h2_on_send_data puts there at once: no copy in between. */
/* NOLINTNEXTLINE(readability-function-size,readability-non-const-parameter): as nghttp2 has it */
static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *p, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)id;
    (void)p;
    struct h2 *h = user;
    struct http_stream *s = source->ptr;
    struct buf *out = h->out;
    h->frame_at = out->n;
    buf_extend(out, H2_FRAME_HEAD);
    enum http_pull more =
        http_stream_pull(s, out, length < HTTP_DATA_TURN ? length : HTTP_DATA_TURN);
    size_t n = out->n - h->frame_at - H2_FRAME_HEAD;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (more == HTTP_PULL_FAIL) {
        out->n = h->frame_at;
        http_stream_kill(s);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* resets the stream: INTERNAL_ERROR */
    }
    if (more != HTTP_PULL_END) {
        if (n > 0)
            return (ssize_t)n;
        must(more == HTTP_PULL_WAIT);
        out->n = h->frame_at;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (s->grpc || s->trailer_count) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (s->grpc)
            nghttp2_submit_trailer(h->session, s->id, grpc_trailers, ARRAY_LEN(grpc_trailers));
        else
            submit_trailers(h, s);
        if (n == 0)
            out->n = h->frame_at; /* nghttp2 sends no frame for nothing */
    }
    return (ssize_t)n;
}

int h2_on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                    size_t length, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)frame;
    (void)source;
    struct h2 *h = user;
    must(h->out->n == h->frame_at + H2_FRAME_HEAD + length);
    memcpy(h->out->p + h->frame_at, head, H2_FRAME_HEAD);
    return h->out->n >= h->out_stop ? NGHTTP2_ERR_PAUSE : 0;
}

int h2_on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = user;
    bool rst = frame->hd.type == NGHTTP2_RST_STREAM;
    h->alive.answered |= frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    bool end = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
               (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    if (!rst && !end)
        return 0;
    struct http_stream *s = h2_find(h, frame->hd.stream_id);
    if (!s)
        return 0;
    /* CVE-2025-8671: a peer that makes us reset its streams has them as cheaply as one that
     * resets them itself. What we reset for our own reasons is not its doing. */
    if (rst && !s->dead && !s->ended)
        h2_rate_hit(h, &h->resets_out); /* emit looks at h->error: no failing in this callback */
    if (end) {
        s->ended = true;
        /* RFC 9113 8.1: answered before the request was complete; the rest is not wanted. */
        if (!s->request_ended)
            nghttp2_submit_rst_stream(session, 0, s->id, NGHTTP2_NO_ERROR);
    }
    return 0;
}

static void set_priority(struct h2 *h, struct http_stream *s, uint32_t urgency)
{
    const nghttp2_extpri p = {.urgency = urgency, .inc = 1}; /* inc: turns, not first come */
    nghttp2_session_change_extpri_stream_priority(h->session, s->id, &p, 1);
}

static void submit_grpc(struct h2 *h, struct http_stream *s)
{
    const nghttp2_data_provider body = {.source = {.ptr = s}, .read_callback = read_body};
    s->submitted = true;
    if (s->body.n > HTTP_DATA_TURN && !s->classed)
        set_priority(h, s, H2_URGENCY_NORMAL);
    nghttp2_submit_response(h->session, s->id, grpc_headers, ARRAY_LEN(grpc_headers), &body);
}

/* Go's servers date every response but gRPC's own. */
static bool wants_date(const struct http_stream *s)
{
    for (size_t i = 0; i < s->response_count; i++)
        if (slice_eq(s->response[i].name, SLICE_LIT("content-type")))
            return !slice_has_prefix(s->response[i].value, SLICE_LIT("application/grpc"));
    return true;
}

static void submit_response(struct h2 *h, struct http_stream *s)
{
    nghttp2_nv nv[HTTP_RESPONSE_HEADERS + 3];
    char status[8];
    char date[HTTP_DATE_SIZE];
    char length[24];
    size_t n = 0;
    snprintf(status, sizeof(status), "%03u", (unsigned)s->status);
    nv[n++] = nv_of(SLICE_LIT(":status"), slice_str(status));
    for (size_t i = 0; i < s->response_count; i++)
        nv[n++] = nv_of(s->response[i].name, s->response[i].value);
    if (wants_date(s)) {
        http_date(h->conn->env->clock->wall_ns(h->conn->env->clock), date);
        nv[n++] = nv_of(SLICE_LIT("date"), slice_str(date));
        if (s->length > 0) {
            snprintf(length, sizeof(length), "%lld", (long long)s->length);
            nv[n++] = nv_of(SLICE_LIT("content-length"), slice_str(length));
        }
    }
    s->submitted = true;
    const nghttp2_data_provider body = {.source = {.ptr = s}, .read_callback = read_body};
    if (http_stream_headers_only(s)) {
        nghttp2_submit_response(h->session, s->id, nv, n, NULL);
        return;
    }
    if (!s->classed)
        set_priority(h, s, H2_URGENCY_NORMAL);
    nghttp2_submit_response(h->session, s->id, nv, n, &body);
}

void h2_answer_status(struct http_stream *s, unsigned status)
{
    s->status = (uint16_t)status;
    s->length = 0;
    s->body_set = true;
    submit_response(s->conn->h2, s);
}

void h2_continue(struct http_stream *s)
{
    nghttp2_submit_headers(s->conn->h2->session, 0, s->id, NULL, continue_headers,
                           ARRAY_LEN(continue_headers), NULL);
}

/* Headers wait for the next emit, so that an answer without a body is one frame. */
void h2_respond(struct http_stream *s)
{
    struct h2 *h = s->conn->h2;
    if (s->submitted)
        nghttp2_session_resume_data(h->session, s->id);
    else if (s->grpc)
        submit_grpc(h, s);
    else if (s->status != 0 && list_empty(&s->ready))
        list_add_tail(&h->ready, &s->ready);
    http_conn_wake(s->conn);
}

void h2_consumed(struct http_stream *s, size_t n)
{
    nghttp2_session_consume(s->conn->h2->session, s->id, n);
    http_conn_wake(s->conn);
}

void h2_reset(struct http_stream *s, enum http_reset why)
{
    static const uint32_t codes[] = {
        [HTTP_RESET_NO_ERROR] = NGHTTP2_NO_ERROR,
        [HTTP_RESET_CANCEL] = NGHTTP2_CANCEL,
        [HTTP_RESET_REFUSED] = NGHTTP2_REFUSED_STREAM,
        [HTTP_RESET_INTERNAL] = NGHTTP2_INTERNAL_ERROR,
        [HTTP_RESET_CALM] = NGHTTP2_ENHANCE_YOUR_CALM,
    };
    nghttp2_submit_rst_stream(s->conn->h2->session, 0, s->id, codes[why]);
    http_conn_wake(s->conn);
}

void h2_set_class(struct http_stream *s, enum http_class class)
{
    s->classed = true;
    set_priority(s->conn->h2, s,
                 class == HTTP_CLASS_URGENT ? H2_URGENCY_URGENT : H2_URGENCY_NORMAL);
}

bool h2_pending(const struct http_conn *c)
{
    return !list_empty(&c->h2->ready) || nghttp2_session_want_write(c->h2->session);
}

static void submit_ready(struct h2 *h)
{
    struct list *item;
    while ((item = list_pop(&h->ready)))
        submit_response(h, CONTAINER_OF(item, struct http_stream, ready));
}

enum rc h2_emit(struct http_conn *c, struct buf *out, size_t max)
{
    struct h2 *h = c->h2;
    h->out = out;
    h->out_stop = out->n + max;
    h->fed = 0;
    if (h->paused)
        c->layer.below->pause(c->layer.below, false);
    h->paused = false;
    ssize_t n = 1;
    while (n > 0 && out->n < h->out_stop) {
        submit_ready(h);
        if (h->error != 0)
            h2_fail(h);
        const uint8_t *p;
        n = nghttp2_session_mem_send(h->session, &p);
        if (n > 0)
            buf_append(out, p, (size_t)n);
    }
    h->out = NULL;
    if (n < 0)
        return RC_PROTOCOL;
    if (!h2_pending(c))
        h2_check_over(h);
    return RC_OK;
}
