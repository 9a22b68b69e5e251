/* histogram - latencies in buckets of 3 %: 32 to each power of two of a sixteenth microsecond. */
#ifndef MOAT_BENCH_HISTOGRAM_H
#define MOAT_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS (64 * 32)

struct histogram {
    uint64_t of[HISTOGRAM_BUCKETS];
    uint64_t n;
    double max_seconds;
};

void histogram_add(struct histogram *h, double seconds);
/* The latency that the given share (0 to 1) stays below, in microseconds. */
double histogram_at(const struct histogram *h, double share);

#endif
