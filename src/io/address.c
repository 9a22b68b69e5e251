#include "io/address.h"

#include "base/cc.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

/* etcd takes them all for one place, and so does every resolver worth its name (RFC 6761 6.3). */
static bool is_localhost(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0;
}

static struct io_sockaddr sockaddr_v4(struct in_addr addr, uint16_t port)
{
    struct io_sockaddr sa = {.len = sizeof(struct sockaddr_in)};
    sa.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = addr};
    return sa;
}

static struct io_sockaddr sockaddr_v6(struct in6_addr addr, uint16_t port)
{
    struct io_sockaddr sa = {.len = sizeof(struct sockaddr_in6)};
    sa.in6 =
        (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = addr};
    return sa;
}

static enum rc resolve_unix(const struct io_address *a, struct io_sockaddr *out, struct err *err)
{
    size_t n = strnlen(a->path, sizeof(a->path));
    if (n == 0 || n == sizeof(a->path))
        return err_set(err, RC_INVALID,
                       "a Unix socket needs a path of 1 to %zu bytes; choose a shorter directory",
                       sizeof(a->path) - 1);
    *out = (struct io_sockaddr){.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1)};
    out->un.sun_family = AF_UNIX;
    memcpy(out->un.sun_path, a->path, n + 1);
    return RC_OK;
}

enum rc io_address_resolve(const struct io_address *a, struct io_sockaddr out[IO_SOCKADDRS_MAX],
                           size_t *count, struct err *err)
{
    if (a->kind == IO_ADDRESS_UNIX) {
        enum rc rc = resolve_unix(a, &out[0], err);
        if (rc == RC_OK)
            *count = 1;
        return rc;
    }
    struct in_addr v4;
    struct in6_addr v6;
    bool is_v4 = inet_pton(AF_INET, a->host, &v4) == 1;
    bool is_v6 = inet_pton(AF_INET6, a->host, &v6) == 1;
    *count = 1;
    if (is_localhost(a->host)) {
        out[0] = sockaddr_v4((struct in_addr){htonl(INADDR_LOOPBACK)}, a->port);
        out[1] = sockaddr_v6(in6addr_loopback, a->port);
        *count = 2;
    } else if (a->host[0] == '\0' || (is_v4 && v4.s_addr == htonl(INADDR_ANY))) {
        out[0] = sockaddr_v6(in6addr_any, a->port);
    } else if (is_v4) {
        out[0] = sockaddr_v4(v4, a->port);
    } else if (is_v6) {
        out[0] = sockaddr_v6(v6, a->port);
    } else {
        *count = 0;
        return err_set(err, RC_INVALID,
                       "cannot listen on %s: a name is not an address; give an IP address of this "
                       "machine, 0.0.0.0 for all of them, or localhost",
                       a->host);
    }
    return RC_OK;
}

void io_address_text(const struct io_address *a, char *out, size_t cap)
{
    if (a->kind == IO_ADDRESS_UNIX)
        snprintf(out, cap, "%s", a->path);
    else if (strchr(a->host, ':'))
        snprintf(out, cap, "[%s]:%u", a->host, (unsigned)a->port);
    else
        snprintf(out, cap, "%s:%u", a->host, (unsigned)a->port);
}

void io_sockaddr_text(const struct io_sockaddr *sa, char out[IO_PEER_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN];
    unsigned port = io_sockaddr_port(sa);
    const struct in6_addr *v6 = &sa->in6.sin6_addr;
    if (sa->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &sa->in.sin_addr, host, sizeof(host));
        snprintf(out, IO_PEER_TEXT_MAX, "%s:%u", host, port);
    } else if (sa->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6)) {
        inet_ntop(AF_INET, &v6->s6_addr[12], host, sizeof(host));
        snprintf(out, IO_PEER_TEXT_MAX, "%s:%u", host, port);
    } else if (sa->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, v6, host, sizeof(host));
        snprintf(out, IO_PEER_TEXT_MAX, "[%s]:%u", host, port);
    } else {
        snprintf(out, IO_PEER_TEXT_MAX, "@");
    }
}

bool io_sockaddr_is_loopback(const struct io_sockaddr *sa)
{
    if (sa->any.sa_family == AF_INET)
        return ntohl(sa->in.sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
    const struct in6_addr *v6 = &sa->in6.sin6_addr;
    return sa->any.sa_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(v6) ||
            (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == IN_LOOPBACKNET));
}

uint16_t io_sockaddr_port(const struct io_sockaddr *sa)
{
    if (sa->any.sa_family == AF_INET)
        return ntohs(sa->in.sin_port);
    if (sa->any.sa_family == AF_INET6)
        return ntohs(sa->in6.sin6_port);
    return 0;
}

void io_sockaddr_set_port(struct io_sockaddr *sa, uint16_t port)
{
    if (sa->any.sa_family == AF_INET)
        sa->in.sin_port = htons(port);
    else if (sa->any.sa_family == AF_INET6)
        sa->in6.sin6_port = htons(port);
}
