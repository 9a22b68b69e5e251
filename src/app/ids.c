#include "app/ids.h"

#include "base/mem.h"
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

void ids_of(const struct conf *conf, uint64_t *member_id, uint64_t *cluster_id)
{
    const struct conf_urls *urls = &conf->initial_advertise_peer_urls;
    const char **texts = mem_calloc(urls->n, sizeof(*texts));
    for (size_t i = 0; i < urls->n; i++)
        texts[i] = urls->v[i].text;
    *member_id = ids_member(texts, urls->n, conf->initial_cluster_token);
    free(texts);
    uint64_t members[1] = {*member_id};
    *cluster_id = ids_cluster(members, 1);
}
