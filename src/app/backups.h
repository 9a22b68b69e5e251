/* backups - the log files that were put aside: which are kept, and in which form.
 *
 * As etcd's logger (lumberjack) has them: moat-2026-01-31T23-59-59.123.log, compressed with .gz
 * behind that. Only so many, or so old ones, are kept; a file and its compressed form, which are
 * both there after a crash, count as one. */
#ifndef MOAT_APP_BACKUPS_H
#define MOAT_APP_BACKUPS_H

#include "base/cc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define BACKUPS_NAME_MAX 4096 /* bytes of a path */

struct backups {
    const char *path;     /* of the log; borrowed */
    uint32_t days_max;    /* older files are deleted; 0: none is */
    uint32_t backups_max; /* more files are deleted; 0: none is */
    bool local_time;
    bool compress;
};

/* The name that a file put aside at that time gets. */
void backups_name(const struct backups *b, struct timespec now, char out[BACKUPS_NAME_MAX]);

/* Delete what is too much or too old, compress the others if that is wanted. May take seconds, and
 * is done on any thread; ends soon after stop became true. What fails is left as it was. */
void backups_tidy(const struct backups *b, struct timespec now, const atomic_bool *stop);

#endif
