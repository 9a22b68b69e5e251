/* address - where to listen, and who has connected.
 *
 * No name service here: a TCP host is an IP literal, a wildcard, or localhost, which is pinned to
 * the loopback addresses whatever /etc/hosts says (etcd, too, asks for an IP in listen URLs). */
#ifndef MOAT_IO_ADDRESS_H
#define MOAT_IO_ADDRESS_H

#include "base/err.h"
#include "base/slice.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#define IO_HOST_MAX      256 /* bytes, terminating zero included */
#define IO_PATH_MAX      108 /* Linux's sun_path */
#define IO_PEER_TEXT_MAX 64  /* "[ipv6%scope]:port" with its zero */
#define IO_SOCKADDRS_MAX 2   /* localhost: 127.0.0.1 and ::1 */

enum io_address_kind { IO_ADDRESS_TCP, IO_ADDRESS_UNIX };

struct io_address {
    enum io_address_kind kind;
    char host[IO_HOST_MAX]; /* TCP: "127.0.0.1", "::1", "localhost"; "", "0.0.0.0", "::" are any */
    uint16_t port;          /* TCP; 0: the kernel picks one */
    char path[IO_PATH_MAX]; /* Unix */
};

/* A socket address of any kind we use. */
struct io_sockaddr {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
    socklen_t len;
};

/* The socket addresses to bind for a, 1 or 2; *count is set on RC_OK only. A wildcard of either
 * family gives :: alone, to be bound for both families, as Go's listeners, and so etcd, do. */
MUST_USE enum rc io_address_resolve(const struct io_address *a,
                                    struct io_sockaddr out[IO_SOCKADDRS_MAX], size_t *count,
                                    struct err *err);

/* As people write it: "127.0.0.1:2379", "[::1]:2379", "/run/x.sock". Cut to cap. */
void io_address_text(const struct io_address *a, char *out, size_t cap);

/* The same for a peer; an IPv4 address mapped into IPv6 is shown as IPv4, a Unix peer as "@". */
void io_sockaddr_text(const struct io_sockaddr *sa, char out[IO_PEER_TEXT_MAX]);

bool io_sockaddr_is_loopback(const struct io_sockaddr *sa); /* 127.0.0.0/8, mapped or not; ::1 */

uint16_t io_sockaddr_port(const struct io_sockaddr *sa); /* 0 when it has none */
void io_sockaddr_set_port(struct io_sockaddr *sa, uint16_t port);

#endif
