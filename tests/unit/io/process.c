/* The soft limit of descriptors reaches the hard one, and the answer is what is in force. */
#include "rig.h"

#include "io/process.h"

#include <sys/resource.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(raises_soft_to_hard)};
    return cmocka_run_group_tests_name("io/process", tests, NULL, NULL);
}
