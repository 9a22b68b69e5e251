#include "snapshot/import.h"

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/wr.h"
#include "kv/kv.h"
#include "state/meta.h"
#include "wire/kv_codec.h"

#include <stdlib.h>

struct import {
    const struct bbolt *file;
    const struct import_options *opt;
    struct storage *to;
    struct import_result result;
    struct err *err;
    enum rc rc;
    const char *bucket; /* being read, for the sentence */
    struct arena arena; /* of the batch */
    struct storage_op ops[IMPORT_BATCH_OPS];
    size_t n;
    size_t bytes;   /* of the batch */
    uint64_t total; /* of all */
    int64_t swept;
};

static bool commit(struct import *im)
{
    if (im->n > 0 && im->rc == RC_OK) {
        im->rc = storage_commit(im->to, im->ops, im->n);
        if (im->rc != RC_OK)
            err_set(im->err, im->rc, "cannot write what the snapshot has: %s", rc_text(im->rc));
    }
    if (im->opt->progress)
        im->opt->progress(im->opt->arg, im->total, bbolt_size(im->file));
    arena_fini(&im->arena);
    im->n = 0;
    im->bytes = 0;
    return im->rc == RC_OK;
}

static bool add(struct import *im, enum table table, struct slice key, struct slice value)
{
    im->ops[im->n++] = (struct storage_op){
        .table = table,
        .change = table == TABLE_KEY ? STORAGE_APPEND : STORAGE_PUT,
        .key = key,
        .value = value,
    };
    im->bytes += key.n + value.n;
    im->total += key.n + value.n;
    return (im->n < IMPORT_BATCH_OPS && im->bytes < IMPORT_BATCH_BYTES) || commit(im);
}

static bool damaged(struct import *im, const char *what)
{
    im->rc = err_set(im->err, RC_CORRUPT, "the snapshot is damaged: in its bucket \"%s\", %s",
                     im->bucket, what);
    return false;
}

static void *keep(struct import *im, size_t n)
{
    return arena_alloc(&im->arena, n);
}

/* ---- Keys ---- */

static bool import_key(void *arg, struct slice key, struct slice encoded)
{
    struct import *im = arg;
    struct revision rev = {0};
    bool tombstone;
    struct pb_key_value pair;
    if (revision_key_parse(key, &rev, &tombstone) != RC_OK || rev.main < 1)
        return damaged(im, "a key is no revision");
    if (codec_key_value_parse(encoded, &pair) != RC_OK)
        return damaged(im, "a value is no KeyValue");
    im->result.revision = rev.main;
    if (pair.key.n == 0) /* only says how far revisions are: etcdutl --bump-revision's */
        return true;
    if (encoded.n > INDEX_SIZE_MAX - 64)
        return damaged(im, "a value is too large");
    uint8_t *stored = keep(im, encoded.n + STORED_CRC_LEN);
    memcpy(stored, encoded.p, encoded.n);
    store_u32(stored + encoded.n, crc32c(0, encoded));
    im->result.revisions++;
    return add(im, TABLE_KEY, key, slice_of(stored, encoded.n + STORED_CRC_LEN));
}

/* ---- The small buckets: copied, once they were seen to be what they must be ---- */

static bool import_lease(void *arg, struct slice key, struct slice value)
{
    struct import *im = arg;
    struct pb_lease lease;
    if (wire_decode(&wire_lease, value, &im->arena, &lease) != RC_OK || key.n != 8 ||
        lease.id == 0 || load_u64_big(key.p) != (uint64_t)lease.id || lease.ttl < 0 ||
        lease.remaining_ttl < 0 || lease.remaining_ttl > lease.ttl)
        return damaged(im, "a row is no lease");
    im->result.leases++;
    return add(im, TABLE_LEASE, key, value);
}

static bool import_alarm(void *arg, struct slice key, struct slice value)
{
    struct import *im = arg;
    struct pb_alarm_member m;
    if (wire_decode(&wire_alarm_member, key, &im->arena, &m) != RC_OK)
        return damaged(im, "a key is no AlarmMember");
    im->result.alarms++;
    return add(im, TABLE_ALARM, key, value);
}

static bool import_named(struct import *im, enum table table, struct slice key, struct slice value,
                         struct slice name)
{
    if (!slice_eq(key, name))
        return damaged(im, "a row does not bear its own name");
    uint8_t *number = keep(im, AUTH_ROW_KEY_LEN);
    store_u64_big(number, table == TABLE_AUTH_USER ? im->result.users : im->result.roles);
    return add(im, table, slice_of(number, AUTH_ROW_KEY_LEN), value);
}

static bool import_user(void *arg, struct slice key, struct slice value)
{
    struct import *im = arg;
    struct pb_user user;
    if (wire_decode(&wire_user, value, &im->arena, &user) != RC_OK)
        return damaged(im, "a value is no User");
    im->result.users++;
    return import_named(im, TABLE_AUTH_USER, key, value, user.name);
}

static bool import_role(void *arg, struct slice key, struct slice value)
{
    struct import *im = arg;
    struct pb_role role;
    if (wire_decode(&wire_role, value, &im->arena, &role) != RC_OK)
        return damaged(im, "a value is no Role");
    im->result.roles++;
    return import_named(im, TABLE_AUTH_ROLE, key, value, role.name);
}

static bool import_auth(void *arg, struct slice key, struct slice value)
{
    struct import *im = arg;
    bool enabled = slice_eq(key, SLICE_LIT("authEnabled"));
    if (!enabled && !slice_eq(key, SLICE_LIT("authRevision")))
        return damaged(im, "there is something unknown");
    if (value.n != (enabled ? 1 : 8))
        return damaged(im, "a value has another length");
    uint8_t *number = keep(im, 8);
    uint64_t revision = enabled ? 0 : load_u64_big(value.p);
    if (!enabled && revision == 0)
        revision = 1; /* as etcd's start makes it */
    store_u64(number, enabled ? value.p[0] == 1 : revision);
    if (enabled)
        im->result.auth_enabled = value.p[0] == 1;
    return add(im, TABLE_META,
               enabled ? SLICE_LIT(META_AUTH_ENABLED) : SLICE_LIT(META_AUTH_REVISION),
               slice_of(number, 8));
}

static bool import_meta(void *arg, struct slice key, struct slice value)
{
    struct import *im = arg;
    bool swept = slice_eq(key, SLICE_LIT(META_SWEPT));
    struct revision rev = {0};
    bool tombstone;
    if (!swept && !slice_eq(key, SLICE_LIT(META_COMPACTED)))
        return true; /* of its log and its version */
    if (revision_key_parse(value, &rev, &tombstone) != RC_OK)
        return damaged(im, "the compaction is no revision");
    if (swept)
        im->swept = rev.main;
    if (rev.main > im->result.compacted)
        im->result.compacted = rev.main;
    return true;
}

/* The key space first: bbolt's order does not matter here. */
static const struct {
    const char *name;
    bool (*row)(void *arg, struct slice key, struct slice value);
    bool needed;
} buckets[] = {
    {"key", import_key, true},         {"meta", import_meta, true},
    {"lease", import_lease, false},    {"alarm", import_alarm, false},
    {"auth", import_auth, false},      {"authUsers", import_user, false},
    {"authRoles", import_role, false},
};

static enum rc import_bucket(struct import *im, size_t which)
{
    struct bbolt_bucket bucket;
    im->bucket = buckets[which].name;
    enum rc rc = bbolt_find(im->file, slice_str(im->bucket), &bucket);
    if (rc == RC_NOT_FOUND && !buckets[which].needed)
        return RC_OK;
    if (rc == RC_NOT_FOUND)
        return err_set(im->err, RC_FOREIGN,
                       "this is no snapshot of etcd's: it has no bucket \"%s\"", im->bucket);
    if (rc == RC_OK)
        rc = bbolt_rows(im->file, &bucket, buckets[which].row, im);
    if (rc == RC_OK)
        rc = im->rc;
    return rc == RC_OK ? RC_OK
                       : err_set(im->err, rc, "the snapshot's bucket \"%s\" cannot be read: %s",
                                 im->bucket, rc_text(rc));
}

/* What a state machine finds of itself, as if it had applied nothing yet: so it begins a log. */
static bool import_marks(struct import *im)
{
    struct import_result *r = &im->result;
    if (r->revision < 1)
        r->revision = 1;
    if (r->revision < r->compacted)
        r->revision = r->compacted; /* all was deleted, and compacted away */
    if (im->opt->bump_revision > 0) {
        if (im->opt->bump_revision > (uint64_t)(INT64_MAX / 2 - r->revision)) {
            im->rc = err_set(im->err, RC_LIMIT, "the revision cannot be raised so far");
            return false;
        }
        r->revision += (int64_t)im->opt->bump_revision;
        r->compacted = r->revision;
    }
    uint8_t *p = keep(im, 48);
    memset(p, 0, 24);
    store_u64(p + 24, (uint64_t)r->revision);
    store_u64(p + 32, (uint64_t)r->compacted);
    store_u64(p + 40, (uint64_t)im->swept);
    return add(im, TABLE_META, SLICE_LIT(META_REVISION), slice_of(p + 24, 8)) &&
           add(im, TABLE_META, SLICE_LIT(META_COMPACTED), slice_of(p + 32, 8)) &&
           add(im, TABLE_META, SLICE_LIT(META_SWEPT), slice_of(p + 40, 8)) &&
           add(im, TABLE_META, SLICE_LIT(META_CONF), (struct slice){0}) &&
           add(im, TABLE_META, SLICE_LIT(META_APPLIED), slice_of(p, 24)) && commit(im);
}

/* Would a server start on it? */
static enum rc try_restore(const struct import *im, struct env *env, struct err *err)
{
    struct kv_marks marks = {im->result.revision, im->result.compacted, im->swept};
    struct kv *kv = kv_new(env, im->to);
    storage_refresh(im->to);
    enum rc rc = kv_restore(kv, &marks, false, err);
    kv_free(kv);
    return rc;
}

enum rc snapshot_import(const struct bbolt *file, const struct import_options *opt, struct env *env,
                        struct storage *to, struct import_result *out, struct err *err)
{
    struct import *im = mem_zalloc(sizeof(*im));
    im->file = file;
    im->opt = opt;
    im->to = to;
    im->err = err;
    im->result.compacted = im->swept = -1;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < ARRAY_LEN(buckets) && rc == RC_OK; i++)
        rc = import_bucket(im, i);
    if (rc == RC_OK && !import_marks(im))
        rc = im->rc;
    if (rc == RC_OK)
        rc = storage_sync(to);
    if (rc == RC_OK)
        rc = try_restore(im, env, err);
    if (rc == RC_OK)
        *out = im->result;
    arena_fini(&im->arena);
    free(im);
    return rc;
}
