/* watch - etcd's Watch service: many watches on one stream (rpc.proto, service Watch).
 *
 * What etcd 3.7 answers, byte for byte; clients match answers to their requests by order, so the
 * answer to a create goes out before any event of that watch. Events come from kv/watch.h. A client
 * that does not read stops its watches at API_WATCH_QUEUE_MAX bytes, or earlier when the server's
 * budget is short; they go on where they stopped, unless compaction was faster. */
#ifndef MOAT_API_WATCH_H
#define MOAT_API_WATCH_H

#include "rpc/rpc.h"

#define API_WATCH_QUEUE_MAX    (1u << 20)  /* bytes of events waiting in one stream */
#define API_WATCH_QUEUE_MIN    (32u << 10) /* … while half of the server's budget is in use */
#define API_WATCHES_PER_STREAM 100000u

extern const struct rpc_stream_ops watch_ops;

struct pb_slow_watcher;
struct watcher;
/* Describe a watch of this service, as its watcher is found in kv. Slices borrow from it. */
void watch_describe(struct watcher *w, struct pb_slow_watcher *out);

#endif
