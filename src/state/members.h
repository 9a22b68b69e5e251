/* members - who belongs to the cluster, replicated: IDs, peer URLs, and who only learns.
 *
 * Judged and changed by entries alone, as etcd does it (server/etcdserver/api/membership): an ID
 * stays what it was, a learner has no vote. What else a member is (name, client URLs) it says
 * itself. A start writes no entry, so the member that proposes a change stands in it, and is noted
 * with the first. They are the truth; who is asked for a vote follows (quorum_voters). Stored in
 * TABLE_MEMBER: docs/formats/store.md. */
#ifndef MOAT_STATE_MEMBERS_H
#define MOAT_STATE_MEMBERS_H

#include "state/state.h"

#define MEMBERS_MAX          64u         /* voters and learners; then there are too many learners */
#define MEMBER_URLS_MAX      64u         /* peer URLs of one member, … */
#define MEMBER_URL_BYTES_MAX (16u << 10) /* … all together */

struct member_row {
    struct pb_member m; /* ID, peer URLs, is_learner; borrows from the two below */
    struct buf encoded; /* as it is stored */
    struct arena arena;
};

struct members {
    struct member_row *v[MEMBERS_MAX]; /* by ID */
    size_t n;                          /* 0: nothing was changed yet */
    uint64_t changes;                  /* entries in this life that may have changed them */
};

const struct members *state_members(const struct state *s);
/* NULL: no such member is noted. */
const struct pb_member *members_find(const struct members *ms, uint64_t id);

/* Who votes: their IDs, and how many; 0: nothing was noted yet, so those the log began with. */
size_t members_voters(const struct members *ms, uint64_t ids[MEMBERS_MAX]);

uint64_t members_hash(const struct members *ms, uint64_t h);

#endif
