/* conn_private - a connection's inside, for those who make connections and for the loop. */
#ifndef MOAT_IO_CONN_PRIVATE_H
#define MOAT_IO_CONN_PRIVATE_H

#include "base/list.h"
#include "base/timers.h"
#include "io/address.h"
#include "io/conn.h"
#include "io/loop_private.h"

/* OPEN → FINISHING: nothing is fed any more, emit goes on until it gives none.
 * → LINGERING: the layer is gone, our end is shut, input is discarded. → CLOSED: no descriptor;
 * the memory goes when libuv lets go of the handle. */
enum conn_state { CONN_OPEN, CONN_FINISHING, CONN_LINGERING, CONN_CLOSED, CONN_STATE_COUNT };

/* Told once, when the connection has become CLOSED. */
struct conn_owner {
    void (*gone)(struct conn_owner *owner, struct io_conn *c);
};

struct admit_source;

struct io_conn {
    uv_poll_t poll;
    struct layer_below below;
    struct layer *layer; /* NULL from LINGERING on */
    struct io_loop *loop;
    struct conn_owner *owner;
    struct admit_source *source; /* the owner's */
    struct list in_conns;
    struct list in_dirty;
    struct timer timer; /* FINISHING and before: stalled send; LINGERING: its end */
    uint64_t progress_ns;
    uint64_t stall_ns; /* 0: for ever */
    struct buf unsent; /* what the kernel did not take; emit waits until it is empty */
    size_t unsent_at;  /* bytes of it sent since */
    size_t emit_max;
    int fd;
    int interest; /* libuv's events that we wait for */
    enum conn_state state;
    enum rc why; /* FINISHING: for the layer's close */
    bool paused;
    bool peer_ended; /* seen while paused: the kernel would tell again and again */
    bool emit_failed;
    char peer[IO_PEER_TEXT_MAX];
};

/* Takes over fd (connected, non-blocking). The connection has no layer yet and is idle. NULL when
 * the kernel cannot watch one more descriptor; fd is then still the caller's. */
struct io_conn *conn_new(struct io_loop *loop, int fd, const struct io_sockaddr *peer,
                         struct conn_owner *owner);
/* Put the stack on it and begin. */
void conn_start(struct io_conn *c, struct layer *layer, uint32_t write_stall_ms);
/* At once, from outside feed and emit. */
void conn_close(struct io_conn *c, enum rc why);
/* Send what the layer has; by the loop, at the end of a turn. */
void conn_flush(struct io_conn *c);

#endif
