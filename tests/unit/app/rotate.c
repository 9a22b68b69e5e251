/* A full log file is put aside under the time, no line is lost, and only so many are kept. */
#include "app/rotate.h"

#include "app/logger.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char dir[64];
    char path[96];
};

static int setup(void **state)
{
    struct place *p = mem_zalloc(sizeof(*p));
    snprintf(p->dir, sizeof(p->dir), "/tmp/moat-rotate-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof(p->path), "%s/moat.log", p->dir);
    *state = p;
    return 0;
}

/* How many files there are, and their bytes; with remove they go. */
static unsigned files(const struct place *p, uint64_t *bytes, bool removing)
{
    unsigned n = 0;
    DIR *d = opendir(p->dir);
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        struct stat st;
        char *path = mem_printf("%s/%s", p->dir, e->d_name);
        if (e->d_name[0] != '.' && stat(path, &st) == 0) {
            n++;
            *bytes += (uint64_t)st.st_size;
            if (removing)
                unlink(path);
        }
        free(path);
    }
    closedir(d);
    return n;
}

static int teardown(void **state)
{
    struct place *p = *state;
    uint64_t bytes = 0;
    (void)files(p, &bytes, true);
    int rc = rmdir(p->dir);
    free(p);
    return rc;
}

static void touch(const struct place *p, const char *name)
{
    char *path = mem_printf("%s/%s", p->dir, name);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    free(path);
}

static bool exists(const struct place *p, const char *name)
{
    char *path = mem_printf("%s/%s", p->dir, name);
    bool is = access(path, F_OK) == 0;
    free(path);
    return is;
}

static void the_time_goes_into_the_name(void **state)
{
    (void)state;
    char name[ROTATE_NAME_MAX];
    struct timespec at = {.tv_sec = 1769903999, .tv_nsec = 123456789};
    rotate_name(&(struct rotate){.path = "/var/log.d/moat.log"}, at, name);
    assert_string_equal(name, "/var/log.d/moat-2026-01-31T23-59-59.123.log");
    rotate_name(&(struct rotate){.path = "log.d/moat"}, at, name);
    assert_string_equal(name, "log.d/moat-2026-01-31T23-59-59.123");
}

static void no_line_is_lost(void **state)
{
    const struct place *p = *state;
    struct logger l;
    char *outputs[] = {mem_strdup(p->path)};
    assert_int_equal(logger_init(&l, LOG_INFO, false, outputs, 1, NULL), RC_OK);
    logger_rotate(&l, outputs, 1, &(struct rotate){.bytes_max = 300});
    uint64_t written = 0;
    for (unsigned i = 0; i < 20; i++) {
        log_info(&l.log, "event", "number", U64(i));
        written += l.line.n;
        usleep(1500); /* names tell milliseconds apart */
    }
    logger_fini(&l);
    free(outputs[0]);
    uint64_t found = 0;
    assert_true(files(p, &found, false) >= 3);
    assert_int_equal(found, written);
}

static void only_so_many_and_so_old_ones_are_kept(void **state)
{
    const struct place *p = *state;
    struct rotate r = {.path = p->path, .bytes_max = 1, .backups_max = 2};
    struct timespec now = {.tv_sec = 1769903999};
    touch(p, "moat-2026-01-01T00-00-00.000.log");
    touch(p, "moat-2026-01-30T00-00-00.000.log");
    touch(p, "moat-other.log");
    touch(p, "moat-2026-01-30T00-00-00.00x.log");
    int fd = open(p->path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    assert_int_equal(write(fd, "line\n", 5), 5);
    rotate_begin(&r, fd);
    assert_true(rotate_is_due(&r, 1));
    fd = rotate_now(&r, fd, now);
    assert_false(rotate_is_due(&r, 100)); /* one line fits, however long */
    assert_true(exists(p, "moat-2026-01-31T23-59-59.000.log"));
    assert_true(exists(p, "moat-2026-01-30T00-00-00.000.log"));
    assert_false(exists(p, "moat-2026-01-01T00-00-00.000.log"));
    assert_true(exists(p, "moat-other.log"));
    assert_true(exists(p, "moat-2026-01-30T00-00-00.00x.log"));
    r.backups_max = 0;
    r.days_max = 1;
    assert_int_equal(write(fd, "line\n", 5), 5);
    now.tv_sec += 10;
    fd = rotate_now(&r, fd, now);
    assert_false(exists(p, "moat-2026-01-30T00-00-00.000.log"));
    assert_true(exists(p, "moat-2026-01-31T23-59-59.000.log"));
    close(fd);
}

static void what_cannot_be_put_aside_goes_on(void **state)
{
    const struct place *p = *state;
    struct rotate r = {.path = "/nowhere/moat.log", .bytes_max = 1, .bytes = 5};
    int fd = open(p->path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(rotate_now(&r, fd, (struct timespec){0}), fd);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_goes_into_the_name),
        TEST(no_line_is_lost),
        TEST(only_so_many_and_so_old_ones_are_kept),
        TEST(what_cannot_be_put_aside_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
