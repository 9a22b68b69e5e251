#include "io/conn.h"

#include "base/mem.h"
#include "base/must.h"
#include "io/conn_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void conn_move(struct io_conn *c, enum conn_state next)
{
    static const unsigned moves[CONN_STATE_COUNT] = {
        [CONN_OPEN] = TO(CONN_FINISHING) | TO(CONN_CLOSED),
        [CONN_FINISHING] = TO(CONN_LINGERING) | TO(CONN_CLOSED),
        [CONN_LINGERING] = TO(CONN_CLOSED),
        [CONN_CLOSED] = 0,
    };
    must(moves[c->state] & TO(next));
    c->state = next;
}

static void mark_dirty(struct io_conn *c)
{
    if (list_empty(&c->in_dirty))
        list_add_tail(&c->loop->dirty, &c->in_dirty);
}

static void on_event(uv_poll_t *h, int status, int events);

/* Wait for what the state calls for, with as few system calls as the kernel's interface allows. */
static void update_interest(struct io_conn *c)
{
    int want = c->unsent.n > 0 ? UV_WRITABLE : 0;
    if (c->state == CONN_LINGERING || (c->state == CONN_OPEN && !c->paused))
        want |= UV_READABLE;
    /* While paused, still learn that the peer has gone, once. */
    if (c->state == CONN_OPEN && c->paused && !c->peer_ended)
        want |= UV_DISCONNECT;
    if (want == c->interest)
        return;
    c->interest = want;
    must(uv_poll_start(&c->poll, want, on_event) == 0);
}

/* ---- the layer's side ---- */

static struct io_conn *conn_of(struct layer_below *b)
{
    return CONTAINER_OF(b, struct io_conn, below);
}

static void below_wake(struct layer_below *b)
{
    struct io_conn *c = conn_of(b);
    /* With bytes unsent the connection is flushed when the kernel has taken them. */
    if (c->state <= CONN_FINISHING && c->unsent.n == 0)
        mark_dirty(c);
}

static void below_pause(struct layer_below *b, bool paused)
{
    struct io_conn *c = conn_of(b);
    c->paused = paused;
    /* Pausing is lazy: the next event takes the interest away, if the pause lasts until then. */
    if (!paused && c->layer && c->state == CONN_OPEN)
        update_interest(c);
}

/* No more input; the turn's end emits what there is. The first reason stands. */
static void conn_finish(struct io_conn *c, enum rc why)
{
    if (c->state != CONN_OPEN)
        return;
    conn_move(c, CONN_FINISHING);
    c->why = why;
    if (c->unsent.n == 0)
        mark_dirty(c);
}

static void below_finish(struct layer_below *b)
{
    conn_finish(conn_of(b), RC_OK);
}

/* ---- sending ---- */

static void set_timer(struct io_conn *c, uint64_t delay_ns)
{
    env_after(&c->loop->env, &c->timer, delay_ns);
}

static void on_timer(struct timer *t)
{
    struct io_conn *c = CONTAINER_OF(t, struct io_conn, timer);
    if (c->state == CONN_LINGERING) {
        conn_close(c, RC_OK);
        return;
    }
    /* Progress only notes the time; the timer looks how long ago that is. */
    uint64_t waited_ns = env_now_ns(&c->loop->env) - c->progress_ns;
    if (c->unsent.n == 0)
        return;
    if (waited_ns < c->stall_ns) {
        set_timer(c, c->stall_ns - waited_ns);
        return;
    }
    log_info(c->loop->env.log, "io.write_stalled", "peer", STR(c->peer), "unsent",
             U64(c->unsent.n - c->unsent_at), "waited", NS(waited_ns));
    conn_close(c, RC_TIMEOUT);
}

/* The layer has no more to say: say goodbye. What the peer still sends is read and dropped for a
 * moment, as a close with unread input resets the connection, our last bytes included
 * (RFC 9112 9.6). */
static void conn_end(struct io_conn *c)
{
    if (c->why == RC_END || shutdown(c->fd, SHUT_WR) < 0) {
        conn_close(c, c->why);
        return;
    }
    conn_move(c, CONN_LINGERING);
    struct layer *layer = c->layer;
    c->layer = NULL;
    list_remove(&c->in_dirty); /* emit may have asked for another turn */
    set_timer(c, (uint64_t)IO_LINGER_MS * NS_PER_MS);
    update_interest(c);
    layer->ops->close(layer, c->why);
}

/* One send. RC_OK with *sent < in.n: the kernel takes no more now. */
static enum rc send_some(struct io_conn *c, struct slice in, size_t *sent)
{
    ssize_t n;
    do {
        c->loop->stats.sends++;
        n = send(c->fd, in.p, in.n, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN)
        return rc_of_errno(errno);
    *sent = n < 0 ? 0 : (size_t)n;
    c->loop->stats.send_bytes += *sent;
    return RC_OK;
}

static void keep_unsent(struct io_conn *c, struct slice rest)
{
    buf_append_slice(&c->unsent, rest);
    c->unsent_at = 0;
    c->emit_max = IO_EMIT_MIN; /* a slow reader need not cost more than that next time */
    c->progress_ns = env_now_ns(&c->loop->env);
    if (c->stall_ns && !timer_active(&c->timer))
        set_timer(c, c->stall_ns);
    update_interest(c);
}

void conn_flush(struct io_conn *c)
{
    must(c->state <= CONN_FINISHING && c->layer);
    if (c->unsent.n > 0)
        return; /* finish may mark a connection that waits; on_writable marks it again */
    struct buf *out = &c->loop->out;
    buf_clear(out);
    if (!c->emit_failed) {
        enum rc rc = c->layer->ops->emit(c->layer, out, c->emit_max);
        c->emit_failed = rc != RC_OK;
        if (rc != RC_OK)
            conn_finish(c, rc);
    }
    if (out->n == 0) {
        if (c->state == CONN_FINISHING)
            conn_end(c);
        return;
    }
    size_t sent = 0;
    enum rc rc = send_some(c, buf_slice(out), &sent);
    if (rc != RC_OK) {
        conn_close(c, rc);
        return;
    }
    if (sent < out->n) {
        keep_unsent(c, slice_skip(buf_slice(out), sent));
        return;
    }
    c->emit_max = c->emit_max < IO_EMIT_MAX ? c->emit_max * 2 : IO_EMIT_MAX;
    if (c->state == CONN_FINISHING || c->layer->ops->pending(c->layer))
        mark_dirty(c);
}

static void on_writable(struct io_conn *c)
{
    size_t sent = 0;
    enum rc rc = send_some(c, slice_skip(buf_slice(&c->unsent), c->unsent_at), &sent);
    if (rc != RC_OK) {
        conn_close(c, rc);
        return;
    }
    if (sent > 0)
        c->progress_ns = env_now_ns(&c->loop->env);
    c->unsent_at += sent;
    if (c->unsent_at < c->unsent.n)
        return;
    buf_fini(&c->unsent);
    update_interest(c);
    mark_dirty(c);
}

/* ---- receiving ---- */

static ssize_t receive(struct io_conn *c)
{
    c->loop->stats.recvs++;
    ssize_t n = recv(c->fd, c->loop->in, IO_READ_MAX, 0);
    if (n > 0)
        c->loop->stats.recv_bytes += (uint64_t)n;
    return n;
}

static void on_readable(struct io_conn *c)
{
    for (int i = 0; i < IO_READS_PER_TURN; i++) {
        if (c->state != CONN_OPEN || c->paused) {
            update_interest(c);
            return;
        }
        ssize_t n = receive(c);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                conn_close(c, rc_of_errno(errno));
            return;
        }
        if (n == 0) {
            conn_finish(c, RC_END);
            update_interest(c);
            return;
        }
        enum rc rc = c->layer->ops->feed(c->layer, slice_of(c->loop->in, (size_t)n));
        if (rc != RC_OK)
            conn_finish(c, rc);
        if ((size_t)n < IO_READ_MAX)
            return;
    }
}

static void on_discard(struct io_conn *c)
{
    for (int i = 0; i < IO_READS_PER_TURN; i++) {
        ssize_t n = receive(c);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            conn_close(c, RC_OK);
            return;
        }
    }
}

static void on_event(uv_poll_t *h, int status, int events)
{
    struct io_conn *c = h->data;
    if (status < 0) {
        int errnum = 0;
        socklen_t len = sizeof(errnum);
        (void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &errnum, &len);
        conn_close(c, errnum ? rc_of_errno(errnum) : RC_CLOSED);
        return;
    }
    if (c->state == CONN_LINGERING) {
        on_discard(c);
        return;
    }
    if ((events & UV_WRITABLE) && c->unsent.n > 0)
        on_writable(c);
    if ((events & UV_READABLE) && c->state <= CONN_FINISHING)
        on_readable(c);
    if ((events & UV_DISCONNECT) && c->state == CONN_OPEN && c->paused) {
        c->peer_ended = true;
        update_interest(c);
    }
}

/* ---- life ---- */

struct io_conn *conn_new(struct io_loop *loop, int fd, const struct io_sockaddr *peer,
                         struct conn_owner *owner)
{
    struct io_conn *c = mem_zalloc(sizeof(*c));
    if (uv_poll_init(&loop->uv, &c->poll, fd) < 0) {
        free(c);
        return NULL;
    }
    c->poll.data = c;
    c->below = (struct layer_below){below_wake, below_pause, below_finish};
    c->loop = loop;
    c->owner = owner;
    c->fd = fd;
    c->emit_max = IO_EMIT_MAX;
    c->timer.fire = on_timer;
    list_init(&c->in_dirty);
    list_add_tail(&loop->conns, &c->in_conns);
    io_sockaddr_text(peer, c->peer);
    loop->stats.connections++;
    return c;
}

void conn_start(struct io_conn *c, struct layer *layer, uint32_t write_stall_ms)
{
    must(!c->layer && c->state <= CONN_FINISHING);
    c->layer = layer;
    layer->below = &c->below;
    c->stall_ns = (uint64_t)write_stall_ms * NS_PER_MS;
    update_interest(c);
    if (layer->ops->pending(layer))
        mark_dirty(c);
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

void conn_close(struct io_conn *c, enum rc why)
{
    if (c->state == CONN_CLOSED)
        return;
    conn_move(c, CONN_CLOSED);
    struct layer *layer = c->layer;
    c->layer = NULL;
    timer_stop(&c->loop->timers, &c->timer);
    list_remove(&c->in_dirty);
    list_remove(&c->in_conns);
    buf_fini(&c->unsent);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    close(c->fd);
    c->loop->stats.connections--;
    if (layer)
        layer->ops->close(layer, why);
    c->owner->gone(c->owner, c);
}

struct layer_below *io_conn_below(struct io_conn *c)
{
    return &c->below;
}

struct slice io_conn_peer(const struct io_conn *c)
{
    return slice_str(c->peer);
}
