#include "http/h2_alive.h"

#include "http/h2.h"

/* A peer without streams has nothing to keep alive (grpc-go's defaultPingTimeout). */
#define IDLE_PING_NS     ((uint64_t)7200 * NS_PER_S)
#define PING_STRIKES_MAX 2u /* grpc-go's maxPingStrikes */

static const uint8_t alive_ping[8] = {'a', 'l', 'i', 'v', 'e', '?', 0, 0};

static void look(struct timer *t)
{
    struct h2_alive *a = CONTAINER_OF(t, struct h2_alive, timer);
    struct http_conn *c = a->h2->conn;
    uint64_t now = env_now_ns(c->env);
    uint64_t due = a->heard_ns + (uint64_t)c->limits.keepalive_ms * NS_PER_MS;
    if (a->asked_ns > a->heard_ns) { /* nothing came since */
        log_debug(c->env->log, "http.peer_silent", "peer", BYTES(http_conn_peer(c)));
        h2_fail(a->h2);
        http_conn_finish(c);
        http_conn_wake(c);
    } else if (due > now) {
        timer_start(c->env->timers, t, due);
    } else {
        a->asked_ns = now;
        nghttp2_submit_ping(a->h2->session, 0, alive_ping);
        http_conn_wake(c);
        env_after(c->env, t, (uint64_t)c->limits.keepalive_timeout_ms * NS_PER_MS);
    }
}

void h2_alive_init(struct h2_alive *a, struct h2 *h)
{
    *a = (struct h2_alive){.h2 = h, .timer = {.fire = look}};
    a->heard_ns = env_now_ns(h->conn->env);
    env_after(h->conn->env, &a->timer, (uint64_t)h->conn->limits.keepalive_ms * NS_PER_MS);
}

void h2_alive_fini(struct h2_alive *a)
{
    timer_stop(a->h2->conn->env->timers, &a->timer);
}

void h2_alive_heard(struct h2_alive *a)
{
    a->heard_ns = env_now_ns(a->h2->conn->env);
}

static void end_with(struct h2 *h)
{
    static const char why[] = "too_many_pings"; /* the word that grpc-go's clients look for */
    struct http_conn *c = h->conn;
    log_debug(c->env->log, "http.too_many_pings", "peer", BYTES(http_conn_peer(c)));
    h->failed = true;
    nghttp2_submit_goaway(h->session, 0, nghttp2_session_get_last_proc_stream_id(h->session),
                          NGHTTP2_ENHANCE_YOUR_CALM, (const uint8_t *)why, sizeof(why) - 1);
    http_conn_finish(c);
    http_conn_wake(c);
}

void h2_alive_pinged(struct h2_alive *a)
{
    const struct http_conn *c = a->h2->conn;
    uint64_t now = env_now_ns(c->env);
    uint64_t min_ns =
        c->stream_count == 0 ? IDLE_PING_NS : (uint64_t)c->limits.ping_min_ms * NS_PER_MS;
    bool soon = a->pinged_ns != 0 && now - a->pinged_ns < min_ns;
    a->pinged_ns = now;
    if (a->answered) { /* it asks for the answer that is on its way */
        a->answered = false;
        a->strikes = 0;
        return;
    }
    a->strikes += soon;
    if (a->strikes > PING_STRIKES_MAX && !a->h2->failed)
        end_with(a->h2);
}
