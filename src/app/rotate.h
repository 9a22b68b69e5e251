/* rotate - a log file that makes room for a new one when it is full.
 *
 * The full file is put aside under the time (app/backups.h). That is done at once; to delete and to
 * compress old ones takes long, and is done by a worker. */
#ifndef MOAT_APP_ROTATE_H
#define MOAT_APP_ROTATE_H

#include "app/backups.h"
#include "env/worker.h"

#include <stddef.h>

struct rotate_job;

struct rotate {
    struct backups backups; /* no path: never rotates */
    uint64_t bytes_max;
    uint64_t bytes;          /* in the file now */
    struct workers *workers; /* NULL: old files are left as they are */
    struct rotate_job *job;  /* in progress */
    bool again;              /* once more after it */
};

/* Begin with the file as it is. */
void rotate_begin(struct rotate *r, int fd);
/* Before so many bytes are written: whether the file is full. */
bool rotate_is_due(const struct rotate *r, size_t more);
/* Put the file aside and give a new one's descriptor in place of fd, which is closed. When that
 * cannot be, fd stays: a line too long in one file is better than a line lost. */
int rotate_now(struct rotate *r, int fd, struct timespec now);

/* Have the old files looked after; r stays where it is meanwhile. Also when there are workers at
 * last: a life before may have left something. */
void rotate_tidy(struct rotate *r);
/* No more of that: what is in progress ends soon, while the workers are drained. */
void rotate_stop(struct rotate *r);

#endif
