#include "base/metric.h"

#include "base/must.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* clang-format off */
#define BUCKETS(name, ...)                                                                         \
    static const struct metric_bucket name##_v[] = {__VA_ARGS__};                                  \
    _Static_assert(ARRAY_LEN(name##_v) <= METRIC_BUCKETS_MAX, #name);                              \
    const struct metric_buckets metric_buckets_##name = {name##_v, ARRAY_LEN(name##_v)};
#define B(bound) {bound, #bound}

BUCKETS(disk, B(0.001), B(0.002), B(0.004), B(0.008), B(0.016), B(0.032), B(0.064), B(0.128),
        B(0.256), B(0.512), B(1.024), B(2.048), B(4.096), B(8.192))
BUCKETS(rpc, B(0.005), B(0.01), B(0.025), B(0.05), B(0.1), B(0.25), B(0.5), B(1), B(2.5), B(5),
        B(10))
BUCKETS(apply, B(0.0001), B(0.0002), B(0.0004), B(0.0008), B(0.0016), B(0.0032), B(0.0064),
        B(0.0128), B(0.0256), B(0.0512), B(0.1024), B(0.2048), B(0.4096), B(0.8192), B(1.6384),
        B(3.2768), B(6.5536), B(13.1072), B(26.2144), B(52.4288))
BUCKETS(hash, B(0.01), B(0.02), B(0.04), B(0.08), B(0.16), B(0.32), B(0.64), B(1.28), B(2.56),
        B(5.12), B(10.24), B(20.48), B(40.96), B(81.92), B(163.84))
BUCKETS(snapshot, B(0.01), B(0.02), B(0.04), B(0.08), B(0.16), B(0.32), B(0.64), B(1.28), B(2.56),
        B(5.12), B(10.24), B(20.48), B(40.96), B(81.92), B(163.84), B(327.68), B(655.36))
BUCKETS(defrag, B(0.1), B(0.2), B(0.4), B(0.8), B(1.6), B(3.2), B(6.4), B(12.8), B(25.6), B(51.2),
        B(102.4), B(204.8), B(409.6))
BUCKETS(receive, B(0.1), B(0.2), B(0.4), B(0.8), B(1.6), B(3.2), B(6.4), B(12.8), B(25.6), B(51.2))
/* clang-format on */

void metric_observe(struct metric_histogram *h, double value)
{
    size_t i = 0;
    while (i < h->buckets->n && value > h->buckets->v[i].bound)
        i++;
    h->counts[i]++;
    h->sum += value;
}

void metric_observe_ns(struct metric_histogram *h, uint64_t ns)
{
    metric_observe(h, (double)ns / 1e9);
}

uint64_t metric_count(const struct metric_histogram *h)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= h->buckets->n; i++)
        n += h->counts[i];
    return n;
}

/* ---- Text ---- */

void metric_family(struct buf *out, const char *name, enum metric_type type, const char *help)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "untyped"};
    must((unsigned)type < ARRAY_LEN(types));
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

/* Everything before the value. */
static void head(struct buf *out, const char *name, const char *labels)
{
    buf_append_str(out, name);
    if (*labels) {
        buf_append_u8(out, '{');
        buf_append_str(out, labels);
        buf_append_u8(out, '}');
    }
    buf_append_u8(out, ' ');
}

void metric_sample(struct buf *out, const char *name, const char *labels, uint64_t value)
{
    head(out, name, labels);
    buf_printf(out, "%" PRIu64 "\n", value);
}

void metric_sample_signed(struct buf *out, const char *name, const char *labels, int64_t value)
{
    head(out, name, labels);
    buf_printf(out, "%" PRId64 "\n", value);
}

/* The shortest text that reads as the same number. */
static void append_real(struct buf *out, double value)
{
    char text[32];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_append_str(out, text);
}

void metric_sample_real(struct buf *out, const char *name, const char *labels, double value)
{
    head(out, name, labels);
    append_real(out, value);
    buf_append_u8(out, '\n');
}

void metric_sample_histogram(struct buf *out, const char *name, const char *labels,
                             const struct metric_histogram *h)
{
    const char *comma = *labels ? "," : "";
    uint64_t n = 0;
    for (size_t i = 0; i <= h->buckets->n; i++) {
        n += h->counts[i];
        buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, labels, comma,
                   i < h->buckets->n ? h->buckets->v[i].text : "+Inf", n);
    }
    char part[160];
    snprintf(part, sizeof(part), "%s_sum", name);
    metric_sample_real(out, part, labels, h->sum);
    snprintf(part, sizeof(part), "%s_count", name);
    metric_sample(out, part, labels, n);
}

void metric_label(struct buf *out, const char *name, struct slice value)
{
    buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = value.p[i];
        if (c == '"' || c == '\\')
            buf_append_u8(out, '\\');
        if (c == '\n')
            buf_append_str(out, "\\n");
        else
            buf_append_u8(out, c);
    }
    buf_append_u8(out, '"');
}
