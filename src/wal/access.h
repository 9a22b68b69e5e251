/* access - the file calls that write, each with its fault point. */
#ifndef MOAT_WAL_ACCESS_H
#define MOAT_WAL_ACCESS_H

#include "env/env.h"

static inline enum rc wal_file_pwrite(struct env *env, struct file *f, struct slice s, uint64_t at)
{
    return fault_hit(env->faults, "wal.pwrite") ? RC_IO : file_pwrite(f, s.p, s.n, at);
}

static inline enum rc wal_file_sync(struct env *env, struct file *f)
{
    return fault_hit(env->faults, "wal.sync") ? RC_IO : file_sync(f);
}

static inline enum rc wal_file_allocate(struct env *env, struct file *f, uint64_t size)
{
    return fault_hit(env->faults, "wal.allocate") ? RC_NO_SPACE : file_allocate(f, size);
}

static inline enum rc wal_file_pread(struct env *env, struct file *f, struct buf *into, size_t n,
                                     uint64_t at)
{
    if (fault_hit(env->faults, "wal.pread"))
        return RC_IO;
    size_t got = 0;
    buf_clear(into);
    enum rc rc = file_pread(f, buf_extend(into, n), n, at, &got);
    into->n = rc == RC_OK ? got : 0;
    return rc;
}

static inline enum rc wal_dir_sync(struct env *env, const char *dir, struct err *err)
{
    if (fault_hit(env->faults, "wal.sync_dir"))
        return err_set(err, RC_IO, "sync %s: %s", dir, rc_text(RC_IO));
    return disk_sync_dir(env->disk, dir, err);
}

static inline enum rc wal_rename(struct env *env, const char *from, const char *to, struct err *err)
{
    if (fault_hit(env->faults, "wal.rename"))
        return err_set(err, RC_IO, "rename %s to %s: %s", from, to, rc_text(RC_IO));
    return disk_rename(env->disk, from, to, err);
}

static inline enum rc wal_unlink(struct env *env, const char *path, struct err *err)
{
    if (fault_hit(env->faults, "wal.unlink"))
        return err_set(err, RC_IO, "unlink %s: %s", path, rc_text(RC_IO));
    return disk_unlink(env->disk, path, err);
}

static inline enum rc wal_open_file(struct env *env, const char *path, unsigned flags,
                                    struct file **out, struct err *err)
{
    if (fault_hit(env->faults, "wal.open")) {
        err_set(err, RC_IO, "open %s: %s", path, rc_text(RC_IO));
        return RC_IO;
    }
    return disk_open(env->disk, path, flags, out, err);
}

#endif
