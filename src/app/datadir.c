#include "app/datadir.h"

#include "base/mem.h"

#include <stdlib.h>
#include <sys/stat.h>

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static char *parent_of(const char *path)
{
    char *copy = mem_strdup(path);
    size_t n = strlen(copy);
    while (n > 1 && copy[n - 1] == '/')
        copy[--n] = '\0';
    char *slash = strrchr(copy, '/');
    if (!slash) {
        free(copy);
        return mem_strdup(".");
    }
    slash[slash == copy ? 1 : 0] = '\0';
    return copy;
}

/* mkdir -p, each new name made durable. */
static enum rc make_dirs(struct disk *disk, const char *path, struct err *err)
{
    if (exists(path))
        return RC_OK;
    char *parent = parent_of(path);
    enum rc rc = strcmp(parent, path) == 0 ? RC_OK : make_dirs(disk, parent, err);
    if (rc == RC_OK) {
        rc = disk_mkdir(disk, path, err);
        if (rc == RC_EXISTS)
            rc = RC_OK;
    }
    if (rc == RC_OK)
        rc = disk_sync_dir(disk, parent, err);
    free(parent);
    return rc;
}

static enum rc refuse_etcd(const char *data_dir, struct err *err)
{
    AUTO(mem_free_at) char *snap = mem_printf("%s/member/snap", data_dir);
    AUTO(mem_free_at) char *wal = mem_printf("%s/member/wal", data_dir);
    if (!exists(snap) && !exists(wal))
        return RC_OK;
    return err_set(err, RC_FOREIGN,
                   "%s is a data directory of etcd (it has member/), which moat does not open in "
                   "place: give moat a directory of its own with --data-dir",
                   data_dir);
}

enum rc datadir_open(struct disk *disk, const char *data_dir, const char *wal_dir,
                     struct datadir *out, struct err *err)
{
    *out = (struct datadir){.root = mem_printf("%s/moat", data_dir),
                            .db = mem_printf("%s/moat/db", data_dir),
                            .wal = wal_dir[0] ? mem_strdup(wal_dir)
                                              : mem_printf("%s/moat/wal", data_dir)};
    enum rc rc = refuse_etcd(data_dir, err);
    if (rc != RC_OK)
        return rc;
    out->fresh = !exists(out->db);
    rc = make_dirs(disk, out->root, err);
    if (rc != RC_OK)
        return rc;
    char *parent = parent_of(out->wal);
    rc = make_dirs(disk, parent, err);
    free(parent);
    return rc;
}

void datadir_fini(struct datadir *d)
{
    free(d->root);
    free(d->db);
    free(d->wal);
    *d = (struct datadir){0};
}
