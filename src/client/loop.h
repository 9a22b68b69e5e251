/* loop - waiting: for connections, timers and one more descriptor.
 *
 * A client command is a straight line of waits. Each wait does what any connection or timer of the
 * loop is ready for, so a lease is kept alive while its owner waits for something else. */
#ifndef MOAT_CLIENT_LOOP_H
#define MOAT_CLIENT_LOOP_H

#include "base/list.h"
#include "base/timers.h"

#define CLIENT_FOREVER UINT64_MAX

struct client_loop {
    struct timers timers; /* due times are client_now_ns */
    struct list conns;    /* struct client_conn */
    struct pollfd *polls;
    size_t polls_max;
    size_t conns_n;
};

uint64_t client_now_ns(void); /* monotonic */
/* The moment ms from now; CLIENT_FOREVER stays so. */
uint64_t client_deadline(uint64_t ms);

void client_loop_init(struct client_loop *loop);
void client_loop_fini(struct client_loop *loop); /* connections and timers must be gone */

/* Wait until something was done (a connection's bytes, a timer), fd (-1: none) has input, or the
 * deadline has passed. True when it is fd. */
bool client_loop_wait(struct client_loop *loop, uint64_t deadline_ns, int fd);

#endif
