#include "kv/index_tree.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

#define CACHE_LINE 64

_Static_assert(offsetof(struct leaf, keys) == 0 && offsetof(struct inner, bounds) == 0,
               "prefetch() counts on it");
_Static_assert(NODE_JOIN_MAX < NODE_CAP && NODE_MIN * 2 <= NODE_JOIN_MAX, "joins do not thrash");

/* A node that came to stand right of another in a split: the parent takes it. */
struct sprout {
    union child child;
    struct weight weight;
    struct entry *bound; /* between the two; passes to the parent */
};

static struct slice leaf_key(const struct leaf *leaf, unsigned i)
{
    return entry_key(leaf->keys.of[i]);
}

static struct entry *bound_new(struct tree *t, const struct leaf *left, const struct leaf *right)
{
    struct entry *bound = entry_between(leaf_key(left, left->keys.n - 1), leaf_key(right, 0));
    t->heap_bytes += entry_heap(bound);
    return bound;
}

static void free_entry(struct tree *t, struct entry *e)
{
    t->heap_bytes -= entry_heap(e);
    entry_free(e);
}

static struct leaf *leaf_new(struct tree *t)
{
    t->heap_bytes += heap_cost(sizeof(struct leaf));
    return mem_zalloc(sizeof(struct leaf));
}

static struct inner *inner_new(struct tree *t)
{
    t->heap_bytes += heap_cost(sizeof(struct inner));
    return mem_zalloc(sizeof(struct inner));
}

static void inner_free(struct tree *t, struct inner *inner)
{
    t->heap_bytes -= heap_cost(sizeof(*inner));
    free(inner);
}

void tree_init(struct tree *t)
{
    *t = (struct tree){.changes = 1};
    t->root.leaf = t->last = leaf_new(t);
}

static void free_below(union child node, unsigned depth)
{
    const struct keys *k = depth ? &node.inner->bounds : &node.leaf->keys;
    for (unsigned i = 0; i < k->n; i++)
        entry_free(k->of[i]);
    for (unsigned i = 0; depth && i < node.inner->n; i++)
        free_below(node.inner->child[i], depth - 1);
    if (depth)
        free(node.inner);
    else
        free(node.leaf);
}

void tree_fini(struct tree *t)
{
    free_below(t->root, t->depth);
    *t = (struct tree){0};
}

/* --- Nodes --- */

static struct weight leaf_weight(const struct leaf *leaf, unsigned n)
{
    struct weight w = {0};
    for (unsigned i = 0; i < n; i++)
        weight_add(&w, entry_weight(leaf->keys.of[i]));
    return w;
}

static void leaf_link_after(struct tree *t, struct leaf *left, struct leaf *leaf)
{
    leaf->prev = left;
    leaf->next = left->next;
    if (left->next)
        left->next->prev = leaf;
    else
        t->last = leaf;
    left->next = leaf;
}

static void leaf_free(struct tree *t, struct leaf *leaf)
{
    if (leaf->prev)
        leaf->prev->next = leaf->next;
    if (leaf->next)
        leaf->next->prev = leaf->prev;
    else
        t->last = leaf->prev;
    t->heap_bytes -= heap_cost(sizeof(*leaf));
    free(leaf);
}

/* The child under which key belongs. */
static unsigned inner_find(const struct inner *inner, struct slice key)
{
    bool found;
    unsigned i = keys_find(&inner->bounds, key, &found);
    return i + found;
}

/* Move n children with their weights. Their bounds go another way. */
static void inner_move(struct inner *to, unsigned at, struct inner *from, unsigned i, unsigned n)
{
    must(at + n <= NODE_CAP && i + n <= NODE_CAP);
    memmove(&to->weight[at], &from->weight[i], n * sizeof(to->weight[0]));
    memmove(&to->child[at], &from->child[i], n * sizeof(to->child[0]));
}

static void inner_put(struct inner *inner, unsigned at, const struct sprout *s)
{
    must(inner->n < NODE_CAP && at > 0 && at <= inner->n);
    keys_put(&inner->bounds, at - 1, s->bound);
    inner_move(inner, at + 1, inner, at, inner->n - at);
    inner->weight[at] = s->weight;
    inner->child[at] = s->child;
    inner->n++;
}

/* Forget child `at`, which the caller has freed, and return the bound that goes with it. Of the
 * first child it is the upper one: nothing is below the lower. */
static struct entry *inner_take(struct inner *inner, unsigned at)
{
    must(at < inner->n);
    struct entry *bound = inner->n > 1 ? keys_take(&inner->bounds, at ? at - 1 : 0) : NULL;
    inner->n--;
    inner_move(inner, at, inner, at + 1, inner->n - at);
    return bound;
}

static struct weight inner_weight(const struct inner *inner, unsigned n)
{
    struct weight w = {0};
    for (unsigned i = 0; i < n; i++)
        weight_add(&w, inner->weight[i]);
    return w;
}

/* --- Ways --- */

/* Bring what a search reads of a node, all of it at once. */
static void prefetch(union child node)
{
    const char *p = (const char *)node.leaf; /* an inner node begins with its keys as well */
    for (size_t i = 0; i < offsetof(struct keys, of); i += CACHE_LINE)
        __builtin_prefetch(p + i);
}

bool tree_find(const struct tree *t, struct slice key, struct place *p)
{
    const struct leaf *last = t->last;
    bool behind = last->keys.n > 0 && slice_cmp(leaf_key(last, last->keys.n - 1), key) < 0;
    union child node = t->root;
    for (unsigned i = 0; i < t->depth; i++) {
        p->inner[i] = node.inner;
        p->slot[i] = behind ? node.inner->n - 1 : inner_find(node.inner, key);
        node = node.inner->child[p->slot[i]];
        prefetch(node);
    }
    p->leaf = node.leaf;
    bool found = false;
    p->at = behind ? p->leaf->keys.n : keys_find(&p->leaf->keys, key, &found);
    return found;
}

static void add_along(struct tree *t, const struct place *p, struct weight d)
{
    for (unsigned i = 0; i < t->depth; i++)
        weight_add(&p->inner[i]->weight[p->slot[i]], d);
    weight_add(&t->total, d);
}

void tree_update(struct tree *t, const struct place *p, struct weight before, size_t heap_before)
{
    const struct entry *e = place_entry(p);
    add_along(t, p, weight_minus(entry_weight(e), before));
    t->heap_bytes += history_heap(&e->history) - heap_before;
}

struct weight tree_rank(const struct tree *t, struct slice key)
{
    struct place p;
    tree_find(t, key, &p);
    struct weight w = leaf_weight(p.leaf, p.at);
    for (unsigned i = 0; i < t->depth; i++)
        weight_add(&w, inner_weight(p.inner[i], p.slot[i]));
    return w;
}

const struct entry *tree_seek(const struct tree *t, struct slice key)
{
    struct place p;
    tree_find(t, key, &p);
    if (p.at < p.leaf->keys.n)
        return p.leaf->keys.of[p.at];
    return p.leaf->next ? p.leaf->next->keys.of[0] : NULL;
}

const struct entry *tree_select(const struct tree *t, uint64_t rank)
{
    if (rank >= t->total.keys)
        return NULL;
    union child node = t->root;
    for (unsigned level = 0; level < t->depth; level++) {
        unsigned i = 0;
        while (rank >= node.inner->weight[i].keys)
            rank -= node.inner->weight[i++].keys;
        must(i < node.inner->n);
        node = node.inner->child[i];
    }
    const struct keys *k = &node.leaf->keys;
    unsigned i = 0;
    for (; i < k->n; i++)
        if (history_alive(&k->of[i]->history) && rank-- == 0)
            break;
    must(i < k->n);
    return k->of[i];
}

/* --- Growing --- */

/* Split a full leaf for an entry that belongs at `at`. */
static struct sprout leaf_split(struct tree *t, struct leaf *leaf, unsigned at, struct entry *e)
{
    bool edge = leaf == t->last && at == leaf->keys.n;
    struct leaf *right = leaf_new(t);
    leaf_link_after(t, leaf, right);
    if (!edge)
        keys_share(&leaf->keys, &right->keys, NULL, NODE_CAP / 2);
    if (at <= leaf->keys.n && !edge)
        keys_put(&leaf->keys, at, e);
    else
        keys_put(&right->keys, at - leaf->keys.n, e);
    return (struct sprout){.child.leaf = right,
                           .weight = leaf_weight(right, right->keys.n),
                           .bound = bound_new(t, leaf, right)};
}

/* Split a full inner node for a child that belongs at `at`. */
static struct sprout inner_split(struct tree *t, struct inner *inner, unsigned at,
                                 const struct sprout *s, bool edge)
{
    struct inner *right = inner_new(t);
    struct sprout up = {.child.inner = right};
    if (edge) {
        right->n = 1;
        right->weight[0] = s->weight;
        right->child[0] = s->child;
        up.bound = s->bound;
    } else {
        const unsigned keep = NODE_CAP / 2;
        keys_share(&inner->bounds, &right->bounds, &up.bound, keep - 1);
        right->n = NODE_CAP - keep;
        inner_move(right, 0, inner, keep, right->n);
        inner->n = keep;
        if (at <= keep)
            inner_put(inner, at, s);
        else
            inner_put(right, at - keep, s);
    }
    up.weight = inner_weight(right, right->n);
    return up;
}

static void grow_root(struct tree *t, const struct sprout *s)
{
    must(t->depth < TREE_DEPTH_MAX);
    struct inner *root = inner_new(t);
    root->n = 1;
    root->child[0] = t->root;
    root->weight[0] = weight_minus(t->total, s->weight);
    inner_put(root, 1, s);
    t->root.inner = root;
    t->depth++;
}

void tree_insert(struct tree *t, const struct place *p, struct slice key, struct history history)
{
    struct entry *e = entry_new(key, history);
    t->heap_bytes += entry_heap(e);
    t->keys++;
    t->changes++;
    add_along(t, p, entry_weight(e));
    if (p->leaf->keys.n < NODE_CAP) {
        keys_put(&p->leaf->keys, p->at, e);
        return;
    }
    bool edge = p->leaf == t->last && p->at == NODE_CAP;
    struct sprout s = leaf_split(t, p->leaf, p->at, e);
    for (unsigned i = t->depth; i > 0; i--) {
        struct inner *inner = p->inner[i - 1];
        unsigned at = p->slot[i - 1] + 1;
        inner->weight[at - 1] = weight_minus(inner->weight[at - 1], s.weight);
        if (inner->n < NODE_CAP) {
            inner_put(inner, at, &s);
            return;
        }
        s = inner_split(t, inner, at, &s, edge);
    }
    grow_root(t, &s);
}

/* --- Shrinking --- */

/* How many of n items the left one of two joined nodes gets. */
static unsigned left_share(unsigned n)
{
    return n <= NODE_JOIN_MAX ? n : n / 2;
}

/* Join children i and i + 1, leaves, of which one has too few keys. */
static void join_leaves(struct tree *t, struct inner *parent, unsigned i)
{
    struct leaf *left = parent->child[i].leaf;
    struct leaf *right = parent->child[i + 1].leaf;
    struct weight both = parent->weight[i];
    weight_add(&both, parent->weight[i + 1]);
    keys_share(&left->keys, &right->keys, NULL, left_share(left->keys.n + right->keys.n));
    struct sprout s = {.child.leaf = right};
    free_entry(t, inner_take(parent, i + 1));
    parent->weight[i] = leaf_weight(left, left->keys.n);
    if (right->keys.n == 0) {
        leaf_free(t, right);
        return;
    }
    s.bound = bound_new(t, left, right);
    s.weight = weight_minus(both, parent->weight[i]);
    inner_put(parent, i + 1, &s);
}

/* The same for inner nodes. */
static void join_inners(struct tree *t, struct inner *parent, unsigned i)
{
    struct inner *left = parent->child[i].inner;
    struct inner *right = parent->child[i + 1].inner;
    struct weight both = parent->weight[i];
    weight_add(&both, parent->weight[i + 1]);
    struct sprout s = {.child.inner = right, .bound = inner_take(parent, i + 1)};
    unsigned want = left_share(left->n + right->n);
    keys_share(&left->bounds, &right->bounds, &s.bound, want - 1);
    if (left->n < want) {
        unsigned n = want - left->n;
        inner_move(left, left->n, right, 0, n);
        right->n -= n;
        inner_move(right, 0, right, n, right->n);
    } else {
        unsigned n = left->n - want;
        inner_move(right, n, right, 0, right->n);
        inner_move(right, 0, left, want, n);
        right->n += n;
    }
    left->n = want;
    parent->weight[i] = inner_weight(left, left->n);
    if (right->n == 0) {
        inner_free(t, right);
        return;
    }
    s.weight = weight_minus(both, parent->weight[i]);
    inner_put(parent, i + 1, &s);
}

static void drop_empty(struct tree *t, struct inner *parent, unsigned i, unsigned depth)
{
    if (depth)
        inner_free(t, parent->child[i].inner);
    else
        leaf_free(t, parent->child[i].leaf);
    struct entry *bound = inner_take(parent, i);
    if (bound)
        free_entry(t, bound);
}

/* Child i of parent lost an item. It has `depth` inner nodes from itself down. */
static void mend(struct tree *t, struct inner *parent, unsigned i, unsigned depth)
{
    union child node = parent->child[i];
    unsigned n = depth ? node.inner->n : node.leaf->keys.n;
    unsigned left = i ? i - 1 : 0;
    if (n == 0)
        drop_empty(t, parent, i, depth);
    else if (n < NODE_MIN && parent->n > 1 && depth == 0)
        join_leaves(t, parent, left);
    else if (n < NODE_MIN && parent->n > 1)
        join_inners(t, parent, left);
}

void tree_remove(struct tree *t, const struct place *p)
{
    add_along(t, p, weight_minus((struct weight){0}, entry_weight(place_entry(p))));
    free_entry(t, keys_take(&p->leaf->keys, p->at));
    must(t->keys > 0);
    t->keys--;
    t->changes++;
    for (unsigned i = t->depth; i > 0; i--)
        mend(t, p->inner[i - 1], p->slot[i - 1], t->depth - i);
    while (t->depth > 0 && t->root.inner->n == 1) {
        struct inner *root = t->root.inner;
        t->root = root->child[0];
        t->depth--;
        inner_free(t, root);
    }
}
