#include "wal/read.h"

#include "base/mem.h"
#include "wal/cursor.h"

#include <stdlib.h>

struct visitor {
    bool (*fn)(void *arg, const struct wal_entry *e);
    void *arg;
    uint64_t next; /* index */
    bool enough;
};

/* Follow one mark to where the next one takes over. */
static enum rc visit_stretch(struct cursor *c, const struct segments_found *at, struct visitor *v)
{
    enum rc rc = cursor_seek(c, &at->mark);
    for (uint64_t index = at->mark.index; rc == RC_OK && index < at->stop;) {
        struct wal_item item;
        rc = cursor_item(c, &item, NULL);
        if (rc != RC_OK)
            return rc == RC_END ? RC_CORRUPT : rc;
        if (item.kind == WAL_ITEM_HARD_STATE)
            continue;
        if (item.entry.index != index++)
            return RC_CORRUPT;
        if (item.entry.index < v->next)
            continue;
        v->next++;
        if (!v->fn(v->arg, &item.entry)) {
            v->enough = true;
            return RC_OK;
        }
    }
    return rc;
}

enum rc segments_visit(struct segments *s, uint64_t first,
                       bool (*fn)(void *arg, const struct wal_entry *e), void *arg)
{
    struct visitor v = {.fn = fn, .arg = arg, .next = first};
    while (!v.enough) {
        struct segments_found at;
        enum rc rc = segments_find(s, v.next, &at);
        if (rc != RC_OK)
            return rc;
        struct cursor c;
        cursor_init(&c, s->env, at.segment->file, &at.segment->header);
        c.end = at.end;
        rc = visit_stretch(&c, &at, &v);
        cursor_fini(&c);
        segments_unpin(s, at.segment);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

struct collector {
    struct wal_read *out;
    size_t cap;
    size_t bytes_max;
};

static bool collect(void *arg, const struct wal_entry *e)
{
    struct collector *c = arg;
    struct wal_read *out = c->out;
    if (out->n > 0 && e->body.n > c->bytes_max - out->bodies.n)
        return false;
    if (out->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 16;
        out->entries = mem_realloc(out->entries, c->cap * sizeof(*out->entries));
    }
    out->entries[out->n++] = *e;
    buf_append_slice(&out->bodies, e->body);
    return out->bodies.n < c->bytes_max;
}

enum rc segments_read(struct segments *s, uint64_t first, size_t max_bytes, struct wal_read *out)
{
    struct wal_read got = {0};
    struct collector c = {.out = &got, .bytes_max = max_bytes};
    enum rc rc = segments_visit(s, first, collect, &c);
    /* Trimmed, or cut by the loop, in the meantime: what was got is of no use, or less is. */
    uint64_t readable = segments_readable(s);
    while (got.n > 0 && got.entries[got.n - 1].index >= readable)
        got.n--;
    if (got.n > 0 && (rc == RC_END || rc == RC_NOT_FOUND))
        rc = RC_OK;
    if (got.n == 0 && rc == RC_OK)
        rc = RC_END;
    if (rc != RC_OK) {
        wal_read_fini(&got);
        return rc;
    }
    size_t at = 0;
    for (size_t i = 0; i < got.n; i++) {
        /* With no bytes at all there is no place to count from. */
        got.entries[i].body.p = got.bodies.n > 0 ? got.bodies.p + at : NULL;
        at += got.entries[i].body.n;
    }
    *out = got;
    return RC_OK;
}

void wal_read_fini(struct wal_read *r)
{
    buf_fini(&r->bodies);
    free(r->entries);
    *r = (struct wal_read){0};
}
