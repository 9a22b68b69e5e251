#include "state/auth_table.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/rd.h"
#include "base/secret.h"
#include "base/wr.h"
#include "state/meta.h"

#include <stdlib.h>

static const struct wire_message *message_of(const struct auth_table *t)
{
    return t->table == TABLE_AUTH_USER ? &wire_user : &wire_role;
}

static void record_free(struct auth_record *r)
{
    secret_buf_fini(&r->bytes); /* with the password's hash */
    arena_fini(&r->arena);
    range_set_fini(&r->read);
    range_set_fini(&r->write);
    free(r);
}

/* The message is taken over. */
static enum rc record_new(const struct auth_table *t, uint64_t id, struct buf *encoded,
                          struct auth_record **out)
{
    struct auth_record *r = mem_zalloc(sizeof(*r));
    bool is_user = t->table == TABLE_AUTH_USER;
    r->id = id;
    r->bytes = *encoded;
    *encoded = (struct buf){0};
    void *message = is_user ? (void *)&r->user : (void *)&r->role;
    enum rc rc = wire_decode(message_of(t), buf_slice(&r->bytes), &r->arena, message);
    if (rc != RC_OK) {
        record_free(r);
        return rc;
    }
    r->name = is_user ? r->user.name : r->role.name;
    *out = r;
    return RC_OK;
}

/* Encoded, decoded, and the ranges that are made of it. */
static size_t cost_of(const struct auth_record *r)
{
    return sizeof(*r) + 4 * r->bytes.n;
}

/* Where a name stands, or would. */
static size_t place_of(const struct auth_table *t, struct slice name, bool *found)
{
    size_t lo = 0;
    size_t hi = t->n;
    *found = false;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = slice_cmp(t->v[mid]->name, name);
        if (order == 0)
            *found = true;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void insert(struct auth_table *t, size_t at, struct auth_record *r)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 16;
        t->v = mem_realloc(t->v, t->cap * sizeof(struct auth_record *));
    }
    memmove(&t->v[at + 1], &t->v[at], (t->n - at) * sizeof(struct auth_record *));
    t->v[at] = r;
    t->n++;
    t->bytes += cost_of(r);
}

void auth_table_fini(struct auth_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        record_free(t->v[i]);
    free(t->v);
    *t = (struct auth_table){0};
}

struct auth_record *auth_table_find(const struct auth_table *t, struct slice name)
{
    bool found;
    size_t at = place_of(t, name, &found);
    return found ? t->v[at] : NULL;
}

static void store(struct auth_table *t, const struct auth_record *r)
{
    uint8_t key[AUTH_ROW_KEY_LEN];
    store_u64_big(key, r->id);
    pending_put(t->pending, t->table, slice_of(key, AUTH_ROW_KEY_LEN), buf_slice(&r->bytes));
}

void auth_table_put(struct auth_table *t, const void *message)
{
    struct buf encoded = {0};
    struct auth_record *r = NULL;
    bool found;
    wire_encode(message_of(t), message, &encoded);
    enum rc rc = record_new(t, 0, &encoded, &r);
    must(rc == RC_OK); /* it came from a message */
    size_t at = place_of(t, r->name, &found);
    if (found) {
        r->id = t->v[at]->id;
        t->bytes += cost_of(r) - cost_of(t->v[at]);
        record_free(t->v[at]);
        t->v[at] = r;
    } else {
        r->id = ++t->last_id;
        insert(t, at, r);
    }
    store(t, r);
}

void auth_table_delete(struct auth_table *t, struct slice name)
{
    uint8_t key[AUTH_ROW_KEY_LEN];
    bool found;
    size_t at = place_of(t, name, &found);
    must(found);
    struct auth_record *r = t->v[at];
    store_u64_big(key, r->id);
    pending_delete(t->pending, t->table, slice_of(key, AUTH_ROW_KEY_LEN));
    memmove(&t->v[at], &t->v[at + 1], (t->n - at - 1) * sizeof(struct auth_record *));
    t->n--;
    t->bytes -= cost_of(r);
    record_free(r);
}

struct loading {
    struct auth_table *t;
    enum rc rc;
};

static bool load_one(void *arg, struct slice key, struct slice value)
{
    struct loading *l = arg;
    struct auth_record *r = NULL;
    struct buf encoded = {0};
    bool found = false;
    l->rc = RC_CORRUPT;
    if (key.n != AUTH_ROW_KEY_LEN)
        return false;
    buf_append_slice(&encoded, value);
    if (record_new(l->t, load_u64_big(key.p), &encoded, &r) != RC_OK)
        return false;
    size_t at = place_of(l->t, r->name, &found);
    if (found || r->name.n == 0) {
        record_free(r);
        return false;
    }
    insert(l->t, at, r);
    if (r->id > l->t->last_id)
        l->t->last_id = r->id;
    l->rc = RC_OK;
    return true;
}

enum rc auth_table_load(struct auth_table *t, struct storage *storage)
{
    struct loading l = {.t = t, .rc = RC_OK};
    enum rc rc = storage_scan(storage, t->table, SLICE_LIT("\0"), load_one, &l);
    return rc == RC_OK ? l.rc : rc;
}
