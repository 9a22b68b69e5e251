#include "app/ids.h"

#include "base/wr.h"
#include "pki/digest.h"

#include <stdlib.h>

static uint64_t first_8_of_sha1(struct buf *b)
{
    uint8_t sum[DIGEST_SHA1_LEN];
    digest_sha1(buf_slice(b), sum);
    buf_fini(b);
    return load_u64_big(sum);
}

uint64_t ids_member(const char *const *sorted_peer_urls, size_t n, const char *token)
{
    struct buf b = {0};
    for (size_t i = 0; i < n; i++)
        buf_append_str(&b, sorted_peer_urls[i]);
    buf_append_str(&b, token);
    return first_8_of_sha1(&b);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t ids_cluster(uint64_t *v, size_t n)
{
    struct buf b = {0};
    qsort(v, n, sizeof(*v), compare_u64);
    for (size_t i = 0; i < n; i++)
        buf_append_u64_big(&b, v[i]);
    return first_8_of_sha1(&b);
}
