#include "client/session.h"

#include "base/mem.h"

#include <stdlib.h>

#define NS_PER_MS 1000000u
#define MS_PER_S  1000u

struct client_session {
    struct client *client;
    int64_t lease;
    client_session_seen *seen;
    void *arg;
    struct client_call *call;
    struct client_status status;
    struct buf message;
    struct timer due;     /* of the next request */
    uint64_t interval_ms; /* between requests */
    uint64_t expires_ns;  /* when we must take the lease for gone */
    bool renewed;         /* the token, and no server has taken the new one yet */
    bool over;
};

static void on_due(struct timer *t)
{
    (void)t; /* only ends the wait: client_session_alive sends */
}

static void set_ttl(struct client_session *s, int64_t ttl_s)
{
    uint64_t ms = (uint64_t)(ttl_s > 0 ? ttl_s : 1) * MS_PER_S;
    s->interval_ms = ms / 3;
    s->expires_ns = client_deadline(ms);
}

struct client_session *client_session_new(struct client *c, int64_t lease, int64_t ttl_s,
                                          client_session_seen *seen, void *arg)
{
    struct client_session *s = mem_zalloc(sizeof(*s));
    s->client = c;
    s->lease = lease;
    s->seen = seen;
    s->arg = arg;
    s->due.fire = on_due;
    set_ttl(s, ttl_s);
    return s;
}

void client_session_free(struct client_session *s)
{
    if (!s)
        return;
    timer_stop(&client_loop_of(s->client)->timers, &s->due);
    client_call_free(s->call);
    client_status_fini(&s->status);
    buf_fini(&s->message);
    free(s);
}

static void schedule(struct client_session *s, uint64_t ms)
{
    timer_start(&client_loop_of(s->client)->timers, &s->due, client_now_ns() + ms * NS_PER_MS);
}

static void request(struct client_session *s)
{
    if (!s->call)
        s->call = client_open(s->client, CLIENT_LEASE_KEEP_ALIVE, s->expires_ns, true, &s->status);
    if (!s->call)
        return;
    const struct pb_lease_keep_alive_request keep = {.id = s->lease};
    client_send(s->call, CLIENT_LEASE_KEEP_ALIVE, &keep);
    schedule(s, s->interval_ms);
}

/* The stream is over: another one soon, and with another token if that is what was wrong. */
static void stream_over(struct client_session *s)
{
    struct slice why = buf_slice(&client_call_status(s->call)->text);
    if (!s->renewed && client_status_is_stale(why))
        s->renewed = client_login(s->client, &s->status) == RC_OK;
    client_call_free(s->call);
    s->call = NULL;
    schedule(s, CLIENT_RETRY_MS);
}

static void receive(struct client_session *s)
{
    enum rc rc;
    while (s->call && (rc = client_call_next(s->call, &s->message)) != RC_AGAIN) {
        struct arena arena = {0};
        struct pb_lease_keep_alive_response r;
        if (rc == RC_END) {
            stream_over(s);
            return;
        }
        if (wire_decode(&wire_lease_keep_alive_response, buf_slice(&s->message), &arena, &r) ==
            RC_OK) {
            s->over |= r.ttl <= 0;
            if (!s->over) {
                s->renewed = false;
                set_ttl(s, r.ttl);
                schedule(s, s->interval_ms);
                if (s->seen)
                    s->seen(s->arg, &r);
            }
        }
        arena_fini(&arena);
    }
}

bool client_session_alive(struct client_session *s)
{
    receive(s);
    if (!s->over && !timer_active(&s->due))
        request(s);
    s->over |= client_now_ns() >= s->expires_ns;
    return !s->over;
}
