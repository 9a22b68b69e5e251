#include "env/metrics.h"

#include <stdlib.h>

/* One series of the table: a number or a histogram. */
struct row {
    const char *name;
    const char *help;
    enum metric_type type;
    size_t offset;
};

static const struct row rows[] = {
#define X(field, type, name, help) {name, help, METRIC_##type, offsetof(struct metrics, field)},
    METRICS_NUMBERS(X)
#undef X
#define X(field, buckets, name, help)                                                              \
    {name, help, METRIC_HISTOGRAM, offsetof(struct metrics, field)},
        METRICS_HISTOGRAMS(X)
#undef X
};

void metrics_init(struct metrics *m)
{
    *m = (struct metrics){
#define X(field, buckets_, name, help) .field = {.buckets = &metric_buckets_##buckets_},
        METRICS_HISTOGRAMS(X)
#undef X
    };
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

void metrics_write(const struct metrics *m, struct buf *out)
{
    struct row sorted[ARRAY_LEN(rows)];
    memcpy(sorted, rows, sizeof(rows));
    qsort(sorted, ARRAY_LEN(rows), sizeof(struct row), compare_names);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &sorted[i];
        const void *at = (const char *)m + r->offset;
        metric_family(out, r->name, r->type, r->help);
        if (r->type == METRIC_HISTOGRAM)
            metric_sample_histogram(out, r->name, "", at);
        else
            metric_sample(out, r->name, "", *(const uint64_t *)at);
    }
}
