/* promises - what clients were told about their leases, and whether it is kept.
 *
 * A client that was answered, to a grant or a renewal, has its lease for the whole TTL from then
 * on, whatever happens to the server. Only its own revocation ends it before. */
#ifndef MOAT_SIM_PROMISES_H
#define MOAT_SIM_PROMISES_H

#include "sim/client.h"
#include "state/lessor.h"
#include "state/state.h"
#include "wal/wal.h"

#define PROMISES_RENEWALS_MAX 4u /* under way at once */

struct promises {
    const uint64_t *now_ns; /* the world's */
    uint64_t renewed;       /* so many renewals were answered */
    struct renewing {
        struct lessor_renewal renewal;
        struct promises *promises;
        int64_t id;
        bool waiting;
    } renewals[PROMISES_RENEWALS_MAX];
    struct promise {
        int64_t id; /* 0: free */
        uint64_t until_ns;
        uint64_t granted; /* by this entry */
    } v[CLIENT_LEASES];
};

/* A client renews some lease. */
void promises_renew(struct promises *p, struct rng *rng, struct lessor *l);
/* The server goes down, with what it has not answered. */
void promises_end(struct promises *p);

/* An entry is applied, for the first time or again; told: its client is answered now. NULL, or what
 * is wrong. */
const char *promises_judge(struct promises *p, const struct wal_entry *e,
                           const struct state_reply *reply, bool told);

#endif
