/* listener - a socket that accepts connections and gives each a stack of layers.
 *
 * Limits are per listener, so that clients cannot use up what peers need. A connection beyond a
 * limit, or one for which there is no descriptor left, is accepted and closed at once, so that
 * its client knows; the log has at most one line a second about it.
 * A Unix socket's file has mode 0600. A file that a dead server left is replaced, a live one's
 * never; it is unlinked at close if it is still ours. */
#ifndef MOAT_IO_LISTENER_H
#define MOAT_IO_LISTENER_H

#include "env/layer.h"
#include "io/address.h"
#include "io/conn.h"
#include "io/loop.h"

#define IO_CONNECTIONS_MAX    50000u /* of one listener */
#define IO_PER_ADDRESS_MAX    20000u /* of one IPv4 address or IPv6 /64, or of all Unix peers */
#define IO_WRITE_STALL_MS_MAX 60000u /* a peer that takes no byte for so long is cut off */

struct io_limits {
    uint32_t connections;    /* 0: off */
    uint32_t per_address;    /* 0: off */
    uint32_t write_stall_ms; /* 0: off */
};

#define IO_LIMITS_DEFAULT                                                                          \
    ((struct io_limits){IO_CONNECTIONS_MAX, IO_PER_ADDRESS_MAX, IO_WRITE_STALL_MS_MAX})

struct io_listener;

struct io_listener_options {
    struct io_address address;
    struct io_limits limits;
    bool reuse_port; /* SO_REUSEPORT: others of this user may listen there, too */
    void *arg;
    /* A connection: return the bottom layer of its stack, or NULL to refuse. The layer's below is
     * set for it (io_conn_below(c), if needed earlier). peer ("127.0.0.1:54321", "[::1]:5", "@" of
     * a Unix peer) lives as long as c, and c until the layer's close has been called. */
    struct layer *(*on_accept)(void *arg, struct io_conn *c, struct slice peer);
};

/* RC_ADDR_IN_USE, RC_PERMISSION, RC_INVALID …, each with a sentence. */
MUST_USE enum rc io_listen(struct io_loop *loop, const struct io_listener_options *opt,
                           struct io_listener **out, struct err *err);

/* Stop accepting; connections stay. l must not be used after. */
void io_listener_close(struct io_listener *l);

uint16_t io_listener_port(const struct io_listener *l); /* the real one if 0 was asked; Unix: 0 */

#endif
