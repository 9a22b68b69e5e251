#include "client/watch.h"

#include "base/mem.h"

#include <stdlib.h>

#define NS_PER_MS 1000000u

struct client_watch {
    struct client *client;
    struct client_watch_options opt;
    struct buf key;
    struct buf range_end;
    int64_t next_revision; /* where to go on; 0: not known yet */
    struct client_call *call;
    struct client_status status;
    struct buf message;
    struct timer again; /* runs while the stream is to be opened once more */
    bool renewed;       /* the token, and no server has taken the new one yet */
    bool over;
};

/* Only ends the wait: client_watch_next opens the stream. */
static void on_again(struct timer *t)
{
    (void)t;
}

struct client_watch *client_watch_new(struct client *c, const struct client_watch_options *opt)
{
    struct client_watch *w = mem_zalloc(sizeof(*w));
    w->client = c;
    w->opt = *opt;
    buf_append_slice(&w->key, opt->key);
    buf_append_slice(&w->range_end, opt->range_end);
    w->next_revision = opt->revision;
    w->again.fire = on_again;
    return w;
}

void client_watch_free(struct client_watch *w)
{
    if (!w)
        return;
    timer_stop(&client_loop_of(w->client)->timers, &w->again);
    client_call_free(w->call);
    client_status_fini(&w->status);
    buf_fini(&w->key);
    buf_fini(&w->range_end);
    buf_fini(&w->message);
    free(w);
}

static void open_stream(struct client_watch *w)
{
    w->call = client_open(w->client, CLIENT_WATCH, CLIENT_FOREVER, true, &w->status);
    if (!w->call)
        return;
    struct pb_watch_create_request create = {
        .key = buf_slice(&w->key),
        .range_end = buf_slice(&w->range_end),
        .start_revision = w->next_revision,
        .prev_kv = w->opt.prev_kv,
        .progress_notify = w->opt.progress_notify,
        .fragment = w->opt.fragment,
    };
    /* etcd takes no empty key; its client asks for the first one. */
    if (create.key.n == 0)
        create.key = SLICE_LIT("\0");
    const struct pb_watch_request request = {.request_union_case = PB_WATCH_CREATE,
                                             .create_request = &create};
    client_send(w->call, CLIENT_WATCH, &request);
}

void client_watch_request_progress(struct client_watch *w)
{
    struct pb_watch_progress_request progress = {0};
    const struct pb_watch_request request = {.request_union_case = PB_WATCH_PROGRESS,
                                             .progress_request = &progress};
    if (w->call)
        client_send(w->call, CLIENT_WATCH, &request);
}

static void open_soon(struct client_watch *w)
{
    client_call_free(w->call);
    w->call = NULL;
    timer_start(&client_loop_of(w->client)->timers, &w->again,
                client_now_ns() + (uint64_t)CLIENT_RETRY_MS * NS_PER_MS);
}

/* The watch ended for this reason: another token may help, unless one has just not. */
static bool renew(struct client_watch *w, struct slice reason)
{
    if (w->renewed || !client_status_is_stale(reason) ||
        client_login(w->client, &w->status) != RC_OK)
        return false;
    w->renewed = true;
    open_soon(w);
    return true;
}

/* The stream was lost: soon again, unless the server means it. */
static enum rc stream_over(struct client_watch *w, struct pb_watch_response *out,
                           struct arena *arena)
{
    client_status_copy(&w->status, client_call_status(w->call));
    if (w->status.code == GRPC_UNAVAILABLE || w->status.code == GRPC_INTERNAL) {
        open_soon(w);
        return RC_AGAIN;
    }
    struct slice reason = arena_copy(arena, buf_slice(&w->status.text));
    if (renew(w, reason))
        return RC_AGAIN;
    struct buf text = {0};
    client_status_print(&w->status, &text);
    *out = (struct pb_watch_response){.canceled = true,
                                      .cancel_reason = arena_copy(arena, buf_slice(&text))};
    buf_fini(&text);
    w->over = true;
    return RC_OK;
}

static void note(struct client_watch *w, const struct pb_watch_response *r)
{
    int64_t revision = r->header ? r->header->revision : 0;
    if (r->created && w->next_revision == 0)
        w->next_revision = revision + 1;
    for (size_t i = 0; i < r->events_n; i++) {
        if (r->events[i].kv && r->events[i].kv->mod_revision >= w->next_revision)
            w->next_revision = r->events[i].kv->mod_revision + 1;
    }
    if (r->events_n == 0 && !r->created && revision >= w->next_revision)
        w->next_revision = revision + 1; /* progress: nothing before it is missing */
    w->over |= r->canceled;
    w->renewed &= r->canceled;
}

enum rc client_watch_next(struct client_watch *w, struct arena *arena,
                          struct pb_watch_response *out)
{
    for (;;) {
        if (w->over)
            return RC_END;
        if (timer_active(&w->again))
            return RC_AGAIN;
        if (!w->call)
            open_stream(w);
        if (!w->call)
            return RC_AGAIN;
        enum rc rc = client_call_next(w->call, &w->message);
        if (rc == RC_END)
            rc = stream_over(w, out, arena);
        else if (rc == RC_OK)
            rc = wire_decode(&wire_watch_response, arena_copy(arena, buf_slice(&w->message)), arena,
                             out);
        if (rc == RC_OK && out->canceled && !w->over && renew(w, out->cancel_reason))
            return RC_AGAIN;
        if (rc != RC_OK)
            return rc;
        note(w, out);
        if (!out->created || out->canceled)
            return RC_OK;
    }
}

void client_watch_reason(const struct pb_watch_response *r, struct buf *out)
{
    if (r->compact_revision != 0)
        buf_append_str(out, etcd_error_text(ETCD_COMPACTED));
    else if (r->cancel_reason.n > 0)
        buf_append_slice(out, r->cancel_reason);
    else
        buf_append_str(out, etcd_error_text(ETCD_FUTURE_REV));
}

enum rc client_watch_await(struct client_watch *w, int fd, struct arena *arena,
                           struct pb_watch_response *out)
{
    for (;;) {
        enum rc rc = client_watch_next(w, arena, out);
        if (rc != RC_AGAIN)
            return rc;
        if (client_loop_wait(client_loop_of(w->client), CLIENT_FOREVER, fd))
            return RC_CANCELED;
    }
}
