/* A file and its compressed form say the same; what cannot be finished leaves nothing behind. */
#include "app/gzip.h"

#include "base/mem.h"
#include "place.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static void what_is_compressed_is_read_back(void **state)
{
    const struct place *p = *state;
    atomic_bool stop = false;
    struct stat st;
    char *to = mem_printf("%s.gz", p->path);
    place_write(p, "moat.log", "one line\nand another\n");
    assert_int_equal(chmod(p->path, 0640), 0);
    place_write(p, "moat.log.gz",
                "half of what a crash left, and longer than what comes in its place");
    assert_int_equal(gzip_file(p->path, to, &stop), RC_OK);
    place_unzips(p, "moat.log.gz", "one line\nand another\n");
    assert_true(place_has(p, "moat.log"));
    unlink(to);
    assert_int_equal(gzip_file(p->path, to, &stop), RC_OK);
    assert_int_equal(stat(to, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    place_write(p, "moat.log", "");
    assert_int_equal(gzip_file(p->path, to, &stop), RC_OK);
    free(to);
}

/* Of many pieces, which do not compress to nothing. */
static void a_large_file_comes_back_whole(void **state)
{
    const struct place *p = *state;
    enum { BYTES = 3000000 };
    atomic_bool stop = false;
    uint8_t *wrote = mem_alloc(BYTES);
    uint8_t *found = mem_alloc(BYTES);
    char *to = mem_printf("%s.gz", p->path);
    uint32_t x = 1;
    for (size_t i = 0; i < BYTES; i++) {
        x = x * 1664525 + 1013904223;
        wrote[i] = (uint8_t)(x >> 24);
    }
    FILE *f = fopen(p->path, "w");
    assert_int_equal(fwrite(wrote, 1, BYTES, f), BYTES);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(gzip_file(p->path, to, &stop), RC_OK);
    gzFile gz = gzopen(to, "rb");
    assert_int_equal(gzread(gz, found, BYTES), BYTES);
    assert_int_equal(gzread(gz, found, 1), 0);
    assert_int_equal(gzclose(gz), Z_OK);
    assert_memory_equal(found, wrote, BYTES);
    free(to);
    free(wrote);
    free(found);
}

static void what_is_stopped_or_fails_leaves_nothing(void **state)
{
    const struct place *p = *state;
    atomic_bool stop = true;
    char *to = mem_printf("%s.gz", p->path);
    assert_int_equal(gzip_file(p->path, to, &stop), RC_NOT_FOUND);
    place_write(p, "moat.log", "a line\n");
    assert_int_equal(gzip_file(p->path, to, &stop), RC_AGAIN);
    assert_false(place_has(p, "moat.log.gz"));
    stop = false;
    assert_int_equal(gzip_file(p->path, "/nowhere/moat.log.gz", &stop), RC_NOT_FOUND);
    /* A disk that takes no more, as far as a process can have one. */
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, before.rlim_max}), 0);
    enum rc rc = gzip_file(p->path, to, &stop);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_not_equal(rc, RC_OK);
    assert_false(place_has(p, "moat.log.gz"));
    assert_true(place_has(p, "moat.log"));
    free(to);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_compressed_is_read_back),
        TEST(a_large_file_comes_back_whole),
        TEST(what_is_stopped_or_fails_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
