/* membership - how the configuration, which says who votes, follows the members in the state.
 *
 * The state machine's members are the truth: an entry that changes them is an ordinary one. When it
 * has been applied, a configuration that follows from it is appended, one server at a time (R9).
 * The core has a configuration in force as soon as it is appended (raft thesis 4.1), so from then
 * on nothing commits without the new majority. A crash between the two leaves a configuration that
 * is behind; the next leader sees so at its start and goes on (quorum_voters).
 *
 * Learners are in no configuration: they do not vote, and the core would only make messages for
 * them. They come in, as RAFT_STANDBY, with the links to others. So does what makes voters of them
 * (catch-up). Not for others than this folder. */
#ifndef MOAT_QUORUM_MEMBERSHIP_H
#define MOAT_QUORUM_MEMBERSHIP_H

#include "quorum/driver.h"

/* What the log says before the core exists. */
struct membership {
    bool alone; /* is the latest configuration this member, and nobody else? */
    /* The last entry known to be committed, with the configuration as of it: storage's, or one
     * behind it. Borrows from the tail and from storage's. */
    struct quorum_snapshot settled;
};
void membership_read(const struct quorum *q, const struct quorum_snapshot *snap,
                     struct membership *out);

/* --force-new-cluster: append, durably, a configuration of this member alone, in a new term. */
MUST_USE enum rc membership_force(struct quorum *q, struct wal_hard_state *hard);

/* Append the next configuration, if one is due and may be. */
void membership_follow(struct quorum *q);

#endif
