/* All is written, in pieces if need be, or it is told why not. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int open_file(void)
{
    char path[] = "/tmp/moat-fd-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

static void all_is_written(void **state)
{
    (void)state;
    int fd = open_file();
    char got[8] = "";
    assert_int_equal(fd_write_all(fd, SLICE_LIT("")), RC_OK);
    assert_int_equal(fd_write_all(fd, SLICE_LIT("one")), RC_OK);
    assert_int_equal(fd_write_all(fd, SLICE_LIT("two")), RC_OK);
    assert_int_equal(pread(fd, got, sizeof(got), 0), 6);
    assert_string_equal(got, "onetwo");
    close(fd);
}

/* With a limit on the file's size the first write(2) takes a part and the next is refused. */
static void a_part_is_followed_by_the_rest_or_its_reason(void **state)
{
    (void)state;
    int fd = open_file();
    struct rlimit before;
    struct stat st;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit four = {.rlim_cur = 4, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &four), 0);
    enum rc rc = fd_write_all(fd, SLICE_LIT("onetwo"));
    int why = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(why, EFBIG);
    assert_int_equal(rc, rc_of_errno(EFBIG));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 4);
    close(fd);
}

static void a_full_disk_is_no_space(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, SLICE_LIT("one")), rc_of_errno(ENOSPC));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_written),
        cmocka_unit_test(a_part_is_followed_by_the_rest_or_its_reason),
        cmocka_unit_test(a_full_disk_is_no_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
