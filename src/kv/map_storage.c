#include "kv/map_storage.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

#define PAGE_BYTES   4096
#define PAGES_FIXED  2  /* LMDB's header pages */
#define PAIR_BYTES   10 /* what a page needs for a pair beside its bytes */
#define ROWS_CAP_MIN 8

/* A pair, shared by all images that have it. */
struct row {
    unsigned refs;
    uint32_t key_n;
    uint32_t value_n;
    uint8_t bytes[];
};

/* One table of one image or more, sorted by key. Only one that nobody shares changes. */
struct rows {
    unsigned refs;
    size_t n;
    size_t cap;
    uint64_t bytes;
    struct row **row;
};

struct image {
    unsigned refs;
    struct rows *table[TABLE_COUNT];
};

struct map_storage {
    struct storage storage;
    struct image *seen; /* by the loop */
    struct image *last;
    struct image *safe; /* from a loss of power */
    uint64_t capacity;
    uint64_t file_bytes; /* the most ever used: the file does not shrink */
    unsigned holders;
    unsigned views;
    enum rc fail; /* of the next commit; RC_OK: none */
    bool dead;
};

struct storage_view {
    struct map_storage *m;
    struct image *image;
};

static const struct storage_ops map_storage_ops;

static struct map_storage *of(struct storage *s)
{
    must(s->ops == &map_storage_ops);
    return CONTAINER_OF(s, struct map_storage, storage);
}

/* --- Rows --- */

static struct slice row_key(const struct row *r)
{
    return (struct slice){r->bytes, r->key_n};
}

static struct slice row_value(const struct row *r)
{
    return (struct slice){r->bytes + r->key_n, r->value_n};
}

static uint64_t row_cost(const struct row *r)
{
    return (uint64_t)r->key_n + r->value_n + PAIR_BYTES;
}

static struct row *row_new(struct slice key, struct slice value)
{
    struct row *r = mem_alloc(sizeof(*r) + key.n + value.n);
    *r = (struct row){.refs = 1, .key_n = (uint32_t)key.n, .value_n = (uint32_t)value.n};
    memcpy(r->bytes, key.p, key.n);
    if (value.n)
        memcpy(r->bytes + key.n, value.p, value.n);
    return r;
}

static void row_release(struct row *r)
{
    if (--r->refs == 0)
        free(r);
}

static void rows_release(struct rows *t)
{
    must(t->refs > 0);
    if (--t->refs > 0)
        return;
    for (size_t i = 0; i < t->n; i++)
        row_release(t->row[i]);
    free(t->row);
    free(t);
}

/* The first row whose key is not below key. */
static size_t rows_find(const struct rows *t, struct slice key, bool *found)
{
    size_t lo = 0;
    size_t hi = t->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (slice_cmp(row_key(t->row[mid]), key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *found = lo < t->n && slice_eq(row_key(t->row[lo]), key);
    return lo;
}

/* The table at *t for changing: a copy of its own if others share it. */
static struct rows *rows_own(struct rows **t)
{
    struct rows *old = *t;
    if (old->refs == 1)
        return old;
    struct rows *own = mem_zalloc(sizeof(*own));
    own->refs = 1;
    own->n = old->n;
    own->cap = old->n + ROWS_CAP_MIN;
    own->bytes = old->bytes;
    own->row = mem_calloc(own->cap, sizeof(struct row *));
    for (size_t i = 0; i < old->n; i++) {
        own->row[i] = old->row[i];
        own->row[i]->refs++;
    }
    old->refs--;
    *t = own;
    return own;
}

static void rows_insert(struct rows *t, size_t at, struct row *r)
{
    must(t->refs == 1 && at <= t->n);
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : ROWS_CAP_MIN;
        t->row = mem_realloc(t->row, t->cap * sizeof(struct row *));
    }
    memmove(t->row + at + 1, t->row + at, (t->n - at) * sizeof(struct row *));
    t->row[at] = r;
    t->n++;
    t->bytes += row_cost(r);
}

static void rows_remove(struct rows *t, size_t at)
{
    must(t->refs == 1 && at < t->n);
    struct row *r = t->row[at];
    t->n--;
    t->bytes -= row_cost(r);
    memmove(t->row + at, t->row + at + 1, (t->n - at) * sizeof(struct row *));
    row_release(r);
}

/* --- Images --- */

static struct image *image_new(void)
{
    struct image *i = mem_zalloc(sizeof(*i));
    i->refs = 1;
    for (unsigned t = 0; t < TABLE_COUNT; t++) {
        i->table[t] = mem_zalloc(sizeof(struct rows));
        i->table[t]->refs = 1;
    }
    return i;
}

static struct image *image_share(struct image *i)
{
    i->refs++;
    return i;
}

static void image_release(struct image *i)
{
    must(i->refs > 0);
    if (--i->refs > 0)
        return;
    for (unsigned t = 0; t < TABLE_COUNT; t++)
        rows_release(i->table[t]);
    free(i);
}

static void image_set(struct image **to, struct image *i)
{
    struct image *old = *to;
    *to = image_share(i);
    image_release(old);
}

/* One that shares all tables with i, and can be changed. */
static struct image *image_copy(const struct image *i)
{
    struct image *copy = mem_alloc(sizeof(*copy));
    *copy = *i;
    copy->refs = 1;
    for (unsigned t = 0; t < TABLE_COUNT; t++)
        copy->table[t]->refs++;
    return copy;
}

/* As if each table were packed into pages of its own. */
static uint64_t image_used(const struct image *i)
{
    uint64_t pages = PAGES_FIXED;
    for (unsigned t = 0; t < TABLE_COUNT; t++)
        pages += (i->table[t]->bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    return pages * PAGE_BYTES;
}

static enum rc image_apply(struct image *i, const struct storage_op *op)
{
    must(op->table < TABLE_COUNT);
    must(op->key.n > 0 && op->key.n <= STORAGE_KEY_MAX && op->value.n <= UINT32_MAX);
    bool found;
    size_t at = rows_find(i->table[op->table], op->key, &found);
    const struct rows *t = i->table[op->table];
    if (op->change == STORAGE_APPEND && at < t->n)
        return found && slice_eq(row_value(t->row[at]), op->value) ? RC_OK : RC_CORRUPT;
    if (op->change == STORAGE_DELETE && !found)
        return RC_OK;
    struct rows *own = rows_own(&i->table[op->table]);
    if (found)
        rows_remove(own, at);
    if (op->change != STORAGE_DELETE)
        rows_insert(own, at, row_new(op->key, op->value));
    return RC_OK;
}

static enum rc image_get(const struct image *i, enum table table, struct slice key,
                         struct slice *value)
{
    must(table < TABLE_COUNT);
    bool found;
    size_t at = rows_find(i->table[table], key, &found);
    if (!found)
        return RC_NOT_FOUND;
    *value = row_value(i->table[table]->row[at]);
    return RC_OK;
}

static enum rc image_scan(const struct image *i, enum table table, struct slice from,
                          bool (*fn)(void *arg, struct slice key, struct slice value), void *arg)
{
    must(table < TABLE_COUNT);
    bool found;
    const struct rows *t = i->table[table];
    for (size_t at = rows_find(t, from, &found); at < t->n; at++)
        if (!fn(arg, row_key(t->row[at]), row_value(t->row[at])))
            break;
    return RC_OK;
}

/* --- The contract --- */

/* Apply all ops to next, a copy of the last image. */
static enum rc commit_to(struct map_storage *m, struct image *next, const struct storage_op *ops,
                         size_t n)
{
    if (m->fail != RC_OK) {
        enum rc rc = m->fail;
        m->fail = RC_OK;
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        enum rc rc = image_apply(next, &ops[i]);
        if (rc != RC_OK)
            return rc;
    }
    uint64_t used = image_used(next);
    return used > m->capacity && used > image_used(m->last) ? RC_NO_SPACE : RC_OK;
}

static enum rc map_commit(struct storage *s, const struct storage_op *ops, size_t n)
{
    struct map_storage *m = of(s);
    if (m->dead)
        return RC_IO;
    if (n == 0) /* writes no header page, so the last commit stays as weak as it is */
        return RC_OK;
    struct image *next = image_copy(m->last);
    enum rc rc = commit_to(m, next, ops, n);
    if (rc == RC_OK) {
        image_set(&m->safe, m->last);
        image_set(&m->last, next);
        uint64_t used = image_used(next);
        m->file_bytes = used > m->file_bytes ? used : m->file_bytes;
    } else if (rc != RC_NO_SPACE) {
        m->dead = true;
    }
    image_release(next);
    return rc;
}

static void map_refresh(struct storage *s)
{
    image_set(&of(s)->seen, of(s)->last);
}

static enum rc map_get(struct storage *s, enum table t, struct slice key, struct slice *value)
{
    return image_get(of(s)->seen, t, key, value);
}

static enum rc map_scan(struct storage *s, enum table t, struct slice from,
                        bool (*fn)(void *arg, struct slice key, struct slice value), void *arg)
{
    return image_scan(of(s)->seen, t, from, fn, arg);
}

static struct storage_view *map_view_open(struct storage *s)
{
    struct storage_view *v = mem_alloc(sizeof(*v));
    *v = (struct storage_view){.m = of(s), .image = image_share(of(s)->last)};
    v->m->views++;
    return v;
}

static enum rc map_view_get(struct storage_view *v, enum table t, struct slice key,
                            struct slice *value)
{
    return image_get(v->image, t, key, value);
}

static enum rc map_view_scan(struct storage_view *v, enum table t, struct slice from,
                             bool (*fn)(void *arg, struct slice key, struct slice value), void *arg)
{
    return image_scan(v->image, t, from, fn, arg);
}

static void map_view_close(struct storage_view *v)
{
    must(v->m->views > 0);
    v->m->views--;
    image_release(v->image);
    free(v);
}

static enum rc map_sync(struct storage *s)
{
    if (of(s)->dead)
        return RC_IO;
    image_set(&of(s)->safe, of(s)->last);
    return RC_OK;
}

static void map_stats(struct storage *s, struct storage_stats *out)
{
    const struct map_storage *m = of(s);
    *out = (struct storage_stats){
        .file_bytes = m->file_bytes, .used_bytes = image_used(m->last), .map_bytes = m->capacity};
}

static void map_close(struct storage *s)
{
    struct map_storage *m = of(s);
    must(m->views == 0 && m->holders > 0);
    if (!m->dead)
        image_set(&m->safe, m->last);
    image_set(&m->seen, m->last);
    if (--m->holders > 0)
        return;
    image_release(m->seen);
    image_release(m->last);
    image_release(m->safe);
    free(m);
}

static const struct storage_ops map_storage_ops = {
    .commit = map_commit,
    .refresh = map_refresh,
    .get = map_get,
    .scan = map_scan,
    .view_open = map_view_open,
    .view_get = map_view_get,
    .view_scan = map_view_scan,
    .view_close = map_view_close,
    .sync = map_sync,
    .stats = map_stats,
    .close = map_close,
};

/* --- What a file would not let one do --- */

struct storage *map_storage_new(void)
{
    struct map_storage *m = mem_zalloc(sizeof(*m));
    m->storage.ops = &map_storage_ops;
    m->last = image_new();
    m->seen = image_share(m->last);
    m->safe = image_share(m->last);
    m->capacity = UINT64_MAX;
    m->file_bytes = image_used(m->last);
    m->holders = 1;
    return &m->storage;
}

void map_storage_hold(struct storage *s)
{
    of(s)->holders++;
}

void map_storage_power_loss(struct storage *s, bool undo_last)
{
    struct map_storage *m = of(s);
    if (undo_last)
        image_set(&m->last, m->safe);
    else
        image_set(&m->safe, m->last);
    image_set(&m->seen, m->last);
    m->dead = false;
    m->fail = RC_OK;
}

void map_storage_set_capacity(struct storage *s, uint64_t bytes)
{
    of(s)->capacity = bytes;
}

void map_storage_fail_commit(struct storage *s, enum rc rc)
{
    must(rc != RC_OK);
    of(s)->fail = rc;
}
