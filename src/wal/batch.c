#include "wal/batch.h"

#include "base/must.h"
#include "wal/access.h"

/* Bytes behind the items that batch_write may need: the last record's gap, and an empty head. */
#define TAIL_ROOM (WAL_ALIGN + WAL_HEAD_BYTES)

void batch_begin(struct batch *b, uint64_t next_index, uint64_t prev_term,
                 struct wal_hard_state hard)
{
    if (b->b.cap > BATCH_KEEP_BYTES)
        buf_fini(&b->b);
    buf_clear(&b->b);
    memset(buf_extend(&b->b, WAL_HEAD_BYTES), 0, WAL_HEAD_BYTES);
    b->entries = b->hard_changed = false;
    b->first_index = next_index;
    b->prev_term = prev_term;
    b->last_index = next_index - 1;
    b->hard = hard;
}

void batch_fini(struct batch *b)
{
    buf_fini(&b->b);
}

void batch_put_entry(struct batch *b, const struct wal_entry *e, uint64_t prev_term)
{
    if (e->index < b->first_index) {
        /* All entries here are replaced. They go, lest a segment begins with a higher one. */
        struct wal_hard_state hard = b->hard;
        bool hard_changed = b->hard_changed;
        batch_begin(b, e->index, prev_term, hard);
        if (hard_changed)
            batch_put_hard_state(b, hard);
    }
    wal_item_put_entry(&b->b, e);
    b->entries = true;
    b->last_index = e->index;
}

void batch_put_hard_state(struct batch *b, struct wal_hard_state hs)
{
    wal_item_put_hard_state(&b->b, hs);
    b->hard = hs;
    b->hard_changed = true;
}

enum rc batch_write(struct batch *b, struct env *env, struct file *f, const struct wal_header *h,
                    uint64_t number, uint64_t at)
{
    size_t n = batch_body_bytes(b);
    must(n > 0 && at + wal_batch_span(n) <= h->size);
    buf_reserve(&b->b, TAIL_ROOM);
    memset(b->b.p + b->b.n, 0, TAIL_ROOM);
    enum rc rc = RC_OK;
    for (size_t pos = 0; pos < n && rc == RC_OK; pos += WAL_RECORD_BODY_MAX) {
        struct wal_head head = {
            .batch = number,
            .part = (uint32_t)(pos / WAL_RECORD_BODY_MAX),
            .last = n - pos <= WAL_RECORD_BODY_MAX,
        };
        head.len = head.last ? (uint32_t)(n - pos) : WAL_RECORD_BODY_MAX;
        uint8_t *p = b->b.p + pos;
        uint8_t kept[WAL_HEAD_BYTES];
        memcpy(kept, p, WAL_HEAD_BYTES);
        wal_head_encode(wal_seed(h, at), &head, p);
        size_t bytes = WAL_HEAD_BYTES + (size_t)wal_align(head.len);
        bool room = at + bytes + WAL_HEAD_BYTES <= h->size;
        size_t tail = head.last && room ? WAL_HEAD_BYTES : 0;
        rc = wal_file_pwrite(env, f, slice_of(p, bytes + tail), at);
        memcpy(p, kept, WAL_HEAD_BYTES);
        at += bytes;
    }
    return rc;
}

void batch_mark(const struct batch *b, struct marks *m, uint64_t seq, uint64_t at)
{
    const uint8_t *items = b->b.p + WAL_HEAD_BYTES;
    size_t n = batch_body_bytes(b);
    for (size_t pos = 0; pos < n;) {
        struct wal_item item;
        enum rc rc = wal_item_parse(items + pos, &item);
        must(rc == RC_OK);
        uint64_t record = pos / WAL_RECORD_BODY_MAX;
        if (item.kind != WAL_ITEM_HARD_STATE)
            marks_add(m, &(struct mark){
                             .index = item.entry.index,
                             .seq = seq,
                             .at = at + record * (WAL_HEAD_BYTES + WAL_RECORD_BODY_MAX),
                             .skip = (uint32_t)(pos % WAL_RECORD_BODY_MAX),
                         });
        pos += WAL_ITEM_BYTES + item.entry.body.n;
    }
}
