#include "app/rotate.h"

#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Old files: in a worker, one job at a time ---- */

struct rotate_job {
    struct job job;
    struct rotate *rotate;
    struct timespec now;
    atomic_bool stop;
};

static void run(struct job *job)
{
    struct rotate_job *j = CONTAINER_OF(job, struct rotate_job, job);
    backups_tidy(&j->rotate->backups, j->now, &j->stop);
}

static void done(struct job *job)
{
    struct rotate_job *j = CONTAINER_OF(job, struct rotate_job, job);
    struct rotate *r = j->rotate;
    free(j);
    r->job = NULL;
    if (r->again && r->workers)
        rotate_tidy(r);
}

void rotate_tidy(struct rotate *r)
{
    const struct backups *b = &r->backups;
    if (!r->workers || (b->days_max == 0 && b->backups_max == 0 && !b->compress))
        return;
    r->again = r->job != NULL; /* it may have listed the files already */
    if (r->job)
        return;
    struct rotate_job *j = mem_zalloc(sizeof(*j));
    j->job = (struct job){.run = run, .done = done};
    j->rotate = r;
    clock_gettime(CLOCK_REALTIME, &j->now);
    r->job = j;
    worker_submit(r->workers, LANE_POOL, &j->job);
}

void rotate_stop(struct rotate *r)
{
    r->workers = NULL;
    if (r->job)
        atomic_store(&r->job->stop, true);
}

/* ---- The file ---- */

void rotate_begin(struct rotate *r, int fd)
{
    struct stat st;
    r->bytes = fstat(fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

bool rotate_is_due(const struct rotate *r, size_t more)
{
    return r->backups.path && r->bytes > 0 && r->bytes + more > r->bytes_max;
}

int rotate_now(struct rotate *r, int fd, struct timespec now)
{
    char aside[BACKUPS_NAME_MAX];
    const char *path = r->backups.path;
    backups_name(&r->backups, now, aside);
    if (rename(path, aside) != 0)
        return fd;
    int fresh = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fresh < 0) {
        (void)!rename(aside, path);
        return fd;
    }
    close(fd);
    r->bytes = 0;
    rotate_tidy(r);
    return fresh;
}
