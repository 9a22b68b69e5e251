/* A range's answer is etcd's for every way of asking, byte for byte, however it is read, and a
 * pinned one stays what it was whatever happens meanwhile. Held against a plain list of everything
 * that was ever put. */
#include "kv/range.h"

#include "base/rng.h"
#include "kv/map_storage.h"
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define VERSIONS_MAX 400

/* ---- The plain list ---- */

struct version {
    char key[4];
    struct pb_key_value pair; /* key empty: filled in when it is shown */
    bool dead;
    char value[24];
};

struct bench {
    struct lab lab;
    struct version v[VERSIONS_MAX];
    size_t n;
    struct rng rng;
};

static const struct version *alive(const struct bench *b, const char *key, int64_t at)
{
    const struct version *last = NULL;
    for (size_t i = 0; i < b->n; i++)
        if (strcmp(b->v[i].key, key) == 0 && b->v[i].pair.mod_revision <= at)
            last = &b->v[i];
    return last && !last->dead ? last : NULL;
}

static void note(struct bench *b, const char *key, const char *value, int64_t lease, bool dead)
{
    int64_t rev = kv_revision(b->lab.kv);
    const struct version *before = alive(b, key, rev);
    assert_true(b->n < VERSIONS_MAX);
    struct version *v = &b->v[b->n];
    *v = (struct version){.dead = dead,
                          .pair = {.create_revision = before ? before->pair.create_revision : rev,
                                   .version = before ? before->pair.version + 1 : 1,
                                   .mod_revision = rev,
                                   .lease = lease}};
    snprintf(v->key, sizeof(v->key), "%s", key);
    snprintf(v->value, sizeof(v->value), "%s", value);
    b->n++;
}

static const char *random_key(struct rng *rng)
{
    static const char *const keys[] = {"a", "aa", "ab", "b", "c", "ca", "cb", "d", "e", "f"};
    return keys[rng_below(rng, ARRAY_LEN(keys))];
}

static void random_change(struct bench *b)
{
    const char *key = random_key(&b->rng);
    if (alive(b, key, INT64_MAX) && rng_chance(&b->rng, 250000)) {
        lab_delete(&b->lab, key, "");
        note(b, key, "", 0, true);
        return;
    }
    char value[24];
    int64_t lease = rng_chance(&b->rng, 300000) ? 77 : 0;
    snprintf(value, sizeof(value), "%llu", (unsigned long long)rng_below(&b->rng, 5));
    kv_begin(b->lab.kv);
    kv_put(b->lab.kv, slice_str(key), slice_str(value), lease);
    kv_end(b->lab.kv);
    note(b, key, value, lease, false);
}

static void open_bench(struct bench *b, uint64_t seed)
{
    *b = (struct bench){0};
    lab_open(&b->lab);
    rng_seed(&b->rng, seed);
    for (int i = 0; i < 120; i++) {
        random_change(b);
        if (i == 70)
            lab_flush(&b->lab); /* so that some is in storage, some not */
    }
}

/* ---- What etcd answers ---- */

static int compare_pairs(const struct pb_key_value *a, const struct pb_key_value *b, int32_t target)
{
    int64_t x = a->mod_revision;
    int64_t y = b->mod_revision;
    if (target == PB_SORT_TARGET_KEY)
        return slice_cmp(a->key, b->key);
    if (target == PB_SORT_TARGET_VALUE)
        return slice_cmp(a->value, b->value);
    if (target == PB_SORT_TARGET_VERSION) {
        x = a->version;
        y = b->version;
    } else if (target == PB_SORT_TARGET_CREATE) {
        x = a->create_revision;
        y = b->create_revision;
    }
    return (x > y) - (x < y);
}

/* Insertion sort: stable, as Go's is for so few. */
static void sort_pairs(struct pb_key_value *v, size_t n, int32_t target, bool descend)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0; j--) {
            int c = compare_pairs(&v[j], &v[j - 1], target);
            if (descend ? c <= 0 : c >= 0)
                break;
            struct pb_key_value swap = v[j];
            v[j] = v[j - 1];
            v[j - 1] = swap;
        }
}

static bool in_range(const char *key, const struct pb_range_request *r)
{
    struct slice k = slice_str(key);
    if (r->range_end.n == 0)
        return slice_eq(k, r->key);
    bool open = slice_eq(r->range_end, SLICE_LIT("\0"));
    return slice_cmp(r->key, k) <= 0 && (open || slice_cmp(k, r->range_end) < 0);
}

static bool filtered(const struct pb_range_request *r)
{
    return r->min_mod_revision || r->max_mod_revision || r->min_create_revision ||
           r->max_create_revision;
}

static bool passes(const struct pb_key_value *p, const struct pb_range_request *r)
{
    return (!r->min_mod_revision || p->mod_revision >= r->min_mod_revision) &&
           (!r->max_mod_revision || p->mod_revision <= r->max_mod_revision) &&
           (!r->min_create_revision || p->create_revision >= r->min_create_revision) &&
           (!r->max_create_revision || p->create_revision <= r->max_create_revision);
}

static void model(const struct bench *b, const struct pb_range_request *r, struct buf *out)
{
    static const char *const keys[] = {"a", "aa", "ab", "b", "c", "ca", "cb", "d", "e", "f"};
    struct pb_key_value pairs[ARRAY_LEN(keys)];
    struct pb_range_response res = {.kvs = pairs};
    /* Without an order the limit is taken first: one more than it is sorted. */
    bool early = r->sort_order == PB_SORT_ORDER_NONE && !filtered(r) && r->limit > 0;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct version *v = alive(b, keys[i], r->revision ? r->revision : INT64_MAX);
        if (!v || !in_range(keys[i], r))
            continue;
        res.count++;
        struct pb_key_value p = v->pair;
        p.key = slice_str(keys[i]);
        p.value = slice_str(v->value);
        if (!r->count_only && passes(&p, r) && (!early || res.kvs_n <= (size_t)r->limit))
            pairs[res.kvs_n++] = p;
    }
    if (r->sort_order != PB_SORT_ORDER_NONE || r->sort_target != PB_SORT_TARGET_KEY)
        sort_pairs(pairs, res.kvs_n, r->sort_target, r->sort_order == PB_SORT_ORDER_DESCEND);
    res.more = r->limit > 0 && res.kvs_n > (size_t)r->limit;
    if (res.more)
        res.kvs_n = (size_t)r->limit;
    for (size_t i = 0; r->keys_only && i < res.kvs_n; i++) {
        pairs[i].value = (struct slice){0};
        if (r->sort_target != PB_SORT_TARGET_VALUE)
            pairs[i].lease = 0;
    }
    wire_encode(&wire_range_response, &res, out);
}

static struct pb_range_request random_request(struct bench *b)
{
    struct rng *rng = &b->rng;
    struct pb_range_request r = {.key = slice_str(random_key(rng)),
                                 .sort_order = (int32_t)rng_below(rng, 3),
                                 .sort_target = (int32_t)rng_below(rng, 5),
                                 .keys_only = rng_chance(rng, 300000),
                                 .count_only = rng_chance(rng, 100000)};
    uint64_t end = rng_below(rng, 10);
    if (end < 4)
        r.range_end = SLICE_LIT("\0");
    else if (end < 8)
        r.range_end = slice_str(random_key(rng)); /* also below the key */
    if (rng_chance(rng, 500000))
        r.limit = (int64_t)rng_between(rng, 1, 8);
    if (rng_chance(rng, 20000))
        r.limit = INT64_MAX;
    if (rng_chance(rng, 300000))
        r.revision = (int64_t)rng_between(rng, 1, (uint64_t)kv_revision(b->lab.kv));
    int64_t *const filters[] = {&r.min_mod_revision, &r.max_mod_revision, &r.min_create_revision,
                                &r.max_create_revision};
    for (size_t i = 0; i < 4; i++)
        if (rng_chance(rng, 100000))
            *filters[i] = (int64_t)rng_between(rng, 1, (uint64_t)kv_revision(b->lab.kv) + 1);
    return r;
}

static void answers_are_the_models(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct bench *b = mem_alloc(sizeof(*b));
        open_bench(b, seed);
        for (int i = 0; i < 3000; i++) {
            struct pb_range_request r = random_request(b);
            AUTO(buf_fini) struct buf want = {0};
            AUTO(buf_fini) struct buf got = {0};
            model(b, &r, &want);
            assert_int_equal(lab_range(&b->lab, &r, &got), ETCD_OK);
            assert_true(slice_eq(buf_slice(&got), buf_slice(&want)));
        }
        lab_close(&b->lab);
        free(b);
    }
}

static void read_in_pieces(struct lab *l, const struct pb_range_request *req, size_t piece,
                           struct buf *out)
{
    struct kv_range r;
    enum rc rc = RC_OK;
    assert_int_equal(kv_range_open(l->kv, req, &r), ETCD_OK);
    while (rc == RC_OK) {
        size_t before = out->n;
        rc = kv_range_read(&r, out, piece);
        assert_true(out->n - before <= piece);
        assert_true(rc == RC_END || out->n > before);
    }
    assert_int_equal(rc, RC_END);
    assert_int_equal(kv_range_read(&r, out, piece), RC_END); /* and stays at its end */
    assert_int_equal(out->n, r.body_len);
    kv_range_close(&r);
}

static void pieces_make_the_whole(void **state)
{
    (void)state;
    struct bench *b = mem_alloc(sizeof(*b));
    open_bench(b, 7);
    for (int i = 0; i < 500; i++) {
        struct pb_range_request r = random_request(b);
        AUTO(buf_fini) struct buf whole = {0};
        assert_int_equal(lab_range(&b->lab, &r, &whole), ETCD_OK);
        for (size_t piece = 1; piece < 40; piece = piece * 2 + 1) {
            AUTO(buf_fini) struct buf got = {0};
            read_in_pieces(&b->lab, &r, piece, &got);
            assert_true(slice_eq(buf_slice(&got), buf_slice(&whole)));
        }
    }
    lab_close(&b->lab);
    free(b);
}

/* Everything a server does goes on while the answer is read a few bytes at a time. */
static void a_pinned_range_stays_what_it_was(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct bench *b = mem_alloc(sizeof(*b));
        open_bench(b, seed);
        struct pb_range_request req = random_request(b);
        AUTO(buf_fini) struct buf want = {0};
        AUTO(buf_fini) struct buf got = {0};
        assert_int_equal(lab_range(&b->lab, &req, &want), ETCD_OK);
        struct kv_range r;
        assert_int_equal(kv_range_open(b->lab.kv, &req, &r), ETCD_OK);
        kv_range_pin(&r);
        kv_range_pin(&r); /* twice is once */
        enum rc rc = RC_OK;
        while (rc == RC_OK) {
            rc = kv_range_read(&r, &got, 3);
            for (uint64_t i = rng_below(&b->rng, 3); i > 0 && b->n < VERSIONS_MAX - 8; i--)
                random_change(b);
            if (rng_chance(&b->rng, 300000))
                lab_flush(&b->lab);
            if (rng_chance(&b->rng, 100000))
                (void)!kv_compact(b->lab.kv, kv_revision(b->lab.kv));
            (void)kv_sweep(b->lab.kv);
        }
        assert_int_equal(rc, RC_END);
        assert_true(slice_eq(buf_slice(&got), buf_slice(&want)));
        kv_range_close(&r);
        lab_sweep(&b->lab);
        assert_true(kv_swept(b->lab.kv, kv_compacted(b->lab.kv)));
        lab_close(&b->lab);
        free(b);
    }
}

/* Not pinned, what it needs may be swept away: then it says so and gives nothing wrong. */
static void an_unpinned_range_fails_when_swept_away(void **state)
{
    (void)state;
    struct lab l;
    struct kv_range r;
    AUTO(buf_fini) struct buf out = {0};
    lab_open(&l);
    lab_put(&l, "a", "1");
    lab_put(&l, "b", "1");
    const struct pb_range_request all = {.key = SLICE_LIT("a"), .range_end = SLICE_LIT("\0")};
    assert_int_equal(kv_range_open(l.kv, &all, &r), ETCD_OK);
    lab_put(&l, "a", "2");
    lab_put(&l, "b", "2");
    assert_int_equal(kv_compact(l.kv, kv_revision(l.kv)), ETCD_OK);
    lab_sweep(&l);
    enum rc rc = RC_OK;
    while (rc == RC_OK)
        rc = kv_range_read(&r, &out, 100);
    assert_int_equal(rc, RC_CORRUPT);
    kv_range_close(&r);
    lab_close(&l);
}

static void revisions_are_judged(void **state)
{
    (void)state;
    struct lab l;
    AUTO(buf_fini) struct buf out = {0};
    lab_open(&l);
    for (int i = 0; i < 5; i++)
        lab_put(&l, "k", "v");
    struct pb_range_request r = {.key = SLICE_LIT("k"), .revision = 7};
    assert_int_equal(lab_range(&l, &r, &out), ETCD_FUTURE_REV);
    assert_int_equal(kv_compact(l.kv, 4), ETCD_OK);
    r.revision = 3;
    assert_int_equal(lab_range(&l, &r, &out), ETCD_COMPACTED);
    r.revision = 4; /* the revision compacted at stays readable */
    assert_int_equal(lab_range(&l, &r, &out), ETCD_OK);
    lab_sweep(&l);
    buf_clear(&out);
    assert_int_equal(lab_range(&l, &r, &out), ETCD_OK);
    r.revision = -1; /* as 0: now */
    buf_clear(&out);
    assert_int_equal(lab_range(&l, &r, &out), ETCD_OK);
    lab_close(&l);
}

static void storage_that_lost_a_revision_is_noticed(void **state)
{
    (void)state;
    struct lab l;
    struct kv_range r;
    uint8_t key[REVISION_TOMBSTONE_LEN];
    AUTO(buf_fini) struct buf out = {0};
    lab_open(&l);
    lab_put(&l, "a", "1");
    lab_flush(&l);
    revision_key_store(key, (struct revision){2, 0}, false);
    struct storage_op op = {TABLE_KEY, STORAGE_DELETE, slice_of(key, REVISION_KEY_LEN), {0}};
    assert_int_equal(storage_commit(l.storage, &op, 1), RC_OK);
    storage_refresh(l.storage);
    struct pb_range_request req = {.key = SLICE_LIT("a")};
    assert_int_equal(kv_range_open(l.kv, &req, &r), ETCD_OK);
    assert_int_equal(kv_range_read(&r, &out, 1000), RC_CORRUPT);
    kv_range_close(&r);
    req.sort_target = PB_SORT_TARGET_VALUE; /* to sort it must be read at once */
    req.sort_order = PB_SORT_ORDER_DESCEND;
    assert_int_equal(kv_range_open(l.kv, &req, &r), ETCD_CORRUPT);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_the_models),
        cmocka_unit_test(pieces_make_the_whole),
        cmocka_unit_test(a_pinned_range_stays_what_it_was),
        cmocka_unit_test(an_unpinned_range_fails_when_swept_away),
        cmocka_unit_test(revisions_are_judged),
        cmocka_unit_test(storage_that_lost_a_revision_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
