#include "sim/image.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

#define BLOCK_BYTES  4096u
#define SECTOR_BYTES 512u

/* A name and what it leads to; node NULL: removed. */
struct entry {
    char *path;
    struct node *seen;
    struct node *durable;
};

/* A name moved from here to there; either may be NULL. */
struct change {
    char *from;
    char *to;
    struct node *node;
};

static struct entry *entry_find(const struct image *im, const char *path)
{
    for (size_t i = 0; i < im->entry_n; i++)
        if (strcmp(im->entries[i].path, path) == 0)
            return &im->entries[i];
    return NULL;
}

static struct entry *entry_get(struct image *im, const char *path)
{
    struct entry *e = entry_find(im, path);
    if (e)
        return e;
    im->entries = mem_realloc(im->entries, (im->entry_n + 1) * sizeof(*im->entries));
    e = &im->entries[im->entry_n++];
    *e = (struct entry){.path = mem_strdup(path)};
    return e;
}

static struct node *node_new(struct image *im, bool dir)
{
    struct node *n = mem_zalloc(sizeof(*n));
    n->dir = dir;
    n->next = im->nodes;
    im->nodes = n;
    return n;
}

void image_init(struct image *im)
{
    *im = (struct image){0};
    static const char *const roots[] = {"/", "."};
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        struct entry *e = entry_get(im, roots[i]);
        e->seen = e->durable = node_new(im, true);
    }
}

static void change_drop(struct change *c)
{
    free(c->from);
    free(c->to);
}

void image_fini(struct image *im)
{
    while (im->nodes) {
        struct node *n = im->nodes;
        im->nodes = n->next;
        buf_fini(&n->seen);
        buf_fini(&n->durable);
        free(n->dirty);
        free(n);
    }
    for (size_t i = 0; i < im->entry_n; i++)
        free(im->entries[i].path);
    for (size_t i = 0; i < im->change_n; i++)
        change_drop(&im->changes[i]);
    free(im->entries);
    free(im->changes);
    *im = (struct image){0};
}

struct node *image_find(const struct image *im, const char *path)
{
    const struct entry *e = entry_find(im, path);
    return e ? e->seen : NULL;
}

static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return mem_strdup(".");
    return mem_printf("%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static bool in_dir(const char *path, const char *dir)
{
    AUTO(mem_free_at) char *parent = parent_of(path);
    return strcmp(parent, dir) == 0 && strcmp(path, dir) != 0;
}

bool image_parent_exists(const struct image *im, const char *path)
{
    AUTO(mem_free_at) char *parent = parent_of(path);
    const struct node *n = image_find(im, parent);
    return n && n->dir;
}

static void change_add(struct image *im, const char *from, const char *to, struct node *node)
{
    if (from)
        entry_get(im, from)->seen = NULL;
    if (to)
        entry_get(im, to)->seen = node;
    im->changes = mem_realloc(im->changes, (im->change_n + 1) * sizeof(*im->changes));
    im->changes[im->change_n++] = (struct change){
        .from = from ? mem_strdup(from) : NULL,
        .to = to ? mem_strdup(to) : NULL,
        .node = node,
    };
}

static void change_apply(struct image *im, const struct change *c)
{
    struct entry *from = c->from ? entry_find(im, c->from) : NULL;
    if (from && from->durable == c->node)
        from->durable = NULL;
    if (c->to)
        entry_get(im, c->to)->durable = c->node;
}

struct node *image_add(struct image *im, const char *path, bool dir)
{
    struct node *n = node_new(im, dir);
    change_add(im, NULL, path, n);
    return n;
}

void image_rename(struct image *im, const char *from, const char *to)
{
    struct node *n = image_find(im, from);
    must(n);
    change_add(im, from, to, n);
}

static bool change_in_dir(const struct change *c, const char *dir)
{
    return (c->from && in_dir(c->from, dir)) || (c->to && in_dir(c->to, dir));
}

void image_sync_dir(struct image *im, const char *dir)
{
    size_t left = 0;
    for (size_t i = 0; i < im->change_n; i++) {
        struct change c = im->changes[i];
        if (change_in_dir(&c, dir)) {
            change_apply(im, &c);
            change_drop(&c);
        } else {
            im->changes[left++] = c;
        }
    }
    im->change_n = left;
}

void image_list(const struct image *im, const char *dir, void (*fn)(void *arg, const char *name),
                void *arg)
{
    for (size_t i = 0; i < im->entry_n; i++) {
        const struct entry *e = &im->entries[i];
        const char *slash = strrchr(e->path, '/');
        if (e->seen && in_dir(e->path, dir))
            fn(arg, slash ? slash + 1 : e->path);
    }
}

uint64_t image_bytes(const struct image *im)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < im->entry_n; i++)
        if (im->entries[i].seen)
            bytes += im->entries[i].seen->seen.n;
    return bytes;
}

struct node *image_put(struct image *im, const char *path, struct slice content)
{
    must(image_parent_exists(im, path));
    struct entry *e = entry_get(im, path);
    struct node *n = e->seen = e->durable = node_new(im, false);
    buf_append_slice(&n->seen, content);
    buf_append_slice(&n->durable, content);
    return n;
}

static void resize(struct buf *b, size_t n)
{
    if (n > b->n) {
        size_t more = n - b->n;
        memset(buf_extend(b, more), 0, more);
    }
    b->n = n;
}

static void touch(struct node *n, uint64_t at, uint64_t bytes)
{
    size_t blocks = (size_t)((at + bytes + BLOCK_BYTES - 1) / BLOCK_BYTES);
    if (blocks > n->dirty_n) {
        n->dirty = mem_realloc(n->dirty, blocks);
        memset(n->dirty + n->dirty_n, 0, blocks - n->dirty_n);
        n->dirty_n = blocks;
    }
    for (size_t i = (size_t)(at / BLOCK_BYTES); i < blocks; i++)
        n->dirty[i] = 1;
}

/* Let [at, at + n) of what is seen become durable, as far as the durable file reaches. */
static void write_back(struct node *n, size_t at, size_t bytes)
{
    size_t end = at + bytes;
    if (end > n->seen.n)
        end = n->seen.n;
    if (end > n->durable.n)
        end = n->durable.n;
    if (at < end)
        memcpy(n->durable.p + at, n->seen.p + at, end - at);
}

void node_resize(struct node *n, size_t bytes)
{
    size_t from = n->seen.n;
    resize(&n->seen, bytes);
    if (bytes > from)
        touch(n, from, bytes - from); /* where it was cut before, zeros are news */
}

void node_write(struct node *n, uint64_t at, struct slice s)
{
    must(at + s.n <= n->seen.n);
    if (s.n == 0)
        return;
    memcpy(n->seen.p + at, s.p, s.n);
    touch(n, at, s.n);
}

void node_poke(struct node *n, uint64_t at, struct slice s)
{
    must(at + s.n <= n->seen.n);
    if (s.n)
        memcpy(n->seen.p + at, s.p, s.n);
    write_back(n, (size_t)at, s.n);
}

void node_sync(struct node *n)
{
    resize(&n->durable, n->seen.n);
    for (size_t i = 0; i < n->dirty_n; i++)
        if (n->dirty[i])
            write_back(n, i * BLOCK_BYTES, BLOCK_BYTES);
    node_forget_dirty(n);
}

void node_forget_dirty(struct node *n)
{
    if (n->dirty_n)
        memset(n->dirty, 0, n->dirty_n);
}

void image_write_back_some(struct image *im, struct rng *rng)
{
    size_t files = 0;
    for (struct node *n = im->nodes; n; n = n->next)
        files += n->dirty_n > 0;
    if (files == 0)
        return;
    size_t pick = (size_t)rng_below(rng, files);
    for (struct node *n = im->nodes; n; n = n->next) {
        if (n->dirty_n == 0 || pick-- > 0)
            continue;
        size_t i = (size_t)rng_below(rng, n->dirty_n);
        if (n->dirty[i])
            write_back(n, i * BLOCK_BYTES, BLOCK_BYTES);
        return;
    }
}

/* What power loss leaves of one dirty block: nothing new, all, or some of its sectors. */
static void crash_block(struct node *n, size_t block, struct rng *rng)
{
    size_t at = block * BLOCK_BYTES;
    switch (rng_below(rng, 3)) {
    case 0:
        return;
    case 1:
        write_back(n, at, BLOCK_BYTES);
        return;
    default:
        for (size_t s = 0; s < BLOCK_BYTES; s += SECTOR_BYTES)
            if (rng_below(rng, 2))
                write_back(n, at + s, SECTOR_BYTES);
    }
}

static void crash_node(struct node *n, struct rng *rng)
{
    if (n->durable.n != n->seen.n && rng_below(rng, 2))
        resize(&n->durable, n->seen.n);
    for (size_t i = 0; i < n->dirty_n; i++)
        if (n->dirty[i])
            crash_block(n, i, rng);
    node_forget_dirty(n);
    buf_clear(&n->seen);
    buf_append_slice(&n->seen, buf_slice(&n->durable));
}

/* The changes that concern one file are lost from some point on: a journal keeps their order. */
static void crash_changes(struct image *im, struct rng *rng)
{
    for (struct node *n = im->nodes; n; n = n->next)
        n->kept_changes = 0;
    for (size_t i = 0; i < im->change_n; i++)
        im->changes[i].node->kept_changes++;
    for (struct node *n = im->nodes; n; n = n->next)
        n->kept_changes = rng_below(rng, n->kept_changes + 1);
    for (size_t i = 0; i < im->change_n; i++) {
        struct change *c = &im->changes[i];
        if (c->node->kept_changes > 0) {
            c->node->kept_changes--;
            change_apply(im, c);
        }
        change_drop(c);
    }
    im->change_n = 0;
    for (size_t i = 0; i < im->entry_n; i++)
        im->entries[i].seen = im->entries[i].durable;
}

/* What is in a directory that is not there is not there, and so on downwards. */
static bool drop_orphan(struct image *im)
{
    for (size_t i = 0; i < im->entry_n; i++) {
        struct entry *e = &im->entries[i];
        if (e->seen && !image_parent_exists(im, e->path)) {
            e->seen = e->durable = NULL;
            return true;
        }
    }
    return false;
}

void image_crash(struct image *im, struct rng *rng)
{
    crash_changes(im, rng);
    while (drop_orphan(im)) {
    }
    for (struct node *n = im->nodes; n; n = n->next)
        crash_node(n, rng);
}
