#include "io/process.h"

#include "base/must.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

uint64_t io_raise_fd_limit(void)
{
    struct rlimit rl;
    must(getrlimit(RLIMIT_NOFILE, &rl) == 0);
    struct rlimit raised = {.rlim_cur = rl.rlim_max, .rlim_max = rl.rlim_max};
    if (rl.rlim_cur < rl.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return raised.rlim_cur;
    return rl.rlim_cur; /* a hard limit above the kernel's own maximum cannot be had: go on */
}

uint64_t io_resident_file_bytes(void)
{
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    /* proc(5): size, resident, shared …, in pages */
    char *at = text;
    uint64_t pages = 0;
    for (int field = 0; field < 3; field++)
        pages = strtoul(at, &at, 10);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
