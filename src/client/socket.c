/* socket - a plain TCP or Unix connection; each address of a name is tried in turn. */
#include "client/transport.h"

#include "base/mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct socket {
    struct client_transport base;
    char *text;
    struct addrinfo *all;        /* NULL for a path */
    const struct addrinfo *next; /* to try after the one in progress */
    int error;                   /* of the last address */
};

/* err with the system's reason. */
static enum rc no_way(const char *text, int error, struct err *err)
{
    char why[128];
    return err_set(err, RC_CLOSED, "%s: %s", text, strerror_r(error, why, sizeof(why)));
}

static struct socket *of(struct client_transport *t)
{
    return CONTAINER_OF(t, struct socket, base);
}

/* False: this address cannot be tried at all. */
static bool begin(struct socket *s, const struct sockaddr *at, socklen_t n)
{
    int one = 1;
    int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        s->error = errno;
        return false;
    }
    if (at->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, at, n) < 0 && errno != EINPROGRESS) {
        s->error = errno;
        close(fd);
        return false;
    }
    s->base.fd = fd;
    s->base.wants_write = true;
    return true;
}

static bool begin_next(struct socket *s)
{
    if (s->base.fd >= 0)
        close(s->base.fd);
    s->base.fd = -1;
    while (s->next) {
        const struct addrinfo *at = s->next;
        s->next = at->ai_next;
        if (begin(s, at->ai_addr, at->ai_addrlen))
            return true;
    }
    return false;
}

static enum rc socket_connect(struct client_transport *t, struct err *err)
{
    struct socket *s = of(t);
    struct pollfd ready = {.fd = t->fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) <= 0)
        return RC_AGAIN;
    socklen_t n = sizeof(s->error);
    getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &s->error, &n);
    if (s->error == 0)
        return RC_OK;
    if (begin_next(s))
        return RC_AGAIN;
    return no_way(s->text, s->error, err);
}

static enum rc outcome(ssize_t done, size_t *n)
{
    if (done < 0)
        return errno == EAGAIN || errno == EINTR ? RC_AGAIN : RC_CLOSED;
    *n = (size_t)done;
    return done == 0 ? RC_CLOSED : RC_OK;
}

static enum rc socket_recv(struct client_transport *t, uint8_t *p, size_t *n)
{
    return outcome(recv(t->fd, p, *n, 0), n);
}

static enum rc socket_send(struct client_transport *t, const uint8_t *p, size_t *n)
{
    return outcome(send(t->fd, p, *n, MSG_NOSIGNAL), n);
}

static void socket_close(struct client_transport *t)
{
    struct socket *s = of(t);
    if (t->fd >= 0)
        close(t->fd);
    if (s->all)
        freeaddrinfo(s->all);
    free(s->text);
    free(s);
}

static const struct client_transport_ops ops = {socket_connect, socket_recv, socket_send,
                                                socket_close};

static bool begin_path(struct socket *s, const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    s->error = ENAMETOOLONG;
    if (strlen(path) >= sizeof(at.sun_path))
        return false;
    memcpy(at.sun_path, path, strlen(path));
    return begin(s, (const struct sockaddr *)&at, sizeof(at));
}

struct client_transport *client_socket_open(const struct client_endpoint *at, struct err *err)
{
    struct socket *s = mem_zalloc(sizeof(*s));
    s->base = (struct client_transport){.ops = &ops, .fd = -1};
    s->text = mem_strdup(at->text);
    if (at->path) {
        if (begin_path(s, at->path))
            return &s->base;
        no_way(at->text, s->error, err);
    } else {
        const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        int failed = getaddrinfo(*at->host ? at->host : NULL, at->port, &hints, &s->all);
        s->next = failed ? NULL : s->all;
        if (begin_next(s))
            return &s->base;
        if (failed)
            err_set(err, RC_CLOSED, "%s: %s", at->text, gai_strerror(failed));
        else
            no_way(at->text, s->error, err);
    }
    socket_close(&s->base);
    return NULL;
}
