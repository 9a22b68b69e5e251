#include "sim/client.h"

#include "wire/raft_request.h"

#include <stdio.h>

#define CLIENT_KEYS      12
#define CLIENT_VALUE_MAX 300u

static struct slice random_key(struct rng *rng, struct arena *a)
{
    /* Keys of which some are prefixes of others. */
    static const char *const names[CLIENT_KEYS] = {"a",  "a/",  "a/1", "a/2", "ab", "b",
                                                   "b/", "b/c", "c",   "d",   "d1", "z"};
    (void)a;
    return slice_str(names[rng_below(rng, CLIENT_KEYS)]);
}

static struct slice random_end(struct rng *rng, struct slice key, struct arena *a)
{
    uint64_t kind = rng_below(rng, 6);
    if (kind < 3)
        return (struct slice){0};
    if (kind == 3)
        return SLICE_LIT("\0");
    if (kind == 4)
        return random_key(rng, a);
    uint8_t *p = arena_alloc(a, key.n);
    memcpy(p, key.p, key.n);
    p[key.n - 1]++;
    return slice_of(p, key.n);
}

static struct slice value_of(struct rng *rng, uint64_t next, struct arena *a)
{
    size_t n =
        24 + (rng_chance(rng, 50000) ? rng_below(rng, 8000) : rng_below(rng, CLIENT_VALUE_MAX));
    char *p = arena_alloc(a, n);
    memset(p, (int)('a' + next % 26), n);
    snprintf(p, n, "value %llu ", (unsigned long long)next);
    return slice_of(p, n);
}

int64_t client_lease(struct rng *rng)
{
    int64_t id = (int64_t)rng_between(rng, 1, CLIENT_LEASES);
    return id == 1 ? -1 : id;
}

static struct pb_put_request random_put(struct rng *rng, uint64_t next, struct arena *a)
{
    return (struct pb_put_request){.key = random_key(rng, a),
                                   .value = value_of(rng, next, a),
                                   .lease = rng_chance(rng, 200000) ? client_lease(rng) : 0,
                                   .prev_kv = rng_chance(rng, 300000)};
}

static struct pb_delete_range_request random_delete(struct rng *rng, struct arena *a)
{
    struct slice key = random_key(rng, a);
    return (struct pb_delete_range_request){
        .key = key, .range_end = random_end(rng, key, a), .prev_kv = rng_chance(rng, 300000)};
}

void client_range(struct rng *rng, int64_t revision, int64_t compacted, struct arena *a,
                  struct pb_range_request *out)
{
    struct slice key = random_key(rng, a);
    *out = (struct pb_range_request){.key = key,
                                     .range_end = random_end(rng, key, a),
                                     .keys_only = rng_chance(rng, 100000),
                                     .count_only = rng_chance(rng, 100000)};
    if (rng_chance(rng, 300000))
        out->limit = (int64_t)rng_between(rng, 1, 5);
    if (rng_chance(rng, 400000)) {
        int64_t low = compacted > 3 ? compacted - 2 : 1;
        out->revision = (int64_t)rng_between(rng, (uint64_t)low, (uint64_t)revision + 1);
    }
}

static struct pb_compare random_compare(struct rng *rng, int64_t revision, struct arena *a)
{
    struct pb_compare c = {.result = (int32_t)rng_below(rng, 4),
                           .target = (int32_t)rng_below(rng, 4),
                           .key = random_key(rng, a)};
    int64_t near = (int64_t)rng_between(rng, 0, (uint64_t)revision + 1);
    if (c.target == PB_COMPARE_TARGET_VERSION) {
        c.target_union_case = PB_TARGET_VERSION;
        c.version = (int64_t)rng_below(rng, 4);
    } else if (c.target == PB_COMPARE_TARGET_CREATE) {
        c.target_union_case = PB_TARGET_CREATE_REVISION;
        c.create_revision = near;
    } else if (c.target == PB_COMPARE_TARGET_VALUE) { /* values are told apart elsewhere */
        c.target = PB_COMPARE_TARGET_LEASE;
        c.target_union_case = PB_TARGET_LEASE;
        c.lease = rng_chance(rng, 500000) ? client_lease(rng) : 0;
    } else {
        c.target_union_case = PB_TARGET_MOD_REVISION;
        c.mod_revision = near;
    }
    return c;
}

/* Operations on keys that no other of the transaction puts: a put key is taken once, and deletes
 * are of single keys of their own. */
static void random_ops(struct rng *rng, uint64_t next, struct arena *a, struct pb_request_op **ops,
                       size_t *n)
{
    size_t want = rng_below(rng, 4);
    bool used[256] = {false};
    *ops = arena_zalloc(a, want * sizeof(**ops));
    *n = 0;
    for (size_t i = 0; i < want; i++) {
        struct pb_request_op *op = &(*ops)[*n];
        struct pb_put_request put = random_put(rng, next * 8 + i, a);
        uint8_t mark = (uint8_t)(put.key.p[0] + 16 * put.key.n + put.key.p[put.key.n - 1]);
        uint64_t kind = rng_below(rng, 3);
        if (kind == 0) {
            op->request_case = PB_OP_RANGE;
            op->request_range = arena_zalloc(a, sizeof(*op->request_range));
            op->request_range->key = put.key;
            op->request_range->range_end = random_end(rng, put.key, a);
            (*n)++;
            continue;
        }
        if (used[mark])
            continue;
        used[mark] = true;
        (*n)++;
        if (kind == 1) {
            op->request_case = PB_OP_PUT;
            op->request_put = arena_alloc(a, sizeof(put));
            *op->request_put = put;
        } else {
            op->request_case = PB_OP_DELETE_RANGE;
            op->request_delete_range = arena_zalloc(a, sizeof(*op->request_delete_range));
            op->request_delete_range->key = put.key;
            op->request_delete_range->prev_kv = put.prev_kv;
        }
    }
}

static uint32_t lease_write(struct rng *rng, struct buf *out)
{
    if (rng_chance(rng, 700000)) {
        const struct pb_lease_grant_request grant = {.id = client_lease(rng),
                                                     .ttl = (int64_t)rng_between(rng, 1, 4)};
        wire_encode(&wire_lease_grant_request, &grant, out);
        return RAFT_REQUEST_LEASE_GRANT;
    }
    const struct pb_lease_revoke_request revoke = {.id = client_lease(rng)};
    wire_encode(&wire_lease_revoke_request, &revoke, out);
    return RAFT_REQUEST_LEASE_REVOKE;
}

uint32_t client_write(struct rng *rng, uint64_t next, int64_t revision, int64_t compacted,
                      struct arena *a, struct buf *out)
{
    uint64_t kind = rng_below(rng, 100);
    if (kind < 4)
        return lease_write(rng, out);
    if (kind < 60) {
        struct pb_put_request put = random_put(rng, next, a);
        wire_encode(&wire_put_request, &put, out);
        return RAFT_REQUEST_PUT;
    }
    if (kind < 72) {
        struct pb_delete_range_request del = random_delete(rng, a);
        wire_encode(&wire_delete_range_request, &del, out);
        return RAFT_REQUEST_DELETE_RANGE;
    }
    if (kind < 97) {
        struct pb_compare compare[2];
        struct pb_txn_request txn = {.compare = compare, .compare_n = rng_below(rng, 3)};
        for (size_t i = 0; i < txn.compare_n; i++)
            compare[i] = random_compare(rng, revision, a);
        random_ops(rng, next, a, &txn.success, &txn.success_n);
        random_ops(rng, next, a, &txn.failure, &txn.failure_n);
        wire_encode(&wire_txn_request, &txn, out);
        return RAFT_REQUEST_TXN;
    }
    int64_t low = compacted > 0 ? compacted : 1;
    struct pb_compaction_request c = {
        .revision = (int64_t)rng_between(rng, (uint64_t)low, (uint64_t)revision + 1)};
    wire_encode(&wire_compaction_request, &c, out);
    return RAFT_REQUEST_COMPACTION;
}
