/* shim - a library to preload: writes a trace (trace.h) of all that a program does to the files of
 * one directory.
 *
 * One lock is held around call and record. What the trace cannot express (links, writable shared
 * maps, truncate by path …) ends the program, so that nothing is missed in silence. LMDB's lock
 * file is left out: it is worthless after a crash and made anew. An fallocate that keeps the size
 * changes nothing that a crash could show; it is answered and not done, which makes starts several
 * times faster on a file system in memory. */
#include "trace.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX    4096
#define STACK_TEXT 1024
#define PARTS_MAX  128 /* of one writev */
#define LEFT_OUT   "-lock"
#define EXPORT     __attribute__((visibility("default")))

struct traced {
    bool used;
    bool is_dir;
    bool dsync;
    uint64_t file;
    char path[TRACE_PATH_MAX];
};

static struct {
    pthread_mutex_t lock;
    int out; /* the trace */
    char root[TRACE_PATH_MAX];
    size_t root_n;
    uint64_t effects;
    uint64_t die_at;
    uint64_t die_kind;
    uint64_t delay_us;
    const char *program; /* where it is mapped */
    const char *self;    /* and where this library is */
    struct traced fds[FDS_MAX];
} shim = {.lock = PTHREAD_MUTEX_INITIALIZER, .out = -1};

static void give_up(const char *what, const char *path)
{
    dprintf(STDERR_FILENO, "powerloss shim: %s %s: the trace cannot express this\n", what, path);
    abort();
}

static const char *mapped_at(const void *p)
{
    Dl_info info;
    return dladdr(p, &info) ? info.dli_fbase : NULL;
}

static uint64_t number_in(const char *name)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv(TRACE_ENV_FILE);
    const char *root = getenv(TRACE_ENV_ROOT);
    if (!file || !root)
        return;
    shim.root_n = strlen(root);
    if (shim.root_n >= sizeof(shim.root))
        give_up("a root as long as", root);
    strcpy(shim.root, root);
    shim.die_at = number_in(TRACE_ENV_DIE);
    shim.die_kind = number_in(TRACE_ENV_DIE_KIND);
    shim.delay_us = number_in(TRACE_ENV_DELAY);
    void *frames[1];
    (void)backtrace(frames, 1); /* loads what it needs, before any lock is held */
    shim.program = mapped_at((const void *)getauxval(AT_PHDR));
    shim.self = mapped_at(&shim);
    shim.out = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    if (shim.out < 0)
        give_up("cannot open", file);
}

/* ---- Records ---- */

static void die_if_told_to(enum trace_kind kind)
{
    if ((shim.die_kind == 0 || shim.die_kind == kind) && ++shim.effects == shim.die_at)
        syscall(SYS_kill, getpid(), SIGKILL);
}

static void put(enum trace_kind kind, uint64_t file, uint64_t at, const struct iovec *parts, int n)
{
    struct trace_record head = {.kind = kind, .file = file, .at = at};
    struct iovec all[PARTS_MAX + 1] = {{&head, sizeof(head)}};
    size_t bytes = sizeof(head);
    if (n > PARTS_MAX)
        give_up("many parts of", "one write");
    for (int i = 0; i < n; i++) {
        all[i + 1] = parts[i];
        bytes += parts[i].iov_len;
    }
    head.n = (uint32_t)(bytes - sizeof(head));
    if (syscall(SYS_writev, shim.out, all, n + 1) != (long)bytes)
        give_up("cannot write", "the trace");
    die_if_told_to(kind);
}

static void put_bytes(enum trace_kind kind, uint64_t file, uint64_t at, const void *p, size_t n)
{
    struct iovec part = {(void *)(uintptr_t)p, n};
    put(kind, file, at, &part, 1);
}

static void put_path(enum trace_kind kind, uint64_t file, const char *path)
{
    put_bytes(kind, file, 0, path, strlen(path) + 1);
}

/* Who called: see trace.h. */
static void put_sync(const struct traced *t)
{
    void *frames[TRACE_FRAMES_MAX];
    char text[STACK_TEXT] = "";
    size_t at = 0;
    int n = backtrace(frames, TRACE_FRAMES_MAX);
    for (int i = 0; i < n && at < sizeof(text) - 64; i++) {
        Dl_info info;
        const char *frame = frames[i];
        if (!dladdr(frame, &info) || info.dli_fbase == shim.self)
            continue;
        int more = 0;
        /* A return address may be the next function's first byte: look one before it. */
        if (info.dli_fbase == shim.program)
            more =
                snprintf(text + at, sizeof(text) - at, "+%lx ", (long)(frame - shim.program) - 1);
        else if (info.dli_sname)
            more = snprintf(text + at, sizeof(text) - at, "%.60s ", info.dli_sname);
        at += (size_t)more;
    }
    if (!t->is_dir) {
        put_bytes(TRACE_SYNC, t->file, 0, text, at + 1);
        return;
    }
    struct iovec parts[2] = {{(void *)(uintptr_t)t->path, strlen(t->path) + 1}, {text, at + 1}};
    put(TRACE_SYNC_DIR, 0, 0, parts, 2);
}

static void enter(void)
{
    pthread_mutex_lock(&shim.lock);
}

static void leave(void)
{
    int saved = errno;
    pthread_mutex_unlock(&shim.lock);
    errno = saved;
}

/* ---- Paths and descriptors ---- */

/* The path within the traced directory ("." is itself), or false: outside, or left out. */
static bool inside(const char *path, char out[TRACE_PATH_MAX])
{
    char whole[2 * TRACE_PATH_MAX];
    size_t n = 0;
    if (shim.out < 0 || !path)
        return false;
    if (path[0] != '/') {
        if (!getcwd(whole, TRACE_PATH_MAX))
            return false;
        n = strlen(whole);
        whole[n++] = '/';
    }
    for (const char *p = path; *p && n < sizeof(whole) - 1; p++)
        if (*p != '/' || n == 0 || whole[n - 1] != '/')
            whole[n++] = *p;
    while (n > 1 && whole[n - 1] == '/')
        n--;
    whole[n] = 0;
    if (strncmp(whole, shim.root, shim.root_n) != 0)
        return false;
    const char *rest = whole + shim.root_n;
    if (*rest && *rest != '/')
        return false;
    rest += *rest == '/';
    size_t rest_n = strlen(rest);
    size_t tail = sizeof(LEFT_OUT) - 1;
    if (rest_n >= tail && strcmp(rest + rest_n - tail, LEFT_OUT) == 0)
        return false;
    if (strstr(rest, "..") || rest_n >= TRACE_PATH_MAX)
        give_up("the path", path);
    strcpy(out, *rest ? rest : ".");
    return true;
}

static struct traced *traced(int fd)
{
    return shim.out >= 0 && fd >= 0 && fd < FDS_MAX && shim.fds[fd].used ? &shim.fds[fd] : NULL;
}

static int open_any(int dir, const char *path, int flags, mode_t mode)
{
    char name[TRACE_PATH_MAX];
    if ((dir != AT_FDCWD && path[0] != '/') || !inside(path, name))
        return (int)syscall(SYS_openat, dir, path, flags, mode);
    enter();
    struct stat st;
    bool is_new = (flags & O_CREAT) && stat(path, &st) != 0;
    int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
    if (fd >= 0) {
        if (fd >= FDS_MAX || fstat(fd, &st) != 0)
            give_up("a descriptor of", path);
        struct traced *t = &shim.fds[fd];
        t->used = true;
        t->is_dir = S_ISDIR(st.st_mode);
        t->dsync = flags & O_DSYNC;
        t->file = st.st_ino;
        strcpy(t->path, name);
        if (is_new)
            put_path(TRACE_CREATE, t->file, name);
        else if ((flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY)
            put(TRACE_SIZE, t->file, 0, NULL, 0);
    }
    leave();
    return fd;
}

static mode_t mode_arg(int flags, va_list args)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

/* One of these functions; what is behind dir comes before the path. */
#define OPEN(name, dir, ...)                                                                       \
    EXPORT int name(__VA_ARGS__ const char *path, int flags, ...)                                  \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = mode_arg(flags, args);                                                       \
        va_end(args);                                                                              \
        return open_any(dir, path, flags, mode);                                                   \
    }
OPEN(open, AT_FDCWD, )
OPEN(open64, AT_FDCWD, )
OPEN(openat, dir, int dir, )
OPEN(openat64, dir, int dir, )

/* What the fortified forms become when there is no mode. */
#define OPEN_2(name)                                                                               \
    EXPORT int name(const char *path, int flags);                                                  \
    EXPORT int name(const char *path, int flags)                                                   \
    {                                                                                              \
        return open_any(AT_FDCWD, path, flags, 0);                                                 \
    }
OPEN_2(__open_2)
OPEN_2(__open64_2)

EXPORT int creat(const char *path, mode_t mode)
{
    return open_any(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

EXPORT int creat64(const char *path, mode_t mode)
{
    return creat(path, mode);
}

EXPORT int close(int fd)
{
    enter();
    struct traced *t = traced(fd);
    if (t)
        t->used = false;
    int r = (int)syscall(SYS_close, fd);
    leave();
    return r;
}

static int duplicate(int fd, int to)
{
    enter();
    int r = (int)(to < 0 ? syscall(SYS_dup, fd) : syscall(SYS_dup2, fd, to));
    if (r >= 0 && r < FDS_MAX && r != fd && shim.out >= 0)
        shim.fds[r] = shim.fds[fd];
    leave();
    return r;
}

EXPORT int dup(int fd)
{
    return duplicate(fd, -1);
}

EXPORT int dup2(int fd, int to)
{
    return duplicate(fd, to);
}

/* ---- Writing ---- */

/* n bytes of the parts were written at offset at. */
static void put_write(const struct traced *t, const struct iovec *from, int count, size_t n,
                      off_t at)
{
    struct iovec parts[PARTS_MAX];
    int used = 0;
    for (; used < count && used < PARTS_MAX && n > 0; used++) {
        parts[used] = from[used];
        if (parts[used].iov_len > n)
            parts[used].iov_len = n;
        n -= parts[used].iov_len;
    }
    if (n > 0)
        give_up("many parts written to", t->path);
    put(t->dsync ? TRACE_WRITE_SYNC : TRACE_WRITE, t->file, (uint64_t)at, parts, used);
}

/* at < 0: where the descriptor stands. */
static ssize_t write_any(int fd, const struct iovec *parts, int count, off_t at)
{
    if (!traced(fd)) {
        if (at < 0)
            return syscall(SYS_writev, fd, parts, count);
        return syscall(SYS_pwritev, fd, parts, count, at, 0);
    }
    enter();
    const struct traced *t = &shim.fds[fd];
    off_t where = at < 0 ? lseek(fd, 0, SEEK_CUR) : at;
    ssize_t n = at < 0 ? syscall(SYS_writev, fd, parts, count)
                       : syscall(SYS_pwritev, fd, parts, count, at, 0);
    if (n > 0)
        put_write(t, parts, count, (size_t)n, where);
    leave();
    return n;
}

static ssize_t write_one(int fd, const void *p, size_t n, off_t at)
{
    struct iovec part = {(void *)(uintptr_t)p, n};
    return write_any(fd, &part, 1, at);
}

EXPORT ssize_t write(int fd, const void *p, size_t n)
{
    return traced(fd) ? write_one(fd, p, n, -1) : syscall(SYS_write, fd, p, n);
}

EXPORT ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    return write_one(fd, p, n, at);
}

EXPORT ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    return write_one(fd, p, n, at);
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return write_any(fd, parts, count, -1);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return write_any(fd, parts, count, at);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
    return pwritev(fd, parts, count, at);
}

static int resize(int fd, off_t size)
{
    enter();
    int r = (int)syscall(SYS_ftruncate, fd, size);
    if (r == 0 && traced(fd))
        put(TRACE_SIZE, shim.fds[fd].file, (uint64_t)size, NULL, 0);
    leave();
    return r;
}

EXPORT int ftruncate(int fd, off_t size)
{
    return resize(fd, size);
}

EXPORT int ftruncate64(int fd, off64_t size)
{
    return resize(fd, size);
}

static int allocate(int fd, int mode, off_t at, off_t n)
{
    if (!traced(fd))
        return (int)syscall(SYS_fallocate, fd, mode, at, n);
    if (mode == FALLOC_FL_KEEP_SIZE)
        return 0;
    if (mode != 0)
        give_up("an unusual fallocate of", shim.fds[fd].path);
    enter();
    struct stat before;
    int r = fstat(fd, &before) == 0 ? (int)syscall(SYS_fallocate, fd, mode, at, n) : -1;
    if (r == 0 && at + n > before.st_size)
        put(TRACE_SIZE, shim.fds[fd].file, (uint64_t)(at + n), NULL, 0);
    leave();
    return r;
}

EXPORT int fallocate(int fd, int mode, off_t at, off_t n)
{
    return allocate(fd, mode, at, n);
}

EXPORT int fallocate64(int fd, int mode, off64_t at, off64_t n)
{
    return allocate(fd, mode, at, n);
}

EXPORT int posix_fallocate(int fd, off_t at, off_t n)
{
    return allocate(fd, 0, at, n) == 0 ? 0 : errno;
}

EXPORT int posix_fallocate64(int fd, off64_t at, off64_t n)
{
    return posix_fallocate(fd, at, n);
}

/* ---- Syncing ---- */

static int sync_any(int fd, long number)
{
    if (!traced(fd))
        return (int)syscall(number, fd);
    struct timespec delay = {.tv_nsec = (long)shim.delay_us * 1000};
    if (shim.delay_us)
        nanosleep(&delay, NULL);
    enter();
    die_if_told_to(TRACE_BEFORE_SYNC);
    int r = (int)syscall(number, fd);
    if (r == 0)
        put_sync(&shim.fds[fd]);
    leave();
    return r;
}

EXPORT int fsync(int fd)
{
    return sync_any(fd, SYS_fsync);
}

EXPORT int fdatasync(int fd)
{
    return sync_any(fd, SYS_fdatasync);
}

/* ---- Names ---- */

EXPORT int rename(const char *from, const char *to)
{
    char names[2 * TRACE_PATH_MAX];
    char target[TRACE_PATH_MAX];
    bool from_in = inside(from, names);
    bool to_in = inside(to, target);
    if (from_in != to_in)
        give_up("a rename across the border:", from);
    if (!from_in)
        return (int)syscall(SYS_rename, from, to);
    enter();
    int r = (int)syscall(SYS_rename, from, to);
    size_t n = strlen(names) + 1;
    strcpy(names + n, target);
    if (r == 0)
        put_bytes(TRACE_RENAME, 0, 0, names, n + strlen(target) + 1);
    leave();
    return r;
}

EXPORT int unlink(const char *path)
{
    char name[TRACE_PATH_MAX];
    if (!inside(path, name))
        return (int)syscall(SYS_unlink, path);
    enter();
    int r = (int)syscall(SYS_unlink, path);
    if (r == 0)
        put_path(TRACE_UNLINK, 0, name);
    leave();
    return r;
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    char name[TRACE_PATH_MAX];
    if (!inside(path, name))
        return (int)syscall(SYS_mkdir, path, mode);
    enter();
    int r = (int)syscall(SYS_mkdir, path, mode);
    if (r == 0)
        put_path(TRACE_MKDIR, 0, name);
    leave();
    return r;
}

/* ---- What the trace has no words for ---- */

static void refuse_path(const char *what, const char *path)
{
    char name[TRACE_PATH_MAX];
    if (inside(path, name))
        give_up(what, path);
}

EXPORT int link(const char *from, const char *to)
{
    refuse_path("link", to);
    return (int)syscall(SYS_link, from, to);
}

EXPORT int symlink(const char *from, const char *to)
{
    refuse_path("symlink", to);
    return (int)syscall(SYS_symlink, from, to);
}

EXPORT int truncate(const char *path, off_t size)
{
    refuse_path("truncate", path);
    return (int)syscall(SYS_truncate, path, size);
}

EXPORT int rmdir(const char *path)
{
    refuse_path("rmdir", path);
    return (int)syscall(SYS_rmdir, path);
}

EXPORT int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    if (shim.out >= 0)
        give_up("renameat", from);
    return (int)syscall(SYS_renameat, from_dir, from, to_dir, to);
}

EXPORT int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    if (shim.out >= 0)
        give_up("renameat2", from);
    return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

EXPORT int unlinkat(int dir, const char *path, int flags)
{
    if (shim.out >= 0)
        give_up("unlinkat", path);
    return (int)syscall(SYS_unlinkat, dir, path, flags);
}

EXPORT int mkdirat(int dir, const char *path, mode_t mode)
{
    if (shim.out >= 0)
        give_up("mkdirat", path);
    return (int)syscall(SYS_mkdirat, dir, path, mode);
}

static void *map_any(void *where, size_t n, int prot, int flags, int fd, off_t at)
{
    if ((prot & PROT_WRITE) && (flags & MAP_SHARED) && fd >= 0 && traced(fd))
        give_up("a writable map of", shim.fds[fd].path);
    return (void *)syscall(SYS_mmap, where, n, prot, flags, fd, at);
}

EXPORT void *mmap(void *where, size_t n, int prot, int flags, int fd, off_t at)
{
    return map_any(where, n, prot, flags, fd, at);
}

EXPORT void *mmap64(void *where, size_t n, int prot, int flags, int fd, off64_t at)
{
    return map_any(where, n, prot, flags, fd, at);
}
