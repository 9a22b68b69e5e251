/* The Election service (etcd's v3election.proto). */
#include "api/contest.h"
#include "api/inner.h"
#include "base/mem.h"

#include <stdlib.h>

#define PATH_RANGE "/etcdserverpb.KV/Range"
#define PATH_TXN   "/etcdserverpb.KV/Txn"

/* ---- Campaign ---- */

struct campaign {
    struct contest contest;
    struct rpc_call *call;
};

static void campaign_done(struct contest *c, const char *error, const char *explain)
{
    struct campaign *p = CONTAINER_OF(c, struct campaign, contest);
    struct rpc_call *call = p->call;
    if (error) {
        lock_refuse(call, error, explain);
    } else {
        struct pb_leader_key leader = {
            .name = c->name, .key = buf_slice(&c->key), .rev = c->revision, .lease = c->lease};
        const struct pb_campaign_response out = {.header = &c->joined, .leader = &leader};
        api_reply(call, &wire_campaign_response, &out);
    }
    contest_end(c);
    free(p);
}

void serve_campaign(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_campaign_request r;
    if (!api_decode(call, &wire_campaign_request, message, &r))
        return;
    struct campaign *p = mem_zalloc(sizeof(*p));
    p->call = call;
    p->contest = (struct contest){.api = arg,
                                  .token = call->token,
                                  .name = r.name,
                                  .value = r.value,
                                  .lease = r.lease,
                                  .proclaim = true,
                                  .done = campaign_done};
    call->user = p;
    contest_begin(&p->contest);
}

static void campaign_closed(void *arg, struct rpc_call *call)
{
    struct campaign *p = call->user;
    (void)arg;
    contest_withdraw(&p->contest);
    contest_end(&p->contest);
    free(p);
}

const struct rpc_stream_ops campaign_ops = {.closed = campaign_closed, .unary = true};

/* ---- Proclaim, resign, leader: one call, after a lease for a session that has none ---- */

struct asking {
    struct errand errand;
    struct api *api;
    struct rpc_call *call;
    struct pb_proclaim_request proclaim;
};

static struct asking *ask(struct api *a, struct rpc_call *call,
                          void (*done)(struct errand *e, const struct errand_answer *answer))
{
    struct asking *k = arena_zalloc(&call->arena, sizeof(*k));
    k->api = a;
    k->call = call;
    k->errand.done = done;
    return k;
}

/* op, if the leader's key is still the one that it names. */
static void ask_leader(struct asking *k, const struct pb_leader_key *leader,
                       struct pb_request_op *op)
{
    struct pb_compare same = {.target = PB_COMPARE_TARGET_CREATE,
                              .key = leader->key,
                              .target_union_case = PB_TARGET_CREATE_REVISION,
                              .create_revision = leader->rev};
    const struct pb_txn_request txn = {
        .compare = &same, .compare_n = 1, .success = op, .success_n = 1};
    errand_begin(&k->errand, k->api, k->call->token, PATH_TXN, &wire_txn_request, &txn);
}

/* The answer's message; false when the call was refused instead. */
static bool answered(const struct asking *k, const struct errand_answer *answer,
                     const struct wire_message *m, void *out)
{
    if (answer->code == GRPC_OK)
        return api_decode(k->call, m, answer->message, out);
    lock_refuse(k->call, answer->text, answer->explain);
    return false;
}

static void proclaimed(struct errand *e, const struct errand_answer *answer)
{
    const struct asking *k = CONTAINER_OF(e, struct asking, errand);
    struct pb_txn_response r;
    if (!answered(k, answer, &wire_txn_response, &r))
        return;
    const struct pb_proclaim_response out = {.header = r.header};
    if (r.succeeded)
        api_reply(k->call, &wire_proclaim_response, &out);
    else
        lock_refuse(k->call, etcd_error_text(ETCD_ELECTION_NOT_LEADER), NULL);
}

static void proclaim(struct asking *k)
{
    const struct pb_leader_key *leader = k->proclaim.leader;
    struct pb_put_request put = {
        .key = leader->key, .value = k->proclaim.value, .lease = leader->lease};
    struct pb_request_op op = {.request_case = PB_OP_PUT, .request_put = &put};
    k->errand.done = proclaimed;
    ask_leader(k, leader, &op);
}

static void session_made(struct errand *e, const struct errand_answer *answer)
{
    struct asking *k = CONTAINER_OF(e, struct asking, errand);
    struct pb_lease_grant_response r;
    if (!answered(k, answer, &wire_lease_grant_response, &r))
        return;
    k->proclaim.leader->lease = r.id;
    proclaim(k);
}

void serve_proclaim(void *arg, struct rpc_call *call, struct slice message)
{
    const struct pb_lease_grant_request session = {.ttl = CONTEST_SESSION_TTL};
    struct asking *k = ask(arg, call, session_made);
    if (!api_decode(call, &wire_proclaim_request, message, &k->proclaim))
        return;
    if (!k->proclaim.leader)
        lock_refuse(call, etcd_error_text(ETCD_ELECTION_LEADER_MISSING), NULL);
    else if (k->proclaim.leader->lease != 0)
        proclaim(k);
    else
        errand_begin(&k->errand, arg, call->token, "/etcdserverpb.Lease/LeaseGrant",
                     &wire_lease_grant_request, &session);
}

static void resigned(struct errand *e, const struct errand_answer *answer)
{
    const struct asking *k = CONTAINER_OF(e, struct asking, errand);
    struct pb_txn_response r;
    if (!answered(k, answer, &wire_txn_response, &r))
        return;
    const struct pb_resign_response out = {.header = r.header};
    api_reply(k->call, &wire_resign_response, &out);
}

void serve_resign(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_resign_request r;
    if (!api_decode(call, &wire_resign_request, message, &r))
        return;
    if (!r.leader) {
        lock_refuse(call, etcd_error_text(ETCD_ELECTION_LEADER_MISSING), NULL);
        return;
    }
    struct pb_delete_range_request remove = {.key = r.leader->key};
    struct pb_request_op op = {.request_case = PB_OP_DELETE_RANGE, .request_delete_range = &remove};
    ask_leader(ask(arg, call, resigned), r.leader, &op);
}

static void leader_seen(struct errand *e, const struct errand_answer *answer)
{
    const struct asking *k = CONTAINER_OF(e, struct asking, errand);
    struct pb_range_response r;
    if (!answered(k, answer, &wire_range_response, &r))
        return;
    if (r.kvs_n == 0) {
        lock_refuse(k->call, etcd_error_text(ETCD_ELECTION_NO_LEADER), NULL);
        return;
    }
    const struct pb_leader_response out = {.header = r.header, .kv = &r.kvs[0]};
    api_reply(k->call, &wire_leader_response, &out);
}

void serve_leader(void *arg, struct rpc_call *call, struct slice message)
{
    struct buf prefix = {0};
    struct buf end = {0};
    struct pb_leader_request r;
    if (!api_decode(call, &wire_leader_request, message, &r))
        return;
    contest_prefix(r.name, &prefix, &end);
    const struct pb_range_request first = contest_first(&prefix, &end);
    errand_begin(&ask(arg, call, leader_seen)->errand, arg, call->token, PATH_RANGE,
                 &wire_range_request, &first);
    buf_fini(&prefix);
    buf_fini(&end);
}

/* ---- Observe: a stream of the leader's values ---- */

struct observer {
    struct api *api;
    struct rpc_call *call;
    struct errand errand;
    struct listener listener; /* of all keys of the election */
    struct buf prefix;
    struct buf end;
    struct buf leader; /* its key; empty: there is none */
    size_t charged;    /* bytes counted in the budget */
    int64_t shown;     /* as of this revision: a range may run ahead of what the listener hears */
    bool behind;       /* the client takes no more; what is newest is asked for when it does */
};

static void forget(struct observer *o)
{
    errand_cancel(&o->errand);
    listener_end(&o->listener);
    api_charge(o->api, &o->charged, 0);
    buf_fini(&o->prefix);
    buf_fini(&o->end);
    buf_fini(&o->leader);
    free(o);
}

static void show(struct observer *o, struct pb_response_header header,
                 const struct pb_key_value *pair)
{
    struct pb_key_value kv = *pair;
    const struct pb_leader_response out = {.header = &header, .kv = &kv};
    struct buf body = {0};
    buf_clear(&o->leader);
    buf_append_slice(&o->leader, kv.key);
    o->shown = header.revision;
    rpc_body_begin(&body);
    wire_encode(&wire_leader_response, &out, &body);
    rpc_send(o->call, &body);
}

static void look(struct observer *o)
{
    const struct pb_range_request first = contest_first(&o->prefix, &o->end);
    if (!o->errand.call)
        errand_begin(&o->errand, o->api, o->call->token, PATH_RANGE, &wire_range_request, &first);
}

static void on_change(struct listener *l, const struct change *change)
{
    struct observer *o = CONTAINER_OF(l, struct observer, listener);
    struct arena a = {0};
    struct pb_key_value pair;
    bool of_leader = slice_eq(change->key, buf_slice(&o->leader));
    if (o->errand.call || o->behind || (o->leader.n > 0 && !of_leader) ||
        change->rev.main <= o->shown)
        return;
    if (change->deleted) {
        buf_clear(&o->leader);
        look(o);
    } else if (rpc_queued(o->call) > RPC_QUEUED_MAX) {
        o->behind = true;
    } else if (wire_decode(&wire_key_value, change->encoded, &a, &pair) == RC_OK) {
        struct pb_response_header header = api_header(o->api);
        header.revision = change->rev.main;
        show(o, header, &pair);
    }
    arena_fini(&a);
}

static void first_seen(struct errand *e, const struct errand_answer *answer)
{
    struct observer *o = CONTAINER_OF(e, struct observer, errand);
    struct rpc_call *call = o->call;
    struct arena a = {0};
    struct pb_range_response r = {0};
    bool fine = answer->code == GRPC_OK &&
                wire_decode(&wire_range_response, answer->message, &a, &r) == RC_OK;
    if (fine && r.kvs_n > 0)
        show(o, *r.header, &r.kvs[0]);
    arena_fini(&a);
    if (fine)
        return;
    forget(o);
    rpc_end(call); /* as etcd does, which does not say why */
}

void serve_observe(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_leader_request r;
    if (!api_decode(call, &wire_leader_request, message, &r))
        return;
    struct observer *o = mem_zalloc(sizeof(*o));
    *o = (struct observer){.api = a, .call = call};
    o->errand.done = first_seen;
    o->listener.changed = on_change;
    contest_prefix(r.name, &o->prefix, &o->end);
    api_charge(a, &o->charged, sizeof(*o) + 2 * (o->prefix.n + o->end.n)); /* the listener's, too */
    rpc_message_done(call);
    call->user = o;
    listener_begin(&o->listener, state_kv(a->state), buf_slice(&o->prefix), buf_slice(&o->end));
    look(o);
}

static void observe_drained(void *arg, struct rpc_call *call)
{
    struct observer *o = call->user;
    (void)arg;
    if (!o->behind)
        return;
    o->behind = false;
    look(o);
}

static void observe_closed(void *arg, struct rpc_call *call)
{
    (void)arg;
    forget(call->user);
}

const struct rpc_stream_ops observe_ops = {.drained = observe_drained, .closed = observe_closed};
