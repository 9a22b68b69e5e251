#include "state/work.h"

struct work {
    const struct kv *kv;
    uint64_t dead; /* keys that only a read of the past may meet; where they are is not known */
    uint64_t max;  /* counting ends beyond it */
};

static uint64_t range_visits(const struct work *w, const struct pb_range_request *r)
{
    if (kv_range_is_point(r->range_end))
        return 1;
    uint64_t keys = kv_count(w->kv, r->key, r->range_end);
    if (r->revision > 0)
        return keys + w->dead + 1;
    bool all = r->sort_order != PB_SORT_ORDER_NONE || r->sort_target != PB_SORT_TARGET_KEY ||
               r->min_mod_revision != 0 || r->max_mod_revision != 0 ||
               r->min_create_revision != 0 || r->max_create_revision != 0;
    if (r->count_only && !all)
        return 1; /* the index has counted */
    return 1 + (all || r->limit <= 0 || keys < (uint64_t)r->limit ? keys : (uint64_t)r->limit);
}

static uint64_t visits(const struct work *w, const struct pb_txn_request *r);

static uint64_t op_visits(const struct work *w, const struct pb_request_op *op)
{
    switch (op->request_case) {
    case PB_OP_RANGE:
        return range_visits(w, op->request_range);
    case PB_OP_TXN:
        return visits(w, op->request_txn);
    default:
        return 1; /* deletes look at what they delete: at each key once, however many there are */
    }
}

static uint64_t branch_visits(const struct work *w, const struct pb_request_op *ops, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n && sum <= w->max; i++)
        sum += op_visits(w, &ops[i]);
    return sum;
}

static uint64_t compare_visits(const struct work *w, const struct pb_compare *c)
{
    return kv_range_is_point(c->range_end) ? 1 : 1 + kv_count(w->kv, c->key, c->range_end);
}

static uint64_t visits(const struct work *w, const struct pb_txn_request *r)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < r->compare_n && sum <= w->max; i++)
        sum += compare_visits(w, &r->compare[i]);
    uint64_t yes = branch_visits(w, r->success, r->success_n);
    uint64_t no = branch_visits(w, r->failure, r->failure_n);
    return sum + (yes > no ? yes : no);
}

bool work_is_bearable(const struct kv *kv, const struct pb_txn_request *r)
{
    struct kv_stats stats;
    kv_stats(kv, &stats);
    struct work w = {.kv = kv,
                     .dead = stats.index.keys - stats.index.alive,
                     .max = WORK_VISITS_MIN + stats.index.keys * WORK_VISITS_PER_KEY};
    return visits(&w, r) <= w.max;
}
