#include "api/watch.h"

#include "api/access.h"
#include "base/mem.h"
#include "base/must.h"
#include "kv/watch.h"
#include "wire/kv_codec.h"
#include "wire/scan.h"

#include <stdio.h>
#include <stdlib.h>

#define RETRY_MS 100u
#define NO_WATCH (-1) /* the watch_id of what concerns none, or all of a stream */

struct watch {
    struct watcher watcher; /* closed once it was canceled for compaction: its ID stays taken */
    struct watch_stream *stream;
    int64_t id;
    int64_t start; /* revision asked for */
    size_t charged;
    bool progress_notify;
    bool told; /* it had events since progress was last due */
    bool fragment;
};

struct watch_stream {
    struct api *api;
    struct rpc_call *call;
    struct watch **v; /* by ID */
    size_t n;
    size_t cap;
    int64_t next_id;
    int64_t current_at;         /* the revision at which all were found current; 0: none was */
    const struct watch *behind; /* the one found not to be; NULL: none was */
    struct timer progress;
    struct timer retry; /* watches were stopped, and no drained will come */
    bool stopped;       /* some watch wanted no events: they are to go on */
    uint64_t interval_ns;
};

/* ---- What is sent ---- */

static void respond(struct watch_stream *s, struct pb_watch_response *msg)
{
    struct pb_response_header header = api_header(s->api);
    struct buf body = {0};
    msg->header = &header;
    rpc_body_begin(&body);
    wire_encode(&wire_watch_response, msg, &body);
    msg->header = NULL; /* it ends here */
    rpc_send(s->call, &body);
}

/* A create that failed is answered as created and canceled at once. */
static void send_refusal(struct watch_stream *s, const char *reason)
{
    respond(s, &(struct pb_watch_response){.watch_id = NO_WATCH,
                                           .created = true,
                                           .canceled = true,
                                           .cancel_reason = slice_str(reason)});
}

/* All of a WatchResponse but its events. */
static void append_head(const struct watch *w, int64_t revision, bool fragment, struct buf *out)
{
    struct pb_response_header header = api_header(w->stream->api);
    const struct pb_watch_response head = {.watch_id = w->id, .fragment = fragment};
    header.revision = revision;
    codec_header(&header, out);
    wire_encode(&wire_watch_response, &head, out);
}

/* ---- Fragments ---- */

/* The next event of the encoded ones. */
static struct slice next_event(struct slice *events)
{
    struct slice rest = *events;
    uint64_t n = 0;
    bool fine = scan_varint(&rest, &n); /* the tag; then the length */
    fine = fine && scan_varint(&rest, &n) && n <= rest.n;
    must(fine); /* ours */
    size_t len = events->n - rest.n + (size_t)n;
    struct slice event = {events->p, len};
    *events = slice_skip(*events, len);
    return event;
}

/* etcd's rule: as many events as stay below the limit, at least one; all but the last say so. */
static void send_fragments(struct watch *w, const struct watch_events *e, size_t limit)
{
    struct slice events = blob_slice(e->encoded);
    while (events.n > 0) {
        struct buf body = {0};
        rpc_body_begin(&body);
        append_head(w, e->revision, true, &body);
        size_t head = body.n - RPC_FRAME_LEN;
        struct slice part = next_event(&events);
        for (struct slice rest = events; rest.n > 0; events = rest) {
            struct slice event = next_event(&rest);
            if (head + part.n + event.n >= limit)
                break;
            part.n += event.n;
        }
        if (events.n == 0) {
            body.n = RPC_FRAME_LEN;
            append_head(w, e->revision, false, &body);
        }
        buf_append_slice(&body, part);
        rpc_send(w->stream->call, &body);
    }
}

/* ---- Watchers ---- */

static struct watch *watch_of(struct watcher *w)
{
    return CONTAINER_OF(w, struct watch, watcher);
}

static bool wants(struct watcher *watcher)
{
    struct watch_stream *s = watch_of(watcher)->stream;
    const struct http_budget *budget = s->api->opt.budget;
    size_t max = API_WATCH_QUEUE_MAX;
    if (budget && budget->used > budget->max / 2)
        max = budget->used > budget->max ? 0 : API_WATCH_QUEUE_MIN;
    if (rpc_queued(s->call) <= max)
        return true;
    s->stopped = true;
    if (max == 0 && !timer_active(&s->retry))
        env_after(s->api->opt.env, &s->retry, (uint64_t)RETRY_MS * NS_PER_MS);
    return false;
}

static void events(struct watcher *watcher, const struct watch_events *e)
{
    struct watch *w = watch_of(watcher);
    struct buf head = {0};
    size_t limit = w->stream->api->opt.request_bytes_max + RPC_MESSAGE_OVERHEAD;
    w->told = true;
    append_head(w, e->revision, false, &head);
    if (w->fragment && head.n + e->encoded->n >= limit)
        send_fragments(w, e, limit);
    else
        rpc_send_shared(w->stream->call, buf_slice(&head), e->encoded);
    buf_fini(&head);
}

/* etcd's header has no revision here. */
static void lost(struct watcher *watcher, int64_t compacted)
{
    struct watch *w = watch_of(watcher);
    struct buf body = {0};
    struct pb_response_header header = api_header(w->stream->api);
    header.revision = 0;
    log_debug(w->stream->api->opt.env->log, "api.watch_compacted", "watch", I64(w->id), "at",
              I64(watcher->at.main), "compacted", I64(compacted));
    rpc_body_begin(&body);
    wire_encode(
        &wire_watch_response,
        &(struct pb_watch_response){
            .header = &header, .watch_id = w->id, .canceled = true, .compact_revision = compacted},
        &body);
    rpc_send(w->stream->call, &body);
}

static void failed(struct watcher *watcher, enum rc rc)
{
    struct watch *w = watch_of(watcher);
    const char *reason = rc == RC_LIMIT ? "etcdserver: too many events in one revision"
                                        : etcd_error_text(ETCD_CORRUPT);
    w->stream->api->damaged = w->stream->api->damaged || rc != RC_LIMIT;
    respond(w->stream, &(struct pb_watch_response){.watch_id = w->id,
                                                   .canceled = true,
                                                   .cancel_reason = slice_str(reason)});
}

static const struct watcher_ops watcher_ops = {wants, events, lost, failed};

void watch_describe(struct watcher *watcher, struct pb_slow_watcher *out)
{
    const struct watch *w = watch_of(watcher);
    const struct span *span = watcher->span;
    must(watcher->ops == &watcher_ops);
    *out = (struct pb_slow_watcher){
        .key = span->from,
        .range_end = span->open_end ? SLICE_LIT("\0") : span->to,
        .watch_id = w->id,
        .revision = watcher->at.main - 1,
        .behind = kv_revision(watcher->kv) - (watcher->at.main - 1),
        .stopped = watcher->state == WATCHER_STOPPED,
        .queued_bytes = (int64_t)rpc_queued(w->stream->call),
        .client = rpc_call_peer(w->stream->call),
    };
}

/* ---- The watches of a stream ---- */

/* Where the ID is, or would be. */
static size_t find(const struct watch_stream *s, int64_t id)
{
    size_t lo = 0;
    size_t hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->v[mid]->id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool is_taken(const struct watch_stream *s, int64_t id)
{
    size_t at = find(s, id);
    return at < s->n && s->v[at]->id == id;
}

static struct watch *add(struct watch_stream *s, int64_t id)
{
    struct watch *w = mem_zalloc(sizeof(*w));
    size_t at = find(s, id);
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        s->v = mem_realloc(s->v, s->cap * sizeof(struct watch *));
    }
    memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof(struct watch *));
    s->v[at] = w;
    s->n++;
    s->current_at = 0;
    w->stream = s;
    w->id = id;
    w->watcher.ops = &watcher_ops;
    return w;
}

static void drop(struct watch *w)
{
    watcher_close(&w->watcher);
    api_charge(w->stream->api, &w->charged, 0);
    free(w);
}

/* ---- Requests ---- */

/* Why no further watch is taken, NULL: it is. */
static const char *refusal(const struct watch_stream *s)
{
    const struct http_budget *budget = s->api->opt.budget;
    if (s->n >= API_WATCHES_PER_STREAM || (budget && budget->used > budget->max))
        return etcd_error_text(ETCD_REQUEST_TOO_MANY_REQUESTS);
    return NULL;
}

static unsigned kind_of(const struct pb_watch_create_request *r)
{
    unsigned kind = r->prev_kv ? WATCH_PREV_KV : 0;
    for (size_t i = 0; i < r->filters_n; i++) {
        if (r->filters[i] == PB_FILTER_TYPE_NOPUT)
            kind |= WATCH_NO_PUT;
        else if (r->filters[i] == PB_FILTER_TYPE_NODELETE)
            kind |= WATCH_NO_DELETE;
    }
    return kind;
}

/* Whether the range may be watched, in etcd's order: user, range, ID. NULL: it may; else why not.
 */
static const char *judge(struct watch_stream *s, const struct pb_watch_create_request *r,
                         char text[ERR_TEXT_MAX])
{
    bool open_end = kv_range_is_open(r->range_end);
    if (r->start_revision < 0)
        return etcd_error_text(ETCD_COMPACTED);
    enum etcd_error e = access_to_keys(s->api, s->call, AUTH_READ, r->key, r->range_end);
    if (e != ETCD_OK) {
        snprintf(text, ERR_TEXT_MAX, "rpc error: code = %s desc = %s",
                 grpc_code_name(etcd_error_code(e)), etcd_error_text(e));
        return text;
    }
    if (r->range_end.n > 0 && !open_end && slice_cmp(r->key, r->range_end) >= 0)
        return "mvcc: watcher range is empty";
    if (r->watch_id != 0 && is_taken(s, r->watch_id))
        return "mvcc: duplicate watch ID provided on the WatchStream";
    return refusal(s);
}

static void create(struct watch_stream *s, struct pb_watch_create_request *r)
{
    char text[ERR_TEXT_MAX];
    if (r->key.n == 0)
        r->key = SLICE_LIT("\0"); /* the smallest there is */
    const char *why = judge(s, r, text);
    if (why) {
        send_refusal(s, why);
        return;
    }
    int64_t id = r->watch_id;
    if (id == 0) {
        while (is_taken(s, s->next_id))
            s->next_id++;
        id = s->next_id++;
    }
    struct watch *w = add(s, id);
    w->start = r->start_revision;
    w->progress_notify = r->progress_notify;
    w->fragment = r->fragment;
    api_charge(s->api, &w->charged, sizeof(*w) + sizeof(struct span) + r->key.n + r->range_end.n);
    watcher_open(&w->watcher, state_kv(s->api->state), r->key, r->range_end, kind_of(r), w->start);
    respond(s, &(struct pb_watch_response){.watch_id = id, .created = true});
}

static void cancel(struct watch_stream *s, int64_t id)
{
    size_t at = find(s, id);
    if (at == s->n || s->v[at]->id != id)
        return; /* etcd says nothing, too */
    drop(s->v[at]);
    s->current_at = 0;
    s->behind = NULL;
    s->n--;
    memmove(s->v + at, s->v + at + 1, (s->n - at) * sizeof(struct watch *));
    respond(s, &(struct pb_watch_response){.watch_id = id, .canceled = true});
}

/* Everything up to the current revision was told: no progress ahead of events (etcd#15220). */
static bool is_current(const struct watch *w)
{
    return watcher_is_current(&w->watcher) &&
           w->start <= kv_revision(state_kv(w->stream->api->state));
}

static bool is_over(const struct watch *w)
{
    return w->watcher.state == WATCHER_CLOSED;
}

static bool are_current(struct watch_stream *s)
{
    size_t alive = 0;
    if (s->behind && !is_over(s->behind) && !is_current(s->behind))
        return false;
    for (size_t i = 0; i < s->n; i++) {
        if (!is_over(s->v[i]) && !is_current(s->v[i])) {
            s->behind = s->v[i];
            return false;
        }
        alive += !is_over(s->v[i]);
    }
    return alive > 0;
}

/* The progress of all watches at once, if they are at one revision: the current one. There may be
 * 100,000 of them, and thousands of these requests at once: what was found counts until a change,
 * or another watch, can have put one behind. */
static void tell_progress(struct watch_stream *s)
{
    int64_t revision = kv_revision(state_kv(s->api->state));
    if (s->current_at != revision && are_current(s))
        s->current_at = revision;
    struct pb_watch_response msg = {.watch_id = NO_WATCH};
    if (s->current_at == revision)
        respond(s, &msg);
}

/* Those that asked for it, and had no events since this was last due. */
static void progress_due(struct timer *t)
{
    struct watch_stream *s = CONTAINER_OF(t, struct watch_stream, progress);
    for (size_t i = 0; i < s->n; i++) {
        struct watch *w = s->v[i];
        if (w->progress_notify && !w->told && is_current(w) && wants(&w->watcher))
            respond(s, &(struct pb_watch_response){.watch_id = w->id});
        w->told = false;
    }
    env_after(s->api->opt.env, t, s->interval_ns);
}

/* ---- The stream ---- */

static void go_on(struct watch_stream *s)
{
    if (!s->stopped)
        return;
    s->stopped = false;
    for (size_t i = 0; i < s->n; i++)
        watcher_go_on(&s->v[i]->watcher);
}

static void retry_due(struct timer *t)
{
    go_on(CONTAINER_OF(t, struct watch_stream, retry));
}

static void watch_open(void *arg, struct rpc_call *call)
{
    struct api *a = arg;
    struct watch_stream *s = mem_zalloc(sizeof(*s));
    call->user = s;
    s->api = a;
    s->call = call;
    s->progress.fire = progress_due;
    s->retry.fire = retry_due;
    /* Up to a tenth more, so that streams opened together are not told together. */
    s->interval_ns =
        a->opt.watch_progress_ns + rng_below(a->opt.env->rng, a->opt.watch_progress_ns / 10 + 1);
    env_after(a->opt.env, &s->progress, s->interval_ns);
}

static void watch_closed(void *arg, struct rpc_call *call)
{
    struct watch_stream *s = call->user;
    (void)arg;
    timer_stop(s->api->opt.env->timers, &s->progress);
    timer_stop(s->api->opt.env->timers, &s->retry);
    for (size_t i = 0; i < s->n; i++)
        drop(s->v[i]);
    free(s->v);
    free(s);
}

static void watch_message(void *arg, struct rpc_call *call, struct slice message)
{
    struct watch_stream *s = call->user;
    struct pb_watch_request r;
    enum rc rc = wire_decode(&wire_watch_request, message, &call->arena, &r);
    if (rc != RC_OK) {
        watch_closed(arg, call);
        api_bad_message(call, rc);
        return;
    }
    if (r.create_request)
        create(s, r.create_request);
    else if (r.cancel_request)
        cancel(s, r.cancel_request->watch_id);
    else if (r.progress_request)
        tell_progress(s);
}

static void watch_drained(void *arg, struct rpc_call *call)
{
    struct watch_stream *s = call->user;
    (void)arg;
    go_on(s);
}

const struct rpc_stream_ops watch_ops = {
    .open = watch_open,
    .message = watch_message,
    .drained = watch_drained,
    .closed = watch_closed,
    .urgent = true,
};
