#include "kv/range.h"

#include "base/mem.h"
#include "base/must.h"
#include "kv/inner.h"
#include "wire/kv_codec.h"

#include <stdlib.h>

#define CACHE_LINE   64
#define PREFETCH_MAX 512 /* bytes of a value; the hardware goes on by itself */

static bool has_filters(const struct kv_range *r)
{
    return r->min_mod != 0 || r->max_mod != 0 || r->min_create != 0 || r->max_create != 0;
}

static bool passes(const struct kv_range *r, const struct index_hit *hit)
{
    return (r->max_mod == 0 || hit->mod.main <= r->max_mod) &&
           (r->min_mod == 0 || hit->mod.main >= r->min_mod) &&
           (r->max_create == 0 || hit->create.main <= r->max_create) &&
           (r->min_create == 0 || hit->create.main >= r->min_create);
}

/* The pair without value, and without lease as etcd's index-only answer has it. */
static struct pb_key_value bare_pair(const struct index_hit *hit)
{
    return (struct pb_key_value){.key = hit->key,
                                 .create_revision = hit->create.main,
                                 .mod_revision = hit->mod.main,
                                 .version = hit->version};
}

/* What the pair takes in the answer; the index counts just that. */
static size_t pair_len(const struct kv_range *r, const struct index_hit *hit)
{
    if (!r->keys_only)
        return hit->size;
    struct pb_key_value pair = bare_pair(hit);
    size_t len = codec_key_value_len(&pair);
    return codec_range_prefix_len(len) + len;
}

/* Go over the selected keys in key order, either way of bounding them. */
struct scan {
    struct index_iter it;
    bool point;
    bool done;
};

static void scan_begin(struct scan *s, const struct kv_range *r, int64_t at)
{
    *s = (struct scan){.point = r->point};
    if (!s->point)
        index_iter_init(&s->it, r->kv->index, &r->range, at);
}

static bool scan_next(struct scan *s, const struct kv_range *r, int64_t at, struct index_hit *hit)
{
    while (!s->done) {
        if (s->point) {
            s->done = true;
            if (index_get(r->kv->index, r->range.from, at, hit) != RC_OK)
                return false;
        } else if (!index_iter_next(&s->it, hit)) {
            s->done = true;
            return false;
        }
        if (passes(r, hit))
            return true;
    }
    return false;
}

static void scan_end(struct scan *s)
{
    if (!s->point)
        index_iter_fini(&s->it);
}

static void set_bounds(struct kv_range *r, const struct pb_range_request *req)
{
    r->point = kv_range_is_point(req->range_end);
    buf_append_slice(&r->bounds, req->key);
    buf_append_slice(&r->bounds, req->range_end);
    bool open_end = kv_range_is_open(req->range_end);
    r->range.from = slice_of(r->bounds.p, req->key.n);
    r->range.open_end = open_end;
    if (!open_end)
        r->range.to = slice_of(r->bounds.p + req->key.n, req->range_end.n);
}

static bool default_order(const struct pb_range_request *req)
{
    int32_t order = req->sort_order;
    if (req->sort_target != PB_SORT_TARGET_KEY && order == PB_SORT_ORDER_NONE)
        order = PB_SORT_ORDER_ASCEND;
    return order == PB_SORT_ORDER_NONE ||
           (req->sort_target == PB_SORT_TARGET_KEY && order == PB_SORT_ORDER_ASCEND);
}

static void count_all(struct kv_range *r, int64_t at)
{
    struct index_hit hit;
    if (r->point)
        r->count = index_get(r->kv->index, r->range.from, at, &hit) == RC_OK;
    else
        r->count = (int64_t)index_count(r->kv->index, &r->range, at, NULL);
}

/* Nothing but a span of the present: the index's counts say it all. */
static void size_span(struct kv_range *r, int64_t limit)
{
    struct index_range span = r->range;
    struct index_hit end;
    uint64_t bytes;
    r->left = index_count(r->kv->index, &span, INDEX_NOW, &bytes);
    r->more = limit > 0 && r->left > (uint64_t)limit;
    if (r->more) {
        enum rc rc = index_nth(r->kv->index, &span, (uint64_t)limit, &end);
        must(rc == RC_OK);
        span.to = end.key;
        span.open_end = false;
        r->left = index_count(r->kv->index, &span, INDEX_NOW, &bytes);
        must(r->left == (uint64_t)limit);
    }
    r->body_len += bytes;
}

/* A single key is looked up once: its revision at `at` stays what it is. */
static void size_point(struct kv_range *r, int64_t at)
{
    struct index_hit hit;
    if (index_get(r->kv->index, r->range.from, at, &hit) != RC_OK || !passes(r, &hit))
        return;
    r->left = 1;
    r->body_len += pair_len(r, &hit);
    r->only = hit;
    r->only.key = r->range.from;
}

/* Key order: how many pairs, how many bytes. */
static void size_walk(struct kv_range *r, int64_t at, int64_t limit)
{
    struct scan s;
    struct index_hit hit;
    scan_begin(&s, r, at);
    while (scan_next(&s, r, at, &hit)) {
        if (limit > 0 && r->left == (uint64_t)limit) {
            r->more = true;
            break;
        }
        r->left++;
        r->body_len += pair_len(r, &hit);
    }
    scan_end(&s);
}

static int64_t sort_number(int32_t target, const struct index_hit *hit)
{
    switch (target) {
    case PB_SORT_TARGET_VERSION:
        return hit->version;
    case PB_SORT_TARGET_CREATE:
        return hit->create.main;
    default:
        return hit->mod.main;
    }
}

/* How many pairs are collected before they are sorted, 0: all. Without an order etcd cuts off
 * first, one pair behind the limit, and sorts what is left. */
static uint64_t collect_max(const struct kv_range *r, const struct pb_range_request *req)
{
    bool cut = req->sort_order == PB_SORT_ORDER_NONE && req->limit > 0 && !has_filters(r);
    return cut ? (uint64_t)req->limit + 1 : 0;
}

static enum rc find_value(struct kv *kv, struct revision rev, struct slice *value)
{
    struct slice encoded;
    struct pb_key_value pair;
    enum rc rc = kv_get_revision(kv, rev, &encoded);
    if (rc == RC_OK)
        rc = codec_key_value_parse(encoded, &pair);
    if (rc == RC_OK)
        *value = pair.value;
    return rc;
}

/* Collect what is selected, with what it is sorted by. RC_CORRUPT when a value cannot be read. */
static enum rc collect(struct kv_range *r, int64_t at, const struct pb_range_request *req,
                       struct picks *picks)
{
    int32_t target = req->sort_target;
    uint64_t max = collect_max(r, req);
    struct scan s;
    struct index_hit hit;
    enum rc rc = RC_OK;
    scan_begin(&s, r, at);
    while (rc == RC_OK && (max == 0 || picks->seen < max) && scan_next(&s, r, at, &hit)) {
        struct range_pick pick = {.rev = hit.mod, .size = hit.size};
        if (target == PB_SORT_TARGET_KEY)
            pick.bytes = hit.key;
        else if (target == PB_SORT_TARGET_VALUE)
            rc = find_value(r->kv, hit.mod, &pick.bytes);
        else
            pick.number = sort_number(target, &hit);
        picks_add(picks, &pick);
    }
    scan_end(&s);
    return rc;
}

/* keys_only out of key order: the pair is read back and written again without its value. */
static enum rc build_bare(struct kv_range *r, struct revision rev)
{
    struct slice encoded;
    struct pb_key_value pair;
    enum rc rc = kv_get_revision(r->kv, rev, &encoded);
    if (rc == RC_OK)
        rc = codec_key_value_parse(encoded, &pair);
    if (rc != RC_OK)
        return rc;
    pair.value = (struct slice){0};
    if (!r->keep_lease)
        pair.lease = 0;
    buf_clear(&r->built);
    codec_key_value(&pair, &r->built);
    return RC_OK;
}

static enum rc size_picks(struct kv_range *r)
{
    enum rc rc = RC_OK;
    r->left = r->pick_n;
    for (size_t i = 0; i < r->pick_n && rc == RC_OK; i++) {
        size_t len = r->picks[i].size;
        if (r->keys_only) {
            rc = build_bare(r, r->picks[i].rev);
            len = codec_range_prefix_len(r->built.n) + r->built.n;
        }
        r->body_len += len;
    }
    return rc;
}

/* The last keys of a span of the present: the index tells where they begin. */
static void narrow_to_last(struct kv_range *r, const struct pb_range_request *req, int64_t at)
{
    struct index_hit first;
    uint64_t n;
    if (req->sort_target != PB_SORT_TARGET_KEY || req->limit <= 0 || r->point || at != INDEX_NOW ||
        has_filters(r))
        return;
    n = index_count(r->kv->index, &r->range, at, NULL);
    r->more = n > (uint64_t)req->limit;
    if (!r->more)
        return;
    enum rc rc = index_nth(r->kv->index, &r->range, n - (uint64_t)req->limit, &first);
    must(rc == RC_OK);
    r->range.from = first.key;
}

static enum rc size_sorted(struct kv_range *r, const struct pb_range_request *req, int64_t at)
{
    int32_t target = req->sort_target;
    struct picks picks = {.want = req->limit > 0 ? (uint64_t)req->limit : 0,
                          .by_bytes =
                              target == PB_SORT_TARGET_KEY || target == PB_SORT_TARGET_VALUE,
                          .descend = req->sort_order == PB_SORT_ORDER_DESCEND};
    struct index_range whole = r->range;
    narrow_to_last(r, req, at);
    enum rc rc = collect(r, at, req, &picks);
    r->range = whole;
    if (rc == RC_OK)
        picks_finish(&picks);
    r->picks = picks.v;
    r->pick_n = picks.n;
    r->more = r->more || picks.seen > picks.n;
    r->keep_lease = target == PB_SORT_TARGET_VALUE;
    return rc == RC_OK ? size_picks(r) : rc;
}

static enum rc size_pairs(struct kv_range *r, const struct pb_range_request *req, int64_t at)
{
    if (!default_order(req))
        return size_sorted(r, req, at);
    if (r->point)
        size_point(r, at);
    else if (at == INDEX_NOW && !r->keys_only && !has_filters(r))
        size_span(r, req->limit);
    else
        size_walk(r, at, req->limit);
    return RC_OK;
}

enum etcd_error kv_range_open(struct kv *kv, const struct pb_range_request *req, struct kv_range *r)
{
    int64_t revision = kv_open_revision(kv);
    if (req->revision > revision)
        return ETCD_FUTURE_REV;
    int64_t at = req->revision > 0 ? req->revision : revision;
    if (at < kv->compacted)
        return ETCD_COMPACTED;
    *r = (struct kv_range){.kv = kv,
                           .keys_only = req->keys_only,
                           .revision = revision,
                           .at = at,
                           .min_mod = req->min_mod_revision,
                           .max_mod = req->max_mod_revision,
                           .min_create = req->min_create_revision,
                           .max_create = req->max_create_revision,
                           .state = RANGE_NEXT};
    set_bounds(r, req);
    int64_t look = at == revision ? INDEX_NOW : at;
    enum rc rc = RC_OK;
    if (req->count_only || !r->point || has_filters(r))
        count_all(r, look);
    if (!req->count_only)
        rc = size_pairs(r, req, look);
    if (r->point && !req->count_only && !has_filters(r))
        r->count = (int64_t)r->left;
    r->body_len += codec_range_tail_len(r->more, r->count);
    if (rc == RC_OK)
        return ETCD_OK;
    kv_range_close(r);
    return ETCD_CORRUPT;
}

static void prefetch(struct slice bytes)
{
    size_t n = bytes.n < PREFETCH_MAX ? bytes.n : PREFETCH_MAX;
    for (size_t i = 0; i < n; i += CACHE_LINE)
        __builtin_prefetch(bytes.p + i);
}

/* Find the values of what is ahead. */
static enum rc find_ahead(struct kv_range *r)
{
    enum rc rc = RC_OK;
    for (unsigned i = r->ahead_next; i < r->ahead_end && rc == RC_OK; i++)
        rc = kv_find_stored(r->kv, r->ahead[i].rev, &r->ahead[i].stored);
    for (unsigned i = r->ahead_next; i < r->ahead_end && rc == RC_OK; i++)
        prefetch(r->ahead[i].stored);
    return rc;
}

/* The next of the walk that pass, `max` of them: so many are still to come. */
static enum rc walk_on(struct kv_range *r, struct index_hit *hits, unsigned max)
{
    if (!r->walking)
        index_iter_init(&r->walk, r->kv->index, &r->range, r->at);
    r->walking = true;
    for (unsigned n = 0; n < max;) {
        unsigned taken = index_iter_take(&r->walk, &hits[n], max - n);
        if (taken == 0)
            return RC_CORRUPT;
        for (unsigned end = n + taken, i = n; i < end; i++)
            if (passes(r, &hits[i]))
                hits[n++] = hits[i];
    }
    return RC_OK;
}

static enum rc look_ahead(struct kv_range *r)
{
    struct index_hit hits[RANGE_AHEAD];
    unsigned n = r->left < RANGE_AHEAD ? (unsigned)r->left : RANGE_AHEAD;
    r->ahead_next = r->ahead_end = 0;
    if (walk_on(r, hits, n) != RC_OK)
        return RC_CORRUPT;
    for (; r->ahead_end < n; r->ahead_end++) {
        const struct index_hit *hit = &hits[r->ahead_end];
        r->ahead[r->ahead_end] = (struct range_next){.rev = hit->mod, .size = hit->size};
    }
    return find_ahead(r);
}

/* Take up the next stored pair of the walk. */
static enum rc next_stored(struct kv_range *r)
{
    enum rc rc = r->ahead_next < r->ahead_end ? RC_OK : look_ahead(r);
    if (rc != RC_OK)
        return rc;
    const struct range_next *next = &r->ahead[r->ahead_next++];
    r->current = next->rev;
    r->current_size = next->size;
    r->stored = next->stored;
    return RC_OK;
}

/* Take up the next pair: where its bytes are. */
static enum rc next_pair(struct kv_range *r)
{
    struct index_hit hit = {0};
    r->offset = 0;
    r->stored = (struct slice){0};
    r->checked = false;
    r->use_built = r->keys_only;
    if (!r->picks && !r->point && !r->keys_only) {
        enum rc rc = next_stored(r);
        r->left--;
        return rc;
    }
    r->left--;
    if (r->picks) {
        const struct range_pick *p = &r->picks[r->next_pick++];
        r->current = p->rev;
        r->current_size = p->size;
        return r->keys_only ? build_bare(r, p->rev) : RC_OK;
    }
    if (r->point)
        hit = r->only;
    else if (walk_on(r, &hit, 1) != RC_OK)
        return RC_CORRUPT;
    r->current = hit.mod;
    r->current_size = hit.size;
    if (r->keys_only) {
        struct pb_key_value pair = bare_pair(&hit);
        buf_clear(&r->built);
        codec_key_value(&pair, &r->built);
    }
    return RC_OK;
}

static void append_from(struct kv_range *r, struct slice part, size_t part_at, struct buf *out,
                        size_t room_end)
{
    if (r->offset < part_at || r->offset >= part_at + part.n || out->n >= room_end)
        return;
    struct slice rest = slice_skip(part, r->offset - part_at);
    size_t room = room_end - out->n;
    size_t n = rest.n < room ? rest.n : room;
    buf_append(out, rest.p, n);
    r->offset += n;
}

/* Prefix and pair, from offset on. */
static enum rc read_pair(struct kv_range *r, struct buf *out, size_t room_end)
{
    struct slice pair = buf_slice(&r->built);
    if (!r->use_built) {
        enum rc rc = r->stored.p ? RC_OK : kv_find_stored(r->kv, r->current, &r->stored);
        if (rc == RC_OK && r->checked) /* once for all the pieces that it is read in */
            pair = slice_of(r->stored.p, r->stored.n - STORED_CRC_LEN);
        else if (rc == RC_OK)
            rc = stored_value(r->stored, &pair);
        if (rc != RC_OK)
            return rc;
        r->checked = true;
    }
    uint8_t prefix[CODEC_RANGE_PREFIX_MAX];
    size_t prefix_len = (size_t)(codec_range_prefix_store(prefix, pair.n) - prefix);
    if (!r->use_built && prefix_len + pair.n != r->current_size)
        return RC_CORRUPT;
    size_t len = prefix_len + pair.n;
    if (r->offset == 0 && room_end - out->n >= len) { /* as a whole: nearly all of them */
        uint8_t *at = buf_extend(out, len);
        memcpy(at, prefix, prefix_len);
        memcpy(at + prefix_len, pair.p, pair.n);
        r->offset = len;
    } else {
        append_from(r, slice_of(prefix, prefix_len), 0, out, room_end);
        append_from(r, pair, prefix_len, out, room_end);
    }
    if (r->offset == len)
        r->state = RANGE_NEXT;
    return RC_OK;
}

static void begin_tail(struct kv_range *r)
{
    buf_clear(&r->built);
    codec_range_tail(r->more, r->count, &r->built);
    r->offset = 0;
    r->state = RANGE_TAIL;
}

enum rc kv_range_read(struct kv_range *r, struct buf *out, size_t max)
{
    size_t room_end = out->n + max;
    r->stored = (struct slice){0}; /* the storage's view may have changed */
    enum rc rc = find_ahead(r);
    while (rc == RC_OK && r->state != RANGE_DONE) {
        if (r->state == RANGE_NEXT && r->left == 0)
            begin_tail(r);
        if (r->state == RANGE_TAIL) {
            append_from(r, buf_slice(&r->built), 0, out, room_end);
            if (r->offset == r->built.n)
                r->state = RANGE_DONE;
        } else {
            if (r->state == RANGE_NEXT) {
                rc = next_pair(r);
                r->state = RANGE_PAIR;
            }
            if (rc == RC_OK)
                rc = read_pair(r, out, room_end);
        }
        if (out->n >= room_end)
            break;
    }
    return rc == RC_OK && r->state == RANGE_DONE ? RC_END : rc;
}

enum rc kv_range_read_pairs(struct kv_range *r, struct buf *out, size_t want)
{
    size_t enough = out->n + want;
    r->stored = (struct slice){0};
    enum rc rc = find_ahead(r);
    while (rc == RC_OK && r->left > 0 && out->n < enough) {
        rc = next_pair(r);
        r->state = RANGE_PAIR;
        if (rc == RC_OK)
            rc = read_pair(r, out, SIZE_MAX);
    }
    return rc == RC_OK && r->left == 0 ? RC_END : rc;
}

void kv_range_pin(struct kv_range *r)
{
    if (!r->pinned)
        list_add_tail(&r->kv->pins, &r->pin);
    r->pinned = true;
}

size_t kv_range_held(const struct kv_range *r)
{
    return r->pick_n * sizeof(*r->picks) + r->bounds.cap + r->built.cap;
}

void kv_range_close(struct kv_range *r)
{
    if (r->pinned)
        list_remove(&r->pin);
    r->pinned = false;
    if (r->walking)
        index_iter_fini(&r->walk);
    r->walking = false;
    buf_fini(&r->bounds);
    buf_fini(&r->built);
    free(r->picks);
    r->picks = NULL;
}
