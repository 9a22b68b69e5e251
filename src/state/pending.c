#include "state/pending.h"

#include "base/must.h"

struct change {
    enum table table;
    enum storage_change kind;
    size_t at; /* of the key in bytes; the value stands behind it */
    size_t key_n;
    size_t value_n;
};

static size_t count(const struct pending_half *half)
{
    return half->changes.n / sizeof(struct change);
}

void pending_fini(struct pending *p)
{
    buf_fini(&p->gathering.bytes);
    buf_fini(&p->gathering.changes);
    buf_fini(&p->out.bytes);
    buf_fini(&p->out.changes);
}

static void add(struct pending *p, enum table table, enum storage_change kind, struct slice key,
                struct slice value)
{
    struct pending_half *half = &p->gathering;
    struct change c = {
        .table = table, .kind = kind, .at = half->bytes.n, .key_n = key.n, .value_n = value.n};
    must(table != TABLE_KEY && key.n > 0 && key.n <= STORAGE_KEY_MAX);
    buf_append_slice(&half->bytes, key);
    buf_append_slice(&half->bytes, value);
    buf_append(&half->changes, &c, sizeof(c));
}

void pending_put(struct pending *p, enum table table, struct slice key, struct slice value)
{
    add(p, table, STORAGE_PUT, key, value);
}

void pending_delete(struct pending *p, enum table table, struct slice key)
{
    add(p, table, STORAGE_DELETE, key, (struct slice){0});
}

void pending_take(struct pending *p, struct kv_flush *batch)
{
    must(count(&p->out) == 0);
    struct pending_half empty = p->out;
    p->out = p->gathering;
    p->gathering = empty;
    const struct change *changes = (const struct change *)(const void *)p->out.changes.p;
    for (size_t i = 0; i < count(&p->out); i++) {
        const struct change *c = &changes[i];
        const uint8_t *at = p->out.bytes.p + c->at;
        kv_flush_add(batch, (struct storage_op){.table = c->table,
                                                .change = c->kind,
                                                .key = slice_of(at, c->key_n),
                                                .value = slice_of(at + c->key_n, c->value_n)});
    }
}

void pending_done(struct pending *p)
{
    buf_clear(&p->out.bytes);
    buf_clear(&p->out.changes);
}

size_t pending_bytes(const struct pending *p)
{
    return p->gathering.bytes.n + p->out.bytes.n;
}

size_t pending_count(const struct pending *p)
{
    return count(&p->gathering);
}
