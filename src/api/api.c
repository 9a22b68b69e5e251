#include "api/api.h"

#include "api/access.h"
#include "api/inner.h"
#include "api/tokens.h"
#include "api/watch.h"
#include "base/mem.h"
#include "base/must.h"
#include "env/metrics.h"
#include "wire/raft_request.h"

#include <stdio.h>
#include <stdlib.h>

#define OVERDUE_LOOK_MS 500u
#define TOO_SLOW        "the disk does not keep up with the writes"

/* A request to be proposed; lives in its call's arena. First it may wait, then it is proposed. */
struct write {
    struct waiter waiter;
    struct list link; /* in writes, then in late (answered early), perhaps in sweeping */
    struct rpc_call *call;
    uint64_t due_ns;
    size_t new_bytes;
    int64_t sweep;
    struct buf body;                                    /* of an answer that waits for its sweep */
    void (*then)(void *arg, struct state_reply *reply); /* NULL: the call is answered here */
    void *arg;
};

static const struct rpc_method methods[] = {
    {"/etcdserverpb.Auth/AuthDisable", serve_auth},
    {"/etcdserverpb.Auth/AuthEnable", serve_auth},
    {"/etcdserverpb.Auth/AuthStatus", serve_auth},
    {"/etcdserverpb.Auth/Authenticate", serve_authenticate, .secret = true},
    {"/etcdserverpb.Auth/RoleAdd", serve_auth},
    {"/etcdserverpb.Auth/RoleDelete", serve_auth},
    {"/etcdserverpb.Auth/RoleGet", serve_auth},
    {"/etcdserverpb.Auth/RoleGrantPermission", serve_auth},
    {"/etcdserverpb.Auth/RoleList", serve_auth},
    {"/etcdserverpb.Auth/RoleRevokePermission", serve_auth},
    {"/etcdserverpb.Auth/UserAdd", serve_user_add, .secret = true},
    {"/etcdserverpb.Auth/UserChangePassword", serve_user_change_password, .secret = true},
    {"/etcdserverpb.Auth/UserDelete", serve_auth},
    {"/etcdserverpb.Auth/UserGet", serve_auth},
    {"/etcdserverpb.Auth/UserGrantRole", serve_auth},
    {"/etcdserverpb.Auth/UserList", serve_auth},
    {"/etcdserverpb.Auth/UserRevokeRole", serve_auth},
    {"/etcdserverpb.Cluster/MemberAdd", serve_member_add},
    {"/etcdserverpb.Cluster/MemberList", serve_member_list},
    {"/etcdserverpb.Cluster/MemberPromote", serve_member_promote},
    {"/etcdserverpb.Cluster/MemberRemove", serve_member_remove},
    {"/etcdserverpb.Cluster/MemberUpdate", serve_member_update},
    {"/etcdserverpb.KV/Compact", serve_compact},
    {"/etcdserverpb.KV/DeleteRange", serve_delete_range},
    {"/etcdserverpb.KV/Put", serve_put},
    {"/etcdserverpb.KV/Range", serve_range},
    {"/etcdserverpb.KV/Txn", serve_txn},
    {"/etcdserverpb.Maintenance/Alarm", serve_alarm},
    {"/etcdserverpb.Maintenance/Defragment", serve_defragment},
    {"/etcdserverpb.Maintenance/Downgrade", serve_downgrade},
    {"/etcdserverpb.Maintenance/HashKV", serve_hash_kv},
    {"/etcdserverpb.Maintenance/MoveLeader", serve_move_leader},
    {"/etcdserverpb.Maintenance/Status", serve_status},
    {"/etcdserverpb.Watch/Watch", NULL, &watch_ops},
    {"/grpc.health.v1.Health/Check", serve_health_check},
    {"/moatpb.Inspect/Usage", serve_usage},
};

static void look_for_overdue(struct timer *t);
static struct compactor *make_compactor(struct api *a);

struct api *api_new(const struct api_options *opt)
{
    struct api *a = mem_zalloc(sizeof(*a));
    a->opt = *opt;
    list_init(&a->writes);
    list_init(&a->late);
    list_init(&a->sweeping);
    list_init(&a->hashing);
    list_init(&a->reads);
    waiting_init(&a->waiting);
    a->overdue.fire = look_for_overdue;
    a->next_id = rng_u64(opt->env->rng);
    a->rpc = rpc_server_new(&(struct rpc_options){
        .env = opt->env,
        .methods = methods,
        .method_count = ARRAY_LEN(methods),
        .routes = api_routes,
        .route_count = api_route_count,
        .gateway = opt->json ? api_gateway : NULL,
        .gateway_count = opt->json ? api_gateway_count : 0,
        .gateway_v3alpha = opt->v3alpha,
        .access = opt->access,
        .arg = a,
        .admit = access_admit,
        .message_max = opt->request_bytes_max + RPC_MESSAGE_OVERHEAD,
        .budget = opt->budget,
        .method_seconds = opt->method_seconds,
    });
    a->metrics_rpc = rpc_server_new(&(struct rpc_options){
        .env = opt->env,
        .routes = api_routes,
        .route_count = api_metrics_route_count,
        .arg = a,
        .budget = opt->budget,
    });
    a->peer_rpc = rpc_server_new(&(struct rpc_options){
        .env = opt->env,
        .routes = api_peer_routes,
        .route_count = api_peer_route_count,
        .arg = a,
        .budget = opt->budget,
    });
    return a;
}

void api_attach(struct api *a, struct state *state, struct quorum *quorum)
{
    a->state = state;
    a->quorum = quorum;
    a->compactor = make_compactor(a);
}

struct http_handler *api_handler(struct api *a)
{
    return rpc_server_handler(a->rpc);
}

struct http_handler *api_peer_handler(struct api *a)
{
    return rpc_server_handler(a->peer_rpc);
}

struct http_handler *api_metrics_handler(struct api *a)
{
    return rpc_server_handler(a->metrics_rpc);
}

size_t api_open_calls(const struct api *a)
{
    return rpc_server_calls(a->rpc);
}

struct pb_response_header api_header(const struct api *a)
{
    return state_header(a->state, quorum_term(a->quorum));
}

void api_reply(struct rpc_call *call, const struct wire_message *m, const void *msg)
{
    struct buf body = {0};
    rpc_body_begin(&body);
    wire_encode(m, msg, &body);
    rpc_reply(call, &body);
}

void api_bad_message(struct rpc_call *call, enum rc rc)
{
    rpc_fail(call, GRPC_INTERNAL,
             "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data",
             rc == RC_LIMIT ? "the message is nested too deeply, or has too many parts" : NULL);
}

bool api_decode(struct rpc_call *call, const struct wire_message *m, struct slice in, void *out)
{
    enum rc rc = wire_decode(m, in, &call->arena, out);
    if (rc != RC_OK)
        api_bad_message(call, rc);
    return rc == RC_OK;
}

size_t api_reply_room(const struct api *a)
{
    const struct http_budget *budget = a->opt.budget;
    uint64_t left = budget && budget->used < budget->max ? budget->max - budget->used : 1;
    return !budget || left > STATE_REPLY_BYTES_MAX ? STATE_REPLY_BYTES_MAX : (size_t)left;
}

void api_refuse_reply(struct api *a, struct rpc_call *call, struct state_reply *reply)
{
    buf_fini(&reply->body);
    if (reply->error != ETCD_OK)
        access_refuse(a, call, reply->error, &reply->denial);
    else /* the text is that of ranges beyond 4 GiB (rpc_reply_source) */
        rpc_fail(call, GRPC_RESOURCE_EXHAUSTED, "etcdserver: response is too large",
                 "what the request writes has been written; ask for less in one answer");
}

/* ---- Writes ---- */

static void finish_write(struct write *w)
{
    list_remove(&w->link);
    buf_fini(&w->body);
}

/* Something has a time limit from now on: its due time. */
static uint64_t begin_waiting(struct api *a)
{
    if (!timer_active(&a->overdue))
        env_after(a->opt.env, &a->overdue, (uint64_t)OVERDUE_LOOK_MS * NS_PER_MS);
    return env_now_ns(a->opt.env) + (uint64_t)API_REQUEST_MS_MAX * NS_PER_MS;
}

static void give_up_writes(struct api *a, uint64_t now)
{
    while (!list_empty(&a->writes)) {
        struct write *w = CONTAINER_OF(a->writes.next, struct write, link);
        if (w->due_ns > now)
            break;
        list_remove(&w->link);
        list_add_tail(&a->late, &w->link);
        env_count(a->opt.env, proposals_failed, 1);
        rpc_fail_early(w->call, ETCD_TIMEOUT,
                       a->no_space ? "the disk is full; the request stays in the log and may still "
                                     "take effect when there is room"
                                   : NULL);
    }
}

static bool is_overdue(void *arg, struct waiter *waiter)
{
    const uint64_t *now = arg;
    return CONTAINER_OF(waiter, struct write, waiter)->due_ns <= *now;
}

/* The last that happens to a write: it is gone with its call. */
static void refuse_write(struct write *w, enum etcd_error e, const char *explain)
{
    struct state_reply reply = {.error = e == ETCD_OK ? ETCD_CANCELED : e};
    if (w->then)
        w->then(w->arg, &reply);
    else
        rpc_fail_etcd(w->call, reply.error, explain);
}

static void refuse_waiting(struct waiter *waiter, enum etcd_error e, const char *explain)
{
    struct write *w = CONTAINER_OF(waiter, struct write, waiter);
    buf_fini(&waiter->entry);
    refuse_write(w, e, explain);
}

static void give_up_waiting(struct api *a, uint64_t now)
{
    for (struct waiter *w; (w = waiting_old(&a->waiting, is_overdue, &now));)
        refuse_waiting(w, ETCD_REQUEST_TOO_MANY_REQUESTS, "it was not written: " TOO_SLOW);
}

static void give_up_reads(struct api *a, uint64_t now);

static void look_for_overdue(struct timer *t)
{
    struct api *a = CONTAINER_OF(t, struct api, overdue);
    uint64_t now = env_now_ns(a->opt.env);
    give_up_waiting(a, now);
    give_up_writes(a, now);
    give_up_reads(a, now);
    if (!waiting_empty(&a->waiting) || !list_empty(&a->writes) || !list_empty(&a->reads))
        env_after(a->opt.env, &a->overdue, (uint64_t)OVERDUE_LOOK_MS * NS_PER_MS);
}

/* An entry of our own, whose outcome nobody waits for. */
static void propose_own(struct api *a, uint32_t field, const struct wire_message *m,
                        const void *request)
{
    struct buf body = {0};
    struct buf entry = {0};
    wire_encode(m, request, &body);
    raft_request_begin(&entry, ++a->next_id);
    raft_request_embed(&entry, field, buf_slice(&body));
    quorum_propose(a->quorum, &entry, NULL);
    buf_fini(&body);
}

/* The quota is used up: the alarm says so until someone disarms it. */
static void raise_no_space(struct api *a)
{
    struct pb_alarm_request r = {.action = PB_ALARM_ACTION_ACTIVATE,
                                 .member_id = a->opt.member.id,
                                 .alarm = PB_ALARM_TYPE_NOSPACE};
    uint64_t now = env_now_ns(a->opt.env);
    if (now < a->next_alarm_ns || !quorum_is_leader(a->quorum))
        return;
    a->next_alarm_ns = now + (uint64_t)API_REQUEST_MS_MAX * NS_PER_MS;
    propose_own(a, RAFT_REQUEST_ALARM, &wire_alarm_request, &r);
    log_warn(a->opt.env->log, "api.alarm_raised", "alarm", STR("NOSPACE"), "what",
             STR("the quota (--quota-backend-bytes) is used up"), "effect",
             STR("what adds keys is refused; delete keys, compact, then: etcdctl alarm disarm"));
}

/* ---- Compaction by itself ---- */

static int64_t own_revision(void *arg)
{
    struct api *a = arg;
    return kv_revision(state_kv(a->state));
}

static int64_t own_compacted(void *arg)
{
    struct api *a = arg;
    return kv_compacted(state_kv(a->state));
}

static bool own_lead(void *arg)
{
    struct api *a = arg;
    return quorum_is_leader(a->quorum) && !a->read_only[0];
}

static void own_compact(void *arg, int64_t revision)
{
    struct pb_compaction_request r = {.revision = revision};
    propose_own(arg, RAFT_REQUEST_COMPACTION, &wire_compaction_request, &r);
}

static struct compactor *make_compactor(struct api *a)
{
    return compactor_new(&(struct compactor_options){.env = a->opt.env,
                                                     .by_revision = a->opt.compact_by_revision,
                                                     .retention = a->opt.compact_retention,
                                                     .arg = a,
                                                     .revision = own_revision,
                                                     .compacted = own_compacted,
                                                     .leads = own_lead,
                                                     .compact = own_compact});
}

/* Why a request cannot be proposed now. */
static enum etcd_error refusal(struct api *a, size_t entry_bytes, size_t new_bytes,
                               const char **explain)
{
    if (entry_bytes > a->opt.request_bytes_max) {
        *explain = "larger than --max-request-bytes";
        return ETCD_REQUEST_TOO_LARGE;
    }
    if (a->read_only[0]) {
        *explain = a->read_only;
        return ETCD_STOPPED;
    }
    if (new_bytes > 0 && a->no_space) {
        *explain = "the disk is full: free some space; compaction and deletes are still taken";
        return ETCD_NO_SPACE;
    }
    if (new_bytes > 0 && state_has_alarm(a->state, PB_ALARM_TYPE_NOSPACE)) {
        a->next_alarm_ns = 0; /* the one proposed is there: disarmed, it may be raised at once */
        *explain = api_explain_space(a);
        return ETCD_NO_SPACE;
    }
    if (new_bytes > 0 && state_over_quota(a->state, new_bytes)) {
        raise_no_space(a);
        *explain = api_explain_space(a);
        return ETCD_NO_SPACE;
    }
    /* While one waits that was given up already, the log does not move: more would only pile up. */
    if (!list_empty(&a->late)) {
        *explain = TOO_SLOW;
        return ETCD_REQUEST_TOO_MANY_REQUESTS;
    }
    return quorum_is_leader(a->quorum) ? ETCD_OK : ETCD_NO_LEADER;
}

_Static_assert(WAITING_STORE_SMALL == STATE_UNFLUSHED_MAX, "the ring has no room beyond");

static struct waiting_load load_of(const struct api *a)
{
    return (struct waiting_load){quorum_pending_bytes(a->quorum), state_unflushed_bytes(a->state)};
}

/* Those that waited are older than some that did not: the list stays in the order of due times. */
static void propose(struct api *a, struct write *w)
{
    struct list *after = a->writes.prev;
    while (after != &a->writes && CONTAINER_OF(after, struct write, link)->due_ns > w->due_ns)
        after = after->prev;
    list_add_tail(after->next, &w->link);
    quorum_propose(a->quorum, &w->waiter.entry, w);
}

/* The entry is whole: it goes on its way, now or when there is room. */
static void send_off(struct api *a, struct write *w)
{
    struct buf *entry = &w->waiter.entry;
    w->due_ns = begin_waiting(a);
    rpc_message_done(w->call);
    if (waiting_may_pass(&a->waiting, entry->n, load_of(a))) {
        propose(a, w);
        return;
    }
    waiting_add(&a->waiting, &w->waiter, rpc_call_origin(w->call));
    for (struct waiter *excess; (excess = waiting_excess(&a->waiting, WAITING_BYTES_MAX));)
        refuse_waiting(excess, ETCD_REQUEST_TOO_MANY_REQUESTS, TOO_SLOW);
}

static struct write *make_write(struct api *a, struct rpc_call *call, const struct auth_who *who,
                                uint32_t field, struct slice request)
{
    struct write *w = arena_zalloc(&call->arena, sizeof(*w));
    struct buf *entry = &w->waiter.entry;
    w->call = call;
    buf_reserve(entry, request.n + who->user.n + 48);
    raft_request_begin_as(entry, ++a->next_id, who->user, who->revision);
    raft_request_embed(entry, field, request);
    return w;
}

/*~ 4. The request becomes the body of a log entry, with the name of who asks. What must be refused
 * is refused here; after this the call waits until its entry comes back, in api_applied or
 * api_dropped. */
void api_propose(struct api *a, struct rpc_call *call, uint32_t field, struct slice request,
                 size_t new_bytes)
{
    struct auth_denial why = {0};
    struct auth_who who;
    const char *explain = NULL;
    enum etcd_error e = access_who(a, call, &who);
    if (e != ETCD_OK) {
        access_refuse(a, call, e, NULL);
        return;
    }
    struct write *w = make_write(a, call, &who, field, request);
    w->new_bytes = new_bytes;
    e = refusal(a, w->waiter.entry.n, new_bytes, &explain);
    if (e != ETCD_OK) {
        refuse_waiting(&w->waiter, e, explain);
        return;
    }
    e = auth_judge(a->state, &who, field, request, &why); /* and once more when it is applied */
    if (e != ETCD_OK) {
        buf_fini(&w->waiter.entry);
        access_refuse(a, call, e, &why);
        return;
    }
    send_off(a, w);
}

void api_propose_then(struct api *a, struct rpc_call *call, uint32_t field, struct slice request,
                      void (*then)(void *arg, struct state_reply *reply), void *arg)
{
    static const struct auth_who nobody = {0};
    struct write *w = make_write(a, call, &nobody, field, request);
    const char *explain = NULL;
    w->then = then;
    w->arg = arg;
    enum etcd_error e = refusal(a, w->waiter.entry.n, 0, &explain);
    if (e != ETCD_OK)
        refuse_waiting(&w->waiter, e, explain);
    else
        send_off(a, w);
}

void api_turn(struct api *a)
{
    for (struct waiter *next; (next = waiting_next(&a->waiting, load_of(a)));) {
        struct write *w = CONTAINER_OF(next, struct write, waiter);
        const char *explain = NULL;
        enum etcd_error e = refusal(a, next->entry.n, w->new_bytes, &explain);
        if (e != ETCD_OK || rpc_gone(w->call))
            refuse_waiting(next, e, explain);
        else
            propose(a, w);
    }
}

static void answer(struct api *a, struct write *w, struct state_reply *reply)
{
    struct rpc_call *call = w->call;
    if (w->then) {
        finish_write(w);
        w->then(w->arg, reply);
        return;
    }
    if (reply->error != ETCD_OK || reply->too_large) {
        finish_write(w);
        api_refuse_reply(a, call, reply);
        return;
    }
    if (reply->sweep != 0 && !state_swept(a->state, reply->sweep)) {
        list_remove(&w->link);
        w->sweep = reply->sweep;
        w->body = reply->body;
        list_add_tail(&a->sweeping, &w->link);
        return;
    }
    finish_write(w);
    rpc_reply(call, &reply->body);
}

/*~ 8. The entry is committed and on this disk (quorum/quorum.c, driver_apply): apply it, then
 * answer who waits for it. Nobody does (ctx is NULL) for what the log held when the process
 * started. */
void api_applied(struct api *a, const struct wal_entry *e, void *ctx)
{
    struct slice body = e->kind == WAL_COMMAND ? e->body : (struct slice){0};
    if (!ctx) {
        state_apply(a->state, e->index, e->term, body, NULL);
        return;
    }
    struct write *w = ctx;
    struct state_reply reply = {
        .raft_term = e->term, .room = api_reply_room(a), .unheard = rpc_gone(w->call)};
    rpc_body_begin(&reply.body);
    state_apply(a->state, e->index, e->term, body, &reply);
    answer(a, w, &reply);
}

void api_dropped(struct api *a, void *ctx)
{
    if (!ctx) /* our own: an alarm or compaction, which is asked for again */
        return;
    struct write *w = ctx;
    finish_write(w);
    env_count(a->opt.env, proposals_failed, 1);
    refuse_write(w, ETCD_LEADER_CHANGED, NULL);
}

void api_flushed(struct api *a)
{
    list_each (item, &a->sweeping) {
        struct write *w = CONTAINER_OF(item, struct write, link);
        if (!state_swept(a->state, w->sweep))
            continue;
        struct buf body = w->body;
        struct rpc_call *call = w->call;
        w->body = (struct buf){0};
        finish_write(w);
        rpc_reply(call, &body);
    }
}

void api_no_space(struct api *a, bool full)
{
    a->no_space = full;
}

void api_read_only(struct api *a, const char *sentence)
{
    snprintf(a->read_only, sizeof(a->read_only), "%s", sentence);
}

static void refuse_all(struct list *writes)
{
    for (struct list *item = list_pop(writes); item; item = list_pop(writes)) {
        struct write *w = CONTAINER_OF(item, struct write, link);
        buf_fini(&w->body);
        refuse_write(w, ETCD_STOPPED, NULL);
    }
}

void api_free(struct api *a)
{
    if (!a)
        return;
    timer_stop(a->opt.env->timers, &a->overdue);
    compactor_free(a->compactor);
    must(list_empty(&a->reads));
    atomic_store(&a->closing, true);
    worker_drain(a->opt.env->workers, LANE_POOL);
    for (struct waiter *w; (w = waiting_excess(&a->waiting, 0));)
        refuse_waiting(w, ETCD_STOPPED, NULL);
    refuse_all(&a->writes);
    refuse_all(&a->late);
    refuse_all(&a->sweeping);
    api_stop_hashing(a);
    rpc_server_free(a->rpc);
    rpc_server_free(a->peer_rpc);
    rpc_server_free(a->metrics_rpc);
    buf_fini(&a->space.text);
    tokens_free(a);
    free(a);
}

/* ---- Reads ---- */

struct read {
    struct read_waiter waiter;
    struct list link; /* in reads */
    uint64_t due_ns;
    struct api *api;
    struct rpc_call *call;
    void (*fn)(struct api *a, struct rpc_call *call, void *request);
    void *request;
};

static void read_ready(struct read_waiter *w, enum rc rc)
{
    struct read *r = CONTAINER_OF(w, struct read, waiter);
    list_remove(&r->link);
    if (rc == RC_OK) {
        r->fn(r->api, r->call, r->request);
        return;
    }
    env_count(r->api->opt.env, read_indexes_failed, 1);
    rpc_fail_etcd(r->call, ETCD_NO_LEADER, NULL);
}

/* A leader that cannot write its first entry cannot tell what is committed: so reads wait, too. */
static void give_up_reads(struct api *a, uint64_t now)
{
    while (!list_empty(&a->reads)) {
        struct read *r = CONTAINER_OF(a->reads.next, struct read, link);
        if (r->due_ns > now)
            break;
        list_remove(&r->link);
        quorum_read_cancel(&r->waiter);
        env_count(a->opt.env, slow_read_indexes, 1);
        rpc_fail_etcd(r->call, ETCD_TIMEOUT, NULL);
    }
}

void api_read(struct api *a, struct rpc_call *call, bool serializable,
              void (*fn)(struct api *a, struct rpc_call *call, void *request), void *request)
{
    if (serializable) {
        fn(a, call, request);
        return;
    }
    struct read *r = arena_alloc(&call->arena, sizeof(*r));
    *r = (struct read){.waiter = {.ready = read_ready},
                       .due_ns = begin_waiting(a),
                       .api = a,
                       .call = call,
                       .fn = fn,
                       .request = request};
    list_add_tail(&a->reads, &r->link);
    quorum_read(a->quorum, &r->waiter);
}
