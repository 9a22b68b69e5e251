/* Compaction: logical at once, physical in slices in revision order (key by key it would cost
 * twenty times as much). One pass over storage both deletes revisions and forgets them in the
 * index; a second compaction that comes meanwhile waits for the pass to end. */
#include "base/must.h"
#include "env/metrics.h"
#include "kv/inner.h"
#include "kv/range.h"
#include "wire/kv_codec.h"

#define SWEEP_CLOCK_EVERY 64u /* revisions between looks at the clock */

enum etcd_error kv_compact(struct kv *kv, int64_t rev)
{
    if (rev <= kv->compacted)
        return ETCD_COMPACTED;
    if (rev > kv->revision)
        return ETCD_FUTURE_REV;
    if (kv->sweep.target == 0) {
        kv->sweep.target = rev;
        kv->sweep.begun_ns = env_now_ns(kv->env);
        kv->sweep.hashed = true;
        row_hash_init(&kv->sweep.hash, kv->compacted, rev);
    }
    kv->compacted = rev;
    return ETCD_OK;
}

struct pass {
    struct kv *kv;
    uint64_t until_ns;
    unsigned visited;
    bool more;    /* stopped before the end */
    bool damaged; /* stopped at what cannot be read */
};

static void note_delete(struct kv *kv, struct slice key)
{
    buf_append_u8(&kv->sweep.deletes, (uint8_t)key.n);
    buf_append_slice(&kv->sweep.deletes, key);
    kv->sweep.delete_n++;
    env_count(kv->env, compacted_keys, 1);
}

static bool sweep_one(void *arg, struct slice key, struct slice stored)
{
    struct pass *p = arg;
    struct kv *kv = p->kv;
    struct revision rev = {0};
    bool tombstone;
    struct slice encoded;
    struct pb_key_value pair;
    /* Whose revision this was cannot be told, so no later one may go before it. */
    if (revision_key_parse(key, &rev, &tombstone) != RC_OK ||
        stored_value(stored, &encoded) != RC_OK || codec_key_value_parse(encoded, &pair) != RC_OK) {
        log_debug(kv->env->log, "kv.sweep_stopped_at_damage", "revision", I64(rev.main));
        p->damaged = true;
        return false;
    }
    if (rev.main > kv->sweep.target)
        return false;
    memcpy(kv->sweep.cursor, key.p, REVISION_KEY_LEN);
    kv->sweep.cursor[REVISION_KEY_LEN] = 't' + 1; /* behind this revision, tombstone or not */
    bool drop = index_may_drop(kv->index, pair.key, rev, kv->sweep.target);
    if (kv->sweep.hashed)
        row_hash_add(&kv->sweep.hash, key, encoded, !drop);
    if (drop) {
        index_drop(kv->index, pair.key, rev);
        note_delete(kv, key);
    }
    p->visited++;
    p->more = kv->sweep.delete_n >= KV_SWEEP_DELETES_MAX ||
              (p->visited % SWEEP_CLOCK_EVERY == 0 && env_now_ns(kv->env) >= p->until_ns);
    return !p->more;
}

/* A reader of a revision below may need what would go; one at or above it needs what stays. */
bool kv_sweep_is_pinned(const struct kv *kv)
{
    if (!list_empty(&kv->holds))
        return true;
    list_each (item, &kv->pins)
        if (CONTAINER_OF(item, struct kv_range, pin)->at < kv->sweep.target)
            return true;
    list_each (item, &kv->hashing)
        if (CONTAINER_OF(item, struct kv_hash, link)->rows.compacted < kv->sweep.target)
            return true;
    return false;
}

bool kv_sweep(struct kv *kv)
{
    if (kv->sweep.target == 0 || kv->sweep.scanned || kv->sweep.damaged)
        return false;
    /* The scan must see all it is to judge. */
    if (kv->flushed < kv->sweep.target || kv_sweep_is_pinned(kv))
        return false;
    if (kv->sweep.delete_n >= KV_SWEEP_DELETES_MAX)
        return true;
    uint64_t begun_ns = env_now_ns(kv->env);
    struct pass p = {.kv = kv, .until_ns = begun_ns + KV_SWEEP_SLICE_NS};
    struct slice from = slice_of(kv->sweep.cursor, REVISION_TOMBSTONE_LEN);
    enum rc rc = storage_scan(kv->storage, TABLE_KEY, from, sweep_one, &p);
    if (rc != RC_OK) { /* storage is broken; who reads will say so */
        kv->sweep.damaged = rc == RC_CORRUPT;
        return kv->sweep.damaged;
    }
    env_observe_ns(kv->env, sweep_slice, env_now_ns(kv->env) - begun_ns);
    kv->sweep.damaged = p.damaged;
    kv->sweep.scanned = !p.more && !p.damaged;
    return p.more || p.damaged; /* who waits for the sweep learns of that in another turn */
}

bool kv_swept(const struct kv *kv, int64_t rev)
{
    return kv->swept >= rev;
}

void kv_hold_sweep(struct kv *kv, struct kv_hold *h)
{
    list_add_tail(&kv->holds, &h->link);
}

void kv_hold_release(struct kv_hold *h)
{
    list_remove(&h->link);
}

bool kv_hold_in_force(const struct kv *kv)
{
    return kv->sweep.delete_n == 0 && kv->sweep.out.n == 0;
}

bool kv_sweep_waits(const struct kv *kv)
{
    return kv->sweep.target != 0 && !kv->sweep.scanned && !kv->sweep.damaged &&
           kv_sweep_is_pinned(kv);
}

bool kv_sweep_is_damaged(const struct kv *kv)
{
    return kv->sweep.damaged;
}
