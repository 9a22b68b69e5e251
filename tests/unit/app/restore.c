/* A file is looked at before anything is made of it. The whole way is tested with the real etcds
 * (tests/integration/test_snapshot.py). */
#include "app/restore.h"

#include "../bbolt/file.h"
#include "pki/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void put_no_keys(struct bbolt_writer *w, void *arg)
{
    (void)arg;
    bbolt_bucket_begin(w, SLICE_LIT("key"));
    bbolt_bucket_end(w);
}

static enum rc look(struct slice content, bool check_hash, bool *has_hash)
{
    char path[] = "/tmp/moat-restore-XXXXXX";
    struct restore_file f = {0};
    struct err err = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.p, content.n), (ssize_t)content.n);
    close(fd);
    enum rc rc = restore_open(path, check_hash, &f, &err);
    assert_true((rc == RC_OK) == (err.text[0] == 0));
    *has_hash = f.has_hash;
    restore_close(&f);
    unlink(path);
    return rc;
}

static void a_hash_that_is_there_must_be_right(void **state)
{
    (void)state;
    struct buf file = file_of(put_no_keys, NULL);
    uint8_t sum[DIGEST_SHA256_LEN];
    bool has_hash;
    assert_int_equal(look(buf_slice(&file), true, &has_hash), RC_OK);
    assert_false(has_hash);
    digest_sha256(buf_slice(&file), sum);
    buf_append(&file, sum, sizeof(sum));
    assert_int_equal(look(buf_slice(&file), true, &has_hash), RC_OK);
    assert_true(has_hash);
    file.p[9000] ^= 1;
    assert_int_equal(look(buf_slice(&file), true, &has_hash), RC_CORRUPT);
    assert_int_equal(look(buf_slice(&file), false, &has_hash), RC_OK);
    buf_fini(&file);
}

static void what_is_no_snapshot_is_foreign(void **state)
{
    (void)state;
    struct err err = {0};
    struct restore_file f;
    bool has_hash;
    assert_int_equal(look(SLICE_LIT(""), true, &has_hash), RC_FOREIGN);
    assert_int_equal(look(SLICE_LIT("no snapshot"), true, &has_hash), RC_FOREIGN);
    assert_int_equal(restore_open("/proc/nonexistent/file", true, &f, &err), RC_NOT_FOUND);
    assert_non_null(strstr(err.text, "/proc/nonexistent/file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_that_is_there_must_be_right),
        cmocka_unit_test(what_is_no_snapshot_is_foreign),
    };
    return cmocka_run_group_tests_name("app/restore", tests, NULL, NULL);
}
