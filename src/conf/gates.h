/* gates - the feature gates of etcd 3.6 and 3.7 (--feature-gates=NAME=true,NAME=false).
 *
 * All of them are known. What is not done here, or is done in any case, is taken with a note that
 * says so. Rules and texts: etcd's pkg/featuregate. */
#ifndef MOAT_CONF_GATES_H
#define MOAT_CONF_GATES_H

#include "conf/conf.h"

/* On failure err has the reason alone, as etcd words it. */
MUST_USE enum rc conf_gates_parse(const char *text, struct conf_gates *out, struct err *err);
/* Once all flags are read: whether the gates fit together, and notes of those that change nothing.
 */
MUST_USE enum rc conf_gates_resolve(const struct conf_gates *gates, struct conf_notes *notes,
                                    struct err *err);

#endif
