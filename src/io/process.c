#include "io/process.h"

#include "base/metric.h"
#include "base/must.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum rc io_lock_memory(struct err *err)
{
    /* On fault: the map of the data reserves far more address space than there is memory. */
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
        return RC_OK;
    return err_set(err, errno == EPERM ? RC_PERMISSION : RC_LIMIT,
                   "--memory-mlock: the system does not let this process lock its memory; raise "
                   "its limit (ulimit -l unlimited, or LimitMEMLOCK=infinity in its unit), or give "
                   "it CAP_IPC_LOCK");
}

uint64_t io_raise_fd_limit(void)
{
    struct rlimit rl;
    must(getrlimit(RLIMIT_NOFILE, &rl) == 0);
    struct rlimit raised = {.rlim_cur = rl.rlim_max, .rlim_max = rl.rlim_max};
    if (rl.rlim_cur < rl.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return raised.rlim_cur;
    return rl.rlim_cur; /* a hard limit above the kernel's own maximum cannot be had: go on */
}

/* Read the start of a file; false: there is none. */
static bool read_text(const char *path, char *text, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, cap - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* proc(5), statm: size, resident, shared …, in pages. Bytes of the first three; 0: unknown. */
static void read_memory(uint64_t out[3])
{
    char text[128];
    char *at = text;
    bool known = read_text("/proc/self/statm", text, sizeof(text));
    for (int field = 0; field < 3; field++)
        out[field] = known ? strtoul(at, &at, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t io_resident_file_bytes(void)
{
    uint64_t bytes[3];
    read_memory(bytes);
    return bytes[2];
}

static uint64_t count_fds(void)
{
    uint64_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else has this stream */
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        n += e->d_name[0] != '.';
    closedir(dir);
    return n - 1; /* the directory's own */
}

/* Seconds since 1970 at which the process began; 0: unknown. proc(5): stat has it in ticks since
 * boot, field 22, behind a name in brackets; /proc/stat has the boot. */
static double start_time(void)
{
    char text[4096];
    char *at = read_text("/proc/self/stat", text, sizeof(text)) ? strrchr(text, ')') : NULL;
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return 0;
    double ticks = strtod(at, NULL);
    FILE *f = fopen("/proc/stat", "re");
    double boot = 0;
    while (f && boot == 0 && fgets(text, sizeof(text), f))
        if (strncmp(text, "btime ", 6) == 0)
            boot = strtod(text + 6, NULL);
    if (f)
        (void)fclose(f);
    return boot > 0 ? boot + ticks / (double)sysconf(_SC_CLK_TCK) : 0;
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void write_gauge(struct buf *out, const char *name, const char *help, double value)
{
    metric_family(out, name, METRIC_GAUGE, help);
    metric_sample_real(out, name, "", value);
}

void io_process_metrics(struct buf *out)
{
    uint64_t memory[3];
    struct rusage usage;
    struct rlimit files = {0};
    struct rlimit space = {0};
    must(getrusage(RUSAGE_SELF, &usage) == 0);
    must(getrlimit(RLIMIT_NOFILE, &files) == 0 && getrlimit(RLIMIT_AS, &space) == 0);
    read_memory(memory);
    uint64_t fds = count_fds();
    write_gauge(out, "os_fd_limit", "The file descriptor limit.", (double)files.rlim_cur);
    write_gauge(out, "os_fd_used", "The number of used file descriptors.", (double)fds);
    metric_family(out, "process_cpu_seconds_total", METRIC_COUNTER,
                  "Total user and system CPU time spent in seconds.");
    metric_sample_real(out, "process_cpu_seconds_total", "",
                       seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    write_gauge(out, "process_max_fds", "Maximum number of open file descriptors.",
                (double)files.rlim_cur);
    write_gauge(out, "process_open_fds", "Number of open file descriptors.", (double)fds);
    write_gauge(out, "process_resident_memory_bytes", "Resident memory size in bytes.",
                (double)memory[1]);
    write_gauge(out, "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.", start_time());
    write_gauge(out, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
                (double)memory[0]);
    write_gauge(out, "process_virtual_memory_max_bytes",
                "Maximum amount of virtual memory available in bytes.", (double)space.rlim_cur);
}
