/* grpc - unary gRPC calls over a Unix socket, several under way at once.
 *
 * Source: gRPC's PROTOCOL-HTTP2 document. */
#ifndef TEST_POWERLOSS_GRPC_H
#define TEST_POWERLOSS_GRPC_H

#include "base/cc.h"
#include "base/rc.h"
#include "base/slice.h"

#define GRPC_WAIT_S 20 /* without a byte: the server is taken for hung */

struct grpc;

/* status: grpc-status, -1 when the connection or stream ended without one. message borrows. */
typedef void grpc_done_fn(void *arg, int status, struct slice message);

struct grpc *grpc_open(const char *socket_path); /* NULL: nobody listens */
void grpc_close(struct grpc *g);                 /* what is under way is done with -1 */

/* message is copied. done runs within grpc_step or grpc_close. */
void grpc_start(struct grpc *g, const char *path, struct slice message, grpc_done_fn *done,
                void *arg);
size_t grpc_open_calls(const struct grpc *g);
MUST_USE enum rc grpc_flush(struct grpc *g);
/* Send what there is, then wait for something to arrive. Not RC_OK: the connection is done for. */
MUST_USE enum rc grpc_step(struct grpc *g);

#endif
