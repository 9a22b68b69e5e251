/* datadir - the layout of a data directory, and a look at what is there before anything is changed.
 *
 *     DATA/moat/db    the applied state (src/store)
 *     DATA/moat/wal/  the log (src/wal), unless --wal-dir names another place */
#ifndef MOAT_APP_DATADIR_H
#define MOAT_APP_DATADIR_H

#include "base/err.h"
#include "env/disk.h"

struct datadir {
    char *root;
    char *db;
    char *wal;
    bool fresh; /* no data yet */
};

/* Create what is missing (0700), each name synced in its directory. A directory that etcd has
 * written into is RC_FOREIGN. Paths are owned by out, also after a failure. */
MUST_USE enum rc datadir_open(struct disk *disk, const char *data_dir, const char *wal_dir,
                              struct datadir *out, struct err *err);
void datadir_fini(struct datadir *d);

#endif
