/* A data directory is made for its owner alone and found again, and etcd's is left as it is. */
#include "app/datadir.h"

#include "base/mem.h"
#include "io/disk.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH_BYTES 256

struct bench {
    struct disk disk;
    struct datadir dir;
    struct err err;
    char root[PATH_BYTES];
    char path[PATH_BYTES];
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    struct bench *b = mem_zalloc(sizeof(*b));
    const char *tmp = getenv("TMPDIR");
    io_disk_init(&b->disk);
    snprintf(b->root, sizeof(b->root), "%s/moat-datadir-XXXXXX", tmp ? tmp : "/tmp");
    *state = b;
    return mkdtemp(b->root) ? 0 : 1;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    nftw(b->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    datadir_fini(&b->dir);
    free(b);
    return 0;
}

static const char *at(struct bench *b, const char *below)
{
    snprintf(b->path, sizeof(b->path), "%.200s%s", b->root, below);
    return b->path;
}

static void expect_private(struct bench *b, const char *below)
{
    struct stat st;
    assert_int_equal(stat(at(b, below), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0700); /* CVE-2020-15113 */
}

static void what_is_missing_is_made(void **state)
{
    struct bench *b = *state;
    char *data = mem_strdup(at(b, "/some/where/infra0.etcd"));
    assert_int_equal(datadir_open(&b->disk, data, "", &b->dir, &b->err), RC_OK);
    free(data);
    assert_true(b->dir.fresh);
    assert_string_equal(b->dir.root, at(b, "/some/where/infra0.etcd/moat"));
    assert_string_equal(b->dir.db, at(b, "/some/where/infra0.etcd/moat/db"));
    assert_string_equal(b->dir.wal, at(b, "/some/where/infra0.etcd/moat/wal"));
    expect_private(b, "/some");
    expect_private(b, "/some/where/infra0.etcd");
    expect_private(b, "/some/where/infra0.etcd/moat");
}

static void data_is_found_again(void **state)
{
    struct bench *b = *state;
    struct file *f = NULL;
    assert_int_equal(datadir_open(&b->disk, b->root, "", &b->dir, NULL), RC_OK);
    assert_true(b->dir.fresh);
    assert_int_equal(disk_open(&b->disk, b->dir.db, DISK_CREATE, &f, NULL), RC_OK);
    file_close(f);
    datadir_fini(&b->dir);
    assert_null(b->dir.root);
    assert_int_equal(datadir_open(&b->disk, b->root, "", &b->dir, NULL), RC_OK);
    assert_false(b->dir.fresh);
}

static void the_log_may_live_elsewhere(void **state)
{
    struct bench *b = *state;
    char *wal = mem_strdup(at(b, "/fast/disk/log"));
    assert_int_equal(datadir_open(&b->disk, b->root, wal, &b->dir, &b->err), RC_OK);
    assert_string_equal(b->dir.wal, wal);
    expect_private(b, "/fast/disk"); /* the log makes its own directory, and syncs its name */
    free(wal);
}

static void a_relative_path_with_a_slash_at_its_end(void **state)
{
    struct bench *b = *state;
    char before[PATH_BYTES];
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(b->root), 0);
    enum rc rc = datadir_open(&b->disk, "rel//", "", &b->dir, &b->err);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(rc, RC_OK);
    expect_private(b, "/rel/moat");
}

static void etcds_directory_is_left_alone(void **state)
{
    static const char *const parts[] = {"/member/snap", "/member/wal"};
    struct bench *b = *state;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (i == 0)
            assert_int_equal(mkdir(at(b, "/member"), 0700), 0);
        else
            assert_int_equal(rmdir(at(b, parts[0])), 0);
        assert_int_equal(mkdir(at(b, parts[i]), 0700), 0);
        b->err = (struct err){0};
        assert_int_equal(datadir_open(&b->disk, b->root, "", &b->dir, &b->err), RC_FOREIGN);
        assert_non_null(strstr(b->err.text, b->root));
        assert_non_null(strstr(b->err.text, "--data-dir"));
        datadir_fini(&b->dir);
        struct stat st;
        assert_int_not_equal(stat(at(b, "/moat"), &st), 0);
    }
}

static void what_cannot_be_made_is_named(void **state)
{
    struct bench *b = *state;
    struct file *f = NULL;
    assert_int_equal(disk_open(&b->disk, at(b, "/file"), DISK_CREATE, &f, NULL), RC_OK);
    file_close(f);
    char *data = mem_strdup(at(b, "/file/data"));
    assert_int_not_equal(datadir_open(&b->disk, data, "", &b->dir, &b->err), RC_OK);
    assert_non_null(strstr(b->err.text, at(b, "/file")));
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_missing_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(data_is_found_again, setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_may_live_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(a_relative_path_with_a_slash_at_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(etcds_directory_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_made_is_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
