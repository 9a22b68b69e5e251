#include "wal/cursor.h"

#include "wal/access.h"

#define WINDOW_BYTES (512u << 10) /* read at once */

_Static_assert(WINDOW_BYTES >= WAL_HEAD_BYTES + WAL_RECORD_BODY_MAX, "a record fits the window");

void cursor_init(struct cursor *c, struct env *env, struct file *f, const struct wal_header *h)
{
    *c = (struct cursor){
        .env = env,
        .file = f,
        .header = h,
        .at = WAL_HEADER_BYTES,
        .end = h->size,
        .begun = true,
        .batch = h->batch,
    };
}

void cursor_fini(struct cursor *c)
{
    buf_fini(&c->window);
    buf_fini(&c->data);
}

enum rc cursor_fetch(struct cursor *c, uint64_t at, size_t n, struct slice *out)
{
    bool inside = at >= c->window_from && at + n <= c->window_from + c->window.n;
    if (!inside) {
        uint64_t want = c->end > at ? c->end - at : n;
        if (want > WINDOW_BYTES)
            want = WINDOW_BYTES;
        if (want < n)
            want = n;
        enum rc rc = wal_file_pread(c->env, c->file, &c->window, (size_t)want, at);
        if (rc != RC_OK)
            return rc;
        c->window_from = at;
    }
    struct slice all = slice_skip(buf_slice(&c->window), (size_t)(at - c->window_from));
    *out = slice_of(all.p, all.n < n ? all.n : n);
    return RC_OK;
}

static bool follows(const struct cursor *c, const struct wal_head *head)
{
    return !c->begun || (head->batch == c->batch && head->part == c->part);
}

enum rc cursor_record(struct cursor *c, struct wal_head *head)
{
    if (c->at == c->end)
        return RC_END;
    if (c->at > c->end || c->end - c->at < WAL_HEAD_BYTES)
        return RC_CORRUPT;
    uint32_t seed = wal_seed(c->header, c->at);
    struct slice in;
    enum rc rc = cursor_fetch(c, c->at, WAL_HEAD_BYTES, &in);
    if (rc != RC_OK)
        return rc;
    struct wal_head h;
    if (in.n < WAL_HEAD_BYTES || !wal_head_parse(seed, in.p, &h) || !follows(c, &h))
        return RC_CORRUPT;
    uint64_t span = WAL_HEAD_BYTES + wal_align(h.len);
    if (span > c->end - c->at)
        return RC_CORRUPT;
    rc = cursor_fetch(c, c->at, WAL_HEAD_BYTES + h.len, &in);
    if (rc != RC_OK)
        return rc;
    if (in.n < WAL_HEAD_BYTES || !wal_body_ok(seed, &h, slice_skip(in, WAL_HEAD_BYTES)))
        return RC_CORRUPT;
    c->left = slice_skip(in, WAL_HEAD_BYTES);
    c->record_at = c->at;
    c->record_len = h.len;
    c->at += span;
    c->begun = true;
    c->batch = h.last ? h.batch + 1 : h.batch;
    c->part = h.last ? 0 : h.part + 1;
    *head = h;
    return RC_OK;
}

/* More of an item: the next record, which must go on with the batch. */
static enum rc refill(struct cursor *c)
{
    struct wal_head head;
    if (c->begun && c->part == 0)
        return RC_CORRUPT;
    enum rc rc = cursor_record(c, &head);
    return rc == RC_END ? RC_CORRUPT : rc;
}

static enum rc gather(struct cursor *c, uint8_t *out, size_t n)
{
    while (n > 0) {
        if (c->left.n == 0) {
            enum rc rc = refill(c);
            if (rc != RC_OK)
                return rc;
        }
        size_t take = n < c->left.n ? n : c->left.n;
        memcpy(out, c->left.p, take);
        c->left = slice_skip(c->left, take);
        out += take;
        n -= take;
    }
    return RC_OK;
}

enum rc cursor_item(struct cursor *c, struct wal_item *out, struct mark *where)
{
    if (c->left.n == 0) {
        struct wal_head head;
        enum rc rc = cursor_record(c, &head);
        if (rc != RC_OK)
            return rc;
    }
    struct mark from = {
        .seq = c->header->seq,
        .at = c->record_at,
        .skip = c->record_len - (uint32_t)c->left.n,
    };
    uint8_t fixed[WAL_ITEM_BYTES];
    enum rc rc = gather(c, fixed, sizeof(fixed));
    if (rc != RC_OK)
        return rc;
    struct wal_item item;
    rc = wal_item_parse(fixed, &item);
    if (rc != RC_OK)
        return rc;
    size_t n = item.entry.body.n;
    if (n <= c->left.n) {
        item.entry.body = slice_of(c->left.p, n);
        c->left = slice_skip(c->left, n);
    } else {
        buf_clear(&c->data);
        rc = gather(c, buf_extend(&c->data, n), n);
        if (rc != RC_OK)
            return rc;
        item.entry.body = buf_slice(&c->data);
    }
    from.index = item.entry.index;
    if (where)
        *where = from;
    *out = item;
    return RC_OK;
}

enum rc cursor_seek(struct cursor *c, const struct mark *m)
{
    c->at = m->at;
    c->begun = false;
    c->left = (struct slice){0};
    struct wal_head head;
    enum rc rc = cursor_record(c, &head);
    if (rc != RC_OK)
        return rc == RC_END ? RC_CORRUPT : rc;
    if (m->skip >= c->left.n)
        return RC_CORRUPT;
    c->left = slice_skip(c->left, m->skip);
    return RC_OK;
}
