#include "sim/promises.h"

#include "base/must.h"
#include "env/env.h"
#include "wire/raft_request.h"

static struct promise *place(struct promises *p, int64_t id)
{
    for (size_t i = 0; i < CLIENT_LEASES; i++)
        if (p->v[i].id == id)
            return &p->v[i];
    return NULL;
}

static void forget(struct promises *p, int64_t id)
{
    struct promise *v = place(p, id);
    if (v)
        *v = (struct promise){0};
}

static struct promise *make(struct promises *p, int64_t id, uint64_t until_ns)
{
    struct promise *v = place(p, id);
    if (!v)
        v = place(p, 0);
    must(v != NULL);
    v->id = id;
    if (v->until_ns < until_ns)
        v->until_ns = until_ns;
    return v;
}

static void renewed(struct lessor_renewal *renewal, enum rc rc, int64_t ttl)
{
    struct renewing *r = CONTAINER_OF(renewal, struct renewing, renewal);
    struct promises *p = r->promises;
    r->waiting = false;
    if (rc != RC_OK)
        return;
    make(p, r->id, *p->now_ns + (uint64_t)ttl * NS_PER_S);
    p->renewed++;
}

void promises_renew(struct promises *p, struct rng *rng, struct lessor *l)
{
    struct renewing *r = &p->renewals[rng_below(rng, PROMISES_RENEWALS_MAX)];
    int64_t id = client_lease(rng);
    if (r->waiting)
        return;
    *r = (struct renewing){.renewal = {.done = renewed}, .promises = p, .id = id, .waiting = true};
    lessor_renew(l, id, &r->renewal);
}

void promises_end(struct promises *p)
{
    for (size_t i = 0; i < PROMISES_RENEWALS_MAX; i++) {
        if (p->renewals[i].waiting)
            lessor_cancel(&p->renewals[i].renewal);
        p->renewals[i].waiting = false;
    }
}

static const char *end_all(struct promises *p, const struct pb_lease_expire_request *r,
                           uint64_t now_ns)
{
    const char *wrong = NULL;
    for (size_t i = 0; i < r->ids_n; i++) {
        const struct promise *v = place(p, r->ids[i]);
        if (v && v->granted > r->as_of)
            continue; /* another that took the ID */
        if (v && now_ns < v->until_ns)
            wrong = "a lease ends before the time that its client was promised";
        forget(p, r->ids[i]);
    }
    return wrong;
}

const char *promises_judge(struct promises *p, const struct wal_entry *e,
                           const struct state_reply *reply, bool told)
{
    struct raft_request r = {0};
    struct arena a = {0};
    struct pb_lease_grant_request grant;
    struct pb_lease_revoke_request revoke;
    struct pb_lease_expire_request expire;
    const char *wrong = NULL;
    if (e->kind != WAL_COMMAND || raft_request_parse(e->body, &r) != RC_OK ||
        reply->error != ETCD_OK)
        return NULL;
    enum rc rc = RC_OK;
    if (r.field == RAFT_REQUEST_LEASE_GRANT) {
        rc = wire_decode(&wire_lease_grant_request, r.body, &a, &grant);
        forget(p, grant.id);
        make(p, grant.id, told ? *p->now_ns + (uint64_t)grant.ttl * NS_PER_S : 0)->granted =
            e->index;
    } else if (r.field == RAFT_REQUEST_LEASE_REVOKE) {
        rc = wire_decode(&wire_lease_revoke_request, r.body, &a, &revoke);
        forget(p, revoke.id);
    } else if (r.field == RAFT_REQUEST_LEASE_EXPIRE) {
        rc = wire_decode(&wire_lease_expire_request, r.body, &a, &expire);
        wrong = end_all(p, &expire, *p->now_ns);
    }
    must(rc == RC_OK);
    arena_fini(&a);
    return wrong;
}
