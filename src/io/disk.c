#include "io/disk.h"

#include "base/mem.h"
#include "base/must.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE  0600
#define DIR_MODE   0700
#define ZERO_CHUNK (1u << 20) /* bytes of zeros written at once */

struct posix_file {
    struct file file;
    int fd;
};

static int fd_of(struct file *f)
{
    return CONTAINER_OF(f, struct posix_file, file)->fd;
}

/* An interrupted call, and one that would block where nothing should, are plain failures here. */
static enum rc disk_rc(int errnum)
{
    enum rc rc = rc_of_errno(errnum);
    return rc == RC_AGAIN ? RC_IO : rc;
}

static const char *advice(enum rc rc)
{
    static const char *const texts[RC_COUNT] = {
        [RC_NOT_FOUND] = "check the path, and that its directory exists",
        [RC_EXISTS] = "choose another name, or move away what is there",
        [RC_PERMISSION] = "run as the owner of the path, or change its owner or mode",
        [RC_READ_ONLY] = "remount the file system writable, or choose another path",
        [RC_NO_SPACE] = "free some space, or raise the user's disk quota",
        [RC_NO_FDS] = "raise the limit of open files (ulimit -n, LimitNOFILE=)",
        [RC_INVALID] = "check the path",
        [RC_IO] = "check the device and the kernel's log",
    };
    return texts[rc] ? texts[rc] : "check the path";
}

/* "cannot <verb> <path>: <reason>; <what to do>". Codes that stand for many errors give way to the
 * system's own words. */
static enum rc fail(struct err *err, int errnum, const char *verb, const char *path)
{
    enum rc rc = disk_rc(errnum);
    char space[128];
    const char *reason = rc_text(rc);
    if (rc == RC_IO || rc == RC_INVALID || errnum == ENOTDIR || errnum == ENOTEMPTY)
        reason = strerror_r(errnum, space, sizeof(space));
    return err_set(err, rc, "cannot %s %s: %s; %s", verb, path, reason, advice(rc));
}

static enum rc posix_pread(struct file *f, void *p, size_t n, uint64_t at, size_t *got)
{
    uint8_t *to = p;
    size_t done = 0;
    while (done < n) {
        ssize_t r = pread(fd_of(f), to + done, n - done, (off_t)(at + done));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return disk_rc(errno);
        if (r == 0)
            break;
        done += (size_t)r;
    }
    *got = done;
    return RC_OK;
}

static enum rc posix_pwrite(struct file *f, const void *p, size_t n, uint64_t at)
{
    const uint8_t *from = p;
    while (n > 0) {
        ssize_t r = pwrite(fd_of(f), from, n, (off_t)at);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return disk_rc(errno);
        from += r;
        at += (uint64_t)r;
        n -= (size_t)r;
    }
    return RC_OK;
}

static enum rc posix_size(struct file *f, uint64_t *out)
{
    struct stat st;
    if (fstat(fd_of(f), &st) < 0)
        return disk_rc(errno);
    *out = (uint64_t)st.st_size;
    return RC_OK;
}

static enum rc posix_truncate(struct file *f, uint64_t size)
{
    return ftruncate(fd_of(f), (off_t)size) < 0 ? disk_rc(errno) : RC_OK;
}

/* For file systems without fallocate. What is there already was written, hence is allocated. */
static enum rc write_zeros(struct file *f, uint64_t from, uint64_t to)
{
    uint8_t *zeros = mem_zalloc(ZERO_CHUNK);
    enum rc rc = RC_OK;
    while (rc == RC_OK && from < to) {
        size_t n = to - from < ZERO_CHUNK ? (size_t)(to - from) : ZERO_CHUNK;
        rc = posix_pwrite(f, zeros, n, from);
        from += n;
    }
    free(zeros);
    return rc;
}

static enum rc posix_allocate(struct file *f, uint64_t size)
{
    uint64_t before = 0;
    enum rc rc = posix_size(f, &before);
    if (rc != RC_OK || size == 0)
        return rc;
    int r;
    do {
        r = fallocate(fd_of(f), 0, 0, (off_t)size);
    } while (r < 0 && errno == EINTR);
    if (r == 0)
        return RC_OK;
    rc = errno == EOPNOTSUPP || errno == ENOSYS ? write_zeros(f, before, size) : disk_rc(errno);
    /* A failure half-way may have grown the file; callers rely on its old size. */
    if (rc != RC_OK && posix_truncate(f, before) != RC_OK)
        return RC_IO;
    return rc;
}

static enum rc posix_sync(struct file *f)
{
    return fdatasync(fd_of(f)) < 0 ? disk_rc(errno) : RC_OK;
}

static enum rc posix_lock(struct file *f)
{
    if (flock(fd_of(f), LOCK_EX | LOCK_NB) == 0)
        return RC_OK;
    return errno == EWOULDBLOCK ? RC_LOCKED : disk_rc(errno);
}

static void posix_close(struct file *f)
{
    struct posix_file *pf = CONTAINER_OF(f, struct posix_file, file);
    close(pf->fd); /* what matters was synced before */
    free(pf);
}

static const struct file_ops posix_file_ops = {
    .pread = posix_pread,
    .pwrite = posix_pwrite,
    .allocate = posix_allocate,
    .sync = posix_sync,
    .size = posix_size,
    .truncate = posix_truncate,
    .lock = posix_lock,
    .close = posix_close,
};

static enum rc posix_open(struct disk *d, const char *path, unsigned flags, struct file **out,
                          struct err *err)
{
    (void)d;
    must(!(flags & DISK_EXCLUSIVE) || (flags & DISK_CREATE));
    int how = O_CLOEXEC | (flags & DISK_READ ? O_RDONLY : O_RDWR);
    how |= flags & DISK_CREATE ? O_CREAT : 0;
    how |= flags & DISK_EXCLUSIVE ? O_EXCL : 0;
    int fd;
    do {
        fd = open(path, how, FILE_MODE);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return fail(err, errno, flags & DISK_EXCLUSIVE ? "create" : "open", path);
    struct posix_file *pf = mem_alloc(sizeof(*pf));
    *pf = (struct posix_file){.file = {.ops = &posix_file_ops}, .fd = fd};
    *out = &pf->file;
    return RC_OK;
}

static enum rc posix_mkdir(struct disk *d, const char *path, struct err *err)
{
    (void)d;
    return mkdir(path, DIR_MODE) < 0 ? fail(err, errno, "create directory", path) : RC_OK;
}

static enum rc posix_rename(struct disk *d, const char *from, const char *to, struct err *err)
{
    (void)d;
    if (rename(from, to) == 0)
        return RC_OK;
    int errnum = errno;
    char *paths = mem_printf("%s to %s", from, to);
    enum rc rc = fail(err, errnum, "rename", paths);
    free(paths);
    return rc;
}

static enum rc posix_unlink(struct disk *d, const char *path, struct err *err)
{
    (void)d;
    return unlink(path) < 0 ? fail(err, errno, "remove", path) : RC_OK;
}

static enum rc posix_sync_dir(struct disk *d, const char *path, struct err *err)
{
    (void)d;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open directory", path);
    /* EINVAL: this file system has no sync of directories, and needs none or cannot be helped. */
    int errnum = fsync(fd) < 0 && errno != EINVAL ? errno : 0;
    close(fd);
    return errnum ? fail(err, errnum, "sync directory", path) : RC_OK;
}

static enum rc posix_list(struct disk *d, const char *path, void (*fn)(void *arg, const char *name),
                          void *arg, struct err *err)
{
    (void)d;
    DIR *dir = opendir(path);
    if (!dir)
        return fail(err, errno, "read directory", path);
    for (;;) {
        errno = 0;
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): this stream is ours alone, which is enough */
        const struct dirent *e = readdir(dir);
        if (!e)
            break;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            fn(arg, e->d_name);
    }
    int errnum = errno;
    closedir(dir);
    return errnum ? fail(err, errnum, "read directory", path) : RC_OK;
}

void io_disk_init(struct disk *d)
{
    static const struct disk_ops ops = {
        .open = posix_open,
        .mkdir = posix_mkdir,
        .rename = posix_rename,
        .unlink = posix_unlink,
        .sync_dir = posix_sync_dir,
        .list = posix_list,
    };
    *d = (struct disk){.ops = &ops};
}
