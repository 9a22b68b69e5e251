/* world - one seed: a node under random requests, crashes and disk trouble, and what must hold.
 *
 *   - what was acknowledged is there after every crash, and says the same when asked again;
 *   - an entry that was applied once is the same entry when the log is applied again, and leads to
 *     the same state; no request is applied twice;
 *   - every answer is the model's, and every linearizable read sees all that was acknowledged
 *     before it began;
 *   - no lease ends before the time that its client was promised, whatever the clocks and the
 *     crashes do, and each ends in the end, its keys with it;
 *   - every watch sees what watchers.h says;
 *   - nothing is read or written that the permissions in force do not allow (rights.h), no token
 *     outlives what revokes it, and the auth revision never goes back;
 *   - nothing is acknowledged that the simulated disk does not durably hold, or while a majority is
 *     missing (majority.h).
 *
 * A seed decides everything: the same seed gives the same trace hash. */
#ifndef MOAT_SIM_WORLD_H
#define MOAT_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_TEXT_MAX 600

struct world_options {
    uint64_t seed;
    uint64_t ops;     /* writes to propose, at least */
    uint64_t crashes; /* at least */
    bool verbose;     /* say on standard error what happens */
};

struct world_result {
    bool failed;
    char text[WORLD_TEXT_MAX]; /* what did not hold */
    uint64_t trace;            /* a digest of everything that happened */
    uint64_t writes;
    uint64_t acknowledged;
    uint64_t refused; /* for want of a permission, when they were applied */
    uint64_t reads;
    uint64_t power_losses;
    uint64_t kills;
    uint64_t clean_stops;
    uint64_t disk_errors;
    uint64_t full_disks;
    uint64_t undone_commits;
    uint64_t replayed; /* entries applied again after a start */
    uint64_t compactions;
    uint64_t renewals; /* of leases, answered */
    uint64_t pauses;
    uint64_t majorities; /* that were lost */
    uint64_t watched;    /* batches of events that watches got */
    uint64_t watch_lost; /* watches that a compaction ended */
    uint64_t sim_ns;
};

void world_run(const struct world_options *opt, struct world_result *out);

#endif
