/* compactor - compacts by itself, by time or by count (--auto-compaction-mode, -retention).
 *
 * etcd's rules (server/etcdserver/api/v3compactor). By time: the revision is written down each
 * tenth of the period, but of at most an hour; once the period has passed, what was the revision a
 * period ago is compacted, and again each period, but at least each hour. By count: every five
 * minutes all but the last so many revisions go. What did not succeed is tried at the next step.
 * Only who leads compacts; a step that falls into another's time is left out. */
#ifndef MOAT_API_COMPACTOR_H
#define MOAT_API_COMPACTOR_H

#include "base/timers.h"
#include "env/env.h"

#define COMPACTOR_HOUR_NS     ((uint64_t)3600 * NS_PER_S)
#define COMPACTOR_DIVISOR     10u
#define COMPACTOR_STEP_MIN_NS ((uint64_t)100 * NS_PER_MS)
#define COMPACTOR_REVISION_NS ((uint64_t)300 * NS_PER_S)

struct compactor_options {
    struct env *env;
    bool by_revision;
    int64_t retention; /* revisions, or ns; 0: the compactor does nothing */
    void *arg;
    int64_t (*revision)(void *arg);  /* the current one */
    int64_t (*compacted)(void *arg); /* what is compacted already; -1: nothing */
    bool (*leads)(void *arg);
    void (*compact)(void *arg, int64_t revision); /* ask for it */
};

struct compactor;

struct compactor *compactor_new(const struct compactor_options *opt);
void compactor_free(struct compactor *c);

#endif
