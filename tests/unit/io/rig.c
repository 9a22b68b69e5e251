#include "rig.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- the layer ---- */

static struct stack *stack_of(const struct layer *l)
{
    return CONTAINER_OF((struct layer *)(uintptr_t)l, struct stack, layer);
}

static enum rc stack_feed(struct layer *l, struct slice in)
{
    struct stack *s = stack_of(l);
    assert_false(s->in_call);
    s->in_call = true;
    s->feeds++;
    s->fed += in.n;
    if (!s->sink) {
        buf_append_slice(&s->out, in);
        l->below->wake(l->below);
    }
    if (s->pause_at && s->fed >= s->pause_at)
        l->below->pause(l->below, true);
    if (s->finish_at && s->fed >= s->finish_at)
        l->below->finish(l->below);
    s->in_call = false;
    return s->fail_at && s->fed >= s->fail_at ? RC_PROTOCOL : RC_OK;
}

static enum rc stack_emit(struct layer *l, struct buf *out, size_t max)
{
    struct stack *s = stack_of(l);
    assert_false(s->in_call);
    size_t n = s->out.n < max ? s->out.n : max;
    buf_append(out, s->out.p, n);
    buf_consume(&s->out, n);
    size_t more = max - n < s->endless ? max - n : (size_t)s->endless;
    if (more)
        memset(buf_extend(out, more), 'e', more);
    s->endless -= more;
    s->emitted += n + more;
    s->emits += n + more > 0;
    return s->emit_fails ? RC_PROTOCOL : RC_OK;
}

static bool stack_pending(const struct layer *l)
{
    const struct stack *s = stack_of(l);
    return s->out.n > 0 || s->endless > 0;
}

static void stack_close(struct layer *l, enum rc why)
{
    struct stack *s = stack_of(l);
    assert_false(s->in_call);
    struct rig *r = s->rig;
    r->closed++;
    r->closed_why = why;
    if (r->last == s)
        r->last = NULL;
    list_remove(&s->item);
    buf_fini(&s->out);
    free(s);
}

static const struct layer_ops stack_ops = {stack_feed, stack_emit, stack_pending, stack_close};

static struct layer *on_accept(void *arg, struct io_conn *c, struct slice peer)
{
    struct rig *r = arg;
    if (r->refuse)
        return NULL;
    assert_true(peer.n > 0);
    struct stack *s = mem_zalloc(sizeof(*s));
    s->layer.ops = &stack_ops;
    s->rig = r;
    s->conn = c;
    list_add_tail(&r->stacks, &s->item);
    r->accepted++;
    r->last = s;
    return &s->layer;
}

/* ---- the loop ---- */

static void write_log(struct log *log, enum log_level level, const char *event,
                      const struct log_pair *pairs)
{
    struct rig *r = CONTAINER_OF(log, struct rig, log);
    (void)level;
    size_t n = strlen(r->logged);
    n += (size_t)snprintf(r->logged + n, sizeof(r->logged) - n, "%s", event);
    for (; pairs->name && n < sizeof(r->logged); pairs++) {
        if (strcmp(pairs->name, "reason") == 0)
            n += (size_t)snprintf(r->logged + n, sizeof(r->logged) - n, " %.*s",
                                  (int)pairs->value.s.n, (const char *)pairs->value.s.p);
    }
    if (n < sizeof(r->logged))
        snprintf(r->logged + n, sizeof(r->logged) - n, "\n");
}

int rig_setup(void **state)
{
    struct rig *r = mem_zalloc(sizeof(*r));
    list_init(&r->stacks);
    r->log.write = write_log;
    snprintf(r->dir, sizeof(r->dir), "/tmp/moat-io-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    struct err err = {0};
    assert_int_equal(io_loop_new(&(struct io_loop_options){.log = &r->log}, &r->loop, &err), RC_OK);
    *state = r;
    return 0;
}

int rig_teardown(void **state)
{
    struct rig *r = *state;
    if (r->listener)
        io_listener_close(r->listener);
    io_loop_free(r->loop);
    assert_true(list_empty(&r->stacks));
    assert_int_equal(r->accepted, r->closed);
    if (r->address.kind == IO_ADDRESS_UNIX)
        assert_int_not_equal(access(r->address.path, F_OK), 0);
    assert_int_equal(rmdir(r->dir), 0);
    free(r);
    return 0;
}

void rig_listen(struct rig *r, enum io_address_kind kind, struct io_limits limits)
{
    struct io_listener_options opt = {
        .address = {.kind = kind, .host = "127.0.0.1"},
        .limits = limits,
        .arg = r,
        .on_accept = on_accept,
    };
    if (kind == IO_ADDRESS_UNIX)
        snprintf(opt.address.path, sizeof(opt.address.path), "%s/s", r->dir);
    struct err err = {0};
    enum rc rc = io_listen(r->loop, &opt, &r->listener, &err);
    if (rc != RC_OK)
        fail_msg("%s", err.text);
    r->address = opt.address;
    r->address.port = io_listener_port(r->listener);
}

int rig_connect(const struct rig *r)
{
    struct io_sockaddr sa[IO_SOCKADDRS_MAX];
    size_t n;
    struct err err = {0};
    assert_int_equal(io_address_resolve(&r->address, sa, &n, &err), RC_OK);
    int fd = socket(sa[0].any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, &sa[0].any, sa[0].len) < 0)
        fail_msg("connect: %d", errno);
    return fd;
}

struct wait {
    struct timer timer;
    struct rig *rig;
    bool (*cond)(void *arg);
    void *arg;
    time_t deadline;
    bool met;
};

static time_t now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

static void look(struct timer *t)
{
    struct wait *w = CONTAINER_OF(t, struct wait, timer);
    w->met = w->cond(w->arg);
    if (w->met || now_s() > w->deadline)
        io_loop_stop(w->rig->loop);
    else
        env_after(io_loop_env(w->rig->loop), t, NS_PER_MS);
}

void rig_until(struct rig *r, bool (*cond)(void *arg), void *arg)
{
    struct wait w = {.timer.fire = look,
                     .rig = r,
                     .cond = cond,
                     .arg = arg,
                     .deadline = now_s() + RIG_DEADLINE_S};
    env_after(io_loop_env(r->loop), &w.timer, 0);
    io_loop_run(r->loop);
    timer_stop(io_loop_env(r->loop)->timers, &w.timer);
    assert_true(w.met);
}

struct turns {
    struct rig *rig;
    uint64_t target;
};

static bool turned(void *arg)
{
    const struct turns *t = arg;
    return io_loop_stats(t->rig->loop)->turns >= t->target;
}

void rig_turns(struct rig *r, unsigned n)
{
    struct turns t = {r, io_loop_stats(r->loop)->turns + n};
    rig_until(r, turned, &t);
}

struct count_wait {
    const size_t *have;
    size_t want;
};

static bool count_reached(void *arg)
{
    const struct count_wait *w = arg;
    return *w->have >= w->want;
}

struct stack *rig_pair(struct rig *r, int *fd)
{
    struct count_wait w = {&r->accepted, r->accepted + 1};
    *fd = rig_connect(r);
    rig_until(r, count_reached, &w);
    return r->last;
}

/* ---- clients ---- */

void put_all(int fd, const void *p, size_t n)
{
    const uint8_t *at = p;
    while (n > 0) {
        ssize_t w = send(fd, at, n, MSG_NOSIGNAL);
        assert_true(w > 0);
        at += w;
        n -= (size_t)w;
    }
}

void say(int fd, const char *s)
{
    put_all(fd, s, strlen(s));
}

struct hearing {
    int fd;
    uint8_t *p;
    size_t left;
    bool ended;
    int errnum;
};

static bool heard(void *arg)
{
    struct hearing *h = arg;
    static uint8_t scrap[1 << 16];
    while (h->left > 0) {
        size_t cap = h->p || h->left < sizeof(scrap) ? h->left : sizeof(scrap);
        ssize_t n = recv(h->fd, h->p ? h->p : scrap, cap, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0) {
            h->errnum = n < 0 ? errno : 0;
            h->ended = true;
            return true;
        }
        h->p = h->p ? h->p + n : NULL;
        h->left -= (size_t)n;
    }
    return true;
}

void hear(struct rig *r, int fd, void *p, size_t n)
{
    struct hearing h = {.fd = fd, .p = p, .left = n};
    rig_until(r, heard, &h);
    assert_false(h.ended);
}

int hear_end(struct rig *r, int fd)
{
    struct hearing h = {.fd = fd, .left = SIZE_MAX};
    rig_until(r, heard, &h);
    assert_true(h.ended);
    return h.errnum;
}
