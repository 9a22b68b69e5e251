/* fuzz: bbolt base */
/* Arbitrary bytes as a bbolt file: refused, or every bucket and row read within its bounds. */
#include "bbolt/reader.h"

struct walk {
    const struct bbolt *b;
    uint64_t sum;
};

static bool row(void *arg, struct slice key, struct slice value)
{
    struct walk *w = arg;
    w->sum += key.p[0] + (value.n ? value.p[value.n - 1] : 0u);
    return true;
}

static bool bucket(void *arg, const struct bbolt_bucket *b)
{
    struct walk *w = arg;
    return bbolt_rows(w->b, b, row, w) == RC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bbolt b;
    struct walk w = {.b = &b};
    if (bbolt_open(slice_of(data, n), &b) == RC_OK && bbolt_buckets(&b, bucket, &w) == RC_OK)
        return w.sum == UINT64_MAX;
    return 0;
}
