#include "io/listener.h"

#include "base/mem.h"
#include "base/must.h"
#include "io/admit.h"
#include "io/conn_private.h"
#include "io/loop_private.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG          4096 /* the kernel cuts it to net.core.somaxconn */
#define ACCEPTS_PER_TURN 64   /* of one socket; then others have their turn */
#define REST_MS          100u /* without a descriptor even to refuse with */
#define COMPLAINT_NS     NS_PER_S
#define KEEPALIVE_S      30 /* idle, then between probes: as etcd's listeners */
#define TEXT_MAX         (IO_HOST_MAX + 16)
#define UNPACED          "reno" /* the congestion control that every Linux has, and allows anyone */

/* One line a second at most, with what was held back. */
struct complaint {
    uint64_t next_ns;
    uint64_t count;
};

struct listen_socket {
    uv_poll_t poll;
    struct io_listener *listener;
    int fd;
    bool bare; /* just a descriptor: the poll handle was never set up */
};

struct io_listener {
    struct io_loop *loop;
    struct io_listener_options opt;
    char text[TEXT_MAX];
    struct conn_owner owner;
    struct admit admit;
    struct listen_socket sockets[IO_SOCKADDRS_MAX];
    size_t count;
    size_t refs; /* one for being open, one for each handle and each connection */
    uint16_t port;
    bool closed;
    int reserve;       /* a descriptor to give up when there is none left; -1: gone */
    struct timer rest; /* active: not accepting for a moment */
    struct complaint over_limit;
    struct complaint no_fds;
    dev_t dev; /* Unix: the file that we made */
    ino_t ino;
};

static void unref(struct io_listener *l)
{
    must(l->refs > 0);
    if (--l->refs == 0)
        free(l);
}

/* ---- binding ---- */

static enum rc listen_fail(const struct io_listener *l, int errnum, struct err *err)
{
    switch (errnum) {
    case EADDRINUSE:
        return err_set(err, RC_ADDR_IN_USE,
                       "cannot listen on %s: another program listens there; stop it (ss -lxtnp "
                       "shows which), or choose another address",
                       l->text);
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return err_set(err, RC_INVALID,
                       "cannot listen on %s: this machine does not have that address; choose one "
                       "that `ip address` shows, or 0.0.0.0",
                       l->text);
    case EACCES:
    case EPERM:
        return err_set(
            err, RC_PERMISSION,
            "cannot listen on %s: permission denied; %s, or choose another address", l->text,
            l->opt.address.kind == IO_ADDRESS_UNIX ? "make its directory writable"
                                                   : "ports below 1024 need CAP_NET_BIND_SERVICE");
    default:
        return err_set(err, rc_of_errno(errnum), "cannot listen on %s: %s; check the address",
                       l->text, uv_strerror(-errnum));
    }
}

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static bool is_any_v6(const struct io_sockaddr *sa)
{
    return sa->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&sa->in6.sin6_addr);
}

/* Accepted sockets inherit all of these (tcp(7), socket(7)), so accepting costs one call. */
static bool set_options(int fd, const struct io_sockaddr *sa, bool reuse_port)
{
    if (sa->any.sa_family == AF_UNIX)
        return fchmod(fd, 0600) == 0; /* Linux: the mode of the file that bind will make */
    if (sa->any.sa_family == AF_INET6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !is_any_v6(sa)))
        return false;
    if (reuse_port && !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1))
        return false;
    return set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
           set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
           set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S);
}

/* The listening descriptor, or minus an errno. */
static int open_listening(const struct io_sockaddr *sa, bool reuse_port)
{
    int fd = socket(sa->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (set_options(fd, sa, reuse_port) && bind(fd, &sa->any, sa->len) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    int errnum = errno;
    close(fd);
    return -errnum;
}

/* A socket file remains when its server dies. Nobody answers there: it may be replaced. */
static bool is_stale(const struct io_sockaddr *sa)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool stale = connect(fd, &sa->any, sa->len) < 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static enum rc open_unix(struct io_listener *l, const struct io_sockaddr *sa, struct err *err)
{
    const char *path = sa->un.sun_path;
    struct stat st;
    int fd = open_listening(sa, false);
    if (fd == -EADDRINUSE) {
        if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
            return err_set(err, RC_EXISTS,
                           "cannot listen on %s: a file that is not a socket is there; move it "
                           "away, or choose another path",
                           path);
        if (is_stale(sa) && unlink(path) == 0)
            fd = open_listening(sa, false);
    }
    if (fd < 0)
        return listen_fail(l, -fd, err);
    if (lstat(path, &st) == 0) {
        l->dev = st.st_dev;
        l->ino = st.st_ino;
    }
    l->sockets[l->count++].fd = fd;
    return RC_OK;
}

static bool not_here(int fd)
{
    return fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT;
}

/* "::" on a kernel without IPv6 still means any address, of those there are. */
static int open_any_v4(const struct io_sockaddr *any_v6, bool reuse_port)
{
    struct io_sockaddr sa = {.len = sizeof(sa.in)};
    sa.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = any_v6->in6.sin6_port};
    return open_listening(&sa, reuse_port);
}

static uint16_t bound_port(int fd)
{
    struct io_sockaddr sa = {.len = sizeof(sa.in6)};
    must(getsockname(fd, &sa.any, &sa.len) == 0);
    return io_sockaddr_port(&sa);
}

/* One socket, or localhost's two, of which one may be missing on this machine. */
static enum rc open_tcp(struct io_listener *l, struct io_sockaddr *addrs, size_t n, struct err *err)
{
    int missing = 0;
    for (size_t i = 0; i < n; i++) {
        if (l->count > 0)
            io_sockaddr_set_port(&addrs[i], l->port);
        int fd = open_listening(&addrs[i], l->opt.reuse_port);
        if (not_here(fd) && is_any_v6(&addrs[i]))
            fd = open_any_v4(&addrs[i], l->opt.reuse_port);
        if (not_here(fd)) {
            missing = -fd;
            continue;
        }
        if (fd < 0)
            return listen_fail(l, -fd, err);
        l->sockets[l->count++].fd = fd;
        l->port = bound_port(fd);
    }
    if (l->count == 0)
        return listen_fail(l, missing, err);
    l->opt.address.port = l->port;
    io_address_text(&l->opt.address, l->text, sizeof(l->text));
    return RC_OK;
}

/* ---- accepting ---- */

static void complain(struct io_listener *l, struct complaint *c, const char *event,
                     const char *reason)
{
    l->loop->stats.refused++;
    c->count++;
    uint64_t now = env_now_ns(&l->loop->env);
    if (now < c->next_ns)
        return;
    log_warn(l->loop->env.log, event, "address", STR(l->text), "reason", STR(reason), "closed",
             U64(c->count), "open", U64(l->admit.total));
    *c = (struct complaint){.next_ns = now + COMPLAINT_NS};
}

static void on_incoming(uv_poll_t *h, int status, int events);

static void poll_sockets(struct io_listener *l, bool on)
{
    for (size_t i = 0; i < l->count; i++) {
        if (on)
            must(uv_poll_start(&l->sockets[i].poll, UV_READABLE, on_incoming) == 0);
        else
            uv_poll_stop(&l->sockets[i].poll);
    }
}

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_rested(struct timer *t)
{
    struct io_listener *l = CONTAINER_OF(t, struct io_listener, rest);
    if (l->reserve < 0)
        l->reserve = open_reserve();
    poll_sockets(l, true);
}

/* The kernel would report the waiting connection again and again: look away for a moment. */
static void rest(struct io_listener *l)
{
    poll_sockets(l, false);
    env_after(&l->loop->env, &l->rest, (uint64_t)REST_MS * NS_PER_MS);
}

/* No descriptor is left: take the waiting connection with the reserve, close it. False when the
 * reserve is gone too. */
static bool shed(struct io_listener *l, int listening)
{
    if (l->reserve < 0)
        return false;
    close(l->reserve);
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        complain(l, &l->no_fds, "io.no_descriptors",
                 "too many open files; raise the limit (ulimit -n, LimitNOFILE=)");
    }
    l->reserve = open_reserve();
    return l->reserve >= 0;
}

static void on_gone(struct conn_owner *owner, struct io_conn *c)
{
    struct io_listener *l = CONTAINER_OF(owner, struct io_listener, owner);
    if (c->source)
        admit_leave(&l->admit, c->source);
    unref(l);
}

static void take(struct io_listener *l, int fd, const struct io_sockaddr *peer)
{
    struct admit_source *source = NULL;
    enum admit_verdict verdict = admit_enter(&l->admit, peer, &source);
    if (verdict != ADMIT_OK) {
        close(fd);
        complain(l, &l->over_limit, "io.connection_limit",
                 verdict == ADMIT_TOTAL ? "too many connections"
                                        : "too many connections from one address");
        return;
    }
    struct io_conn *c = conn_new(l->loop, fd, peer, &l->owner);
    if (!c) {
        close(fd);
        admit_leave(&l->admit, source);
        complain(l, &l->no_fds, "io.no_descriptors", "the kernel cannot watch more descriptors");
        return;
    }
    l->refs++;
    c->source = source;
    struct layer *layer = l->opt.on_accept(l->opt.arg, c, io_conn_peer(c));
    if (!layer) {
        l->loop->stats.refused++;
        conn_close(c, RC_CANCELED);
        return;
    }
    l->loop->stats.accepted++;
    conn_start(c, layer, l->opt.limits.write_stall_ms);
}

/* Where the host's congestion control paces what it sends (BBR does), the kernel sets a timer for
 * each piece: a third of the time that a large answer takes. Within one host there is nothing to
 * pace for. Between hosts the choice stays the host's. */
static void unpace(int fd, const struct io_sockaddr *peer)
{
    if (io_sockaddr_is_loopback(peer)) /* a kernel that refuses is merely slower */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, UNPACED, sizeof(UNPACED) - 1);
}

static void on_incoming(uv_poll_t *h, int status, int events)
{
    struct listen_socket *s = h->data;
    struct io_listener *l = s->listener;
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && !l->closed; i++) {
        struct io_sockaddr peer = {.len = sizeof(struct sockaddr_un)};
        int fd = accept4(s->fd, &peer.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            unpace(fd, &peer);
            take(l, fd, &peer);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno == ENOMEM || errno == ENOBUFS ||
                   ((errno == EMFILE || errno == ENFILE) && !shed(l, s->fd))) {
            rest(l);
            return;
        }
        /* Anything else was that connection's own end (accept(2)): on to the next. */
    }
}

/* ---- life ---- */

static void on_socket_closed(uv_handle_t *h)
{
    struct listen_socket *s = h->data;
    unref(s->listener);
}

static void close_socket(struct listen_socket *s)
{
    if (!s->bare)
        uv_close((uv_handle_t *)&s->poll, on_socket_closed);
    close(s->fd);
}

static enum rc watch_sockets(struct io_listener *l, struct err *err)
{
    for (size_t i = 0; i < l->count; i++) {
        struct listen_socket *s = &l->sockets[i];
        s->listener = l;
        int r = uv_poll_init(&l->loop->uv, &s->poll, s->fd);
        if (r < 0)
            return listen_fail(l, -r, err);
        s->poll.data = s;
        s->bare = false;
        l->refs++;
    }
    l->reserve = open_reserve();
    if (l->reserve < 0)
        return listen_fail(l, errno, err);
    poll_sockets(l, true);
    return RC_OK;
}

enum rc io_listen(struct io_loop *loop, const struct io_listener_options *opt,
                  struct io_listener **out, struct err *err)
{
    must(opt->on_accept);
    struct io_sockaddr addrs[IO_SOCKADDRS_MAX];
    size_t n = 0;
    enum rc rc = io_address_resolve(&opt->address, addrs, &n, err);
    if (rc != RC_OK)
        return rc;
    struct io_listener *l = mem_zalloc(sizeof(*l));
    l->loop = loop;
    l->opt = *opt;
    l->owner.gone = on_gone;
    l->refs = 1;
    l->reserve = -1;
    l->rest.fire = on_rested;
    for (size_t i = 0; i < IO_SOCKADDRS_MAX; i++)
        l->sockets[i].bare = true;
    io_address_text(&opt->address, l->text, sizeof(l->text));
    admit_init(&l->admit, opt->limits.connections, opt->limits.per_address, &loop->rng);
    loop->listen_count++;
    rc = opt->address.kind == IO_ADDRESS_UNIX ? open_unix(l, &addrs[0], err)
                                              : open_tcp(l, addrs, n, err);
    if (rc == RC_OK)
        rc = watch_sockets(l, err);
    if (rc != RC_OK) {
        io_listener_close(l);
        return rc;
    }
    *out = l;
    return RC_OK;
}

void io_listener_close(struct io_listener *l)
{
    must(!l->closed);
    l->closed = true;
    l->loop->listen_count--;
    timer_stop(&l->loop->timers, &l->rest);
    if (l->reserve >= 0)
        close(l->reserve);
    struct stat st;
    const char *path = l->opt.address.path;
    if (l->ino && lstat(path, &st) == 0 && st.st_ino == l->ino && st.st_dev == l->dev)
        unlink(path);
    for (size_t i = 0; i < l->count; i++)
        close_socket(&l->sockets[i]);
    unref(l);
}

uint16_t io_listener_port(const struct io_listener *l)
{
    return l->port;
}
