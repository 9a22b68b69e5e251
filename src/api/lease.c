/* The Lease service (etcd's rpc.proto, service Lease), and the entries that end leases. */
#include "api/access.h"
#include "base/mem.h"
#include "base/must.h"
#include "state/leases.h"
#include "state/lessor.h"
#include "wire/raft_request.h"

#include <stdlib.h>

static void settled(void *arg, bool applied)
{
    struct lessor_proposal *p = arg;
    p->done(p, applied);
}

static bool propose(void *arg, struct lessor_proposal *p, uint32_t field, struct slice request)
{
    return api_propose_own(arg, field, request, settled, p) == ETCD_OK;
}

void lease_lead(struct api *a)
{
    const struct lessor_ops ops = {.propose = propose, .arg = a};
    lessor_lead(state_lessor(a->state), &ops);
}

/* ---- Grant, revoke ---- */

/* A positive one, as etcd makes them: some clients take a negative number for an error. */
static int64_t free_id(struct api *a)
{
    int64_t id = 0;
    while (id == 0 || leases_find(state_leases(a->state), id))
        id = (int64_t)(rng_u64(a->opt.env->rng) & INT64_MAX);
    return id;
}

/* ID and TTL are decided here and stand in the entry, so that members whose flags differ agree. */
void serve_lease_grant(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_lease_grant_request r;
    if (!api_decode(call, &wire_lease_grant_request, message, &r))
        return;
    if (leases_count(state_leases(a->state)) >= API_LEASES_MAX) {
        rpc_fail_etcd(call, ETCD_REQUEST_TOO_MANY_REQUESTS,
                      "there are a million leases already: several keys can share one");
        return;
    }
    int64_t ttl_min = a->opt.lease_ttl_min > 0 ? a->opt.lease_ttl_min : API_LEASE_TTL_MIN;
    if (r.id == 0)
        r.id = free_id(a);
    if (r.ttl < ttl_min)
        r.ttl = ttl_min;
    struct buf request = {0};
    wire_encode(&wire_lease_grant_request, &r, &request);
    api_propose(a, call, RAFT_REQUEST_LEASE_GRANT, buf_slice(&request), LEASE_COST);
    buf_fini(&request);
}

void serve_lease_revoke(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_lease_revoke_request r;
    if (api_decode(call, &wire_lease_revoke_request, message, &r))
        api_propose(arg, call, RAFT_REQUEST_LEASE_REVOKE, message, 0);
}

/* ---- Time to live, list ---- */

static void time_to_live_now(struct api *a, struct rpc_call *call, void *request)
{
    const struct pb_lease_time_to_live_request *r = request;
    struct lease *l = leases_find(state_leases(a->state), r->id);
    enum etcd_error e = r->keys ? access_to_lease(a, call, AUTH_READ, l) : ETCD_OK;
    if (e != ETCD_OK) { /* etcd#15814 */
        access_refuse(a, call, e, NULL);
        return;
    }
    struct pb_response_header header = api_header(a);
    struct pb_lease_time_to_live_response out = {.header = &header, .id = r->id, .ttl = -1};
    if (l) {
        out.ttl = (int64_t)(lessor_left_ns(state_lessor(a->state), l) / NS_PER_S);
        out.granted_ttl = l->ttl;
    }
    if (l && r->keys) {
        out.keys = lease_keys(l, &call->arena);
        out.keys_n = l->key_n;
    }
    if (api_has_room(a, call, wire_encoded_len(&wire_lease_time_to_live_response, &out)))
        api_reply(call, &wire_lease_time_to_live_response, &out);
}

void serve_lease_time_to_live(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_lease_time_to_live_request *r = arena_alloc(&call->arena, sizeof(*r));
    if (api_decode(call, &wire_lease_time_to_live_request, message, r))
        api_read_leader(arg, call, time_to_live_now, r);
}

struct listed {
    uint64_t deadline_ns;
    int64_t id;
};

static int compare_ends(const void *a, const void *b)
{
    const struct listed *x = a;
    const struct listed *y = b;
    if (x->deadline_ns != y->deadline_ns)
        return x->deadline_ns < y->deadline_ns ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* In the arena; a million of them are sorted in a fifth of the time that pointers take. */
static struct pb_lease_status *list_by_end(const struct leases *all, struct arena *arena)
{
    size_t n = 0;
    struct listed *listed = mem_calloc(leases_count(all) + 1, sizeof(*listed));
    for (const struct lease *l = leases_after(all, NULL); l; l = leases_after(all, l))
        listed[n++] = (struct listed){l->term.deadline_ns, l->id};
    qsort(listed, n, sizeof(*listed), compare_ends);
    struct pb_lease_status *out = arena_alloc(arena, (n + 1) * sizeof(*out));
    for (size_t i = 0; i < n; i++)
        out[i] = (struct pb_lease_status){.id = listed[i].id};
    free(listed);
    return out;
}

/* Those that end first come first, as etcd has it. */
void serve_lease_leases(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    const struct leases *all = state_leases(a->state);
    struct pb_lease_leases_request r;
    if (!api_decode(call, &wire_lease_leases_request, message, &r))
        return;
    for (struct lease *l = leases_after(all, NULL); l; l = leases_after(all, l)) {
        enum etcd_error e = access_to_lease(a, call, AUTH_READ, l);
        if (e == ETCD_OK)
            continue;
        access_refuse(a, call, e, NULL);
        return;
    }
    struct pb_response_header header = api_header(a);
    struct pb_lease_leases_response out = {.header = &header, .leases_n = leases_count(all)};
    out.leases = list_by_end(all, &call->arena);
    if (api_has_room(a, call, wire_encoded_len(&wire_lease_leases_response, &out)))
        api_reply(call, &wire_lease_leases_response, &out);
}

/* ---- Keep-alive: a stream; its requests are answered one after the other ---- */

struct keeper {
    struct api *api;
    struct rpc_call *call;
    struct read_waiter leading; /* first it must be known that we still lead, … */
    struct timer limit;         /* … soon */
    struct lessor_renewal renewal;
    struct pb_response_header header;
    int64_t id;
    bool busy;  /* a request is not answered yet */
    bool ended; /* the client sends no more */
};

static void forget(struct keeper *k)
{
    timer_stop(k->api->opt.env->timers, &k->limit);
    k->call->user = NULL;
    free(k);
}

static void fail(struct keeper *k, enum etcd_error e, const char *explain)
{
    struct rpc_call *call = k->call;
    forget(k);
    rpc_fail_etcd(call, e, explain);
}

static void finish_if_ended(struct keeper *k)
{
    struct rpc_call *call = k->call;
    if (!k->ended || k->busy)
        return;
    forget(k);
    rpc_end(call);
}

static void renewed(struct lessor_renewal *r, enum rc rc, int64_t ttl)
{
    struct keeper *k = CONTAINER_OF(r, struct keeper, renewal);
    if (rc == RC_NOT_LEADER) {
        fail(k, ETCD_LEADER_CHANGED, NULL);
        return;
    }
    if (rc == RC_AGAIN) {
        fail(k, ETCD_REQUEST_TOO_MANY_REQUESTS,
             "what a checkpoint of this lease says must be taken back in the log, which takes "
             "nothing now");
        return;
    }
    const struct pb_lease_keep_alive_response out = {.header = &k->header, .id = k->id, .ttl = ttl};
    struct buf body = {0};
    rpc_body_begin(&body);
    wire_encode(&wire_lease_keep_alive_response, &out, &body);
    k->busy = false;
    rpc_send(k->call, &body);
    if (k->ended)
        finish_if_ended(k);
    else
        rpc_unhold(k->call); /* perhaps the next request is answered within */
}

/* Everything that was committed when the request came is applied: a lease that is not there now was
 * not granted before (etcd#13932). */
static void may_renew(struct read_waiter *w, enum rc rc)
{
    struct keeper *k = CONTAINER_OF(w, struct keeper, leading);
    if (rc != RC_OK) {
        fail(k, ETCD_STOPPED, NULL);
        return;
    }
    timer_stop(k->api->opt.env->timers, &k->limit);
    struct lease *l = leases_find(state_leases(k->api->state), k->id);
    enum etcd_error e = access_to_lease(k->api, k->call, AUTH_WRITE, l);
    if (e == ETCD_OK)
        lessor_renew(state_lessor(k->api->state), k->id, &k->renewal);
    else
        fail(k, e, NULL);
}

static void no_leader(struct timer *t)
{
    struct keeper *k = CONTAINER_OF(t, struct keeper, limit);
    quorum_read_cancel(&k->leading);
    fail(k, ETCD_NO_LEADER, api_explain_voters(k->api));
}

/* The header's revision is that before the renewal: a client must not see its lease alive at a
 * revision at which it was revoked. */
static void keep_alive_message(void *arg, struct rpc_call *call, struct slice message)
{
    struct keeper *k = call->user;
    struct pb_lease_keep_alive_request r;
    (void)arg;
    if (wire_decode(&wire_lease_keep_alive_request, message, &call->arena, &r) != RC_OK) {
        forget(k);
        (void)!api_decode(call, &wire_lease_keep_alive_request, message, &r);
        return;
    }
    k->id = r.id;
    k->header = api_header(k->api);
    k->busy = true;
    rpc_hold(call);
    env_after(k->api->opt.env, &k->limit, (uint64_t)API_REQUEST_MS_MAX * NS_PER_MS);
    quorum_read(k->api->quorum, &k->leading);
}

static void keep_alive_open(void *arg, struct rpc_call *call)
{
    struct keeper *k = mem_zalloc(sizeof(*k));
    *k = (struct keeper){.api = arg,
                         .call = call,
                         .leading = {.ready = may_renew},
                         .limit = {.fire = no_leader},
                         .renewal = {.done = renewed}};
    list_init(&k->leading.link);
    list_init(&k->renewal.link);
    call->user = k;
}

static void keep_alive_half_close(void *arg, struct rpc_call *call)
{
    struct keeper *k = call->user;
    (void)arg;
    k->ended = true;
    finish_if_ended(k);
}

static void keep_alive_closed(void *arg, struct rpc_call *call)
{
    struct keeper *k = call->user;
    (void)arg;
    quorum_read_cancel(&k->leading);
    lessor_cancel(&k->renewal);
    forget(k);
}

const struct rpc_stream_ops lease_keep_alive = {
    .open = keep_alive_open,
    .message = keep_alive_message,
    .half_close = keep_alive_half_close,
    .closed = keep_alive_closed,
};
