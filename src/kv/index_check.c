/* Invariants of the index's tree, walked from the root. */
#include "base/must.h"
#include "kv/index_tree.h"

struct checker {
    const struct leaf *previous; /* leaf met before */
    struct slice below;          /* key met before, once any was */
    bool any;
    uint64_t keys;
};

static bool same(struct weight a, struct weight b)
{
    return a.keys == b.keys && a.bytes == b.bytes && a.revisions == b.revisions;
}

static struct weight check_leaf(struct checker *k, const struct leaf *leaf, struct slice low)
{
    must(leaf->prev == k->previous);
    must(!k->previous || k->previous->next == leaf);
    k->previous = leaf;
    keys_check(&leaf->keys);
    struct weight w = {0};
    for (unsigned i = 0; i < leaf->keys.n; i++) {
        const struct entry *e = leaf->keys.of[i];
        must(!history_empty(&e->history));
        must(slice_cmp(low, entry_key(e)) <= 0);
        must(!k->any || slice_cmp(k->below, entry_key(e)) < 0);
        weight_add(&w, entry_weight(e));
        k->below = entry_key(e);
        k->any = true;
        k->keys++;
    }
    return w;
}

/* `edge`: the node stands at the right edge and may be short. */
static struct weight check_node(struct checker *k, union child node, unsigned depth,
                                struct slice low, bool edge)
{
    if (depth == 0) {
        must(edge || node.leaf->keys.n >= NODE_MIN);
        return check_leaf(k, node.leaf, low);
    }
    const struct inner *inner = node.inner;
    must(inner->n <= NODE_CAP && inner->n >= (edge ? 1 : NODE_MIN));
    must(inner->bounds.n == inner->n - 1);
    keys_check(&inner->bounds);
    struct weight sum = {0};
    for (unsigned i = 0; i < inner->n; i++) {
        struct slice bound = i ? entry_key(inner->bounds.of[i - 1]) : low;
        must(!k->any || i == 0 || slice_cmp(k->below, bound) < 0);
        struct weight w =
            check_node(k, inner->child[i], depth - 1, bound, edge && i + 1 == inner->n);
        must(same(w, inner->weight[i]));
        weight_add(&sum, w);
    }
    return sum;
}

void tree_check(const struct tree *t)
{
    struct checker k = {0};
    must(t->depth <= TREE_DEPTH_MAX);
    must(t->depth == 0 || t->root.inner->n >= 2);
    struct weight w = check_node(&k, t->root, t->depth, (struct slice){0}, true);
    must(same(w, t->total));
    must(k.keys == t->keys);
    must(k.previous == t->last && !t->last->next);
    /* An empty tree is one empty leaf; any other has no empty node. */
    must(t->last->keys.n > 0 || t->depth == 0);
}
