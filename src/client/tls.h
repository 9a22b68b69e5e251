/* tls - TLS for https:// and unixs:// endpoints: a transport that stands on a socket.
 *
 * The server's certificate must be for the endpoint's host: one of its subject alternative names, a
 * name (a wildcard needs two labels behind it) or an address; a common name counts for nothing. A
 * path has no host: there it need only be trusted. TLS 1.2 and later, and HTTP/2 by ALPN, which
 * gRPC requires. */
#ifndef MOAT_CLIENT_TLS_H
#define MOAT_CLIENT_TLS_H

#include "client/transport.h"

struct client_tls_options { /* files of PEM; NULL or "" for none */
    const char *cacert;     /* whom to trust; none: whom the system trusts */
    const char *cert;       /* to show the server, with its chain */
    const char *key;
    bool skip_verify; /* take any certificate */
};

struct client_tls;

/* NULL: err says which file is wrong, and how. */
struct client_tls *client_tls_new(const struct client_tls_options *opt, struct err *err);
void client_tls_free(
    struct client_tls *tls); /* its transports must be closed before; NULL is fine */

/* Takes the socket over. */
struct client_transport *client_tls_open(struct client_tls *tls, struct client_transport *socket,
                                         const struct client_endpoint *at);

#endif
