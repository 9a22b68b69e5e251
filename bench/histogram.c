#include "histogram.h"

#define UNITS_PER_US 16.0

static unsigned bucket_of(uint64_t v)
{
    if (v < 32)
        return (unsigned)v;
    unsigned power = 63u - (unsigned)__builtin_clzll(v);
    return (power - 4) * 32 + (unsigned)(v >> (power - 5) & 31);
}

static double bucket_begin(unsigned i)
{
    if (i < 32)
        return i;
    unsigned power = i / 32 + 4;
    return (double)((uint64_t)1 << power) + (double)(i % 32) * (double)((uint64_t)1 << (power - 5));
}

void histogram_add(struct histogram *h, double seconds)
{
    h->of[bucket_of((uint64_t)(seconds * 1e6 * UNITS_PER_US))]++;
    h->n++;
    if (seconds > h->max_seconds)
        h->max_seconds = seconds;
}

double histogram_at(const struct histogram *h, double share)
{
    uint64_t want = (uint64_t)((double)h->n * share);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->of[i];
        if (seen > want)
            return bucket_begin(i) / UNITS_PER_US;
    }
    return h->max_seconds * 1e6;
}
