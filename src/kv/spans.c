#include "kv/spans.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

void spans_init(struct spans *s, uint64_t seed)
{
    *s = (struct spans){0};
    rng_seed(&s->rng, seed);
}

void spans_fini(struct spans *s)
{
    must(!s->root && s->n == 0);
}

/* ---- Ranges ---- */

/* Is key before the span's end? */
static bool before_end(struct slice key, const struct span *span)
{
    if (span->open_end)
        return true;
    return span_is_point(span) ? slice_cmp(key, span->from) <= 0 : slice_cmp(key, span->to) < 0;
}

bool span_has(const struct span *span, struct slice key)
{
    return slice_cmp(span->from, key) <= 0 && before_end(key, span);
}

/* Where spans end. A single key ends behind itself: after all that is not greater, before all
 * that is. */
static int compare_ends(const struct span *a, const struct span *b)
{
    if (a->open_end || b->open_end)
        return a->open_end - b->open_end;
    struct slice x = span_is_point(a) ? a->from : a->to;
    struct slice y = span_is_point(b) ? b->from : b->to;
    int c = slice_cmp(x, y);
    return c ? c : span_is_point(a) - span_is_point(b);
}

static int compare(const struct span *a, const struct span *b)
{
    int c = slice_cmp(a->from, b->from);
    if (c == 0)
        c = compare_ends(a, b);
    return c ? c : a->kind - b->kind;
}

/* ---- The tree ---- */

static struct span *later(struct span *a, struct span *b)
{
    return !b || (a && compare_ends(a, b) >= 0) ? a : b;
}

static void update(struct span *n)
{
    n->in.last = later(n, later(n->in.left ? n->in.left->in.last : NULL,
                                n->in.right ? n->in.right->in.last : NULL));
}

/* Split into what is before x and what is behind it; x is not in the tree. */
static void split(struct span *n, const struct span *x, struct span **left, struct span **right)
{
    if (!n) {
        *left = *right = NULL;
        return;
    }
    if (compare(n, x) < 0) {
        split(n->in.right, x, &n->in.right, right);
        *left = n;
    } else {
        split(n->in.left, x, left, &n->in.left);
        *right = n;
    }
    update(n);
}

static struct span *merge(struct span *left, struct span *right)
{
    if (!left || !right)
        return left ? left : right;
    struct span *root = left->in.weight >= right->in.weight ? left : right;
    if (root == left)
        left->in.right = merge(left->in.right, right);
    else
        right->in.left = merge(left, right->in.left);
    update(root);
    return root;
}

static struct span *insert(struct span *n, struct span *x)
{
    if (!n || x->in.weight > n->in.weight) {
        split(n, x, &x->in.left, &x->in.right);
        update(x);
        return x;
    }
    if (compare(x, n) < 0)
        n->in.left = insert(n->in.left, x);
    else
        n->in.right = insert(n->in.right, x);
    update(n);
    return n;
}

static struct span *erase(struct span *n, const struct span *x)
{
    if (n == x)
        return merge(n->in.left, n->in.right);
    if (compare(x, n) < 0)
        n->in.left = erase(n->in.left, x);
    else
        n->in.right = erase(n->in.right, x);
    update(n);
    return n;
}

struct span *spans_take(struct spans *s, struct slice key, struct slice range_end, uint8_t kind)
{
    bool open_end = range_end.n == 1 && range_end.p[0] == 0;
    struct slice to = open_end ? (struct slice){0} : range_end;
    struct span probe = {.from = key, .to = to, .open_end = open_end, .kind = kind};
    struct span *n = s->root;
    while (n) {
        int c = compare(&probe, n);
        if (c == 0) {
            n->users++;
            return n;
        }
        n = c < 0 ? n->in.left : n->in.right;
    }
    struct span *span = mem_alloc(sizeof(*span) + key.n + to.n);
    *span = probe;
    memcpy(span->bytes, key.p, key.n);
    if (to.n)
        memcpy(span->bytes + key.n, to.p, to.n);
    span->from = slice_of(span->bytes, key.n);
    span->to = slice_of(span->bytes + key.n, to.n);
    span->users = 1;
    span->in.weight = rng_u64(&s->rng);
    list_init(&span->members);
    s->root = insert(s->root, span);
    s->n++;
    return span;
}

void spans_drop(struct spans *s, struct span *span)
{
    must(span->users > 0);
    if (--span->users > 0)
        return;
    must(list_empty(&span->members));
    s->root = erase(s->root, span);
    s->n--;
    free(span);
}

static void find(struct span *n, struct slice key, void (*fn)(void *arg, struct span *span),
                 void *arg)
{
    while (n && before_end(key, n->in.last)) {
        find(n->in.left, key, fn, arg);
        if (slice_cmp(n->from, key) > 0)
            return;
        if (before_end(key, n))
            fn(arg, n);
        n = n->in.right;
    }
}

void spans_find(const struct spans *s, struct slice key, void (*fn)(void *arg, struct span *span),
                void *arg)
{
    find(s->root, key, fn, arg);
}

static size_t check(const struct span *n, const struct span *after, const struct span *before)
{
    if (!n)
        return 0;
    must(!after || compare(after, n) < 0);
    must(!before || compare(n, before) < 0);
    const struct span *last = n;
    const struct span *below[] = {n->in.left, n->in.right};
    for (size_t i = 0; i < ARRAY_LEN(below); i++) {
        if (!below[i])
            continue;
        must(below[i]->in.weight <= n->in.weight);
        if (compare_ends(below[i]->in.last, last) > 0)
            last = below[i]->in.last;
    }
    must(compare_ends(n->in.last, last) == 0);
    must(n->users > 0);
    return 1 + check(n->in.left, after, n) + check(n->in.right, n, before);
}

void spans_check(const struct spans *s)
{
    must(check(s->root, NULL, NULL) == s->n);
}
