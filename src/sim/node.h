/* node - one server, from log to state machine, on a simulated disk, clock and threads.
 *
 * The disk and the storage outlive it: a node is one life of the process between two crashes.
 * What it stands on is told apart from what it is, so that a crash can take the one and leave the
 * other: node_crash frees the life's memory without letting it finish anything. */
#ifndef MOAT_SIM_NODE_H
#define MOAT_SIM_NODE_H

#include "quorum/quorum.h"
#include "sim/disk.h"
#include "sim/workers.h"
#include "state/state.h"

#define NODE_ID  0x1111u
#define NODE_URL "http://127.0.0.1:2380"

struct node_events {
    void *arg;
    /* quorum's on_apply and on_drop, before anything was done about them. */
    void (*on_apply)(void *arg, const struct wal_entry *e, void *ctx);
    void (*on_drop)(void *arg, void *ctx);
};

struct node {
    struct env env;
    struct clock clock;
    struct timers timers;
    struct rng rng;
    struct sim_workers workers;
    uint64_t now_ns;
    uint64_t wall_ns;        /* what the wall clock says beside now_ns: anything */
    struct storage *storage; /* the world's */
    struct node_events events;
    struct wal *wal;
    struct quorum *quorum;
    struct state *state;
    uint64_t restored; /* the entry up to which storage was, at the start */
    uint64_t trimmed;
    uint64_t members_seen; /* changes that consensus was told */
    bool stopped;          /* a disk error: a real server would exit */
    bool loading;
    char why[ERR_TEXT_MAX];
};

/* What a life begins with. */
struct node_place {
    struct sim_disk *disk;
    struct storage *storage;
    uint64_t now_ns;
    uint64_t seed;
    uint64_t alone_id; /* not 0: with --force-new-cluster, whose entry has this ID */
};

/* Start there. On failure n is as if never started, and err says why. */
MUST_USE enum rc node_start(struct node *n, const struct node_place *place,
                            const struct node_events *events, struct err *err);
/* The end of a turn of the loop. */
void node_turn(struct node *n);
/* A clean stop: everything is flushed. Then, or after a crash, only node_start may follow. */
void node_stop(struct node *n);
void node_crash(struct node *n);

#endif
