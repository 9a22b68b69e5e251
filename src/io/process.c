#include "io/process.h"

#include "base/must.h"

#include <fcntl.h>
#include <stdio.h>
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
    unsigned long resident = 0;
    unsigned long shared = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    if (sscanf(text, "%*u %lu %lu", &resident, &shared) != 2) /* proc(5): size resident shared … */
        return 0;
    return (uint64_t)shared * (uint64_t)sysconf(_SC_PAGESIZE);
}
