#include "snapshot/status.h"

#include "base/crc32c.h"
#include "kv/index.h"
#include "state/meta.h"
#include "wire/kv_codec.h"

struct looking {
    const struct bbolt *file;
    struct snapshot_status s;
    struct index *index; /* of the keys, to count those alive */
    struct revision last;
    enum rc rc;
    bool keys; /* the bucket at hand is that of keys */
};

static bool parse(struct slice key, struct slice value, struct revision *rev, bool *tombstone,
                  struct pb_key_value *pair)
{
    return revision_key_parse(key, rev, tombstone) == RC_OK &&
           codec_key_value_parse(value, pair) == RC_OK;
}

/* Note the row in the index; last is the row's before it. A tombstone whose put was compacted away
 * ends nothing. */
static enum rc note_row(struct index *x, struct slice key, struct slice value,
                        struct revision *last)
{
    struct revision rev = {0};
    bool tombstone = false;
    struct pb_key_value pair;
    if (!parse(key, value, &rev, &tombstone, &pair) || rev.sub < 0 || rev.sub > UINT32_MAX ||
        revision_cmp(*last, rev) >= 0)
        return RC_CORRUPT;
    *last = rev;
    if (!tombstone)
        index_put(x, pair.key, rev, 0);
    else if (index_get(x, pair.key, INDEX_NOW, &(struct index_hit){0}) == RC_OK)
        return index_tombstone(x, pair.key, rev);
    return RC_OK;
}

static bool look_at_row(void *arg, struct slice key, struct slice value)
{
    struct looking *l = arg;
    l->s.hash = crc32c(crc32c(l->s.hash, key), value);
    if (l->keys)
        l->rc = note_row(l->index, key, value, &l->last);
    return l->rc == RC_OK;
}

static bool look_at_bucket(void *arg, const struct bbolt_bucket *bucket)
{
    struct looking *l = arg;
    l->s.hash = crc32c(l->s.hash, bucket->name);
    l->keys = slice_eq(bucket->name, SLICE_LIT("key"));
    enum rc rc = bbolt_rows(l->file, bucket, look_at_row, l);
    l->rc = l->rc == RC_OK ? rc : l->rc;
    return l->rc == RC_OK;
}

struct finding {
    const char *key;
    struct slice value;
};

static bool find_row(void *arg, struct slice key, struct slice value)
{
    struct finding *f = arg;
    if (slice_eq(key, slice_str(f->key)))
        f->value = value;
    return f->value.p == NULL;
}

/* A value of etcd's bucket of marks; empty when it is not there. */
static struct slice meta_of(const struct bbolt *file, const char *key)
{
    struct finding f = {.key = key};
    struct bbolt_bucket bucket;
    if (bbolt_find(file, SLICE_LIT("meta"), &bucket) != RC_OK ||
        bbolt_rows(file, &bucket, find_row, &f) != RC_OK)
        return (struct slice){0};
    return f.value;
}

enum rc snapshot_status(const struct bbolt *file, struct snapshot_status *out, struct err *err)
{
    struct looking l = {.file = file, .s.size = bbolt_size(file), .index = index_new()};
    struct index_stats stats;
    enum rc rc = bbolt_buckets(file, look_at_bucket, &l);
    rc = l.rc == RC_OK ? rc : l.rc;
    index_stats(l.index, &stats);
    index_free(l.index);
    l.s.revision = l.last.main;
    if (rc != RC_OK)
        return err_set(err, rc, "the snapshot is damaged behind revision %lld (%s)",
                       (long long)l.last.main, rc_text(rc));
    l.s.keys = stats.alive;
    l.s.version = meta_of(file, "storageVersion");
    *out = l.s;
    return RC_OK;
}

/* ---- HashKV ---- */

static int64_t mark_of(const struct bbolt *file, const char *key)
{
    struct revision rev = {0};
    bool tombstone;
    return revision_key_parse(meta_of(file, key), &rev, &tombstone) == RC_OK ? rev.main : -1;
}

struct hash_kv {
    struct index *index;
    struct row_hash rows;
    struct revision last;
    enum rc rc;
};

static bool index_row(void *arg, struct slice key, struct slice value)
{
    struct hash_kv *h = arg;
    h->rc = note_row(h->index, key, value, &h->last);
    return h->rc == RC_OK;
}

static bool hash_row(void *arg, struct slice key, struct slice value)
{
    struct hash_kv *h = arg;
    struct revision rev = {0};
    bool tombstone = false;
    struct pb_key_value pair;
    struct index_hit hit;
    if (!parse(key, value, &rev, &tombstone, &pair) || rev.main > h->rows.revision)
        return false;
    bool kept = row_hash_asks(&h->rows, rev.main) && !tombstone &&
                index_get(h->index, pair.key, h->rows.revision, &hit) == RC_OK &&
                revision_cmp(hit.mod, rev) == 0;
    row_hash_add(&h->rows, key, value, kept);
    return true;
}

static enum etcd_error hash_of(struct hash_kv *h, const struct bbolt *file,
                               const struct bbolt_bucket *bucket, int64_t revision)
{
    enum rc rc = bbolt_rows(file, bucket, index_row, h);
    h->rc = h->rc == RC_OK ? rc : h->rc;
    if (h->rc != RC_OK)
        return ETCD_CORRUPT;
    int64_t swept = mark_of(file, META_SWEPT);
    int64_t compacted = mark_of(file, META_COMPACTED);
    compacted = compacted > swept ? compacted : swept;
    int64_t current = h->last.main > compacted ? h->last.main : compacted;
    current = current > 1 ? current : 1;
    if (revision > 0 && revision < compacted)
        return ETCD_COMPACTED;
    if (revision > current)
        return ETCD_FUTURE_REV;
    row_hash_init(&h->rows, compacted, revision > 0 ? revision : current);
    h->rc = bbolt_rows(file, bucket, hash_row, h);
    return h->rc == RC_OK ? ETCD_OK : ETCD_CORRUPT;
}

enum etcd_error snapshot_hash_kv(const struct bbolt *file, int64_t revision,
                                 struct kv_hash_value *out, struct err *err)
{
    struct hash_kv h = {.index = index_new()};
    struct bbolt_bucket bucket;
    enum etcd_error e = ETCD_CORRUPT;
    h.rc = bbolt_find(file, SLICE_LIT("key"), &bucket);
    if (h.rc == RC_OK)
        e = hash_of(&h, file, &bucket, revision);
    if (e == ETCD_OK)
        *out = row_hash_end(&h.rows);
    if (h.rc != RC_OK)
        err_set(err, h.rc, "the file's keys cannot be read behind revision %lld (%s)",
                (long long)h.last.main, rc_text(h.rc));
    index_free(h.index);
    return e;
}
