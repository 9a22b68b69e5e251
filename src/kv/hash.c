#include "kv/hash.h"

#include "base/crc32c.h"
#include "base/must.h"
#include "kv/inner.h"
#include "wire/kv_codec.h"

#define CLOCK_EVERY_ROWS  64u
#define CLOCK_EVERY_BYTES (1u << 20)

void row_hash_init(struct row_hash *h, int64_t compacted, int64_t revision)
{
    uint32_t name = crc32c(0, SLICE_LIT("key")); /* etcd's bucket */
    *h = (struct row_hash){
        .compacted = compacted, .revision = revision, .of_all = name, .of_kept = name};
}

void row_hash_add(struct row_hash *h, struct slice key, struct slice encoded, bool kept)
{
    struct revision rev = {0};
    bool tombstone = false;
    enum rc rc = revision_key_parse(key, &rev, &tombstone);
    must(rc == RC_OK && rev.main <= h->revision);
    h->any_kept = h->any_kept || kept;
    /* etcd before 3.5.16 removed a tombstone at exactly the compaction, later ones keep it. */
    if (rev.main == h->compacted && tombstone)
        return;
    h->of_all = crc32c(crc32c(h->of_all, key), encoded);
    if (rev.main > h->compacted || kept)
        h->of_kept = crc32c(crc32c(h->of_kept, key), encoded);
}

struct kv_hash_value row_hash_end(const struct row_hash *h)
{
    return (struct kv_hash_value){h->any_kept ? h->of_kept : h->of_all, h->compacted, h->revision};
}

void kv_hash_remember(struct kv *kv, struct kv_hash_value value)
{
    if (kv->hash_n == KV_HASHES_MAX)
        memmove(kv->hashes, kv->hashes + 1, --kv->hash_n * sizeof(kv->hashes[0]));
    kv->hashes[kv->hash_n++] = value; /* compactions only go up */
}

enum etcd_error kv_hash_begin(struct kv *kv, int64_t rev, struct kv_hash *h, bool *known)
{
    *known = false;
    for (size_t i = 0; i < kv->hash_n; i++) {
        if (kv->hashes[i].revision != rev)
            continue;
        h->value = kv->hashes[i];
        *known = true;
        return ETCD_OK;
    }
    if (rev > 0 && rev < kv->compacted)
        return ETCD_COMPACTED;
    if (rev > kv->revision)
        return ETCD_FUTURE_REV;
    row_hash_init(&h->rows, kv->compacted, rev != 0 ? rev : kv->revision);
    memset(h->cursor, 0, sizeof(h->cursor));
    h->ended = false;
    h->rc = RC_OK;
    list_add_tail(&kv->hashing, &h->link);
    return ETCD_OK;
}

void kv_hash_cancel(struct kv_hash *h)
{
    list_remove(&h->link);
}

struct slice_of_work {
    struct kv *kv;
    struct kv_hash *h;
    uint64_t until_ns;
    size_t rows;
    size_t bytes;
};

/* Is this row what a read of its key at the hash's revision gives? */
static bool is_kept(struct kv *kv, const struct kv_hash *h, struct revision rev,
                    struct slice encoded)
{
    struct pb_key_value pair;
    struct index_hit hit;
    return codec_key_value_parse(encoded, &pair) == RC_OK &&
           index_get(kv->index, pair.key, h->rows.revision, &hit) == RC_OK &&
           revision_cmp(hit.mod, rev) == 0;
}

static bool hash_row(void *arg, struct slice key, struct slice stored)
{
    struct slice_of_work *w = arg;
    struct kv_hash *h = w->h;
    struct revision rev = {0};
    bool tombstone;
    struct slice encoded;
    h->rc = revision_key_parse(key, &rev, &tombstone);
    if (h->rc == RC_OK && rev.main <= h->rows.revision)
        h->rc = stored_value(stored, &encoded);
    h->ended = h->rc != RC_OK || rev.main > h->rows.revision;
    if (h->ended)
        return false;
    bool kept = row_hash_asks(&h->rows, rev.main) && !tombstone && is_kept(w->kv, h, rev, encoded);
    row_hash_add(&h->rows, key, encoded, kept);
    memcpy(h->cursor, key.p, REVISION_KEY_LEN);
    h->cursor[REVISION_KEY_LEN] = 't' + 1; /* behind this revision, tombstone or not */
    w->bytes += encoded.n;
    if (++w->rows % CLOCK_EVERY_ROWS != 0 && w->bytes < CLOCK_EVERY_BYTES)
        return true;
    w->bytes = 0;
    return env_now_ns(w->kv->env) < w->until_ns;
}

bool kv_hash_turn(struct kv *kv)
{
    if (list_empty(&kv->hashing))
        return false;
    struct kv_hash *h = CONTAINER_OF(kv->hashing.next, struct kv_hash, link);
    if (kv->flushed < h->rows.revision)
        return false; /* kv_flush_urgent asks for it */
    struct slice_of_work w = {
        .kv = kv, .h = h, .until_ns = env_now_ns(kv->env) + KV_SWEEP_SLICE_NS};
    struct slice from = slice_of(h->cursor, REVISION_TOMBSTONE_LEN);
    enum rc rc = storage_scan(kv->storage, TABLE_KEY, from, hash_row, &w);
    if (rc != RC_OK)
        h->rc = rc;
    if (h->rc == RC_OK && !h->ended && w.rows > 0) /* the last scan has no row left to give */
        return true;
    list_remove(&h->link);
    h->value = row_hash_end(&h->rows);
    h->done(h, h->rc);
    return !list_empty(&kv->hashing);
}
