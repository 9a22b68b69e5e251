#include "usage.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* In nanoseconds, where /proc/PID/stat counts ticks of ten milliseconds. */
static double cpu_of(int pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
        return 0;
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double rss_of(int pid)
{
    char path[64];
    long size = 0;
    long resident = 0;
    snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    if (fscanf(f, "%ld %ld", &size, &resident) != 2)
        resident = 0;
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void add(struct usage *sum, int pid)
{
    sum->cpu_seconds += cpu_of(pid);
    sum->rss_mb += rss_of(pid);
    char path[64];
    int child;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    FILE *f = fopen(path, "r");
    while (f && fscanf(f, "%d", &child) == 1)
        add(sum, child);
    if (f)
        fclose(f);
}

struct usage usage_of(const int *pids, size_t n)
{
    struct usage sum = {0};
    for (size_t i = 0; i < n; i++)
        add(&sum, pids[i]);
    return sum;
}

double usage_own_cpu(void)
{
    return cpu_of(getpid());
}
