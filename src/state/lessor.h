/* lessor - when leases end: their deadlines, on the member that leads.
 *
 * Time does not change replicated state by itself. When a lease's time is up the lessor proposes an
 * entry that revokes it (up to LESSOR_EXPIRE_MAX in one), and only applying that entry does. A
 * deadline counts from the moment the grant was applied here, or from the last renewal; after a
 * start, from the start, with what was left at the last checkpoint: so a lease lives longer than
 * promised by what the outage and the time since the checkpoint were, never shorter.
 *
 * A renewal needs no entry, unless a checkpoint says (or is about to say) that less than everything
 * is left: then one that clears it comes first, so that a crash cannot take the renewal back.
 * Deadlines are times of the clock that never goes back; the wall clock does not matter. */
#ifndef MOAT_STATE_LESSOR_H
#define MOAT_STATE_LESSOR_H

#include "base/buf.h"
#include "env/env.h"
#include "state/leases.h"

#define LESSOR_EXPIRE_MAX 1000u /* leases revoked by one entry … */
#define LESSOR_EXPIRE_KEYS_MAX                                                                     \
    1000u                           /* … and the keys that go with them, except for one lease's  \
                                     */
#define LESSOR_CHECKPOINT_MAX 1000u /* leases in one checkpoint */
#define LESSOR_CHECKPOINT_S   300u  /* seconds that pass without a record of what is left */
#define LESSOR_RETRY_MS       500u  /* after an entry could not be proposed, or was dropped */
#define LESSOR_LATE_MS        500u  /* who wakes so late stood still: keep-alives wait unread … */
#define LESSOR_GRACE_MS       100u  /* … and have so long to be read before anything ends */

struct lessor;

/* An entry on its way. The lessor's; whoever proposes it says once, later, what became of it. */
struct lessor_proposal {
    void (*done)(struct lessor_proposal *p, bool applied);
};

struct lessor_ops {
    /* Propose a request (enum raft_request_field); p->done follows, not within this call. Or
     * refuse: false, and no done. */
    bool (*propose)(void *arg, struct lessor_proposal *p, uint32_t field, struct slice request);
    void *arg;
    uint64_t checkpoint_ns; /* 0: LESSOR_CHECKPOINT_S */
};

struct lessor {
    struct env *env;
    struct leases *leases;
    struct lessor_ops ops;
    bool leading;
    struct timers terms;
    struct timer wake; /* in env's timers: when the first of terms is due */
    bool excused;      /* being late once */
    struct lessor_batch {
        struct lessor_proposal proposal;
        bool out;
        bool expires; /* revokes, or else checkpoints */
        struct buf ids;
        uint64_t as_of; /* what was granted by a later entry is another lease */
    } batch;            /* one at a time: what is due meanwhile waits for the next */
    struct list clears; /* struct clear */
    struct {
        uint64_t renewed; /* since the start */
        uint64_t expired;
    } counts;
};

/* A renewal that has not happened yet. Embed it; zeroed memory. */
struct lessor_renewal {
    struct list link; /* in its lease's term; nowhere once done or cancelled */
    /* RC_OK: the lease has ttl seconds from now. RC_NOT_FOUND: it is gone. RC_NOT_LEADER: ask
     * again. RC_AGAIN: the entry it needs cannot be proposed now. */
    void (*done)(struct lessor_renewal *r, enum rc rc, int64_t ttl);
};

void lessor_init(struct lessor *l, struct env *env, struct leases *leases);
/* The leases must still be there. As lessor_follow; proposals still out are forgotten. */
void lessor_fini(struct lessor *l);

/* This member leads from now on: every lease has all, or what its checkpoint left, of its time. */
void lessor_lead(struct lessor *l, const struct lessor_ops *ops);

/* It leads no more: no deadline counts. What waits is told RC_NOT_LEADER. */
void lessor_follow(struct lessor *l);

/* What applying an entry did. A lease that is revoked is still whole, and freed after. */
void lessor_granted(struct lessor *l, struct lease *lease);
void lessor_revoked(struct lessor *l, struct lease *lease);

/* Give a lease its whole time again. r->done runs once, perhaps within this call, unless cancelled.
 * One whose time is up is renewed, too, as long as its end has not been proposed. */
void lessor_renew(struct lessor *l, int64_t id, struct lessor_renewal *r);
void lessor_cancel(struct lessor_renewal *r);

/* Until the deadline; 0 when it has passed. */
uint64_t lessor_left_ns(const struct lessor *l, const struct lease *lease);

#endif
