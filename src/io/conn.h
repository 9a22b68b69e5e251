/* conn - a connected socket with a stack of layers on it (env/layer.h).
 *
 * Reading: into one buffer that all connections of a loop share, at most IO_READS_PER_TURN times
 * per turn. Sending: at the end of a turn, emit into a shared buffer, one send; what the kernel
 * does not take is kept in a buffer of the connection's own until it does, and emit is not called
 * meanwhile. So an idle connection owns no buffer, and a slow reader costs at most one emit.
 *
 * Ways to end, each calls the layer's close once, never within feed or emit:
 *   finish, or feed's error   emit until it gives none, then close(RC_OK, or feed's code); our end
 *                             is shut and what the peer still sends is discarded for a moment, as
 *                             closing at once would reset the connection and lose our last bytes
 *   the peer's end            emit likewise, then close(RC_END)
 *   a socket error            close(RC_CLOSED, RC_TIMEOUT, …)
 *   no progress in sending    close(RC_TIMEOUT) */
#ifndef MOAT_IO_CONN_H
#define MOAT_IO_CONN_H

#include "base/slice.h"
#include "env/layer.h"

#define IO_READ_MAX       (64u << 10)  /* bytes of one recv */
#define IO_READS_PER_TURN 2            /* of one connection; then others have their turn */
#define IO_EMIT_MAX       (256u << 10) /* bytes asked of one emit … */
#define IO_EMIT_MIN       (16u << 10)  /* … and of a peer that takes little */
#define IO_LINGER_MS      1000u        /* how long input is discarded after our end */

struct io_conn;

struct layer_below *io_conn_below(struct io_conn *c);
struct slice io_conn_peer(const struct io_conn *c);

#endif
