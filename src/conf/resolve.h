/* resolve - what the values mean together: defaults, conflicts, and what this version can do.
 *
 * The order of the checks is etcd's (embed.Config.Validate), so that of several mistakes the same
 * one is named; what only moat refuses comes last. */
#ifndef MOAT_CONF_RESOLVE_H
#define MOAT_CONF_RESOLVE_H

#include "conf/source.h"

/* Fill out, which is {0}. On failure it may be half filled: conf_fini it. Adds to values->notes. */
MUST_USE enum rc conf_resolve(struct conf_values *values, struct conf *out, struct err *err);

#endif
