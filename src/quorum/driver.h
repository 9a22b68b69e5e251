/* driver - what the files of this folder share; not for others.
 *
 * struct quorum owns the core (struct raft), the tail of the log that is not applied yet, and the
 * proposals the core has not seen yet. The core itself stores only (index, term) pairs. */
#ifndef MOAT_QUORUM_DRIVER_H
#define MOAT_QUORUM_DRIVER_H

#include "quorum/configuration.h"
#include "quorum/quorum.h"
#include "quorum/tail.h"

#include <raft.h>

/* Later versions change who owns an entry's memory; earlier ones lose data. */
_Static_assert(RAFT_VERSION_NUMBER == 2201, "the driver fits libraft 0.22.1 only");

struct proposal {
    struct buf body;
    void *ctx;
};

struct quorum {
    struct quorum_options opt;
    struct env *env;
    struct wal *wal;
    struct raft raft;
    bool started;
    bool ready;       /* quorum_start has returned: what it applied was not the end yet */
    bool applying;    /* in driver_apply */
    bool failed;      /* R11: on_fatal was called, nothing runs any more */
    struct tail tail; /* entries (applied, last], bodies and contexts */
    uint64_t applied;
    uint64_t applied_term;
    uint64_t leader_since; /* last index when we became leader: reads wait until it is committed */
    struct proposal *proposals; /* not yet submitted */
    size_t proposal_n;
    size_t proposal_cap;
    size_t proposal_bytes;
    struct raft_entry *scratch; /* for one step's entries */
    size_t scratch_cap;
    struct read_index reads;
    uint64_t wanted[CONFIGURATION_SERVERS_MAX]; /* who votes, as the state has it */
    size_t wanted_n;                            /* 0: not told yet */
    struct timer timeout;
};

/* Feed one event to the core and carry out the update, in the order of R1. */
void driver_step(struct quorum *q, struct raft_event *event);

/* Apply what is committed and durable here (R3), then let reads go on. */
void driver_apply(struct quorum *q);

/* The process must end: say why, once. */
void driver_fail(struct quorum *q, const char *what, int raft_code);

/* The core's voters, for read rounds. */
size_t driver_voters(const struct quorum *q, uint64_t ids[READ_INDEX_VOTERS_MAX]);

/* R8: are we the only voter of the latest configuration? */
bool driver_sole_voter(const struct quorum *q);

#endif
