/* spool - a snapshot for etcd, as a file: bbolt (src/bbolt), from one view of storage.
 *
 * Made by a worker in one go, so that the view is closed soon and a slow reader costs disk space,
 * not growth of the store. The file has no name: it goes when it is closed, and with the process.
 * The SHA-256 that stands at the end of a snapshot is made while the file is read. */
#ifndef MOAT_SNAPSHOT_SPOOL_H
#define MOAT_SNAPSHOT_SPOOL_H

#include "env/disk.h"
#include "snapshot/rows.h"

#include <stdatomic.h>

struct spool {
    struct file *file;
    uint64_t size;
    _Atomic(bool) stop; /* set from elsewhere: end early, with RC_CANCELED */
};

/* In the directory, under a name that is used for a moment. err is filled on failure; close all the
 * same. */
MUST_USE enum rc spool_write(struct spool *s, struct disk *disk, const char *dir,
                             const struct snapshot_source *src, struct err *err);
void spool_close(struct spool *s);

#endif
