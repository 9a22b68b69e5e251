/* gzip - a file, compressed beside itself (RFC 1952). */
#ifndef MOAT_APP_GZIP_H
#define MOAT_APP_GZIP_H

#include "base/cc.h"
#include "base/rc.h"

#include <stdatomic.h>

/* Write what is in the file `from` to `to`, with its mode, in place of what is there, and sync it.
 * Takes long (a second for some 50 MB): for a worker. RC_AGAIN: stop became true meanwhile. On
 * failure there is no `to`. */
MUST_USE enum rc gzip_file(const char *from, const char *to, const atomic_bool *stop);

#endif
