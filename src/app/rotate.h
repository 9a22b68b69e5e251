/* rotate - a log file that makes room for a new one when it is full.
 *
 * The full file gets the time into its name, as etcd's logger does: moat.log becomes
 * moat-2026-01-31T23-59-59.123.log. Of such files only so many, or so old ones, are kept. */
#ifndef MOAT_APP_ROTATE_H
#define MOAT_APP_ROTATE_H

#include "base/cc.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define ROTATE_NAME_MAX 4096 /* bytes of a path */

struct rotate {
    const char *path; /* borrowed; NULL: never rotates */
    uint64_t bytes_max;
    uint32_t days_max;    /* older files are deleted; 0: none is */
    uint32_t backups_max; /* more files are deleted; 0: none is */
    bool local_time;
    uint64_t bytes; /* in the file now */
};

/* Begin with the file as it is. */
void rotate_begin(struct rotate *r, int fd);
/* Before so many bytes are written: whether the file is full. */
bool rotate_is_due(const struct rotate *r, size_t more);
/* Put the file aside and give a new one's descriptor in place of fd, which is closed. When that
 * cannot be, fd stays: a line too long in one file is better than a line lost. */
int rotate_now(struct rotate *r, int fd, struct timespec now);
/* The name that a file put aside at that time gets. */
void rotate_name(const struct rotate *r, struct timespec now, char out[ROTATE_NAME_MAX]);

#endif
