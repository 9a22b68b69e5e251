#include "app/ids.h"

#include "base/mem.h"
#include "base/wr.h"
#include "kv/storage.h"
#include "pki/digest.h"
#include "store/store.h"
#include "wire/etcd.h"

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

static bool has_url(const struct pb_member *m, const char *url)
{
    for (size_t i = 0; i < m->peer_urls_n; i++)
        if (slice_eq(m->peer_urls[i], slice_str(url)))
            return true;
    return false;
}

/* In any order; conf has each once. */
static bool same_urls(const struct conf_urls *urls, const struct pb_member *m)
{
    bool same = urls->n == m->peer_urls_n;
    for (size_t i = 0; same && i < urls->n; i++)
        same = has_url(m, urls->v[i].text);
    return same;
}

bool ids_kept(const struct conf *conf, const char *db, uint64_t *member_id, uint64_t *cluster_id)
{
    struct storage *storage = NULL;
    struct err err = {0};
    uint64_t member;
    uint64_t cluster;
    uint8_t key[8];
    struct slice row;
    struct pb_member m;
    struct arena arena = {0};
    if (store_open(&(struct store_options){.path = db, .any_owner = true}, &storage, &err) != RC_OK)
        return false;
    store_owner(storage, &cluster, &member);
    store_u64_big(key, member);
    bool kept = storage_get(storage, TABLE_MEMBER, slice_of(key, sizeof(key)), &row) == RC_OK &&
                wire_decode(&wire_member, row, &arena, &m) == RC_OK &&
                same_urls(&conf->initial_advertise_peer_urls, &m);
    if (kept) {
        *member_id = member;
        *cluster_id = cluster;
    }
    arena_fini(&arena);
    storage_close(storage);
    return kept;
}
