/* world_inner - what the files of a simulated world share; not for others.
 *
 * world.c has the node's life and death and the passing of time, world_clients.c what is asked of
 * the node meanwhile. */
#ifndef MOAT_SIM_WORLD_INNER_H
#define MOAT_SIM_WORLD_INNER_H

#include "sim/judge.h"
#include "sim/lanes.h"
#include "sim/lazy.h"
#include "sim/majority.h"
#include "sim/node.h"
#include "sim/promises.h"
#include "sim/watchers.h"
#include "sim/world.h"
#include "state/lessor.h"

#define FLIGHT_MAX 64u /* requests under way at once */
#define LAZY_MAX   4u  /* ranges being read piecemeal */
/* A write under way. It is forgotten, though perhaps not undone, when the node dies. */
struct flight {
    uint64_t id;                 /* 0: free */
    struct lessor_proposal *own; /* the lessor's, not a client's */
};

struct reading {
    struct read_waiter waiter;
    struct world *w;
    bool waiting;
    int64_t acknowledged; /* the greatest revision acknowledged before the read began */
};

struct world {
    struct world_options opt;
    struct world_result *out;
    struct rng rng;
    struct rng disk_rng;
    struct sim_disk *disk;
    struct storage *storage;
    struct node node;
    struct judge judge;
    struct watchers watchers;
    uint64_t now_ns;
    uint64_t next_client_ns;
    uint64_t full_until_ns;
    uint64_t next_id;
    uint64_t last_term; /* that the node led in */
    struct flight flights[FLIGHT_MAX];
    struct lanes lanes;
    struct lazy lazies[LAZY_MAX];
    struct reading reading;
    struct promises promises;
    struct majority majority;
    bool grows;   /* other voters are added */
    bool leads;   /* as the lessor was told */
    bool quiet;   /* no clients */
    bool guarded; /* authentication may be on */
    struct arena arena;
    struct buf scratch;
};

/* The run is over: this went wrong. Of several the first counts. */
void world_fail(struct world *w, const char *fmt, ...) PRINTF(2, 3);
/* For the hash that two runs of a seed must agree on. */
void world_trace(struct world *w, uint64_t what, uint64_t value);
/* For --verbose. */
void world_say(struct world *w, const char *fmt, ...) PRINTF(2, 3);

struct flight *world_free_flight(struct world *w); /* NULL: none is free */

/* What the clients do now, and when they come again. */
void world_clients(struct world *w);
/* A linearizable read may be answered; or not. */
void world_read_ready(struct read_waiter *waiter, enum rc rc);

#endif
