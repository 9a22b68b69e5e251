#include "state/check.h"

#include "base/arena.h"
#include "state/state.h"

#include <stdlib.h>

enum etcd_error check_range(const struct pb_range_request *r)
{
    if (r->key.n == 0)
        return ETCD_EMPTY_KEY;
    if (r->sort_order < PB_SORT_ORDER_NONE || r->sort_order > PB_SORT_ORDER_DESCEND ||
        r->sort_target < PB_SORT_TARGET_KEY || r->sort_target > PB_SORT_TARGET_VALUE)
        return ETCD_INVALID_SORT_OPTION;
    return ETCD_OK;
}

enum etcd_error check_put(const struct pb_put_request *r)
{
    if (r->key.n == 0)
        return ETCD_EMPTY_KEY;
    if (r->ignore_value && r->value.n != 0)
        return ETCD_VALUE_PROVIDED;
    if (r->ignore_lease && r->lease != 0)
        return ETCD_LEASE_PROVIDED;
    return ETCD_OK;
}

enum etcd_error check_delete(const struct pb_delete_range_request *r)
{
    return r->key.n == 0 ? ETCD_EMPTY_KEY : ETCD_OK;
}

static enum etcd_error check_ops(const struct pb_txn_request *r, unsigned ops_max);

static enum etcd_error check_op(const struct pb_request_op *op, unsigned ops_max)
{
    switch (op->request_case) {
    case PB_OP_RANGE:
        return check_range(op->request_range);
    case PB_OP_PUT:
        return check_put(op->request_put);
    case PB_OP_DELETE_RANGE:
        return check_delete(op->request_delete_range);
    case PB_OP_TXN:
        return check_ops(op->request_txn, ops_max);
    default:
        return ETCD_KEY_NOT_FOUND; /* an empty operation: etcd says so */
    }
}

/* Nesting is bounded: decoding stops at WIRE_DEPTH_MAX. */
static enum etcd_error check_ops(const struct pb_txn_request *r, unsigned ops_max)
{
    size_t ops = r->compare_n;
    if (ops < r->success_n)
        ops = r->success_n;
    if (ops < r->failure_n)
        ops = r->failure_n;
    if (ops > ops_max)
        return ETCD_TOO_MANY_OPS;
    for (size_t i = 0; i < r->compare_n; i++)
        if (r->compare[i].key.n == 0)
            return ETCD_EMPTY_KEY;
    unsigned left = ops_max - (unsigned)ops;
    enum etcd_error e = ETCD_OK;
    for (size_t i = 0; i < r->success_n && e == ETCD_OK; i++)
        e = check_op(&r->success[i], left);
    for (size_t i = 0; i < r->failure_n && e == ETCD_OK; i++)
        e = check_op(&r->failure[i], left);
    return e;
}

/* ---- No key twice: puts of one level and of the transactions nested in it must differ from each
 * other and from what is deleted. A nested transaction's two branches exclude each other, so they
 * may put the same keys. What a nested transaction deletes counts against those after it only, and
 * against this level's own puts: etcd's rule, kept as it is. ---- */

struct put_key {
    struct slice key;
    size_t owner; /* equal for the two branches of one nested transaction */
};

/* Deleted keys, sorted and disjoint. */
struct span {
    struct slice from;
    struct slice to;
    bool point;
};

struct touched {
    struct put_key *puts;
    size_t put_n;
    size_t put_cap;
    struct span *spans;
    size_t span_n;
    size_t span_cap;
};

/* Room for more items of size bytes behind the n there are: doubled, so that joining many small
 * lists stays linear in memory. */
static void *reserve(struct arena *a, void *items, size_t n, size_t *cap, size_t more, size_t size)
{
    if (*cap - n >= more)
        return items;
    size_t want = *cap * 2 > n + more ? *cap * 2 : n + more;
    void *moved = arena_alloc(a, want * size);
    if (n > 0)
        memcpy(moved, items, n * size);
    *cap = want;
    return moved;
}

static int compare_puts(const void *a, const void *b)
{
    const struct put_key *x = a;
    const struct put_key *y = b;
    return slice_cmp(x->key, y->key);
}

static int compare_spans(const void *a, const void *b)
{
    const struct span *x = a;
    const struct span *y = b;
    return slice_cmp(x->from, y->from);
}

static bool covers(const struct span *s, struct slice key)
{
    int c = slice_cmp(s->from, key);
    return c == 0 || (c < 0 && !s->point && slice_cmp(key, s->to) < 0);
}

/* Melt what overlaps, in a sorted list. */
static size_t melt(struct span *v, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct span *last = kept > 0 ? &v[kept - 1] : NULL;
        if (!last || !covers(last, v[i].from))
            v[kept++] = v[i];
        else if (!v[i].point && (last->point || slice_cmp(last->to, v[i].to) < 0))
            *last = (struct span){.from = last->from, .to = v[i].to};
    }
    return kept;
}

static bool is_deleted(const struct touched *t, struct slice key)
{
    size_t lo = 0;
    size_t hi = t->span_n;
    while (lo < hi) { /* the last span that begins at or before key */
        size_t mid = lo + (hi - lo) / 2;
        if (slice_cmp(t->spans[mid].from, key) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 && covers(&t->spans[lo - 1], key);
}

/* A range_end that is not above the key (as "\0", from-key) covers nothing: so etcd's interval tree
 * has it. */
static bool covers_any(const struct pb_delete_range_request *d)
{
    return d->range_end.n == 0 || slice_cmp(d->key, d->range_end) < 0;
}

/* Merge two sorted lists, from the end, in place. */
static void join_spans(struct arena *a, struct touched *t, const struct touched *more)
{
    size_t n = t->span_n;
    size_t m = more->span_n;
    if (m == 0)
        return;
    t->spans = reserve(a, t->spans, n, &t->span_cap, m, sizeof(*t->spans));
    for (size_t to = n + m; m > 0; to--) {
        bool own = n > 0 && compare_spans(&t->spans[n - 1], &more->spans[m - 1]) > 0;
        t->spans[to - 1] = own ? t->spans[--n] : more->spans[--m];
    }
    t->span_n = melt(t->spans, t->span_n + more->span_n);
}

/* Likewise for puts: merged, as sorting them all anew at each of many levels takes a second. */
static void join_puts(struct arena *a, struct touched *t, const struct touched *more)
{
    size_t n = t->put_n;
    size_t m = more->put_n;
    if (m == 0)
        return;
    if (n == 0) { /* taken over: a chain of transactions costs no copies */
        t->puts = more->puts;
        t->put_n = m;
        t->put_cap = more->put_cap;
        return;
    }
    t->puts = reserve(a, t->puts, n, &t->put_cap, m, sizeof(*t->puts));
    t->put_n += m;
    for (size_t to = n + m; m > 0; to--) {
        bool own = n > 0 && compare_puts(&t->puts[n - 1], &more->puts[m - 1]) > 0;
        t->puts[to - 1] = own ? t->puts[--n] : more->puts[--m];
    }
}

static void set_owner(struct touched *t, size_t owner)
{
    for (size_t i = 0; i < t->put_n; i++)
        t->puts[i].owner = owner;
}

static void add_put(struct arena *a, struct touched *t, struct slice key, size_t owner)
{
    t->puts = reserve(a, t->puts, t->put_n, &t->put_cap, 1, sizeof(*t->puts));
    t->puts[t->put_n++] = (struct put_key){key, owner};
}

static void add_span(struct arena *a, struct touched *t, const struct pb_delete_range_request *d)
{
    if (!covers_any(d))
        return;
    t->spans = reserve(a, t->spans, t->span_n, &t->span_cap, 1, sizeof(*t->spans));
    t->spans[t->span_n++] =
        (struct span){.from = d->key, .to = d->range_end, .point = d->range_end.n == 0};
}

static bool any_deleted(const struct touched *t, const struct touched *puts)
{
    for (size_t i = 0; i < puts->put_n; i++)
        if (is_deleted(t, puts->puts[i].key))
            return true;
    return false;
}

/* Find keys of two owners, and keep one of each. */
static enum etcd_error unite_puts(struct touched *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->put_n; i++) {
        if (kept > 0 && slice_eq(t->puts[kept - 1].key, t->puts[i].key)) {
            if (t->puts[kept - 1].owner != t->puts[i].owner)
                return ETCD_DUPLICATE_KEY;
            continue;
        }
        t->puts[kept++] = t->puts[i];
    }
    t->put_n = kept;
    return ETCD_OK;
}

static enum etcd_error touch(struct arena *a, const struct pb_request_op *ops, size_t n,
                             struct touched *t);

static enum etcd_error touch_nested(struct arena *a, const struct pb_txn_request *txn, size_t owner,
                                    struct touched *t)
{
    struct touched then = {0};
    struct touched otherwise = {0};
    enum etcd_error e = touch(a, txn->success, txn->success_n, &then);
    if (e == ETCD_OK)
        e = touch(a, txn->failure, txn->failure_n, &otherwise);
    if (e != ETCD_OK)
        return e;
    if (any_deleted(t, &then) || any_deleted(t, &otherwise))
        return ETCD_DUPLICATE_KEY;
    set_owner(&then, owner);
    set_owner(&otherwise, owner);
    join_puts(a, t, &then);
    join_puts(a, t, &otherwise);
    join_spans(a, t, &then);
    join_spans(a, t, &otherwise);
    return ETCD_OK;
}

static enum etcd_error touch(struct arena *a, const struct pb_request_op *ops, size_t n,
                             struct touched *t)
{
    enum etcd_error e = ETCD_OK;
    struct touched own = {0}; /* this level's puts */
    for (size_t i = 0; i < n; i++)
        if (ops[i].request_case == PB_OP_DELETE_RANGE)
            add_span(a, t, ops[i].request_delete_range);
    if (t->span_n > 1)
        qsort(t->spans, t->span_n, sizeof(*t->spans), compare_spans);
    t->span_n = melt(t->spans, t->span_n);
    for (size_t i = 0; i < n && e == ETCD_OK; i++)
        if (ops[i].request_case == PB_OP_TXN)
            e = touch_nested(a, ops[i].request_txn, i, t);
    for (size_t i = 0; i < n && e == ETCD_OK; i++) {
        if (ops[i].request_case != PB_OP_PUT)
            continue;
        if (is_deleted(t, ops[i].request_put->key))
            e = ETCD_DUPLICATE_KEY;
        add_put(a, &own, ops[i].request_put->key, n + i);
    }
    if (e != ETCD_OK)
        return e;
    if (own.put_n > 1)
        qsort(own.puts, own.put_n, sizeof(*own.puts), compare_puts);
    join_puts(a, t, &own);
    return unite_puts(t);
}

enum etcd_error check_txn(const struct pb_txn_request *r, unsigned ops_max)
{
    enum etcd_error e = check_ops(r, ops_max);
    if (e != ETCD_OK)
        return e;
    uint8_t first[2048];
    struct arena a;
    struct touched t = {0};
    arena_init(&a, first, sizeof(first));
    e = touch(&a, r->success, r->success_n, &t);
    t = (struct touched){0};
    if (e == ETCD_OK)
        e = touch(&a, r->failure, r->failure_n, &t);
    arena_fini(&a);
    return e;
}

static bool all_ranges(const struct pb_request_op *ops, size_t n, bool serializable)
{
    for (size_t i = 0; i < n; i++)
        if (ops[i].request_case != PB_OP_RANGE ||
            (serializable && !ops[i].request_range->serializable))
            return false;
    return true;
}

bool txn_is_read_only(const struct pb_txn_request *r)
{
    return all_ranges(r->success, r->success_n, false) &&
           all_ranges(r->failure, r->failure_n, false);
}

bool txn_is_serializable(const struct pb_txn_request *r)
{
    return all_ranges(r->success, r->success_n, true) && all_ranges(r->failure, r->failure_n, true);
}

size_t put_cost(const struct pb_put_request *r)
{
    return STATE_QUOTA_OVERHEAD + r->key.n + r->value.n;
}

static size_t ops_cost(const struct pb_request_op *ops, size_t n)
{
    size_t cost = 0;
    for (size_t i = 0; i < n; i++) {
        if (ops[i].request_case == PB_OP_PUT)
            cost += put_cost(ops[i].request_put);
        else if (ops[i].request_case == PB_OP_TXN)
            cost += txn_cost(ops[i].request_txn);
    }
    return cost;
}

size_t txn_cost(const struct pb_txn_request *r)
{
    size_t yes = ops_cost(r->success, r->success_n);
    size_t no = ops_cost(r->failure, r->failure_n);
    return yes > no ? yes : no;
}
