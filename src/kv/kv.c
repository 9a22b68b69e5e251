#include "kv/kv.h"

#include "base/mem.h"
#include "base/must.h"
#include "env/metrics.h"
#include "kv/inner.h"
#include "kv/watch_inner.h"
#include "wire/kv_codec.h"

#include <stdlib.h>

static void no_leases(void *arg, struct slice key, int64_t lease)
{
    (void)arg;
    (void)key;
    (void)lease;
}

struct kv *kv_new(struct env *env, struct storage *storage)
{
    struct kv *kv = mem_zalloc(sizeof(*kv));
    kv->env = env;
    kv->storage = storage;
    kv->index = index_new();
    kv->revision = 1; /* etcd's empty store is at revision 1 */
    kv->flushed = 1;
    kv->compacted = -1;
    kv->swept = -1;
    list_init(&kv->pins);
    list_init(&kv->holds);
    kv_on_lease(kv, no_leases, NULL);
    watches_init(&kv->watches, env);
    list_init(&kv->hashing);
    return kv;
}

void kv_free(struct kv *kv)
{
    if (!kv)
        return;
    watches_fini(&kv->watches);
    index_free(kv->index);
    ring_fini(&kv->ring);
    buf_fini(&kv->sweep.deletes);
    buf_fini(&kv->sweep.out);
    free(kv);
}

void kv_on_lease(struct kv *kv, void (*fn)(void *arg, struct slice key, int64_t lease), void *arg)
{
    kv->on_lease = fn;
    kv->on_lease_arg = arg;
}

struct restore {
    struct kv *kv;
    int64_t last; /* no revision is above it */
    bool verify;
    enum rc rc;
    struct revision at;
};

/* The size that the index counts is what the pair takes in an answer: so how large an answer gets
 * is known without a walk over its keys. */
static uint32_t size_in_answer(size_t encoded_len)
{
    size_t size = codec_range_prefix_len(encoded_len) + encoded_len;
    must(size <= INDEX_SIZE_MAX); /* max-request-bytes is far below */
    return (uint32_t)size;
}

static bool restore_one(void *arg, struct slice key, struct slice stored)
{
    struct restore *r = arg;
    bool tombstone = false;
    struct pb_key_value pair;
    if (stored.n < STORED_CRC_LEN)
        r->rc = RC_CORRUPT;
    struct slice encoded = {stored.p, r->rc == RC_OK ? stored.n - STORED_CRC_LEN : 0};
    if (r->rc == RC_OK)
        r->rc = revision_key_parse(key, &r->at, &tombstone);
    if (r->rc == RC_OK && r->verify)
        r->rc = stored_value(stored, &encoded);
    if (r->rc == RC_OK && (r->at.main > r->last || codec_key_value_parse(encoded, &pair) != RC_OK))
        r->rc = RC_CORRUPT;
    if (r->rc != RC_OK)
        return false;
    if (tombstone)
        r->rc = index_restore_tombstone(r->kv->index, pair.key, r->at);
    else
        r->rc = index_restore_put(r->kv->index, pair.key, r->at, pair.create_revision, pair.version,
                                  size_in_answer(encoded.n));
    r->kv->on_lease(r->kv->on_lease_arg, pair.key, tombstone ? 0 : pair.lease);
    return r->rc == RC_OK;
}

enum rc kv_restore(struct kv *kv, const struct kv_marks *marks, bool verify, struct err *err)
{
    struct restore r = {.kv = kv, .last = marks->revision, .verify = verify};
    enum rc rc = storage_scan(kv->storage, TABLE_KEY, (struct slice){0}, restore_one, &r);
    if (rc == RC_OK)
        rc = r.rc;
    if (rc != RC_OK)
        return err_set(err, rc,
                       "the stored data is damaged behind revision %lld.%lld (%s); restore a "
                       "snapshot into an empty data directory",
                       (long long)r.at.main, (long long)r.at.sub, rc_text(rc));
    kv->revision = kv->flushed = marks->revision;
    kv->compacted = marks->compacted;
    kv->swept = marks->swept;
    if (kv->compacted > kv->swept) { /* a crash came in between: sweep again from the start */
        kv->sweep.begun_ns = env_now_ns(kv->env);
        kv->sweep.target = kv->compacted;
    }
    CHECKED(kv_check(kv));
    return RC_OK;
}

void kv_marks(const struct kv *kv, struct kv_marks *out)
{
    must(!kv->open);
    *out = (struct kv_marks){kv->revision, kv->compacted, kv->swept};
    if (kv->sweep.last)
        out->swept = kv->sweep.target;
}

int64_t kv_revision(const struct kv *kv)
{
    return kv_open_revision(kv);
}

int64_t kv_compacted(const struct kv *kv)
{
    return kv->compacted;
}

void kv_begin(struct kv *kv)
{
    must(!kv->open);
    kv->open = true;
    kv->sub = 0;
}

void kv_end(struct kv *kv)
{
    must(kv->open);
    kv->revision = kv_open_revision(kv);
    kv->open = false;
    if (kv->sub > 0)
        watches_notify(kv, (size_t)kv->sub);
}

static struct revision next_revision(struct kv *kv)
{
    must(kv->open);
    return (struct revision){kv->revision + 1, kv->sub++};
}

/*~ 10. A new revision: its bytes go into the ring, its place into the index. Reads see it from now
 * on; the log keeps it safe until storage has it. */
void kv_put(struct kv *kv, struct slice key, struct slice value, int64_t lease)
{
    struct index_hit before;
    bool alive = index_get(kv->index, key, INDEX_NOW, &before) == RC_OK;
    heat_note(&kv->heat, key);
    struct revision rev = next_revision(kv);
    struct pb_key_value pair = {.key = key,
                                .create_revision = alive ? before.create.main : rev.main,
                                .mod_revision = rev.main,
                                .version = alive ? before.version + 1 : 1,
                                .value = value,
                                .lease = lease};
    size_t len = codec_key_value_len(&pair);
    uint32_t size = size_in_answer(len);
    uint8_t *at = ring_push(&kv->ring, rev, false, (uint32_t)len);
    codec_key_value_store(at, &pair);
    ring_seal_last(&kv->ring);
    index_put(kv->index, key, rev, size);
    kv->on_lease(kv->on_lease_arg, key, lease);
}

static bool delete_one(struct kv *kv, struct slice key)
{
    struct revision rev = {kv->revision + 1, kv->sub};
    must(kv->open);
    if (index_tombstone(kv->index, key, rev) != RC_OK)
        return false; /* it is not there */
    kv->sub++;
    heat_note(&kv->heat, key);
    struct pb_key_value pair = {.key = key};
    size_t len = codec_key_value_len(&pair);
    uint8_t *at = ring_push(&kv->ring, rev, true, (uint32_t)len);
    codec_key_value_store(at, &pair);
    ring_seal_last(&kv->ring);
    return true;
}

/* The index range of a key and range_end that is not empty. */
static struct index_range span(struct slice key, struct slice range_end)
{
    bool open_end = kv_range_is_open(range_end);
    return (struct index_range){
        .from = key, .to = open_end ? (struct slice){0} : range_end, .open_end = open_end};
}

int64_t kv_delete(struct kv *kv, struct slice key, struct slice range_end)
{
    struct index_hit hit;
    if (kv_range_is_point(range_end)) {
        if (!delete_one(kv, key))
            return 0;
        kv->on_lease(kv->on_lease_arg, key, 0);
        return 1;
    }
    struct index_range range = span(key, range_end);
    struct index_iter it;
    int64_t n = 0;
    index_iter_init(&it, kv->index, &range, INDEX_NOW);
    while (index_iter_next(&it, &hit)) {
        bool deleted = delete_one(kv, hit.key);
        must(deleted);
        kv->on_lease(kv->on_lease_arg, hit.key, 0);
        n++;
    }
    index_iter_fini(&it);
    return n;
}

void kv_delete_leased(struct kv *kv, struct slice key)
{
    bool deleted = delete_one(kv, key);
    must(deleted);
}

enum rc kv_find_stored(struct kv *kv, struct revision rev, struct slice *stored)
{
    if (rev.main > kv->flushed) {
        const struct ring_entry *e = ring_find(&kv->ring, rev);
        must(e != NULL);
        *stored = ring_entry_stored(e);
        return RC_OK;
    }
    uint8_t key[REVISION_TOMBSTONE_LEN];
    revision_key_store(key, rev, false);
    enum rc rc = storage_get(kv->storage, TABLE_KEY, slice_of(key, REVISION_KEY_LEN), stored);
    return rc == RC_NOT_FOUND ? RC_CORRUPT : rc; /* the index says it is there */
}

enum rc kv_get_revision(struct kv *kv, struct revision rev, struct slice *encoded)
{
    struct slice stored;
    enum rc rc = kv_find_stored(kv, rev, &stored);
    return rc == RC_OK ? stored_value(stored, encoded) : rc;
}

enum rc kv_get(struct kv *kv, struct slice key, struct slice *encoded)
{
    struct index_hit hit;
    enum rc rc = index_get(kv->index, key, INDEX_NOW, &hit);
    return rc == RC_OK ? kv_get_revision(kv, hit.mod, encoded) : rc;
}

bool kv_exists(const struct kv *kv, struct slice key)
{
    struct index_hit hit;
    return index_get(kv->index, key, INDEX_NOW, &hit) == RC_OK;
}

uint64_t kv_count(const struct kv *kv, struct slice key, struct slice range_end)
{
    if (kv_range_is_point(range_end))
        return kv_exists(kv, key);
    struct index_range range = span(key, range_end);
    return index_count(kv->index, &range, INDEX_NOW, NULL);
}

enum rc kv_each(struct kv *kv, struct slice key, struct slice range_end,
                bool (*fn)(void *arg, const struct index_hit *hit, struct slice encoded), void *arg)
{
    struct index_hit hit;
    struct slice encoded;
    if (kv_range_is_point(range_end)) {
        if (index_get(kv->index, key, INDEX_NOW, &hit) != RC_OK)
            return RC_OK;
        enum rc rc = kv_get_revision(kv, hit.mod, &encoded);
        if (rc == RC_OK)
            (void)fn(arg, &hit, encoded);
        return rc;
    }
    struct index_range range = span(key, range_end);
    struct index_iter it;
    enum rc rc = RC_OK;
    index_iter_init(&it, kv->index, &range, INDEX_NOW);
    while (rc == RC_OK && index_iter_next(&it, &hit)) {
        rc = kv_get_revision(kv, hit.mod, &encoded);
        if (rc == RC_OK && !fn(arg, &hit, encoded))
            break;
    }
    index_iter_fini(&it);
    return rc;
}

void kv_flush_add(struct kv_flush *f, struct storage_op op)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 256;
        f->ops = mem_realloc(f->ops, f->cap * sizeof(*f->ops));
    }
    f->ops[f->n++] = op;
}

void kv_flush_begin(struct kv *kv, struct kv_flush *out)
{
    must(!kv->open && !kv->flush_out);
    kv->flush_out = true;
    heat_turn(&kv->heat, env_now_ns(kv->env));
    kv->flushing = kv->ring.n;
    kv->flushing_revision = kv->revision;
    for (size_t i = 0; i < kv->ring.n; i++) {
        const struct ring_entry *e = ring_at(&kv->ring, i);
        kv_flush_add(out, (struct storage_op){.table = TABLE_KEY,
                                              .change = STORAGE_APPEND,
                                              .key = ring_entry_key(e),
                                              .value = ring_entry_stored(e)});
    }
    must(kv->sweep.out.n == 0);
    struct buf taken = kv->sweep.out;
    kv->sweep.out = kv->sweep.deletes;
    kv->sweep.deletes = taken;
    kv->sweep.delete_n = 0;
    for (size_t at = 0; at < kv->sweep.out.n;) {
        const uint8_t *p = kv->sweep.out.p + at;
        kv_flush_add(out, (struct storage_op){.table = TABLE_KEY,
                                              .change = STORAGE_DELETE,
                                              .key = slice_of(p + 1, p[0])});
        at += 1u + p[0];
    }
    kv->sweep.last = kv->sweep.scanned;
}

void kv_flush_done(struct kv *kv)
{
    must(kv->flush_out);
    kv->flush_out = false;
    kv->flushed = kv->flushing_revision;
    ring_pop(&kv->ring, kv->flushing);
    kv->flushing = 0;
    buf_clear(&kv->sweep.out);
    if (kv->sweep.last) {
        if (kv->sweep.hashed)
            kv_hash_remember(kv, row_hash_end(&kv->sweep.hash));
        kv->sweep.hashed = false;
        uint64_t now_ns = env_now_ns(kv->env);
        env_observe_ns(kv->env, sweep_total, now_ns - kv->sweep.begun_ns);
        kv->sweep.begun_ns = now_ns;
        kv->swept = kv->sweep.target;
        kv->sweep.last = kv->sweep.scanned = false;
        kv->sweep.target = kv->compacted > kv->swept ? kv->compacted : 0;
        memset(kv->sweep.cursor, 0, sizeof(kv->sweep.cursor));
    }
    CHECKED(kv_check(kv));
}

size_t kv_unflushed_bytes(const struct kv *kv)
{
    return kv->ring.bytes;
}

size_t kv_unflushed_ops(const struct kv *kv)
{
    return kv->ring.n - kv->flushing + kv->sweep.delete_n;
}

static bool hash_waits(const struct kv *kv)
{
    return !list_empty(&kv->hashing) &&
           CONTAINER_OF(kv->hashing.next, struct kv_hash, link)->rows.revision > kv->flushed;
}

bool kv_flush_urgent(const struct kv *kv)
{
    return kv->sweep.delete_n > 0 || (kv->sweep.scanned && !kv->sweep.last) ||
           (kv->sweep.target > kv->flushed && !kv_sweep_is_pinned(kv)) || hash_waits(kv);
}

void kv_stats(const struct kv *kv, struct kv_stats *out)
{
    *out = (struct kv_stats){.ring_bytes = kv->ring.bytes};
    index_stats(kv->index, &out->index);
    for (const struct list *p = kv->pins.next; p != &kv->pins; p = p->next)
        out->pins++;
    for (const struct list *p = kv->holds.next; p != &kv->holds; p = p->next)
        out->pins++;
}

unsigned kv_hottest(struct kv *kv, struct heat_prefix *out, unsigned max, uint64_t *window_ns)
{
    uint64_t now = env_now_ns(kv->env);
    heat_turn(&kv->heat, now);
    *window_ns = heat_told_ns(&kv->heat, now);
    return heat_hottest(&kv->heat, out, max);
}

void kv_check(const struct kv *kv)
{
    must(kv->flushed <= kv->revision);
    must(kv->compacted <= kv->revision);
    must(kv->swept <= kv->compacted);
    must(kv->flushing <= kv->ring.n);
    index_check(kv->index);
}
