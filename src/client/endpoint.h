/* endpoint - where a server listens, as etcd's clients write it.
 *
 *     HOST:PORT  http://HOST:PORT  https://HOST:PORT  unix://PATH  unix:PATH  unixs://PATH
 *
 * Like etcd's client, a missing port is not judged here (looking the name up fails), and a path
 * behind the port is left out. */
#ifndef MOAT_CLIENT_ENDPOINT_H
#define MOAT_CLIENT_ENDPOINT_H

#include "base/cc.h"
#include "base/slice.h"

struct client_endpoint {
    char *text; /* as it was given */
    char *host; /* without brackets; NULL for a socket */
    char *port; /* a number or a service's name; NULL for a socket */
    char *path; /* of the socket; NULL for HOST:PORT */
    bool tls;   /* https or unixs */
    bool bare;  /* without a scheme, or unix: TLS if the client was told to */
};

void client_endpoint_parse(struct slice text, struct client_endpoint *out);
void client_endpoint_fini(struct client_endpoint *e);

#endif
