/* Applying what concerns leases: grant, revoke, expiry, checkpoint; and their table in storage.
 *
 * A lease is stored under its ID (8 bytes, big-endian) as etcd's leasepb.Lease; its keys are those
 * whose stored pair names it. */
#include "base/must.h"
#include "base/wr.h"
#include "env/metrics.h"
#include "state/inner.h"
#include "state/lessor.h"
#include "wire/kv_codec.h"

static void on_key(void *arg, struct slice key, int64_t id)
{
    struct state *s = arg;
    leases_bind(&s->leases, key, id);
}

void lease_init(struct state *s)
{
    leases_init(&s->leases, s->env->rng);
    lessor_init(&s->lessor, s->env, &s->leases);
    kv_on_lease(s->kv, on_key, s);
}

void lease_fini(struct state *s)
{
    lessor_fini(&s->lessor);
    leases_fini(&s->leases);
}

/* ---- Storage ---- */

#define STORED_KEY_LEN 8

static void store(struct state *s, const struct lease *l)
{
    const struct pb_lease stored = {
        .id = l->id, .ttl = l->ttl, .remaining_ttl = l->remaining, .granted = l->granted};
    uint8_t key[STORED_KEY_LEN];
    struct buf value = {0};
    store_u64_big(key, (uint64_t)l->id);
    wire_encode(&wire_lease, &stored, &value);
    pending_put(&s->pending, TABLE_LEASE, slice_of(key, sizeof(key)), buf_slice(&value));
    buf_fini(&value);
}

static void unstore(struct state *s, const struct lease *l)
{
    uint8_t key[STORED_KEY_LEN];
    store_u64_big(key, (uint64_t)l->id);
    pending_delete(&s->pending, TABLE_LEASE, slice_of(key, sizeof(key)));
}

struct loading {
    struct leases *leases;
    struct arena arena;
    bool damaged;
};

static bool load_one(void *arg, struct slice key, struct slice value)
{
    struct loading *ld = arg;
    struct pb_lease l;
    ld->damaged = wire_decode(&wire_lease, value, &ld->arena, &l) != RC_OK || l.id == 0 ||
                  key.n != STORED_KEY_LEN || load_u64_big(key.p) != (uint64_t)l.id || l.ttl < 0 ||
                  l.ttl > LEASE_TTL_MAX || l.remaining_ttl < 0 || l.remaining_ttl > l.ttl;
    if (!ld->damaged)
        leases_add(ld->leases, l.id, l.ttl, l.granted)->remaining = l.remaining_ttl;
    return !ld->damaged;
}

enum rc lease_restore(struct state *s, struct err *err)
{
    struct loading ld = {.leases = &s->leases};
    enum rc rc = storage_scan(s->opt.storage, TABLE_LEASE, (struct slice){0}, load_one, &ld);
    arena_fini(&ld.arena);
    if (rc == RC_OK && ld.damaged)
        rc = RC_CORRUPT;
    if (rc != RC_OK)
        return err_set(err, rc,
                       "the stored leases are damaged (%s); restore a snapshot into an empty data "
                       "directory",
                       rc_text(rc));
    return RC_OK;
}

/* ---- Entries ---- */

static void apply_grant(struct state *s, const struct pb_lease_grant_request *r,
                        struct state_reply *reply)
{
    if (r->id == 0)
        reply->error = ETCD_LEASE_NOT_FOUND;
    else if (r->ttl > LEASE_TTL_MAX)
        reply->error = ETCD_LEASE_TTL_TOO_LARGE;
    else if (leases_find(&s->leases, r->id))
        reply->error = ETCD_LEASE_EXIST;
    if (reply->error != ETCD_OK)
        return;
    struct lease *l = leases_add(&s->leases, r->id, r->ttl > 0 ? r->ttl : 1, s->applied);
    store(s, l);
    lessor_granted(&s->lessor, l);
    env_count(s->env, leases_granted, 1);
    struct pb_response_header h = state_header(s, reply->raft_term);
    const struct pb_lease_grant_response out = {.header = &h, .id = l->id, .ttl = l->ttl};
    wire_encode(&wire_lease_grant_response, &out, &reply->body);
}

/* Its keys go with it, in order, at one revision. */
static void end_lease(struct state *s, struct lease *l)
{
    struct arena a = {0};
    size_t n = l->key_n;
    const struct slice *keys = leases_take_keys(&s->leases, l, &a);
    kv_begin(s->kv);
    for (size_t i = 0; i < n; i++)
        kv_delete_leased(s->kv, keys[i]);
    kv_end(s->kv);
    arena_fini(&a);
    unstore(s, l);
    lessor_revoked(&s->lessor, l);
    env_count(s->env, leases_revoked, 1);
    leases_remove(&s->leases, l);
}

static void apply_revoke(struct state *s, const struct pb_lease_revoke_request *r,
                         struct state_reply *reply)
{
    struct lease *l = leases_find(&s->leases, r->id);
    if (!l) {
        reply->error = ETCD_LEASE_NOT_FOUND;
        return;
    }
    end_lease(s, l);
    struct pb_response_header h = state_header(s, reply->raft_term);
    codec_header(&h, &reply->body);
}

/* The lease that the lessor meant: one that a client revoked and granted anew meanwhile, in entries
 * before this one, is another. */
static struct lease *find_as_of(struct state *s, int64_t id, uint64_t as_of)
{
    struct lease *l = leases_find(&s->leases, id);
    return l && l->granted <= as_of ? l : NULL;
}

static void apply_expire(struct state *s, const struct pb_lease_expire_request *r)
{
    for (size_t i = 0; i < r->ids_n; i++) {
        struct lease *l = find_as_of(s, r->ids[i], r->as_of);
        if (l)
            end_lease(s, l);
    }
}

static void apply_remaining(struct state *s, const struct pb_lease_remaining_request *r)
{
    for (size_t i = 0; i < r->checkpoints_n; i++) {
        const struct pb_lease_checkpoint *c = &r->checkpoints[i];
        struct lease *l = find_as_of(s, c->id, r->as_of);
        if (!l || c->remaining_ttl < 0 || c->remaining_ttl > l->ttl ||
            c->remaining_ttl == l->remaining)
            continue;
        l->remaining = c->remaining_ttl;
        store(s, l);
    }
}

enum rc lease_dispatch(struct state *s, const struct raft_request *r, struct state_reply *reply)
{
    union {
        struct pb_lease_grant_request grant;
        struct pb_lease_revoke_request revoke;
        struct pb_lease_expire_request expire;
        struct pb_lease_remaining_request remaining;
    } m;
    bool grant = r->field == RAFT_REQUEST_LEASE_GRANT;
    bool revoke = r->field == RAFT_REQUEST_LEASE_REVOKE;
    bool expire = r->field == RAFT_REQUEST_LEASE_EXPIRE;
    enum rc rc = wire_decode(grant    ? &wire_lease_grant_request
                             : revoke ? &wire_lease_revoke_request
                             : expire ? &wire_lease_expire_request
                                      : &wire_lease_remaining_request,
                             r->body, &s->arena, &m);
    if (rc != RC_OK)
        return rc;
    reply->error = alarm_refusal(s, r->field, grant ? LEASE_COST : 0);
    if (reply->error != ETCD_OK)
        return RC_OK;
    if (grant)
        apply_grant(s, &m.grant, reply);
    else if (revoke)
        apply_revoke(s, &m.revoke, reply);
    else if (expire)
        apply_expire(s, &m.expire);
    else
        apply_remaining(s, &m.remaining);
    CHECKED(leases_check(&s->leases));
    return RC_OK;
}
