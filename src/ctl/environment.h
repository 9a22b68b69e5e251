/* environment - options from ETCDCTL_ variables.
 *
 * --some-option is ETCDCTL_SOME_OPTION. A variable beside its option is refused: one of them would
 * silently win (etcd's pkg/flags). */
#ifndef MOAT_CTL_ENVIRONMENT_H
#define MOAT_CTL_ENVIRONMENT_H

#include "ctl/flags.h"

/* A variable, or NULL. We have one thread, and never set one. */
const char *environment_get(const char *name);

#define ENVIRONMENT_PREFIX "ETCDCTL_"

/* Set the first n of values (the global options) from envp. Lines for variables that mean nothing
 * are added to warnings. RC_EXISTS: a variable beside its option. */
MUST_USE enum rc environment_apply(struct flag_values *values, const struct flag *flags,
                                   size_t flags_n, char *const *envp, struct buf *warnings,
                                   struct err *err);

#endif
