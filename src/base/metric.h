/* metric - counters, gauges and histograms, and the text that Prometheus reads of them.
 *
 * A counter is a uint64_t that only grows, a gauge a number: whoever owns one counts with ++. A
 * histogram has fixed buckets. None knows its name; the table that prints it does. Text format:
 * Prometheus' "Exposition formats", version 0.0.4. */
#ifndef MOAT_BASE_METRIC_H
#define MOAT_BASE_METRIC_H

#include "base/buf.h"

#define METRIC_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRIC_BUCKETS_MAX  24

/* UNTYPED: etcd's name is not one that Prometheus expects of the type ("_total" of a gauge). */
enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_UNTYPED };

struct metric_bucket {
    double bound;     /* values up to it */
    const char *text; /* of the label le */
};

struct metric_buckets {
    const struct metric_bucket *v;
    size_t n;
};

/* etcd's, by what they are used for. Seconds. */
extern const struct metric_buckets metric_buckets_disk;     /* 1 ms, doubled, to 8.192 s */
extern const struct metric_buckets metric_buckets_rpc;      /* 5 ms to 10 s */
extern const struct metric_buckets metric_buckets_apply;    /* 0.1 ms, doubled, to 52.4288 s */
extern const struct metric_buckets metric_buckets_hash;     /* 10 ms, doubled, to 163.84 s */
extern const struct metric_buckets metric_buckets_snapshot; /* 10 ms, doubled, to 655.36 s */
extern const struct metric_buckets metric_buckets_defrag;   /* 100 ms, doubled, to 409.6 s */
extern const struct metric_buckets metric_buckets_receive;  /* 100 ms, doubled, to 51.2 s */

struct metric_histogram {
    const struct metric_buckets *buckets;
    uint64_t counts[METRIC_BUCKETS_MAX + 1]; /* the last one is beyond all bounds */
    double sum;
};

void metric_observe(struct metric_histogram *h, double value);
void metric_observe_ns(struct metric_histogram *h, uint64_t ns); /* seconds, from nanoseconds */
uint64_t metric_count(const struct metric_histogram *h);

/* ---- Text ---- */

/* The two lines that begin a family. */
void metric_family(struct buf *out, const char *name, enum metric_type type, const char *help);
/* A sample; labels as `a="b",c="d"`, "" for none. */
void metric_sample(struct buf *out, const char *name, const char *labels, uint64_t value);
void metric_sample_signed(struct buf *out, const char *name, const char *labels, int64_t value);
void metric_sample_real(struct buf *out, const char *name, const char *labels, double value);
void metric_sample_histogram(struct buf *out, const char *name, const char *labels,
                             const struct metric_histogram *h);
/* Append name="value" with what the format wants escaped. */
void metric_label(struct buf *out, const char *name, struct slice value);

#endif
