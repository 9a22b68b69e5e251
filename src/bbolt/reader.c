#include "bbolt/reader.h"

#include "base/rd.h"
#include "base/wr.h"
#include "bbolt/checksum.h"
#include "bbolt/format.h"

struct meta {
    uint32_t page_bytes;
    uint64_t root;
    uint64_t pages;
    uint64_t txid;
};

static bool is_page_size(uint32_t n)
{
    return n >= BBOLT_PAGE_MIN && n <= BBOLT_PAGE_MAX && (n & (n - 1)) == 0;
}

static enum rc read_meta(struct slice file, uint64_t at, struct meta *out)
{
    if (file.n < at + BBOLT_PAGE_HEADER + BBOLT_META_BYTES)
        return RC_MALFORMED;
    struct slice bytes = slice_of(file.p + at + BBOLT_PAGE_HEADER, BBOLT_META_BYTES);
    struct rd r = {.in = bytes};
    uint32_t magic = rd_u32(&r);
    uint32_t version = rd_u32(&r);
    struct meta m = {.page_bytes = rd_u32(&r)};
    (void)rd_u32(&r);
    m.root = rd_u64(&r);
    (void)rd_u64(&r); /* sequence */
    (void)rd_u64(&r); /* freelist: what is free is of no interest */
    m.pages = rd_u64(&r);
    m.txid = rd_u64(&r);
    uint64_t sum = rd_u64(&r);
    if (magic != BBOLT_MAGIC || rd_done(&r) != RC_OK)
        return RC_MALFORMED;
    if (version != BBOLT_VERSION)
        return RC_VERSION;
    if (sum != bbolt_checksum(slice_of(bytes.p, BBOLT_META_BYTES - 8)) ||
        !is_page_size(m.page_bytes))
        return RC_CORRUPT;
    *out = m;
    return RC_OK;
}

/* Without the first meta page the page size is not known, so the second one is looked for. */
static enum rc find_second(struct slice file, struct meta *out)
{
    for (uint32_t size = BBOLT_PAGE_MIN; size <= BBOLT_PAGE_MAX; size *= 2)
        if (read_meta(file, size, out) == RC_OK && out->page_bytes == size)
            return RC_OK;
    return RC_MALFORMED;
}

enum rc bbolt_open(struct slice file, struct bbolt *out)
{
    struct meta first;
    struct meta second;
    enum rc rc = read_meta(file, 0, &first);
    if (rc != RC_OK) {
        if (find_second(file, &first) != RC_OK)
            return rc;
    } else if (read_meta(file, first.page_bytes, &second) == RC_OK &&
               second.page_bytes == first.page_bytes && second.txid > first.txid) {
        first = second;
    }
    if (first.pages < 2 || first.pages > file.n / first.page_bytes || first.root < 2)
        return RC_CORRUPT;
    *out = (struct bbolt){
        .file = file, .page_bytes = first.page_bytes, .pages = first.pages, .root = first.root};
    return RC_OK;
}

/* ---- A walk over one tree ---- */

struct walk {
    const struct bbolt *b;
    uint64_t left; /* pages that may still be visited: a page that refers back ends the walk */
    struct slice last;
    bool any;
    bool stopped;
    void *arg;
    bool (*row)(void *arg, struct slice key, struct slice value);
    bool (*bucket)(void *arg, const struct bbolt_bucket *bucket);
};

struct node {
    struct slice bytes; /* from its header on */
    unsigned flags;
    unsigned count;
};

/* A header, with its elements' heads inside the bytes. */
static enum rc parse_node(struct slice bytes, struct node *out)
{
    struct rd r = {.in = bytes};
    (void)rd_u64(&r);
    struct node n = {.bytes = bytes};
    n.flags = rd_u16(&r);
    n.count = rd_u16(&r);
    (void)rd_u32(&r);
    if (r.failed || bytes.n < BBOLT_PAGE_HEADER + (size_t)n.count * BBOLT_LEAF_HEAD)
        return RC_CORRUPT;
    *out = n;
    return RC_OK;
}

static enum rc read_page(struct walk *w, uint64_t page, struct node *out)
{
    const struct bbolt *b = w->b;
    if (page < 2 || page >= b->pages || w->left == 0)
        return RC_CORRUPT;
    w->left--;
    const uint8_t *p = b->file.p + page * b->page_bytes;
    uint64_t span = (uint64_t)load_u32(p + 12) + 1;
    if (load_u64(p) != page || span > b->pages - page)
        return RC_CORRUPT;
    return parse_node(slice_of(p, (size_t)(span * b->page_bytes)), out);
}

/* n bytes that lie pos behind an element's head. */
static bool piece(const struct node *n, size_t head, uint64_t pos, uint64_t len, struct slice *out)
{
    uint64_t at = head + pos;
    if (at > n->bytes.n || len > n->bytes.n - at)
        return false;
    *out = slice_of(n->bytes.p + at, (size_t)len);
    return true;
}

static bool in_order(struct walk *w, struct slice key)
{
    bool ok = key.n > 0 && (!w->any || slice_cmp(w->last, key) < 0);
    w->last = key;
    w->any = true;
    return ok;
}

static enum rc visit_bucket(struct walk *w, struct slice name, struct slice value)
{
    if (value.n < BBOLT_BUCKET_BYTES)
        return RC_CORRUPT;
    struct bbolt_bucket bucket = {.name = name, .root = load_u64(value.p)};
    if (bucket.root == 0)
        bucket.inlined = slice_skip(value, BBOLT_BUCKET_BYTES);
    w->stopped = !w->bucket(w->arg, &bucket);
    return RC_OK;
}

static enum rc visit_leaf(struct walk *w, const struct node *n)
{
    for (unsigned i = 0; i < n->count && !w->stopped; i++) {
        size_t head = BBOLT_PAGE_HEADER + (size_t)i * BBOLT_LEAF_HEAD;
        const uint8_t *p = n->bytes.p + head;
        uint64_t pos = load_u32(p + 4);
        uint64_t key_n = load_u32(p + 8);
        struct slice key;
        struct slice value;
        if (key_n > BBOLT_KEY_MAX || !piece(n, head, pos, key_n, &key) ||
            !piece(n, head, pos + key_n, load_u32(p + 12), &value) || !in_order(w, key))
            return RC_CORRUPT;
        bool is_bucket = load_u32(p) & BBOLT_LEAF_IS_BUCKET;
        if (is_bucket != (w->bucket != NULL))
            return is_bucket ? RC_UNSUPPORTED : RC_CORRUPT;
        enum rc rc = RC_OK;
        if (is_bucket)
            rc = visit_bucket(w, key, value);
        else
            w->stopped = !w->row(w->arg, key, value);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc visit_page(struct walk *w, uint64_t page, unsigned depth)
{
    struct node n;
    enum rc rc = depth < BBOLT_DEPTH_MAX ? read_page(w, page, &n) : RC_CORRUPT;
    if (rc != RC_OK)
        return rc;
    if (n.flags & BBOLT_LEAF)
        return visit_leaf(w, &n);
    if (!(n.flags & BBOLT_BRANCH))
        return RC_CORRUPT;
    for (unsigned i = 0; i < n.count && rc == RC_OK && !w->stopped; i++) {
        const uint8_t *p = n.bytes.p + BBOLT_PAGE_HEADER + (size_t)i * BBOLT_BRANCH_HEAD;
        rc = visit_page(w, load_u64(p + 8), depth + 1);
    }
    return rc;
}

enum rc bbolt_buckets(const struct bbolt *b,
                      bool (*fn)(void *arg, const struct bbolt_bucket *bucket), void *arg)
{
    struct walk w = {.b = b, .left = b->pages, .arg = arg, .bucket = fn};
    return visit_page(&w, b->root, 0);
}

enum rc bbolt_rows(const struct bbolt *b, const struct bbolt_bucket *bucket,
                   bool (*fn)(void *arg, struct slice key, struct slice value), void *arg)
{
    struct walk w = {.b = b, .left = b->pages, .arg = arg, .row = fn};
    struct node n;
    if (bucket->root != 0)
        return visit_page(&w, bucket->root, 0);
    enum rc rc = parse_node(bucket->inlined, &n);
    if (rc == RC_OK && !(n.flags & BBOLT_LEAF))
        rc = RC_CORRUPT;
    return rc == RC_OK ? visit_leaf(&w, &n) : rc;
}

struct finding {
    struct slice name;
    struct bbolt_bucket *out;
    bool found;
};

static bool is_it(void *arg, const struct bbolt_bucket *bucket)
{
    struct finding *f = arg;
    f->found = slice_eq(bucket->name, f->name);
    if (f->found)
        *f->out = *bucket;
    return !f->found;
}

enum rc bbolt_find(const struct bbolt *b, struct slice name, struct bbolt_bucket *out)
{
    struct finding f = {.name = name, .out = out};
    enum rc rc = bbolt_buckets(b, is_it, &f);
    if (rc == RC_OK && !f.found)
        rc = RC_NOT_FOUND;
    return rc;
}
