#include "bbolt/writer.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/wr.h"
#include "bbolt/checksum.h"
#include "bbolt/format.h"

#include <stdlib.h>

#define FIRST_PAGE 2u /* behind the meta pages */

/* Rows that would leave much of a page empty share a node of several pages. */
#define LARGE_ROW_BYTES  (BBOLT_PAGE_BYTES / 4)
#define LARGE_NODE_BYTES (16 * BBOLT_PAGE_BYTES)

/* The page of one level that is being filled. */
struct level {
    struct buf heads; /* elements; their pos counts within data until the page is written */
    struct buf data;
    struct buf first; /* key of the first element */
    size_t bytes;     /* of heads and data, also where they are only counted */
    unsigned n;
};

struct tree {
    struct level levels[BBOLT_DEPTH_MAX]; /* leaves first */
    unsigned height;
    struct buf last; /* key put last */
    bool any;
};

struct bbolt_writer {
    struct buf *out; /* NULL: rows are counted */
    struct bbolt_shape shape;
    enum rc rc;
    uint64_t page;    /* the next page's number */
    struct tree root; /* of buckets */
    struct tree rows; /* of the bucket that is open */
    struct buf name;
    bool open;
};

static void tree_fini(struct tree *t)
{
    for (unsigned i = 0; i < BBOLT_DEPTH_MAX; i++) {
        buf_fini(&t->levels[i].heads);
        buf_fini(&t->levels[i].data);
        buf_fini(&t->levels[i].first);
    }
    buf_fini(&t->last);
}

void bbolt_writer_free(struct bbolt_writer *w)
{
    if (!w)
        return;
    tree_fini(&w->root);
    tree_fini(&w->rows);
    buf_fini(&w->name);
    free(w);
}

enum rc bbolt_writer_rc(const struct bbolt_writer *w)
{
    return w->rc;
}

static void page_header(struct buf *out, uint64_t id, enum bbolt_page_flag flag, unsigned count,
                        uint32_t overflow)
{
    buf_append_u64(out, id);
    buf_append_u16(out, (uint16_t)flag);
    buf_append_u16(out, (uint16_t)count);
    buf_append_u32(out, overflow);
}

/* Fill up the page, or pages, that began there. */
static void pad_page(struct buf *out, size_t begin)
{
    size_t over = (out->n - begin) % BBOLT_PAGE_BYTES;
    if (over > 0)
        memset(buf_extend(out, BBOLT_PAGE_BYTES - over), 0, BBOLT_PAGE_BYTES - over);
}

static void meta_page(struct buf *out, uint64_t number, const struct bbolt_shape *shape)
{
    page_header(out, number, BBOLT_META, 0, 0);
    size_t at = out->n;
    buf_append_u32(out, BBOLT_MAGIC);
    buf_append_u32(out, BBOLT_VERSION);
    buf_append_u32(out, BBOLT_PAGE_BYTES);
    buf_append_u32(out, 0);
    buf_append_u64(out, shape->root);
    buf_append_u64(out, 0); /* the root bucket's sequence */
    buf_append_u64(out, shape->freelist);
    buf_append_u64(out, shape->pages);
    buf_append_u64(out, number); /* the transaction */
    buf_append_u64(out, bbolt_checksum(slice_of(out->p + at, out->n - at)));
    must(out->n - at == BBOLT_META_BYTES);
    pad_page(out, at - BBOLT_PAGE_HEADER);
}

struct bbolt_writer *bbolt_counter_new(void)
{
    struct bbolt_writer *w = mem_zalloc(sizeof(*w));
    w->page = FIRST_PAGE;
    return w;
}

struct bbolt_writer *bbolt_writer_new(struct buf *out, const struct bbolt_shape *shape)
{
    struct bbolt_writer *w = bbolt_counter_new();
    w->out = out;
    w->shape = *shape;
    meta_page(out, 0, shape);
    meta_page(out, 1, shape);
    return w;
}

static void append_page(struct buf *out, struct level *l, bool leaf, uint64_t id, uint32_t overflow)
{
    size_t begin = out->n;
    page_header(out, id, leaf ? BBOLT_LEAF : BBOLT_BRANCH, l->n, overflow);
    /* An element's pos counts from its own head. */
    for (unsigned i = 0; i < l->n; i++) {
        uint8_t *pos = l->heads.p + (size_t)i * BBOLT_LEAF_HEAD + (leaf ? 4 : 0);
        store_u32(pos, load_u32(pos) + (uint32_t)(l->heads.n - (size_t)i * BBOLT_LEAF_HEAD));
    }
    buf_append_slice(out, buf_slice(&l->heads));
    buf_append_slice(out, buf_slice(&l->data));
    pad_page(out, begin);
    buf_clear(&l->heads);
    buf_clear(&l->data);
}

/* Write what the level holds as a page, with overflow if one large row asks for it; it is empty
 * after. Returns the page's number. */
static uint64_t write_page(struct bbolt_writer *w, struct level *l, bool leaf)
{
    size_t bytes = BBOLT_PAGE_HEADER + l->bytes;
    uint64_t pages = (bytes + BBOLT_PAGE_BYTES - 1) / BBOLT_PAGE_BYTES;
    uint64_t id = w->page;
    w->page += pages;
    if (w->out)
        append_page(w->out, l, leaf, id, (uint32_t)(pages - 1));
    l->bytes = 0;
    l->n = 0;
    return id;
}

static bool fits(const struct level *l, size_t bytes)
{
    size_t room = bytes > LARGE_ROW_BYTES ? LARGE_NODE_BYTES : BBOLT_PAGE_BYTES;
    return l->n < BBOLT_ELEMENTS_MAX &&
           BBOLT_PAGE_HEADER + l->bytes + BBOLT_LEAF_HEAD + bytes <= room;
}

static void note_element(struct level *l, struct slice key, size_t bytes)
{
    if (l->n++ == 0) {
        buf_clear(&l->first);
        buf_append_slice(&l->first, key);
    }
    l->bytes += BBOLT_LEAF_HEAD + bytes;
}

/* Add a child to the level above the leaves; a full page moves up as a child of the next. */
static void add_child(struct bbolt_writer *w, struct tree *t, unsigned height, struct slice key,
                      uint64_t page)
{
    if (height >= BBOLT_DEPTH_MAX) {
        w->rc = RC_LIMIT;
        return;
    }
    struct level *l = &t->levels[height];
    if (t->height < height)
        t->height = height;
    if (l->n > 1 && !fits(l, key.n)) { /* two at least, else the tree would never narrow */
        uint64_t id = write_page(w, l, false);
        add_child(w, t, height + 1, buf_slice(&l->first), id);
    }
    note_element(l, key, key.n);
    if (!w->out)
        return;
    uint8_t *head = buf_extend(&l->heads, BBOLT_BRANCH_HEAD);
    store_u32(head, (uint32_t)l->data.n);
    store_u32(head + 4, (uint32_t)key.n);
    store_u64(head + 8, page);
    buf_append_slice(&l->data, key);
}

static void add_row(struct bbolt_writer *w, struct tree *t, uint32_t flags, struct slice key,
                    struct slice value)
{
    struct level *l = &t->levels[0];
    bool in_order = !t->any || slice_cmp(buf_slice(&t->last), key) < 0;
    if (w->rc == RC_OK &&
        (!in_order || key.n == 0 || key.n > BBOLT_KEY_MAX || value.n > BBOLT_VALUE_MAX))
        w->rc = RC_INVALID;
    if (w->rc != RC_OK)
        return;
    t->any = true;
    buf_clear(&t->last);
    buf_append_slice(&t->last, key);
    if (l->n > 0 && !fits(l, key.n + value.n)) {
        uint64_t id = write_page(w, l, true);
        add_child(w, t, 1, buf_slice(&l->first), id);
    }
    note_element(l, key, key.n + value.n);
    if (!w->out)
        return;
    uint8_t *head = buf_extend(&l->heads, BBOLT_LEAF_HEAD);
    store_u32(head, flags);
    store_u32(head + 4, (uint32_t)l->data.n);
    store_u32(head + 8, (uint32_t)key.n);
    store_u32(head + 12, (uint32_t)value.n);
    buf_append_slice(&l->data, key);
    buf_append_slice(&l->data, value);
}

/* Write what is left of each level, and return the root's page; the tree is empty after. */
static uint64_t close_tree(struct bbolt_writer *w, struct tree *t)
{
    unsigned top = t->height;
    uint64_t id = write_page(w, &t->levels[0], true);
    for (unsigned h = 1; h <= top && w->rc == RC_OK; h++) {
        struct level *below = &t->levels[h - 1];
        add_child(w, t, h, buf_slice(&below->first), id);
        top = t->height; /* that may have filled a page, and begun a level */
        id = write_page(w, &t->levels[h], false);
    }
    t->height = 0;
    t->any = false;
    return id;
}

void bbolt_bucket_begin(struct bbolt_writer *w, struct slice name)
{
    must(!w->open);
    w->open = true;
    buf_clear(&w->name);
    buf_append_slice(&w->name, name);
}

void bbolt_put(struct bbolt_writer *w, struct slice key, struct slice value)
{
    must(w->open);
    add_row(w, &w->rows, 0, key, value);
}

void bbolt_bucket_end(struct bbolt_writer *w)
{
    uint8_t bucket[BBOLT_BUCKET_BYTES] = {0};
    must(w->open);
    w->open = false;
    store_u64(bucket, close_tree(w, &w->rows));
    add_row(w, &w->root, BBOLT_LEAF_IS_BUCKET, buf_slice(&w->name),
            slice_of(bucket, sizeof(bucket)));
}

enum rc bbolt_writer_finish(struct bbolt_writer *w, struct bbolt_shape *shape)
{
    must(!w->open);
    struct bbolt_shape found = {.root = close_tree(w, &w->root), .freelist = w->page++};
    found.pages = w->page;
    if (w->rc != RC_OK)
        return w->rc;
    if (w->out) {
        size_t begin = w->out->n;
        if (memcmp(&found, &w->shape, sizeof(found)) != 0)
            return w->rc = RC_INVALID;
        page_header(w->out, found.freelist, BBOLT_FREELIST, 0, 0);
        pad_page(w->out, begin);
    }
    *shape = found;
    return RC_OK;
}
