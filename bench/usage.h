/* usage - what the measured servers have used: CPU time and memory of processes and, of each, all
 * that it started. */
#ifndef MOAT_BENCH_USAGE_H
#define MOAT_BENCH_USAGE_H

#include <stddef.h>

struct usage {
    double cpu_seconds; /* user and system, as the kernel's clock of the process has it */
    double rss_mb;
};

struct usage usage_of(const int *pids, size_t n);
double usage_own_cpu(void); /* seconds */

#endif
