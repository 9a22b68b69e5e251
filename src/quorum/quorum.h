/* quorum - consensus: what is proposed here is applied everywhere in one order, or dropped.
 *
 * The driver of libraft 0.22.1's core, raft_step(): an event in, an update out, no I/O and no
 * clock of its own. This folder alone calls raft_*; quorum.c alone steps it. The core is safe
 * only under rules R1 … R12, each standing for a bug that was reproduced in simulation; they are
 * written beside the code that keeps them, and listed in docs/ARCHITECTURE.md (Consensus).
 *
 * A single node runs the same path with one voter. Everything happens on the loop thread. */
#ifndef MOAT_QUORUM_QUORUM_H
#define MOAT_QUORUM_QUORUM_H

#include "env/env.h"
#include "quorum/read_index.h"
#include "wal/wal.h"

#define QUORUM_ELECTION_MS  1000u
#define QUORUM_HEARTBEAT_MS 100u
#define QUORUM_INFLIGHT_MAX 4096u /* entries on the way to a follower (R10) */
#define QUORUM_SUBMIT_MAX   4096u /* proposals handed to the core in one step */

struct quorum;

struct quorum_options {
    struct env *env;
    uint64_t member_id;
    const char *address;   /* the member's peer URLs, comma separated */
    uint32_t election_ms;  /* 0: QUORUM_ELECTION_MS */
    uint32_t heartbeat_ms; /* 0: QUORUM_HEARTBEAT_MS */
    bool alone; /* start as the only voter, whoever the log says votes (--force-new-cluster) */
    void *arg;
    /* A committed entry, each once and in order of index. ctx is that of quorum_propose, or NULL
     * when the entry was not proposed here in this life. The body borrows. */
    void (*on_apply)(void *arg, const struct wal_entry *e, void *ctx);
    /* The proposal will not commit (leadership lost, log replaced): it may be tried elsewhere. */
    void (*on_drop)(void *arg, void *ctx);
    /* The core or the log failed in a way that must end the process (R11). */
    void (*on_fatal)(void *arg, const char *sentence);
};

/* The state that storage already holds: the last entry applied to it, durably. */
struct quorum_snapshot {
    uint64_t index; /* 0: none */
    uint64_t term;
    uint64_t conf_index;
    struct slice conf; /* as quorum_configuration gave it; borrowed */
};

struct quorum *quorum_new(const struct quorum_options *opt);
void quorum_free(struct quorum *q);

/* Give the log's surviving entries in order: wal_open's visit, from snapshot.index + 1 on. */
void quorum_load(struct quorum *q, const struct wal_entry *e);

/* Begin: with the log just opened, what its recovery found, and the state storage holds. A log
 * that was just created becomes a cluster of one. Entries that are known to be committed (all of
 * them, for a sole voter) are applied before it returns. */
MUST_USE enum rc quorum_start(struct quorum *q, struct wal *wal, const struct wal_recovered *found,
                              const struct quorum_snapshot *snap, struct err *err);

/* Propose a command; *body is taken over and emptied. Exactly one of on_apply, on_drop follows with
 * ctx, never from within this call. */
void quorum_propose(struct quorum *q, struct buf *body, void *ctx);

/* End of a loop turn: hand the core what was proposed, then start the log's next batch. */
void quorum_flush(struct quorum *q);

/* From wal's callbacks, passed on by whoever opened the log. */
void quorum_durable(struct quorum *q, uint64_t index);

/* Who votes, as the state has it: at most CONFIGURATION_SERVERS_MAX, this member one of them; none:
 * the state does not say, and the configuration stays. It follows (membership.h). To be told after
 * quorum_start and what --force-new-cluster adds to it, and from within on_apply when an entry has
 * changed them; nothing happens before. */
void quorum_voters(struct quorum *q, const uint64_t *ids, size_t n);

/* A linearizable read (read_index.h): w->ready runs once, with RC_OK when everything committed
 * before this call has been applied here and we led at some time since. May run within the call.
 * Without a leader it waits for one, for ever; RC_NOT_LEADER comes with quorum_free. */
void quorum_read(struct quorum *q, struct read_waiter *w);
/* Forget one that waits: ready is not called. */
void quorum_read_cancel(struct read_waiter *w);

/* Storage holds everything up to index durably (two commits ago, docs/ARCHITECTURE.md, Storage):
 * the log may be trimmed, `trailing` entries kept. */
void quorum_trim(struct quorum *q, uint64_t index, uint64_t trailing);

/* The last committed configuration and its index, for storage to keep beside the applied index. */
void quorum_configuration(const struct quorum *q, uint64_t *index, struct buf *out);

/* How many must agree, of how many voters. */
struct quorum_majority {
    size_t needed;
    size_t voters;
};
struct quorum_majority quorum_majority(const struct quorum *q);

bool quorum_is_leader(const struct quorum *q);
uint64_t quorum_leader(const struct quorum *q); /* member ID, 0: none known */
uint64_t quorum_term(const struct quorum *q);
uint64_t quorum_applied(const struct quorum *q);
uint64_t quorum_committed(const struct quorum *q);
size_t quorum_pending_bytes(const struct quorum *q); /* of proposals not applied yet */

void quorum_check(const struct quorum *q);

#endif
