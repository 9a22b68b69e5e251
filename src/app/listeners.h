/* listeners - all the sockets a server accepts connections on, as its configuration says. */
#ifndef MOAT_APP_LISTENERS_H
#define MOAT_APP_LISTENERS_H

#include "conf/conf.h"
#include "io/listener.h"

/* Whose connections they are. */
enum listeners_role {
    LISTENERS_PEER,
    LISTENERS_METRICS,
    LISTENERS_CLIENT_HTTP, /* --listen-client-http-urls: what is not gRPC */
    LISTENERS_CLIENT,
    LISTENERS_ROLE_COUNT
};

typedef struct layer *listeners_accept(void *arg, struct io_conn *c, struct slice peer);

struct listeners {
    struct io_listener **v;
    size_t n;
};

/* Open all; accept has who serves each role's connections. After a failure close what is open. */
MUST_USE enum rc listeners_open(struct listeners *l, struct io_loop *loop, const struct conf *conf,
                                listeners_accept *const accept[LISTENERS_ROLE_COUNT], void *arg,
                                struct err *err);
void listeners_close(struct listeners *l);

#endif
