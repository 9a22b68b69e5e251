/* downgrade - the job that prepares a cluster for an older version, replicated.
 *
 * etcd 3.6 and later (server/etcdserver/version): enable names the minor version before this one;
 * from then on the cluster and its storage call themselves that version, until cancelled. Nothing
 * else changes: what is stored needs no other form for the version before. Stored in TABLE_META as
 * "downgrade": the target, empty when there is none. */
#ifndef MOAT_STATE_DOWNGRADE_H
#define MOAT_STATE_DOWNGRADE_H

#include "state/state.h"

#define DOWNGRADE_VERSION_MAX 32u

/* The target of the job in progress, "3.6.0"; "" when there is none. */
const char *state_downgrade(const struct state *s);

/* "3.6", "3.6.1", "v…" is malformed: as etcd reads the version of a request. Major and minor
 * remain. */
MUST_USE enum etcd_error downgrade_parse(struct slice text, unsigned *major, unsigned *minor);

/* May a cluster that calls itself `from` ("3.7.0") go to that version? */
MUST_USE enum etcd_error downgrade_check(const char *from, unsigned major, unsigned minor);

#endif
