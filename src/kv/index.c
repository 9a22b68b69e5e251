#include "kv/index.h"

#include "base/mem.h"
#include "base/must.h"
#include "kv/index_tree.h"

#include <stdlib.h>

#define ITER_AHEAD 12 /* entries that a walk asks memory for ahead of its visit */

struct index {
    struct tree tree;
    struct place recent; /* where a tombstone was set the last time; good while … */
    uint64_t changes;    /* … the tree's are these */
};

struct index *index_new(void)
{
    struct index *x = mem_zalloc(sizeof(*x));
    tree_init(&x->tree);
    return x;
}

void index_free(struct index *x)
{
    if (!x)
        return;
    tree_fini(&x->tree);
    free(x);
}

/* --- Changes --- */

/* What happens to a key's history. */
struct change {
    struct revision rev;
    enum { CHANGE_PUT, CHANGE_TOMBSTONE, CHANGE_RESTORE_PUT } what;
    int64_t create_main; /* the rest as in index_restore_put */
    int64_t version;
    uint32_t size;
};

static enum rc history_apply(struct history *h, const struct change *c)
{
    if (c->what == CHANGE_RESTORE_PUT)
        return history_restore_put(h, c->rev, c->create_main, c->version, c->size);
    if (c->what == CHANGE_PUT)
        history_put(h, c->rev, c->size);
    else
        history_tombstone(h, c->rev);
    return RC_OK;
}

static enum rc apply_at(struct index *x, const struct place *p, const struct change *c)
{
    struct entry *e = place_entry(p);
    struct weight weight = entry_weight(e);
    size_t heap = history_heap(&e->history);
    enum rc rc = history_apply(&e->history, c);
    if (rc != RC_OK)
        return rc;
    tree_update(&x->tree, p, weight, heap);
    return RC_OK;
}

static enum rc apply(struct index *x, struct slice key, const struct change *c)
{
    struct place p;
    if (tree_find(&x->tree, key, &p))
        return apply_at(x, &p, c);
    struct history h = {0};
    enum rc rc = history_apply(&h, c);
    if (rc != RC_OK)
        return rc;
    tree_insert(&x->tree, &p, key, h);
    return RC_OK;
}

void index_put(struct index *x, struct slice key, struct revision rev, uint32_t size)
{
    enum rc rc = apply(x, key, &(struct change){.what = CHANGE_PUT, .rev = rev, .size = size});
    must(rc == RC_OK);
}

/* What a visit to an entry waits for: the entry, its run, the run's ends, each through the one
 * before. */
static void prefetch_ahead(const struct leaf *leaf, unsigned slot)
{
    struct entry *const *of = leaf->keys.of;
    if (slot + ITER_AHEAD < leaf->keys.n)
        __builtin_prefetch(of[slot + ITER_AHEAD]);
    if (slot + ITER_AHEAD * 2 / 3 < leaf->keys.n)
        history_prefetch(&of[slot + ITER_AHEAD * 2 / 3]->history);
    if (slot + ITER_AHEAD / 3 < leaf->keys.n)
        history_prefetch_ends(&of[slot + ITER_AHEAD / 3]->history);
}

/* Many keys are deleted in order: by a range, or with their lease. Then the next one stands behind
 * the one before, and needs no search. */
static bool find_next(struct index *x, struct slice key)
{
    struct place *p = &x->recent;
    if (x->changes == x->tree.changes && p->at + 1 < p->leaf->keys.n &&
        slice_eq(entry_key(p->leaf->keys.of[p->at + 1]), key)) {
        p->at++;
        prefetch_ahead(p->leaf, p->at);
        return true;
    }
    bool found = tree_find(&x->tree, key, p);
    x->changes = x->tree.changes;
    return found;
}

enum rc index_tombstone(struct index *x, struct slice key, struct revision rev)
{
    if (!find_next(x, key) || !history_alive(&place_entry(&x->recent)->history))
        return RC_NOT_FOUND;
    return apply_at(x, &x->recent, &(struct change){.what = CHANGE_TOMBSTONE, .rev = rev});
}

enum rc index_restore_put(struct index *x, struct slice key, struct revision rev,
                          int64_t create_main, int64_t version, uint32_t size)
{
    return apply(x, key,
                 &(struct change){.what = CHANGE_RESTORE_PUT,
                                  .rev = rev,
                                  .create_main = create_main,
                                  .version = version,
                                  .size = size});
}

enum rc index_restore_tombstone(struct index *x, struct slice key, struct revision rev)
{
    struct place p;
    if (!tree_find(&x->tree, key, &p))
        return apply(x, key, &(struct change){.what = CHANGE_TOMBSTONE, .rev = rev});
    if (revision_cmp(rev, history_newest(&place_entry(&p)->history)) <= 0)
        return RC_CORRUPT;
    return apply_at(x, &p, &(struct change){.what = CHANGE_TOMBSTONE, .rev = rev});
}

bool index_may_drop(const struct index *x, struct slice key, struct revision rev, int64_t c)
{
    struct place p;
    if (!tree_find(&x->tree, key, &p))
        return rev.main <= c;
    return history_may_drop(&place_entry(&p)->history, rev, c);
}

void index_drop(struct index *x, struct slice key, struct revision rev)
{
    struct place p;
    if (!tree_find(&x->tree, key, &p))
        return;
    struct entry *e = place_entry(&p);
    struct weight weight = entry_weight(e);
    size_t heap = history_heap(&e->history);
    if (!history_drop(&e->history, rev))
        return;
    tree_update(&x->tree, &p, weight, heap);
    if (history_empty(&e->history))
        tree_remove(&x->tree, &p);
}

/* --- Looking --- */

enum rc index_get(const struct index *x, struct slice key, int64_t at, struct index_hit *hit)
{
    struct place p;
    if (!tree_find(&x->tree, key, &p))
        return RC_NOT_FOUND;
    const struct entry *e = place_entry(&p);
    enum rc rc = history_at(&e->history, at, hit);
    if (rc == RC_OK)
        hit->key = entry_key(e);
    return rc;
}

static bool before_end(const struct index_range *r, struct slice key)
{
    return r->open_end || slice_cmp(key, r->to) < 0;
}

/* The weight of what stands in front of the range, and in front of its end. */
static void range_ranks(const struct index *x, const struct index_range *r, struct weight *from,
                        struct weight *to)
{
    *from = r->from.n ? tree_rank(&x->tree, r->from) : (struct weight){0};
    *to = r->open_end ? x->tree.total : tree_rank(&x->tree, r->to);
    if (!before_end(r, r->from))
        *to = *from;
}

uint64_t index_count(const struct index *x, const struct index_range *r, int64_t at,
                     uint64_t *bytes)
{
    struct weight sum = {0};
    if (at == INDEX_NOW) {
        struct weight from;
        range_ranks(x, r, &from, &sum);
        sum = weight_minus(sum, from);
    } else {
        struct index_iter it;
        struct index_hit hit;
        index_iter_init(&it, x, r, at);
        while (index_iter_next(&it, &hit))
            weight_add(&sum, (struct weight){.keys = 1, .bytes = hit.size});
        index_iter_fini(&it);
    }
    if (bytes)
        *bytes = sum.bytes;
    return sum.keys;
}

void index_weigh(const struct index *x, const struct index_range *r, struct index_weight *out)
{
    struct weight from;
    struct weight to;
    range_ranks(x, r, &from, &to);
    to = weight_minus(to, from);
    *out = (struct index_weight){to.keys, to.bytes, to.revisions};
}

bool index_seek(const struct index *x, struct slice from, struct slice *key)
{
    const struct entry *e = tree_seek(&x->tree, from);
    if (e)
        *key = entry_key(e);
    return e != NULL;
}

enum rc index_nth(const struct index *x, const struct index_range *r, uint64_t i,
                  struct index_hit *hit)
{
    struct weight from;
    struct weight to;
    range_ranks(x, r, &from, &to);
    if (i >= to.keys - from.keys)
        return RC_NOT_FOUND;
    const struct entry *e = tree_select(&x->tree, from.keys + i);
    must(e && before_end(r, entry_key(e)));
    enum rc rc = history_at(&e->history, INDEX_NOW, hit);
    must(rc == RC_OK);
    hit->key = entry_key(e);
    return RC_OK;
}

/* --- Walking --- */

void index_iter_init(struct index_iter *it, const struct index *x, const struct index_range *r,
                     int64_t at)
{
    *it = (struct index_iter){.x = x, .r = *r, .at = at};
}

void index_iter_fini(struct index_iter *it)
{
    buf_fini(&it->last);
}

/* Come to a leaf: does it lie in the range as a whole, or up to where? */
static void iter_enter(struct index_iter *it, const struct leaf *leaf, unsigned slot)
{
    bool found;
    it->leaf = leaf;
    it->slot = slot;
    it->end = leaf ? leaf->keys.n : 0;
    if (it->end > 0 && !before_end(&it->r, entry_key(leaf->keys.of[it->end - 1])))
        it->end = keys_find(&leaf->keys, it->r.to, &found);
}

/* Find the next entry's place again, from the key last returned. */
static void iter_seek(struct index_iter *it)
{
    struct place p;
    bool found = tree_find(&it->x->tree, it->started ? buf_slice(&it->last) : it->r.from, &p);
    iter_enter(it, p.leaf, p.at + (found && it->started));
    it->changes = it->x->tree.changes;
}

unsigned index_iter_take(struct index_iter *it, struct index_hit *hits, unsigned max)
{
    unsigned n = 0;
    if (it->changes != it->x->tree.changes)
        iter_seek(it);
    while (it->leaf && n < max) {
        const struct leaf *leaf = it->leaf;
        if (it->slot < it->end) {
            const struct entry *e = leaf->keys.of[it->slot++];
            prefetch_ahead(leaf, it->slot);
            hits[n].key = entry_key(e);
            n += history_at(&e->history, it->at, &hits[n]) == RC_OK;
        } else if (it->end == leaf->keys.n) {
            iter_enter(it, leaf->next, 0);
        } else {
            break; /* the range ends within the leaf */
        }
    }
    if (n > 0) {
        buf_clear(&it->last);
        buf_append_slice(&it->last, hits[n - 1].key);
        it->started = true;
    }
    return n;
}

bool index_iter_next(struct index_iter *it, struct index_hit *hit)
{
    return index_iter_take(it, hit, 1) == 1;
}

/* --- State --- */

void index_stats(const struct index *x, struct index_stats *out)
{
    *out = (struct index_stats){.keys = x->tree.keys,
                                .alive = x->tree.total.keys,
                                .revisions = x->tree.total.revisions,
                                .heap_bytes = x->tree.heap_bytes + heap_cost(sizeof(*x))};
}

void index_check(const struct index *x)
{
    tree_check(&x->tree);
    must(x->tree.total.revisions >= x->tree.keys);
}
