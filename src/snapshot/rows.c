#include "snapshot/rows.h"

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/rd.h"
#include "base/wr.h"
#include "kv/ring.h"
#include "snapshot/member_json.h"
#include "state/members.h"
#include "state/meta.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct walk {
    const struct snapshot_source *src;
    const struct snapshot_sink *sink;
    enum rc rc; /* what a row met */
};

static void put(struct walk *w, struct slice key, struct slice value)
{
    if (w->rc == RC_OK && !w->sink->row(w->sink->arg, key, value))
        w->rc = RC_CANCELED;
}

static bool copy_row(void *arg, struct slice key, struct slice value)
{
    struct walk *w = arg;
    put(w, key, value);
    return w->rc == RC_OK;
}

static bool copy_key(void *arg, struct slice key, struct slice stored)
{
    struct walk *w = arg;
    struct slice encoded;
    w->rc = stored_value(stored, &encoded);
    if (w->rc == RC_OK)
        put(w, key, encoded);
    return w->rc == RC_OK;
}

static void scan(struct walk *w, enum table table,
                 bool (*fn)(void *arg, struct slice key, struct slice value))
{
    if (w->rc != RC_OK)
        return;
    enum rc rc = w->src->ops->view_scan(w->src->view, table, (struct slice){0}, fn, w);
    w->rc = w->rc == RC_OK ? rc : w->rc;
}

static enum rc meta(struct walk *w, const char *key, struct slice *value)
{
    return w->src->ops->view_get(w->src->view, TABLE_META, slice_str(key), value);
}

/* ---- Users and roles, by name: a long name's row has another key ---- */

struct named {
    struct slice name;
    struct slice value;
};

struct naming {
    struct walk *w;
    struct buf list; /* struct named; slices are the view's */
};

/* Both messages begin with the name, field 1. */
static bool note_named(void *arg, struct slice key, struct slice stored)
{
    struct naming *n = arg;
    struct named one = {.value = stored};
    struct rd r = {.in = one.value};
    (void)key;
    if (rd_u8(&r) == (1 << 3 | 2))
        one.name = rd_bytes(&r, rd_varint(&r));
    if (r.failed || one.name.n == 0)
        n->w->rc = RC_CORRUPT;
    else if (n->list.n / sizeof(one) >= SNAPSHOT_USERS_MAX)
        n->w->rc = RC_LIMIT;
    else
        buf_append(&n->list, &one, sizeof(one));
    return n->w->rc == RC_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct named *x = a;
    const struct named *y = b;
    return slice_cmp(x->name, y->name);
}

static void copy_named(struct walk *w, enum table table)
{
    struct naming n = {.w = w};
    if (w->rc != RC_OK)
        return;
    enum rc rc = w->src->ops->view_scan(w->src->view, table, (struct slice){0}, note_named, &n);
    w->rc = w->rc == RC_OK ? rc : w->rc;
    size_t count = n.list.n / sizeof(struct named);
    struct named *list = (struct named *)(void *)n.list.p;
    if (count > 0)
        qsort(list, count, sizeof(*list), by_name);
    for (size_t i = 0; i < count; i++)
        put(w, list[i].name, list[i].value);
    buf_fini(&n.list);
}

/* ---- Buckets that are made ---- */

static uint64_t number(struct walk *w, const char *key, uint64_t absent)
{
    struct slice value;
    if (meta(w, key, &value) != RC_OK)
        return absent;
    struct rd r = {.in = value};
    uint64_t n = rd_u64(&r);
    if (rd_done(&r) != RC_OK)
        w->rc = w->rc == RC_OK ? RC_CORRUPT : w->rc;
    return n;
}

static void put_auth(struct walk *w)
{
    uint8_t revision[8];
    uint8_t enabled = number(w, META_AUTH_ENABLED, 0) == 1;
    store_u64_big(revision, number(w, META_AUTH_REVISION, 1)); /* etcd's new store has 1 */
    put(w, SLICE_LIT("authEnabled"), slice_of(&enabled, 1));
    put(w, SLICE_LIT("authRevision"), slice_of(revision, sizeof(revision)));
}

/* ---- Members: those that are stored, and this one ---- */

struct listing {
    struct walk *w;
    struct arena arena;
    struct pb_member v[MEMBERS_MAX + 1];
    size_t n;
};

static bool note_member(void *arg, struct slice key, struct slice stored)
{
    struct listing *l = arg;
    (void)key;
    if (l->n == MEMBERS_MAX)
        l->w->rc = RC_LIMIT;
    else if (wire_decode(&wire_member, stored, &l->arena, &l->v[l->n]) != RC_OK)
        l->w->rc = RC_CORRUPT;
    else
        l->n++;
    return l->w->rc == RC_OK;
}

static struct slice *slices_of(struct arena *arena, const char *const *strings, size_t n)
{
    struct slice *out = arena_alloc(arena, n * sizeof(*out));
    for (size_t i = 0; i < n; i++)
        out[i] = slice_str(strings[i]);
    return out;
}

/* Sorted by ID, as they are stored. */
static void list_members(struct walk *w, struct listing *l)
{
    const struct snapshot_member *own = &w->src->member;
    size_t at = 0;
    *l = (struct listing){.w = w};
    enum rc rc =
        w->src->ops->view_scan(w->src->view, TABLE_MEMBER, (struct slice){0}, note_member, l);
    w->rc = w->rc == RC_OK ? rc : w->rc;
    while (at < l->n && l->v[at].id < own->id)
        at++;
    if (at == l->n || l->v[at].id != own->id) { /* not noted yet: as it was started */
        memmove(&l->v[at + 1], &l->v[at], (l->n - at) * sizeof(*l->v));
        l->n++;
        l->v[at] = (struct pb_member){.id = own->id,
                                      .peer_urls =
                                          slices_of(&l->arena, own->peer_urls, own->peer_url_count),
                                      .peer_urls_n = own->peer_url_count};
    }
    l->v[at].name = slice_str(own->name);
    l->v[at].client_urls = slices_of(&l->arena, own->client_urls, own->client_url_count);
    l->v[at].client_urls_n = own->client_url_count;
}

static int by_key(const void *a, const void *b)
{
    char x[17];
    char y[17];
    snprintf(x, sizeof(x), "%" PRIx64, ((const struct pb_member *)a)->id);
    snprintf(y, sizeof(y), "%" PRIx64, ((const struct pb_member *)b)->id);
    return strcmp(x, y);
}

static void put_members(struct walk *w)
{
    struct listing l;
    list_members(w, &l);
    qsort(l.v, l.n, sizeof(*l.v), by_key);
    for (size_t i = 0; i < l.n; i++) {
        struct buf key = {0};
        struct buf value = {0};
        buf_printf(&key, "%" PRIx64, l.v[i].id);
        member_json(&value, &l.v[i]);
        put(w, buf_slice(&key), buf_slice(&value));
        buf_fini(&key);
        buf_fini(&value);
    }
    arena_fini(&l.arena);
}

/* raft's ConfState: learners are left out when there are none. */
static void append_conf_state(struct walk *w, struct buf *out)
{
    struct listing l;
    list_members(w, &l);
    for (unsigned learners = 0; learners < 2; learners++) {
        size_t n = 0;
        for (size_t i = 0; i < l.n; i++) {
            if (l.v[i].is_learner != (learners == 1))
                continue;
            const char *begin = learners ? ",\"learners\":[" : "{\"voters\":[";
            buf_printf(out, "%s%" PRIu64, n++ ? "," : begin, l.v[i].id);
        }
        if (n > 0)
            buf_append_u8(out, ']');
    }
    buf_append_str(out, ",\"auto_leave\":false}");
    arena_fini(&l.arena);
}

/* etcd keeps a compaction as the key of its revision; never: there is none. */
static void put_compaction(struct walk *w, const char *key)
{
    uint8_t bytes[REVISION_TOMBSTONE_LEN];
    struct slice v;
    if (meta(w, key, &v) != RC_OK)
        return;
    struct rd r = {.in = v};
    struct revision rev = {.main = (int64_t)rd_u64(&r)};
    if (r.failed || rev.main < 0)
        return;
    revision_key_store(bytes, rev, false);
    put(w, slice_str(key), slice_of(bytes, REVISION_KEY_LEN));
}

/* Sorted, as everywhere. */
static void put_meta(struct walk *w)
{
    struct slice applied;
    struct buf numbers = {0};
    struct buf conf = {0};
    enum rc rc = meta(w, META_APPLIED, &applied);
    struct rd r = {.in = rc == RC_OK ? applied : (struct slice){0}};
    buf_append_u64_big(&numbers, rd_u64(&r));
    buf_append_u64_big(&numbers, rd_u64(&r));
    append_conf_state(w, &conf);
    put(w, SLICE_LIT("confState"), buf_slice(&conf));
    put(w, SLICE_LIT("consistent_index"), slice_of(numbers.p, 8));
    put_compaction(w, META_SWEPT);
    put_compaction(w, META_COMPACTED);
    put(w, SLICE_LIT("storageVersion"), slice_str(w->src->storage_version));
    put(w, SLICE_LIT("term"), slice_of(numbers.p + 8, 8));
    buf_fini(&conf);
    buf_fini(&numbers);
}

static void put_nothing(struct walk *w)
{
    (void)w;
}

static void put_alarms(struct walk *w)
{
    scan(w, TABLE_ALARM, copy_row);
}

static void put_roles(struct walk *w)
{
    copy_named(w, TABLE_AUTH_ROLE);
}

static void put_users(struct walk *w)
{
    copy_named(w, TABLE_AUTH_USER);
}

static void put_keys(struct walk *w)
{
    scan(w, TABLE_KEY, copy_key);
}

static void put_leases(struct walk *w)
{
    scan(w, TABLE_LEASE, copy_row);
}

/* Without a cluster version: whoever starts on it decides that anew, so that an older etcd does not
 * take it for a downgrade. */
static const struct {
    const char *name;
    void (*rows)(struct walk *w);
} buckets[] = {
    {"alarm", put_alarms},    {"auth", put_auth},       {"authRoles", put_roles},
    {"authUsers", put_users}, {"cluster", put_nothing}, {SNAPSHOT_KEYS, put_keys},
    {"lease", put_leases},    {"members", put_members}, {"members_removed", put_nothing},
    {"meta", put_meta},
};

static enum rc walk_buckets(const struct snapshot_source *src, const struct snapshot_sink *sink,
                            bool keys)
{
    struct walk w = {.src = src, .sink = sink};
    for (size_t i = 0; i < ARRAY_LEN(buckets) && w.rc == RC_OK; i++) {
        sink->begin(sink->arg, slice_str(buckets[i].name));
        if (keys || buckets[i].rows != put_keys)
            buckets[i].rows(&w);
        sink->end(sink->arg);
    }
    return w.rc;
}

enum rc snapshot_rows(const struct snapshot_source *src, const struct snapshot_sink *sink)
{
    return walk_buckets(src, sink, true);
}

enum rc snapshot_rows_but_keys(const struct snapshot_source *src, const struct snapshot_sink *sink)
{
    return walk_buckets(src, sink, false);
}

struct hashing {
    uint32_t crc;
    bool meta;
};

static void hash_begin(void *arg, struct slice bucket)
{
    struct hashing *h = arg;
    h->crc = crc32c(h->crc, bucket);
    h->meta = slice_eq(bucket, SLICE_LIT("meta"));
}

static bool hash_row(void *arg, struct slice key, struct slice value)
{
    struct hashing *h = arg;
    bool left_out = h->meta && (slice_eq(key, SLICE_LIT("term")) ||
                                slice_eq(key, SLICE_LIT("consistent_index")) ||
                                slice_eq(key, SLICE_LIT("storageVersion")));
    if (!left_out)
        h->crc = crc32c(crc32c(h->crc, key), value);
    return true;
}

static void hash_end(void *arg)
{
    (void)arg;
}

enum rc snapshot_hash(const struct snapshot_source *src, uint32_t *out)
{
    struct hashing h = {0};
    struct snapshot_sink sink = {&h, hash_begin, hash_row, hash_end};
    enum rc rc = snapshot_rows(src, &sink);
    if (rc == RC_OK)
        *out = h.crc;
    return rc;
}
