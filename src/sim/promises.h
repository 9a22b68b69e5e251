/* promises - what clients were told about their leases, and whether it is kept.
 *
 * A client that was answered, to a grant or a renewal, has its lease for the whole TTL from then
 * on, whatever happens to the server. Only its own revocation ends it before. */
#ifndef MOAT_SIM_PROMISES_H
#define MOAT_SIM_PROMISES_H

#include "sim/client.h"
#include "state/state.h"
#include "wal/wal.h"

struct promises {
    struct promise {
        int64_t id; /* 0: free */
        uint64_t until_ns;
        uint64_t granted; /* by this entry */
    } v[CLIENT_LEASES];
};

/* The lease lives at least until then. */
void promises_make(struct promises *p, int64_t id, uint64_t until_ns);

/* An entry is applied, for the first time or again; told: its client is answered now. NULL, or what
 * is wrong. */
const char *promises_judge(struct promises *p, const struct wal_entry *e,
                           const struct state_reply *reply, bool told, uint64_t now_ns);

#endif
