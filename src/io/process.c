#include "io/process.h"

#include "base/must.h"

#include <sys/resource.h>

uint64_t io_raise_fd_limit(void)
{
    struct rlimit rl;
    must(getrlimit(RLIMIT_NOFILE, &rl) == 0);
    struct rlimit raised = {.rlim_cur = rl.rlim_max, .rlim_max = rl.rlim_max};
    if (rl.rlim_cur < rl.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return raised.rlim_cur;
    return rl.rlim_cur; /* a hard limit above the kernel's own maximum cannot be had: go on */
}
