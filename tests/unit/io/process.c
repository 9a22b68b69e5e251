/* The soft limit of descriptors reaches the hard one, and the answer is what is in force. */
#include "rig.h"

#include "io/process.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void raises_soft_to_hard(void **state)
{
    (void)state;
    struct rlimit rl;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
    struct rlimit low = {.rlim_cur = 64, .rlim_max = rl.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(io_raise_fd_limit(), rl.rlim_max);
    struct rlimit now;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_int_equal(now.rlim_cur, rl.rlim_max);
    assert_int_equal(io_raise_fd_limit(), rl.rlim_max); /* again: no change */
}

static double sample(const struct buf *text, const char *name)
{
    const char *at = strstr((const char *)text->p, name);
    assert_non_null(at);
    return strtod(at + strlen(name), NULL);
}

static void says_what_the_process_uses(void **state)
{
    (void)state;
    struct buf text = {0};
    int fd = dup(0);
    io_process_metrics(&text);
    buf_append_u8(&text, 0);
    double fds = sample(&text, "\nprocess_open_fds ");
    assert_true(fds >= 4 && sample(&text, "\nos_fd_used ") == fds);
    assert_true(sample(&text, "\nprocess_max_fds ") >= fds);
    assert_true(sample(&text, "\nprocess_resident_memory_bytes ") > 4096);
    assert_true(sample(&text, "\nprocess_virtual_memory_bytes ") >
                sample(&text, "\nprocess_resident_memory_bytes "));
    double age = (double)time(NULL) - sample(&text, "\nprocess_start_time_seconds ");
    assert_true(age > -2 && age < 3600);
    assert_true(sample(&text, "\nprocess_cpu_seconds_total ") > 0);
    close(fd);
    buf_clear(&text);
    io_process_metrics(&text);
    buf_append_u8(&text, 0);
    assert_true(sample(&text, "\nprocess_open_fds ") == fds - 1);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(raises_soft_to_hard),
                                       cmocka_unit_test(says_what_the_process_uses)};
    return cmocka_run_group_tests_name("io/process", tests, NULL, NULL);
}
