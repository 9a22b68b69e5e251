/* The loads that are about watchers. */
#include "client.h"
#include "request.h"
#include "usage.h"

#include <stdio.h>
#include <stdlib.h>

#define CREATES_AHEAD 2000 /* asked for and not yet confirmed */
#define CREATES_FLUSH 500
#define STREAM_ROOM   256        /* of a stream with one watcher */
#define SHARED_ROOM   (1u << 21) /* of a stream with many */

static void pump_until(struct load *l, const int64_t *counter, int64_t target)
{
    while (*counter < target)
        client_pump(l->client, 100);
}

static struct usage usage_now(const struct load *l)
{
    return usage_of(l->opt.servers, (size_t)l->opt.server_n);
}

static struct stream *watch_stream(struct load *l)
{
    struct stream *s = stream_take(l->client);
    s->stays_open = true;
    s->out_cap = l->opt.stream_each ? STREAM_ROOM : SHARED_ROOM;
    s->out = realloc(s->out, s->out_cap);
    s->begin = now_seconds();
    s->connection = NULL;
    return s;
}

static void send_all(struct load *l)
{
    for (int i = 0; i < l->opt.connections; i++)
        connection_send(&l->client->connections[i]);
}

static void create(struct load *l)
{
    struct stream **shared = calloc((size_t)l->opt.connections, sizeof(struct stream *));
    for (int64_t i = 0; i < l->opt.watchers; i++) {
        int64_t at = i % l->opt.connections;
        if (l->opt.stream_each || !shared[at])
            shared[at] = watch_stream(l);
        struct stream *s = shared[at];
        s->out_n += request_watch(l, l->opt.op == OP_WATCH_IDLE ? i : 0, s->out + s->out_n);
        if (s->connection)
            nghttp2_session_resume_data(s->connection->session, s->id);
        else
            stream_submit(&l->client->connections[at], s, OP_WATCH);
        if (i % CREATES_FLUSH == CREATES_FLUSH - 1) {
            send_all(l);
            pump_until(l, &l->watch_created, i - CREATES_AHEAD);
        }
    }
    send_all(l);
    pump_until(l, &l->watch_created, l->opt.watchers);
    free(shared);
}

static void print_growth(const struct load *l, struct usage before, struct usage after)
{
    double grown = after.rss_mb - before.rss_mb;
    printf("rss_mb=%.1f rss_delta_mb=%.1f bytes_per_watcher=%.0f\n", after.rss_mb, grown,
           grown * (1 << 20) / (double)l->opt.watchers);
}

/* One put after another; without -r, the next one when the last watcher has its event. */
static void fan_out(struct load *l)
{
    int64_t expected = 0;
    for (int64_t i = 0; i < l->opt.ops; i++) {
        while (l->opt.rate > 0 && now_seconds() - l->begin < (double)i / l->opt.rate)
            client_pump(l->client, 1);
        struct stream *s = stream_take(l->client);
        s->begin = now_seconds();
        double begin = s->begin;
        s->out_n = request_encode(l, OP_PUT, i, s->out);
        stream_submit(l->client->connections, s, OP_PUT);
        connection_send(l->client->connections);
        expected += l->opt.watchers;
        if (l->opt.rate > 0)
            continue;
        pump_until(l, &l->watch_events, expected);
        histogram_add(&l->latency, now_seconds() - begin);
    }
    pump_until(l, &l->watch_events, expected);
}

static void measure_fan_out(struct load *l)
{
    l->opt.keys = 1;
    l->opt.sequential = true;
    l->watch_events = l->watch_messages = 0;
    l->latency = (struct histogram){0};
    struct usage before = usage_now(l);
    double own = usage_own_cpu();
    l->begin = now_seconds();
    fan_out(l);
    double seconds = now_seconds() - l->begin;
    struct usage after = usage_now(l);
    double cpu_us = (after.cpu_seconds - before.cpu_seconds) * 1e6;
    double events = (double)l->watch_events;
    printf("op=watch_fanout puts=%lld watchers=%lld events=%.0f msgs=%lld secs=%.2f rate=%.0f "
           "p50=%.0fus p99=%.0fus max=%.1fms srv_us_per_put=%.0f srv_us=%.3f cli_us=%.2f "
           "rss_mb=%.1f\n",
           (long long)l->opt.ops, (long long)l->opt.watchers, events, (long long)l->watch_messages,
           seconds, events / seconds, histogram_at(&l->latency, .5), histogram_at(&l->latency, .99),
           histogram_at(&l->latency, 1) / 1e3, cpu_us / (double)l->opt.ops, cpu_us / events,
           (usage_own_cpu() - own) * 1e6 / events, after.rss_mb);
}

void watch_run(struct load *l)
{
    for (int i = 0; i < l->opt.connections; i++)
        client_connect(l->client, i);
    pump_until(l, &l->client->up, l->opt.connections);
    struct usage before = usage_now(l);
    l->begin = now_seconds();
    create(l);
    double seconds = now_seconds() - l->begin;
    struct usage after = usage_now(l);
    double watchers = (double)l->opt.watchers;
    printf("op=watch_create n=%lld c=%d secs=%.2f rate=%.0f srv_us=%.1f ",
           (long long)l->opt.watchers, l->opt.connections, seconds, watchers / seconds,
           (after.cpu_seconds - before.cpu_seconds) * 1e6 / watchers);
    print_growth(l, before, after);
    if (l->opt.hold_seconds > 0) {
        double end = now_seconds() + l->opt.hold_seconds;
        while (now_seconds() < end)
            client_pump(l->client, 100);
        printf("op=watch_idle held=%.0fs ", l->opt.hold_seconds);
        print_growth(l, before, usage_now(l));
    }
    if (l->opt.op == OP_WATCH)
        measure_fan_out(l);
}
