#include "volume.h"

#include "base/mem.h"
#include "base/must.h"
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK   4096u
#define SECTOR  512u
#define RUN_MAX 256 /* blocks written at once */

#define PER_MILLION 1000000u
#define NEWEST      700000u /* of what is written back, so much is in its latest state */
#define TORN        250000u /* of all losses, those that tear blocks … */
#define TORN_BLOCK  300000u /* … and then so many of the blocks */
#define BACKWARDS   250000u /* of all files, those of which the newest blocks are written back */

/* Never changed once it is in a slot; shared between volumes. */
struct block {
    unsigned refs;
    uint8_t bytes[BLOCK];
};

/* One block of a file: what is durable (NULL: zeros), and every state since, oldest first. */
struct slot {
    struct block *durable;
    struct block **newer;
    size_t newer_n;
    bool dirty;  /* listed in its file … */
    size_t rank; /* … as this one */
};

struct node {
    uint64_t file;
    bool is_dir;
    struct slot *slots;
    size_t slot_n;
    size_t *dirty; /* slots with newer states */
    size_t dirty_n;
    size_t dirty_cap;
    uint64_t size; /* durable */
    uint64_t *sizes;
    size_t sizes_n;
    struct node *next; /* of all the volume's, in order of creation, newest first */
};

/* A change of names: from (NULL: a new file) to (NULL: removed). */
struct change {
    char *from;
    char *to;
    struct node *node;
};

struct volume {
    struct node *nodes;
    struct names durable;
    struct names latest;
    struct change *changes; /* since the directories were synced, oldest first */
    size_t change_n;
};

/* ---- Blocks ---- */

static struct block *block_ref(struct block *b)
{
    if (b)
        b->refs++;
    return b;
}

static void block_unref(struct block *b)
{
    if (b && --b->refs == 0)
        free(b);
}

static struct block *slot_latest(const struct slot *s)
{
    return s->newer_n ? s->newer[s->newer_n - 1] : s->durable;
}

static struct block *block_copy(const struct block *b)
{
    struct block *copy = mem_alloc(sizeof(*copy));
    copy->refs = 1;
    if (b)
        memcpy(copy->bytes, b->bytes, BLOCK);
    else
        memset(copy->bytes, 0, BLOCK);
    return copy;
}

static void slot_settle(struct slot *s)
{
    if (s->newer_n == 0)
        return;
    struct block *latest = block_ref(slot_latest(s));
    block_unref(s->durable);
    for (size_t i = 0; i < s->newer_n; i++)
        block_unref(s->newer[i]);
    free(s->newer);
    s->newer = NULL;
    s->newer_n = 0;
    s->durable = latest;
}

/* ---- Files ---- */

static uint64_t node_size(const struct node *n)
{
    return n->sizes_n ? n->sizes[n->sizes_n - 1] : n->size;
}

static void node_free(struct node *n)
{
    for (size_t i = 0; i < n->slot_n; i++) {
        slot_settle(&n->slots[i]);
        block_unref(n->slots[i].durable);
    }
    free(n->slots);
    free(n->dirty);
    free(n->sizes);
    free(n);
}

static struct node *node_add(struct volume *v, uint64_t file, bool is_dir)
{
    struct node *n = mem_zalloc(sizeof(*n));
    n->file = file;
    n->is_dir = is_dir;
    n->next = v->nodes;
    v->nodes = n;
    return n;
}

/* The newest, since numbers are used again. */
static struct node *node_find(const struct volume *v, uint64_t file)
{
    struct node *n = v->nodes;
    while (n && (n->is_dir || n->file != file))
        n = n->next;
    must(n);
    return n;
}

static struct slot *node_slot(struct node *n, size_t i)
{
    if (i >= n->slot_n) {
        size_t more = i + 1 > 2 * n->slot_n ? i + 1 : 2 * n->slot_n;
        n->slots = mem_realloc(n->slots, more * sizeof(struct slot));
        memset(n->slots + n->slot_n, 0, (more - n->slot_n) * sizeof(struct slot));
        n->slot_n = more;
    }
    return &n->slots[i];
}

static void node_resize(struct node *n, uint64_t size)
{
    if (size == node_size(n))
        return;
    n->sizes = mem_realloc(n->sizes, (n->sizes_n + 1) * sizeof(uint64_t));
    n->sizes[n->sizes_n++] = size;
}

/* Give slot i a new state, in which bytes (NULL: zeros) stand from offset within the block on. */
static void node_overlay(struct node *n, size_t i, size_t from, const uint8_t *bytes, size_t len)
{
    struct slot *s = node_slot(n, i);
    struct block *b = block_copy(slot_latest(s));
    must(from + len <= BLOCK);
    if (bytes)
        memcpy(b->bytes + from, bytes, len);
    else
        memset(b->bytes + from, 0, len);
    s->newer = mem_realloc(s->newer, (s->newer_n + 1) * sizeof(struct block *));
    s->newer[s->newer_n++] = b;
    if (s->dirty)
        return;
    if (n->dirty_n == n->dirty_cap) {
        n->dirty_cap = n->dirty_cap ? 2 * n->dirty_cap : 16;
        n->dirty = mem_realloc(n->dirty, n->dirty_cap * sizeof(size_t));
    }
    s->dirty = true;
    s->rank = n->dirty_n;
    n->dirty[n->dirty_n++] = i;
}

static void node_write(struct node *n, uint64_t at, const uint8_t *p, size_t len)
{
    if (at + len > node_size(n))
        node_resize(n, at + len);
    while (len > 0) {
        size_t from = at % BLOCK;
        size_t some = BLOCK - from < len ? BLOCK - from : len;
        node_overlay(n, at / BLOCK, from, p, some);
        at += some;
        p += some;
        len -= some;
    }
}

static void node_truncate(struct node *n, uint64_t size)
{
    for (uint64_t at = size; at < node_size(n) && at / BLOCK < n->slot_n;) {
        size_t from = at % BLOCK;
        if (slot_latest(node_slot(n, at / BLOCK)))
            node_overlay(n, at / BLOCK, from, NULL, BLOCK - from);
        at += BLOCK - from;
    }
    node_resize(n, size);
}

static void node_settle_size(struct node *n)
{
    n->size = node_size(n);
    n->sizes_n = 0;
}

static void node_sync(struct node *n)
{
    for (size_t i = 0; i < n->dirty_n; i++) {
        n->slots[n->dirty[i]].dirty = false;
        slot_settle(&n->slots[n->dirty[i]]);
    }
    n->dirty_n = 0;
    node_settle_size(n);
}

/* A write through O_DSYNC takes the pages it touches with it, and nothing else. */
static void node_write_sync(struct node *n, uint64_t at, const uint8_t *p, size_t len)
{
    node_write(n, at, p, len);
    for (uint64_t i = at / BLOCK; len > 0 && i <= (at + len - 1) / BLOCK; i++)
        slot_settle(&n->slots[i]); /* stays in dirty, which does no harm */
    node_settle_size(n);
}

/* ---- Names ---- */

static void names_change(struct names *t, const struct change *c)
{
    if (c->from)
        names_remove(t, c->from);
    if (c->to)
        names_put(t, c->to, c->node);
}

static void change_fini(struct change *c)
{
    free(c->from);
    free(c->to);
}

static void volume_change(struct volume *v, const char *from, const char *to, struct node *node)
{
    if (!node) {
        struct name *old = names_find(&v->latest, from);
        must(old);
        node = old->node;
    }
    v->changes = mem_realloc(v->changes, (v->change_n + 1) * sizeof(struct change));
    struct change *c = &v->changes[v->change_n++];
    *c = (struct change){from ? mem_strdup(from) : NULL, to ? mem_strdup(to) : NULL, node};
    names_change(&v->latest, c);
}

static bool lies_in(const char *path, const char *dir)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strcmp(dir, ".") == 0;
    return strlen(dir) == (size_t)(slash - path) && strncmp(path, dir, strlen(dir)) == 0;
}

static void volume_sync_dir(struct volume *v, const char *dir)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->change_n; i++) {
        struct change *c = &v->changes[i];
        if (lies_in(c->from ? c->from : c->to, dir)) {
            must(!c->from || !c->to || lies_in(c->to, dir));
            names_change(&v->durable, c);
            change_fini(c);
        } else {
            v->changes[kept++] = *c;
        }
    }
    v->change_n = kept;
}

/* ---- The volume ---- */

struct volume *volume_new(void)
{
    return mem_zalloc(sizeof(struct volume));
}

void volume_free(struct volume *v)
{
    if (!v)
        return;
    while (v->nodes) {
        struct node *n = v->nodes;
        v->nodes = n->next;
        node_free(n);
    }
    for (size_t i = 0; i < v->change_n; i++)
        change_fini(&v->changes[i]);
    free(v->changes);
    names_fini(&v->durable);
    names_fini(&v->latest);
    free(v);
}

void volume_apply(struct volume *v, const struct trace_record *r, const uint8_t *payload)
{
    const char *path = (const char *)payload;
    switch ((enum trace_kind)r->kind) {
    case TRACE_CREATE:
        volume_change(v, NULL, path, node_add(v, r->file, false));
        break;
    case TRACE_MKDIR:
        volume_change(v, NULL, path, node_add(v, 0, true));
        break;
    case TRACE_RENAME:
        volume_change(v, path, path + strlen(path) + 1, NULL);
        break;
    case TRACE_UNLINK:
        volume_change(v, path, NULL, NULL);
        break;
    case TRACE_WRITE:
        node_write(node_find(v, r->file), r->at, payload, r->n);
        break;
    case TRACE_WRITE_SYNC:
        node_write_sync(node_find(v, r->file), r->at, payload, r->n);
        break;
    case TRACE_SIZE:
        node_truncate(node_find(v, r->file), r->at);
        break;
    case TRACE_SYNC:
        node_sync(node_find(v, r->file));
        break;
    case TRACE_SYNC_DIR:
        volume_sync_dir(v, path);
        break;
    case TRACE_LIFE:
    case TRACE_ACK:
    case TRACE_COMPACT_ASK:
    case TRACE_COMPACT_ACK:
    case TRACE_FOUND:
    case TRACE_SEEN:
    case TRACE_BEFORE_SYNC:
    case TRACE_KIND_END:
        break;
    }
}

/* ---- Loss of power ---- */

/* How much of a file, or of the names, was written back without having been asked for: often all or
 * nothing, since the in-between alone would hide what only a whole that is lost or kept shows. */
static uint64_t pick_share(struct rng *rng)
{
    static const uint64_t shares[] = {0, 0, 50000, 500000, 950000, PER_MILLION, PER_MILLION};
    return shares[rng_below(rng, sizeof(shares) / sizeof(shares[0]))];
}

static size_t pick_state(struct rng *rng, size_t n)
{
    return rng_chance(rng, NEWEST) ? n - 1 : (size_t)rng_below(rng, n);
}

/* Each sector in a state of its own. */
static struct block *tear(const struct slot *s, struct rng *rng)
{
    struct block *b = block_copy(s->durable);
    for (size_t at = 0; at < BLOCK; at += SECTOR)
        if (rng_chance(rng, PER_MILLION / 2))
            memcpy(b->bytes + at, s->newer[rng_below(rng, s->newer_n)]->bytes + at, SECTOR);
    return b;
}

struct loss {
    struct rng *rng;
    uint64_t share;
    size_t oldest; /* blocks of a file that are lost in any case */
    bool torn;
};

static struct block *lose_slot(const struct slot *s, const struct loss *l)
{
    if (s->newer_n == 0 || s->rank < l->oldest || !rng_chance(l->rng, l->share))
        return block_ref(s->durable);
    if (l->torn && rng_chance(l->rng, TORN_BLOCK))
        return tear(s, l->rng);
    return block_ref(s->newer[pick_state(l->rng, s->newer_n)]);
}

static struct node *lose_node(struct volume *to, const struct node *n, struct loss l)
{
    struct node *out = node_add(to, n->file, n->is_dir);
    l.share = pick_share(l.rng);
    if (rng_chance(l.rng, BACKWARDS)) {
        l.oldest = (size_t)rng_below(l.rng, n->dirty_n + 1);
        l.share = PER_MILLION;
    }
    out->size = n->size;
    if (n->sizes_n > 0 && rng_chance(l.rng, l.share))
        out->size = n->sizes[pick_state(l.rng, n->sizes_n)];
    size_t blocks = (out->size + BLOCK - 1) / BLOCK;
    out->slot_n = blocks < n->slot_n ? blocks : n->slot_n;
    out->slots = mem_calloc(out->slot_n, sizeof(struct slot));
    for (size_t i = 0; i < out->slot_n; i++)
        out->slots[i].durable = lose_slot(&n->slots[i], &l);
    size_t end = out->size % BLOCK;
    struct slot *last = end && out->slot_n == blocks ? &out->slots[blocks - 1] : NULL;
    if (last && last->durable) {
        struct block *cut = block_copy(last->durable);
        memset(cut->bytes + end, 0, BLOCK - end);
        block_unref(last->durable);
        last->durable = cut;
    }
    return out;
}

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool depends(const struct change *c, const struct change *before)
{
    return c->node == before->node || same(c->from, before->from) || same(c->from, before->to) ||
           same(c->to, before->from) || same(c->to, before->to);
}

static void lose_names(const struct volume *v, struct names *out, struct rng *rng)
{
    uint64_t share = pick_share(rng);
    bool *lost = mem_calloc(v->change_n, sizeof(bool));
    for (size_t i = 0; i < v->durable.n; i++)
        names_put(out, v->durable.v[i].path, v->durable.v[i].node);
    for (size_t i = 0; i < v->change_n; i++) {
        lost[i] = !rng_chance(rng, share);
        for (size_t k = 0; k < i && !lost[i]; k++)
            lost[i] = lost[k] && depends(&v->changes[i], &v->changes[k]);
        if (!lost[i])
            names_change(out, &v->changes[i]);
    }
    free(lost);
}

/* Is the directory there that the path lies in? */
static bool reachable(const struct names *t, const char *path)
{
    char parent[TRACE_PATH_MAX];
    snprintf(parent, sizeof(parent), "%s", path);
    char *slash = strrchr(parent, '/');
    if (!slash)
        return true;
    *slash = 0;
    return names_find(t, parent) && reachable(t, parent);
}

struct volume *volume_lose_power(const struct volume *v, struct rng *rng)
{
    struct volume *out = volume_new();
    struct names left = {0};
    struct loss l = {.rng = rng, .torn = rng_chance(rng, TORN)};
    lose_names(v, &left, rng);
    for (size_t i = 0; i < left.n; i++) {
        if (!reachable(&left, left.v[i].path))
            continue;
        struct node *n = lose_node(out, left.v[i].node, l);
        names_put(&out->durable, left.v[i].path, n);
        names_put(&out->latest, left.v[i].path, n);
    }
    names_fini(&left);
    return out;
}

/* ---- To and from a directory ---- */

static void write_node(struct node *n, const char *path)
{
    struct stat st;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(fd >= 0 && ftruncate(fd, (off_t)node_size(n)) == 0);
    size_t blocks = (node_size(n) + BLOCK - 1) / BLOCK;
    blocks = blocks < n->slot_n ? blocks : n->slot_n;
    for (size_t i = 0; i < blocks;) {
        struct iovec run[RUN_MAX];
        size_t k = 0;
        for (; k < RUN_MAX && i + k < blocks && slot_latest(&n->slots[i + k]); k++)
            run[k] = (struct iovec){slot_latest(&n->slots[i + k])->bytes, BLOCK};
        if (k > 0)
            must(pwritev(fd, run, (int)k, (off_t)(i * BLOCK)) == (ssize_t)(k * BLOCK));
        i += k ? k : 1;
    }
    must(ftruncate(fd, (off_t)node_size(n)) == 0); /* the last block may be cut */
    must(fstat(fd, &st) == 0);
    n->file = st.st_ino;
    close(fd);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->path, ((const struct name *)b)->path);
}

void volume_write(struct volume *v, const char *dir)
{
    struct name *sorted = mem_calloc(v->latest.n, sizeof(*sorted));
    for (size_t i = 0; i < v->latest.n; i++)
        sorted[i] = v->latest.v[i];
    if (v->latest.n > 0)
        qsort(sorted, v->latest.n, sizeof(*sorted), by_path); /* a directory before what it holds */
    for (size_t i = 0; i < v->latest.n; i++) {
        char *path = mem_printf("%s/%s", dir, sorted[i].path);
        if (sorted[i].node->is_dir)
            must(mkdir(path, 0700) == 0);
        else
            write_node(sorted[i].node, path);
        free(path);
    }
    free(sorted);
}

static bool node_matches(const struct node *n, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    bool same_so_far = (uint64_t)st.st_size == node_size(n);
    if (!same_so_far)
        fprintf(stderr, "%s has %lld bytes, by the trace %" PRIu64 "\n", path,
                (long long)st.st_size, node_size(n));
    static const uint8_t zeros[BLOCK];
    for (uint64_t at = 0; same_so_far && at < node_size(n); at += BLOCK) {
        uint8_t bytes[BLOCK];
        ssize_t got = pread(fd, bytes, BLOCK, (off_t)at);
        const struct block *b = at / BLOCK < n->slot_n ? slot_latest(&n->slots[at / BLOCK]) : NULL;
        same_so_far = got > 0 && memcmp(bytes, b ? b->bytes : zeros, (size_t)got) == 0;
        if (!same_so_far)
            fprintf(stderr, "%s at %" PRIu64 " is not what the trace says\n", path, at);
    }
    close(fd);
    return same_so_far;
}

bool volume_matches(const struct volume *v, const char *dir)
{
    bool matches = true;
    for (size_t i = 0; i < v->latest.n; i++) {
        const struct name *name = &v->latest.v[i];
        char *path = mem_printf("%s/%s", dir, name->path);
        struct stat st;
        if (name->node->is_dir)
            matches = matches && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
        else
            matches = node_matches(name->node, path) && matches;
        free(path);
    }
    return matches;
}
