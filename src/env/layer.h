/* layer - one stage of a connection's byte stream: feed, emit, close.
 *
 * A connection is a socket with a stack of layers on it, bottom up (TLS, then HTTP), composed by
 * app. Bytes that arrive are fed upwards; bytes to send are pulled downwards, only when the
 * socket can take more, so a full socket is felt at the top without a queue in between:
 *
 *   socket readable:  layer->feed(bytes) → … → the layer above
 *   socket writable, or after work was queued (layer_wake): layer->emit(buf, max) until it gives
 * none
 *
 * The owner of the socket (src/io) calls feed and emit on the loop thread, never one within the
 * other, and flushes each woken connection once per turn of the loop. */
#ifndef MOAT_ENV_LAYER_H
#define MOAT_ENV_LAYER_H

#include "base/buf.h"
#include "base/cc.h"
#include "base/rc.h"

struct layer;

/* The end of the connection that the layer's owner holds: what a layer may ask of below. */
struct layer_below {
    /* There is something to emit: mark the connection dirty. Cheap, may be called any time. */
    void (*wake)(struct layer_below *b);
    /* Stop or go on feeding, down to the socket: a layer above has enough. */
    void (*pause)(struct layer_below *b, bool paused);
    /* Emit what there is, then close. No feed follows. Safe within feed. */
    void (*finish)(struct layer_below *b);
};

struct layer_ops {
    /* Take all of in. An error closes the connection once emit gives no more (a GOAWAY, say). */
    enum rc (*feed)(struct layer *l, struct slice in);
    /* Append up to about max bytes to send. Appending none means: nothing now. */
    enum rc (*emit)(struct layer *l, struct buf *out, size_t max);
    /* True when emit would give something: keeps the connection in the round. */
    bool (*pending)(const struct layer *l);
    /* The peer sent its end (why RC_END), or the connection is gone. Frees the layer; last call. */
    void (*close)(struct layer *l, enum rc why);
};

struct layer {
    const struct layer_ops *ops;
    struct layer_below *below;
};

#endif
