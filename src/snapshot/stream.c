#include "snapshot/stream.h"

#include "base/mem.h"
#include "base/rd.h"
#include "base/wr.h"
#include "bbolt/writer.h"
#include "kv/ring.h"
#include "state/meta.h"

#include <stdlib.h>

/* What goes into the file, in order: rows are copied, but for keys. */
enum part { PART_BUCKET, PART_ROW, PART_KEYS, PART_END };

struct part_head {
    enum part part;
    uint32_t key_n; /* of a row, or the bucket's name */
    uint32_t value_n;
};

struct snapshot_stream {
    struct storage *storage;
    struct snapshot_source src; /* its view is open within a step only */
    struct buf parts;           /* each a struct part_head and its bytes; empty: not copied yet */
    uint8_t end[REVISION_TOMBSTONE_LEN]; /* the first key of table `key` that is left out */

    struct buf *out;

    /* Where this pass is. */
    struct bbolt_writer *writer;
    size_t at;                                  /* of parts */
    uint8_t cursor[REVISION_TOMBSTONE_LEN + 1]; /* of table `key`: from here on … */
    size_t cursor_n;                            /* … or from its beginning */
    struct bbolt_shape shape;
    bool counted;

    /* Of the step. */
    size_t rows;
    bool full;
    enum rc rc;
};

struct snapshot_stream *snapshot_stream_new(struct storage *storage,
                                            const struct snapshot_source *src, struct buf *out)
{
    struct snapshot_stream *s = mem_zalloc(sizeof(*s));
    s->storage = storage;
    s->src = *src;
    s->src.ops = storage->ops;
    s->src.view = NULL;
    s->out = out;
    s->writer = bbolt_counter_new();
    return s;
}

void snapshot_stream_free(struct snapshot_stream *s)
{
    if (!s)
        return;
    bbolt_writer_free(s->writer);
    buf_fini(&s->parts);
    free(s);
}

uint64_t snapshot_stream_size(const struct snapshot_stream *s)
{
    return s->counted ? bbolt_shape_bytes(&s->shape) : 0;
}

/* ---- The copy ---- */

static void add_part(struct snapshot_stream *s, enum part part, struct slice key,
                     struct slice value)
{
    struct part_head head = {part, (uint32_t)key.n, (uint32_t)value.n};
    buf_append(&s->parts, &head, sizeof(head));
    buf_append_slice(&s->parts, key);
    buf_append_slice(&s->parts, value);
}

static void copy_begin(void *arg, struct slice bucket)
{
    struct snapshot_stream *s = arg;
    add_part(s, PART_BUCKET, bucket, (struct slice){0});
    if (slice_eq(bucket, SLICE_LIT(SNAPSHOT_KEYS)))
        add_part(s, PART_KEYS, (struct slice){0}, (struct slice){0});
}

static bool copy_row(void *arg, struct slice key, struct slice value)
{
    add_part(arg, PART_ROW, key, value);
    return true;
}

static void copy_end(void *arg)
{
    add_part(arg, PART_END, (struct slice){0}, (struct slice){0});
}

static enum rc copy(struct snapshot_stream *s)
{
    struct snapshot_sink sink = {s, copy_begin, copy_row, copy_end};
    struct slice stored;
    struct revision last = {.main = 1}; /* a new store's */
    enum rc rc = s->src.ops->view_get(s->src.view, TABLE_META, SLICE_LIT(META_REVISION), &stored);
    if (rc == RC_OK) {
        struct rd r = {.in = stored};
        last.main = (int64_t)rd_u64(&r);
        rc = rd_done(&r) == RC_OK && last.main > 0 ? RC_OK : RC_CORRUPT;
    }
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    last.main++;
    revision_key_store(s->end, last, false);
    return snapshot_rows_but_keys(&s->src, &sink);
}

/* ---- A pass ---- */

/* A value's CRC is looked at when it is written: until then only its length counts. */
static struct slice value_of(struct snapshot_stream *s, struct slice stored)
{
    struct slice value = {stored.p, stored.n - STORED_CRC_LEN};
    if (stored.n < STORED_CRC_LEN)
        s->rc = RC_CORRUPT;
    else if (s->counted)
        s->rc = stored_value(stored, &value);
    return value;
}

static void put(struct snapshot_stream *s, struct slice key, struct slice value)
{
    bbolt_put(s->writer, key, value);
    s->rows++;
    s->full = s->counted ? s->out->n >= SNAPSHOT_PIECE_BYTES : s->rows >= SNAPSHOT_COUNT_ROWS;
}

static bool put_key(void *arg, struct slice key, struct slice stored)
{
    struct snapshot_stream *s = arg;
    if (slice_cmp(key, slice_of(s->end, REVISION_KEY_LEN)) >= 0)
        return false;
    struct slice value = value_of(s, stored);
    if (s->rc == RC_OK && key.n > REVISION_TOMBSTONE_LEN)
        s->rc = RC_CORRUPT;
    if (s->rc != RC_OK)
        return false;
    put(s, key, value);
    if (!s->full)
        return true;
    memcpy(s->cursor, key.p, key.n);
    s->cursor[key.n] = 0; /* the very next key there could be */
    s->cursor_n = key.n + 1;
    return false;
}

/* Returns whether that were all. */
static bool put_keys(struct snapshot_stream *s)
{
    enum rc rc =
        s->src.ops->view_scan(s->src.view, TABLE_KEY, slice_of(s->cursor, s->cursor_n), put_key, s);
    if (s->rc == RC_OK)
        s->rc = rc;
    return !s->full;
}

static void put_parts(struct snapshot_stream *s)
{
    while (s->at < s->parts.n && !s->full && s->rc == RC_OK) {
        struct part_head head;
        memcpy(&head, s->parts.p + s->at, sizeof(head));
        struct slice key = slice_of(s->parts.p + s->at + sizeof(head), head.key_n);
        struct slice value = slice_of(key.p + key.n, head.value_n);
        if (head.part == PART_BUCKET)
            bbolt_bucket_begin(s->writer, key);
        else if (head.part == PART_ROW)
            put(s, key, value);
        else if (head.part == PART_END)
            bbolt_bucket_end(s->writer);
        else if (!put_keys(s))
            break;
        s->at += sizeof(head) + key.n + value.n;
    }
    if (s->rc == RC_OK)
        s->rc = bbolt_writer_rc(s->writer);
}

/* The pass is over: rows were counted, or written. */
static void finish(struct snapshot_stream *s)
{
    s->rc = bbolt_writer_finish(s->writer, &s->shape);
    if (s->rc != RC_OK)
        return;
    if (s->counted) {
        s->rc = RC_END;
        return;
    }
    s->counted = true;
    bbolt_writer_free(s->writer);
    s->writer = bbolt_writer_new(s->out, &s->shape);
    s->at = s->cursor_n = 0;
}

enum rc snapshot_stream_step(struct snapshot_stream *s, struct err *err)
{
    s->src.view = s->src.ops->view_open(s->storage);
    if (!s->src.view)
        return err_set(err, RC_LIMIT, "too many views of the stored data are open");
    s->rows = 0;
    s->full = false;
    s->rc = s->parts.n > 0 ? RC_OK : copy(s);
    if (s->rc == RC_OK)
        put_parts(s);
    if (s->rc == RC_OK && s->at == s->parts.n)
        finish(s);
    s->src.ops->view_close(s->src.view);
    s->src.view = NULL;
    if (s->rc == RC_INVALID)
        (void)err_set(err, RC_INVALID,
                      s->counted ? "the stored data changed while they were sent"
                                 : "what is stored does not fit into etcd's file");
    return s->rc;
}
