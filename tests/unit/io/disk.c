/* The disk does what env/disk.h says, and each failure names its path and what to do. */
#include "rig.h"

#include "io/disk.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY  65534
#define SKIPPED 77 /* exit code of a child that could not set up its test */

struct place {
    struct disk disk;
    char dir[64];
    char a[96];
    char b[96];
};

static int setup(void **state)
{
    static struct place p;
    p = (struct place){.dir = "/tmp/moat-disk-XXXXXX"};
    assert_non_null(mkdtemp(p.dir));
    snprintf(p.a, sizeof(p.a), "%s/a", p.dir);
    snprintf(p.b, sizeof(p.b), "%s/b", p.dir);
    io_disk_init(&p.disk);
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    unlink(p->a);
    unlink(p->b);
    rmdir(p->b);
    return rmdir(p->dir);
}

static struct file *create(struct place *p)
{
    struct file *f = NULL;
    struct err err = {0};
    if (disk_open(&p->disk, p->a, DISK_CREATE | DISK_EXCLUSIVE, &f, &err) != RC_OK)
        fail_msg("%s", err.text);
    return f;
}

static void writes_and_reads_back(void **state)
{
    struct place *p = *state;
    struct file *f = create(p);
    struct stat st;
    assert_int_equal(stat(p->a, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(file_pwrite(f, "0123456789", 10, 5), RC_OK);
    assert_int_equal(file_sync(f), RC_OK);
    char got[32];
    size_t n = 0;
    assert_int_equal(file_pread(f, got, sizeof(got), 0, &n), RC_OK);
    assert_int_equal(n, 15);
    assert_memory_equal(got,
                        "\0\0\0\0\0"
                        "0123456789",
                        15);
    assert_int_equal(file_pread(f, got, 4, 15, &n), RC_OK);
    assert_int_equal(n, 0);
    uint64_t size = 0;
    assert_int_equal(file_truncate(f, 7), RC_OK);
    assert_int_equal(file_size(f, &size), RC_OK);
    assert_int_equal(size, 7);
    file_close(f);
}

static void allocates_zeros_and_keeps_what_is_there(void **state)
{
    struct place *p = *state;
    struct file *f = create(p);
    assert_int_equal(file_pwrite(f, "keep", 4, 0), RC_OK);
    assert_int_equal(file_allocate(f, 3u << 20), RC_OK);
    uint64_t size = 0;
    assert_int_equal(file_size(f, &size), RC_OK);
    assert_int_equal(size, 3u << 20);
    struct stat st;
    assert_int_equal(stat(p->a, &st), 0);
    assert_true(st.st_blocks * 512 >= 3 << 20); /* really there, not a hole */
    char got[8];
    size_t n = 0;
    assert_int_equal(file_pread(f, got, 8, 0, &n), RC_OK);
    assert_memory_equal(got, "keep\0\0\0\0", 8);
    assert_int_equal(file_allocate(f, 4096), RC_OK); /* smaller: nothing happens */
    assert_int_equal(file_size(f, &size), RC_OK);
    assert_int_equal(size, 3u << 20);
    file_close(f);
}

/* RLIMIT_FSIZE stands for a full disk; in a child, as it is the process's. */
static void a_failed_allocation_leaves_the_size(void **state)
{
    struct place *p = *state;
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGXFSZ, SIG_IGN);
        struct rlimit rl = {1 << 20, 1 << 20};
        setrlimit(RLIMIT_FSIZE, &rl);
        struct file *f = create(p);
        uint64_t size = 0;
        if (file_pwrite(f, "x", 1, 0) != RC_OK)
            _exit(1);
        if (file_allocate(f, 8 << 20) != RC_NO_SPACE)
            _exit(2);
        if (file_size(f, &size) != RC_OK || size != 1)
            _exit(3);
        if (file_pwrite(f, "x", 1, 2 << 20) != RC_NO_SPACE)
            _exit(4);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* From here on fallocate says what NFS before 4.2 and others say. False: no filter to be had. */
static bool forbid_fallocate(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fallocate, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = ARRAY_LEN(code), .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static int allocate_without_fallocate(struct place *p)
{
    if (!forbid_fallocate())
        return SKIPPED;
    struct file *f = create(p);
    if (file_pwrite(f, "keep", 4, 0) != RC_OK || file_allocate(f, (3u << 20) + 5) != RC_OK)
        return 1;
    struct stat st;
    if (stat(p->a, &st) != 0 || st.st_size != (3 << 20) + 5 || st.st_blocks * 512 < 3 << 20)
        return 2;
    char got[8];
    size_t n = 0;
    if (file_pread(f, got, 8, 0, &n) != RC_OK || n != 8 || memcmp(got, "keep\0\0\0\0", 8) != 0)
        return 3;
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit rl = {6 << 20, 6 << 20};
    setrlimit(RLIMIT_FSIZE, &rl);
    if (file_allocate(f, 8 << 20) != RC_NO_SPACE)
        return 4;
    uint64_t size = 0;
    if (file_size(f, &size) != RC_OK || size != (3u << 20) + 5)
        return 5;
    return 0;
}

static void allocates_where_fallocate_is_not(void **state)
{
    struct place *p = *state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(allocate_without_fallocate(p));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_lock_excludes_others_until_close(void **state)
{
    struct place *p = *state;
    struct file *f = create(p);
    struct file *g = NULL;
    assert_int_equal(file_lock(f), RC_OK);
    assert_int_equal(disk_open(&p->disk, p->a, 0, &g, NULL), RC_OK);
    assert_int_equal(file_lock(g), RC_LOCKED);
    file_close(f);
    assert_int_equal(file_lock(g), RC_OK);
    file_close(g);
}

static void says(enum rc rc, enum rc want, const struct err *err, const char *path)
{
    assert_int_equal(rc, want);
    assert_int_equal(err->rc, want);
    assert_non_null(strstr(err->text, path));
    assert_non_null(strstr(err->text, "; ")); /* what to do */
}

static void failures_are_sentences(void **state)
{
    struct place *p = *state;
    struct file *f = NULL;
    struct err err = {0};
    says(disk_open(&p->disk, p->a, 0, &f, &err), RC_NOT_FOUND, &err, p->a);
    assert_null(f);
    file_close(create(p));
    err = (struct err){0};
    says(disk_open(&p->disk, p->a, DISK_CREATE | DISK_EXCLUSIVE, &f, &err), RC_EXISTS, &err, p->a);
    err = (struct err){0};
    says(disk_mkdir(&p->disk, p->a, &err), RC_EXISTS, &err, p->a);
    err = (struct err){0};
    says(disk_unlink(&p->disk, p->b, &err), RC_NOT_FOUND, &err, p->b);
    err = (struct err){0};
    says(disk_rename(&p->disk, p->b, p->a, &err), RC_NOT_FOUND, &err, p->b);
    assert_non_null(strstr(err.text, p->a));
    err = (struct err){0};
    says(disk_sync_dir(&p->disk, p->b, &err), RC_NOT_FOUND, &err, p->b);
    err = (struct err){0};
    says(disk_list(&p->disk, p->b, NULL, NULL, &err), RC_NOT_FOUND, &err, p->b);
    err = (struct err){0};
    says(disk_open(&p->disk, p->dir, 0, &f, &err), RC_IO, &err, p->dir); /* a directory */
    assert_int_equal(disk_open(&p->disk, p->b, 0, &f, NULL), RC_NOT_FOUND);
}

/* In a child that is not root, who may do anything. */
static void permission_is_told(void **state)
{
    struct place *p = *state;
    assert_int_equal(chmod(p->dir, 0500), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && setuid(NOBODY) != 0)
            _exit(SKIPPED);
        struct file *f = NULL;
        struct err err = {0};
        if (disk_open(&p->disk, p->a, DISK_CREATE, &f, &err) != RC_PERMISSION)
            _exit(1);
        _exit(strstr(err.text, p->a) && strstr(err.text, "permission denied; ") ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(chmod(p->dir, 0700), 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

struct names {
    unsigned count;
    unsigned known;
};

static void note(void *arg, const char *name)
{
    struct names *n = arg;
    n->count++;
    n->known += strcmp(name, "a") == 0 || strcmp(name, "b") == 0;
}

static void directories(void **state)
{
    struct place *p = *state;
    assert_int_equal(disk_mkdir(&p->disk, p->b, NULL), RC_OK);
    struct stat st;
    assert_int_equal(stat(p->b, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    file_close(create(p));
    assert_int_equal(disk_sync_dir(&p->disk, p->dir, NULL), RC_OK);
    struct names n = {0};
    assert_int_equal(disk_list(&p->disk, p->dir, note, &n, NULL), RC_OK);
    assert_int_equal(n.count, 2);
    assert_int_equal(n.known, 2);
    assert_int_equal(rmdir(p->b), 0);
    assert_int_equal(disk_rename(&p->disk, p->a, p->b, NULL), RC_OK);
    assert_int_equal(disk_unlink(&p->disk, p->b, NULL), RC_OK);
    n = (struct names){0};
    assert_int_equal(disk_list(&p->disk, p->dir, note, &n, NULL), RC_OK);
    assert_int_equal(n.count, 0);
}

static void read_only_is_read_only(void **state)
{
    struct place *p = *state;
    file_close(create(p));
    struct file *f = NULL;
    assert_int_equal(disk_open(&p->disk, p->a, DISK_READ, &f, NULL), RC_OK);
    assert_int_not_equal(file_pwrite(f, "x", 1, 0), RC_OK);
    assert_int_equal(file_lock(f), RC_OK);
    file_close(f);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(writes_and_reads_back),
        T(allocates_zeros_and_keeps_what_is_there),
        T(a_failed_allocation_leaves_the_size),
        T(allocates_where_fallocate_is_not),
        T(a_lock_excludes_others_until_close),
        T(failures_are_sentences),
        T(permission_is_told),
        T(directories),
        T(read_only_is_read_only),
    };
    return cmocka_run_group_tests_name("io/disk", tests, NULL, NULL);
}
