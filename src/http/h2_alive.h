/* h2_alive - is the peer of a quiet HTTP/2 connection still there, and does it ask us too often?
 *
 * As grpc-go's server (keepalive.ServerParameters, EnforcementPolicy), whose clients etcd's are: a
 * connection that was quiet for keepalive_ms is pinged, and ended when nothing comes back. A peer
 * that pings more often than it may, and not because it waits for an answer of ours, is told
 * "too_many_pings". Private to this folder. */
#ifndef MOAT_HTTP_H2_ALIVE_H
#define MOAT_HTTP_H2_ALIVE_H

#include "base/timers.h"

struct h2;

struct h2_alive {
    struct timer timer;
    struct h2 *h2;
    uint64_t heard_ns;  /* something came from the peer */
    uint64_t asked_ns;  /* our last PING; 0: none */
    uint64_t pinged_ns; /* the peer's last PING; 0: none */
    unsigned strikes;   /* PINGs that came too soon */
    bool answered;      /* we sent HEADERS or DATA since its last PING */
};

void h2_alive_init(struct h2_alive *a, struct h2 *h);
void h2_alive_fini(struct h2_alive *a);
void h2_alive_heard(struct h2_alive *a);  /* bytes came */
void h2_alive_pinged(struct h2_alive *a); /* a PING came that is no acknowledgement */

#endif
