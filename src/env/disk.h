/* disk - files and directories, as an interface. Calls block; they run at start, or in a worker.
 *
 * Durability is the caller's business and follows POSIX: bytes are durable after file_sync, names
 * after disk_sync_dir of their directory. A failed file_sync says nothing about what is durable:
 * stop, never repeat it (PostgreSQL's fsync lesson; docs/ARCHITECTURE.md, Storage).
 * Paths are used as given. Every call that fails with a path fills err, when not NULL, with a
 * sentence that names the path. */
#ifndef MOAT_ENV_DISK_H
#define MOAT_ENV_DISK_H

#include "base/cc.h"
#include "base/err.h"
#include "base/slice.h"

#define DISK_NAME_MAX 255 /* bytes of one name in a directory */

struct disk;
struct file;

enum disk_open {
    DISK_READ = 1,      /* else read and write */
    DISK_CREATE = 2,    /* create if absent, mode 0600 */
    DISK_EXCLUSIVE = 4, /* with CREATE: RC_EXISTS if there */
};

struct disk_ops {
    enum rc (*open)(struct disk *d, const char *path, unsigned flags, struct file **out,
                    struct err *err);
    enum rc (*mkdir)(struct disk *d, const char *path,
                     struct err *err); /* 0700; RC_EXISTS if there */
    enum rc (*rename)(struct disk *d, const char *from, const char *to, struct err *err);
    enum rc (*unlink)(struct disk *d, const char *path, struct err *err);
    enum rc (*sync_dir)(struct disk *d, const char *path, struct err *err);
    /* Visit each name but . and .., in no particular order; fn must not change the directory. */
    enum rc (*list)(struct disk *d, const char *path, void (*fn)(void *arg, const char *name),
                    void *arg, struct err *err);
};

struct disk {
    const struct disk_ops *ops;
};

struct file_ops {
    /* Read up to n bytes; *got < n only at the end of the file. */
    enum rc (*pread)(struct file *f, void *p, size_t n, uint64_t at, size_t *got);
    enum rc (*pwrite)(struct file *f, const void *p, size_t n, uint64_t at); /* all or an error */
    /* Make [0, size) allocated on disk and, where it was not there, zero. RC_NO_SPACE is safe. */
    enum rc (*allocate)(struct file *f, uint64_t size);
    enum rc (*sync)(struct file *f); /* fdatasync */
    enum rc (*size)(struct file *f, uint64_t *out);
    enum rc (*truncate)(struct file *f, uint64_t size);
    enum rc (*lock)(struct file *f); /* exclusive, until close; RC_LOCKED when another has it */
    void (*close)(struct file *f);
};

struct file {
    const struct file_ops *ops;
};

static inline enum rc disk_open(struct disk *d, const char *path, unsigned flags, struct file **out,
                                struct err *err)
{
    return d->ops->open(d, path, flags, out, err);
}

static inline enum rc disk_mkdir(struct disk *d, const char *path, struct err *err)
{
    return d->ops->mkdir(d, path, err);
}

static inline enum rc disk_rename(struct disk *d, const char *from, const char *to, struct err *err)
{
    return d->ops->rename(d, from, to, err);
}

static inline enum rc disk_unlink(struct disk *d, const char *path, struct err *err)
{
    return d->ops->unlink(d, path, err);
}

static inline enum rc disk_sync_dir(struct disk *d, const char *path, struct err *err)
{
    return d->ops->sync_dir(d, path, err);
}

static inline enum rc disk_list(struct disk *d, const char *path,
                                void (*fn)(void *arg, const char *name), void *arg, struct err *err)
{
    return d->ops->list(d, path, fn, arg, err);
}

static inline enum rc file_pread(struct file *f, void *p, size_t n, uint64_t at, size_t *got)
{
    return f->ops->pread(f, p, n, at, got);
}

static inline enum rc file_pwrite(struct file *f, const void *p, size_t n, uint64_t at)
{
    return f->ops->pwrite(f, p, n, at);
}

static inline enum rc file_allocate(struct file *f, uint64_t size)
{
    return f->ops->allocate(f, size);
}

static inline enum rc file_sync(struct file *f)
{
    return f->ops->sync(f);
}

static inline enum rc file_size(struct file *f, uint64_t *out)
{
    return f->ops->size(f, out);
}

static inline enum rc file_truncate(struct file *f, uint64_t size)
{
    return f->ops->truncate(f, size);
}

static inline enum rc file_lock(struct file *f)
{
    return f->ops->lock(f);
}

static inline void file_close(struct file *f)
{
    if (f)
        f->ops->close(f);
}

#endif
