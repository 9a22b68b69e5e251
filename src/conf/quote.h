/* quote - what an operator wrote, shown in a sentence about it. */
#ifndef MOAT_CONF_QUOTE_H
#define MOAT_CONF_QUOTE_H

#include "base/slice.h"

#define CONF_QUOTED_MAX 160 /* bytes of a quoted text, terminating zero included */

/* Quote as Go's %q, which etcd's sentences use; long texts are cut. Returns out. */
const char *conf_quote(struct slice text, char out[CONF_QUOTED_MAX]);

#endif
