#include "store/dbfile.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/rd.h"
#include "base/wr.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LMDB_MAGIC   0xBEEFC0DEu
#define LMDB_VERSION 1u
#define BBOLT_MAGIC  0xED0CDAEDu /* bbolt's meta page has it at the same offset */

#define PAGE_HEAD  16 /* bytes: number, pad, flags, lower and upper (or the length of a run) */
#define META_BYTES (PAGE_HEAD + 136)
#define NODE_HEAD  8
#define DEPTH_MAX  32           /* LMDB's cursor stack */
#define NO_ROOT    UINT64_MAX   /* an empty tree */
#define PAGES_MAX  (1ull << 47) /* beyond: no such file, and products would overflow */
#define CHUNK_IDS  512

enum page_flag { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_RUN = 4, PAGE_META = 8 };
enum node_flag { NODE_BIG = 1 }; /* data in a run of pages, the node has the run's number */

struct tree {
    uint16_t depth;
    uint64_t pages; /* branch and leaf */
    uint64_t root;
};

struct meta {
    uint64_t page;
    uint16_t flags;
    uint32_t magic;
    uint32_t version;
    uint32_t page_bytes;
    struct tree free;
    struct tree main;
    uint64_t last_page;
    uint64_t txn;
};

/* All of [at, at + n), or RC_CORRUPT when the file ends before. */
static enum rc read_all(int fd, void *p, size_t n, uint64_t at)
{
    uint8_t *to = p;
    while (n > 0) {
        ssize_t got = pread(fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rc_of_errno(errno);
        if (got == 0)
            return RC_CORRUPT;
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return RC_OK;
}

static struct tree tree_parse(struct rd *r, uint32_t *pad)
{
    struct tree t = {0};
    *pad = rd_u32(r);
    (void)rd_u16(r); /* flags */
    t.depth = rd_u16(r);
    uint64_t branch = rd_u64(r);
    uint64_t leaf = rd_u64(r);
    (void)rd_u64(r); /* run pages */
    (void)rd_u64(r); /* entries */
    t.root = rd_u64(r);
    t.pages = branch < PAGES_MAX && leaf < PAGES_MAX ? branch + leaf : PAGES_MAX;
    return t;
}

static struct meta meta_parse(const uint8_t bytes[META_BYTES])
{
    struct rd r = {.in = slice_of(bytes, META_BYTES)};
    struct meta m = {.page = rd_u64(&r)};
    (void)rd_u16(&r);
    m.flags = rd_u16(&r);
    (void)rd_u32(&r);
    m.magic = rd_u32(&r);
    m.version = rd_u32(&r);
    (void)rd_u64(&r); /* map address, of fixed maps only */
    (void)rd_u64(&r); /* map size when written: ours counts */
    uint32_t unused;
    m.free = tree_parse(&r, &m.page_bytes); /* the page size rides in this tree's pad */
    m.main = tree_parse(&r, &unused);
    m.last_page = rd_u64(&r);
    m.txn = rd_u64(&r);
    must(rd_done(&r) == RC_OK);
    return m;
}

static bool tree_sane(const struct tree *t, uint64_t last_page)
{
    return t->depth <= DEPTH_MAX && t->pages <= last_page + 1 &&
           (t->root == NO_ROOT ? t->depth == 0 : t->root >= 2 && t->root <= last_page);
}

/* What is wrong with header page i, or NULL. */
static const char *meta_fault(const struct meta *m, uint64_t i)
{
    if (m->magic != LMDB_MAGIC)
        return "its magic number is gone";
    if (m->page != i || !(m->flags & PAGE_META))
        return "it is not marked as one";
    if (m->page_bytes < 512 || m->page_bytes > DBFILE_PAGE_BYTES_MAX ||
        (m->page_bytes & (m->page_bytes - 1)))
        return "its page size is impossible";
    /* Transactions write the two in turn; a new file has 0 in both. */
    if (m->txn != 0 && (m->txn & 1) != i)
        return "its transaction number belongs to the other one";
    if (m->last_page < 1 || m->last_page >= PAGES_MAX)
        return "its last page number is impossible";
    if (!tree_sane(&m->free, m->last_page) || !tree_sane(&m->main, m->last_page))
        return "a tree's root lies outside of the file";
    return NULL;
}

/* Walking the free tree, to learn which pages past the end of the file nobody needs. */
struct walk {
    int fd;
    uint32_t page_bytes;
    uint64_t end;   /* pages that the file really has */
    uint64_t last;  /* number of the last page it should have */
    uint64_t left;  /* tree pages that may still be visited: a loop of pages ends */
    uint64_t found; /* free pages with numbers from end to last */
};

/* A free list: a count, then that many page numbers; n bytes at byte `at` of the file. */
static enum rc walk_list(struct walk *w, uint64_t at, uint64_t n)
{
    uint64_t count;
    if (n < sizeof(count))
        return RC_CORRUPT;
    enum rc rc = read_all(w->fd, &count, sizeof(count), at);
    if (rc != RC_OK)
        return rc;
    if (count > n / sizeof(uint64_t) - 1 || count > w->last)
        return RC_CORRUPT;
    uint64_t ids[CHUNK_IDS];
    for (at += sizeof(count); count > 0; at += sizeof(ids)) {
        size_t some = count < CHUNK_IDS ? (size_t)count : CHUNK_IDS;
        rc = read_all(w->fd, ids, some * sizeof(ids[0]), at);
        if (rc != RC_OK)
            return rc;
        for (size_t i = 0; i < some; i++)
            w->found += ids[i] >= w->end && ids[i] <= w->last;
        count -= some;
    }
    return RC_OK;
}

/* One record of a leaf: node, an offset in the page that holds n bytes from there on. */
static enum rc walk_record(struct walk *w, uint64_t page, const uint8_t *node, size_t n)
{
    uint64_t size = load_u32(node); /* low half, high half */
    uint16_t flags;
    uint16_t key_n;
    memcpy(&flags, node + 4, sizeof(flags));
    memcpy(&key_n, node + 6, sizeof(key_n));
    size_t data = NODE_HEAD + (size_t)key_n;
    if (flags & NODE_BIG) {
        if (data + sizeof(uint64_t) > n)
            return RC_CORRUPT;
        uint64_t run = load_u64(node + data);
        if (run < 2 || run > w->last)
            return RC_CORRUPT;
        return walk_list(w, run * w->page_bytes + PAGE_HEAD, size);
    }
    if (size > n || data > n - size)
        return RC_CORRUPT;
    return walk_list(w, page + data, size);
}

static enum rc walk_page(struct walk *w, uint64_t number, unsigned depth);

static enum rc walk_nodes(struct walk *w, uint64_t number, const uint8_t *page, unsigned depth)
{
    uint16_t flags;
    uint16_t lower;
    memcpy(&flags, page + 10, sizeof(flags));
    memcpy(&lower, page + 12, sizeof(lower));
    bool leaf = (flags & PAGE_LEAF) != 0;
    if (load_u64(page) != number || leaf == !!(flags & PAGE_BRANCH) || lower < PAGE_HEAD ||
        lower > w->page_bytes)
        return RC_CORRUPT;
    for (size_t at = PAGE_HEAD; at + 2 <= lower; at += 2) {
        uint16_t off;
        memcpy(&off, page + at, sizeof(off));
        if (off < lower || off + (size_t)NODE_HEAD > w->page_bytes)
            return RC_CORRUPT;
        const uint8_t *node = page + off;
        uint16_t high;
        memcpy(&high, node + 4, sizeof(high));
        enum rc rc = leaf ? walk_record(w, number * w->page_bytes + off, node, w->page_bytes - off)
                          : walk_page(w, load_u32(node) | (uint64_t)high << 32, depth - 1);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* Visit the page and what hangs below it; depth bounds the recursion. */
static enum rc walk_page(struct walk *w, uint64_t number, unsigned depth)
{
    if (depth == 0 || number < 2 || number > w->last || w->left == 0)
        return RC_CORRUPT;
    w->left--;
    uint8_t *page = mem_alloc(w->page_bytes);
    enum rc rc = read_all(w->fd, page, w->page_bytes, number * w->page_bytes);
    if (rc == RC_OK)
        rc = walk_nodes(w, number, page, depth);
    free(page);
    return rc;
}

/* LMDB never writes a page that one transaction both took from the end and gave back, so a healthy
 * file may end before its last page: what is missing must be free, all of it. */
static enum rc judge_end(int fd, const char *path, const struct meta *m, uint64_t size,
                         struct err *err)
{
    uint64_t need = (m->last_page + 1) * m->page_bytes;
    if (size >= need)
        return RC_OK;
    struct walk w = {.fd = fd, .page_bytes = m->page_bytes, .end = size / m->page_bytes};
    w.last = m->last_page;
    w.left = m->free.pages;
    enum rc rc = m->free.root == NO_ROOT ? RC_OK : walk_page(&w, m->free.root, m->free.depth);
    if (rc == RC_OK && w.found == w.last + 1 - w.end)
        return RC_OK;
    if (rc != RC_OK && rc != RC_CORRUPT)
        return err_set(err, rc, "cannot read %s: %s", path, rc_text(rc));
    return err_set(err, RC_CORRUPT,
                   "%s was cut short: it ends at byte %" PRIu64 ", and its last commit reaches to "
                   "byte %" PRIu64 " with pages in use behind that end. Copy the whole file again "
                   "if this is a copy; else replace this member, or restore it from a snapshot.",
                   path, size, need);
}

static enum rc judge_foreign(const char *path, const uint8_t *head, struct err *err)
{
    uint32_t magic = load_u32(head + PAGE_HEAD);
    if (magic == BBOLT_MAGIC)
        return err_set(err, RC_FOREIGN,
                       "%s is etcd's own database (bbolt), which moat does not run on. Move it "
                       "away, and restore a snapshot of that etcd into a new data directory.",
                       path);
    return err_set(err, RC_FOREIGN,
                   "%s is not moat's: no LMDB file begins with the bytes %02x %02x %02x %02x at "
                   "offset 16. Move it away, or name another data directory.",
                   path, head[16], head[17], head[18], head[19]);
}

/* Both header pages, and which is the newer. */
static enum rc judge_metas(int fd, const char *path, struct meta *newest, struct err *err)
{
    uint8_t bytes[META_BYTES];
    struct meta m[2] = {{0}};
    uint64_t at = 0;
    for (uint64_t i = 0; i < 2; i++) {
        enum rc rc = read_all(fd, bytes, sizeof(bytes), at);
        if (rc == RC_CORRUPT)
            return err_set(err, rc,
                           "%s was cut short: it ends within its two header pages. Replace this "
                           "member, or restore it from a snapshot; if it has never run, remove the "
                           "file.",
                           path);
        if (rc != RC_OK)
            return err_set(err, rc, "cannot read %s: %s", path, rc_text(rc));
        m[i] = meta_parse(bytes);
        if (i == 0 && m[i].magic != LMDB_MAGIC)
            return judge_foreign(path, bytes, err);
        if (m[i].magic == LMDB_MAGIC && m[i].version != LMDB_VERSION)
            return err_set(err, RC_VERSION,
                           "%s has LMDB's file format %" PRIu32 ", and this moat reads format %u: "
                           "run the version that wrote it.",
                           path, m[i].version, LMDB_VERSION);
        const char *fault = meta_fault(&m[i], i);
        if (!fault && m[i].page_bytes != m[0].page_bytes)
            fault = "its page size differs from the other's";
        if (fault)
            return err_set(err, RC_CORRUPT,
                           "%s: header page %" PRIu64 " is damaged: %s. Replace this member, or "
                           "restore it from a snapshot.",
                           path, i, fault);
        at = m[0].page_bytes;
    }
    *newest = m[m[1].txn > m[0].txn];
    return RC_OK;
}

enum rc dbfile_judge(int fd, const char *path, struct dbfile *out, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return err_set(err, rc_of_errno(errno), "cannot look at %s: %s", path,
                       rc_text(rc_of_errno(errno)));
    if (!S_ISREG(st.st_mode))
        return err_set(err, RC_INVALID, "%s is not a regular file", path);
    struct dbfile f = {.size = (uint64_t)st.st_size};
    if (f.size == 0) {
        *out = f;
        return RC_OK;
    }
    struct meta m = {0};
    enum rc rc = judge_metas(fd, path, &m, err);
    if (rc != RC_OK)
        return rc;
    long mine = sysconf(_SC_PAGESIZE);
    if ((long)m.page_bytes != mine)
        return err_set(err, RC_UNSUPPORTED,
                       "%s has pages of %" PRIu32 " bytes, and this machine's have %ld: it came "
                       "from another kind of machine. Restore a snapshot instead.",
                       path, m.page_bytes, mine);
    rc = judge_end(fd, path, &m, f.size, err);
    if (rc != RC_OK)
        return rc;
    f.page_bytes = m.page_bytes;
    f.last_page = m.last_page;
    *out = f;
    return RC_OK;
}
