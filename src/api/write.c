/* The way of a write through the service: judged, perhaps waiting, proposed, applied, answered. */
#include "api/access.h"
#include "api/inner.h"
#include "base/mem.h"
#include "base/must.h"
#include "env/metrics.h"
#include "wire/raft_request.h"

#include <stdlib.h>

#define TOO_SLOW "the disk does not keep up with the writes"

/* A request to be proposed. First it may wait, then it is proposed. It lives in its call's arena;
 * an entry of our own has no call, but somebody who is told. */
struct write {
    struct waiter waiter;
    struct list link; /* in writes, then in late (answered early), perhaps in sweeping */
    struct rpc_call *call;
    void (*done)(void *arg, bool applied); /* of our own entry */
    void *done_arg;
    uint64_t due_ns;
    size_t new_bytes;
    int64_t sweep;
    struct buf body;                                    /* of an answer that waits for its sweep */
    void (*then)(void *arg, struct state_reply *reply); /* NULL: the call is answered here */
    void *arg;
};

static void finish_write(struct write *w)
{
    list_remove(&w->link);
    buf_fini(&w->body);
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
    bool leads = quorum_is_leader(a->quorum);
    for (struct waiter *w; (w = waiting_old(&a->waiting, is_overdue, &now));)
        if (leads)
            refuse_waiting(w, ETCD_REQUEST_TOO_MANY_REQUESTS, "it was not written: " TOO_SLOW);
        else
            refuse_waiting(w, ETCD_NOT_PROPOSED, api_explain_voters(a));
}

static void give_up_proposed(struct api *a, uint64_t now)
{
    while (!list_empty(&a->writes)) {
        struct write *w = CONTAINER_OF(a->writes.next, struct write, link);
        if (w->due_ns > now)
            break;
        list_remove(&w->link);
        list_add_tail(&a->late, &w->link);
        if (!w->call)
            continue;
        env_count(a->opt.env, proposals_failed, 1);
        rpc_fail_early(w->call, ETCD_TIMEOUT,
                       a->no_space ? "the disk is full; the request stays in the log and may still "
                                     "take effect when there is room"
                                   : api_explain_voters(a));
    }
}

void api_give_up_writes(struct api *a, uint64_t now)
{
    give_up_waiting(a, now);
    give_up_proposed(a, now);
}

void api_propose_alone(struct api *a, uint32_t field, const struct wire_message *m,
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
    api_propose_alone(a, RAFT_REQUEST_ALARM, &wire_alarm_request, &r);
    log_warn(a->opt.env->log, "api.alarm_raised", "alarm", STR("NOSPACE"), "what",
             STR("the quota (--quota-backend-bytes) is used up"), "effect",
             STR("what adds keys is refused; delete keys, compact, then: etcdctl alarm disarm"));
}

/* Why a request cannot be proposed now. */
static enum etcd_error refusal(struct api *a, struct rpc_call *call, size_t entry_bytes,
                               size_t new_bytes, const char **explain)
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
        *explain = api_explain_space(a, call);
        return ETCD_NO_SPACE;
    }
    if (new_bytes > 0 && state_over_quota(a->state, new_bytes)) {
        raise_no_space(a);
        *explain = api_explain_space(a, call);
        return ETCD_NO_SPACE;
    }
    /* While one waits that was given up already, the log does not move: more would only pile up.
     * Without a leader nothing gets there. */
    if (!list_empty(&a->late) && quorum_is_leader(a->quorum)) {
        *explain = TOO_SLOW;
        return ETCD_REQUEST_TOO_MANY_REQUESTS;
    }
    return ETCD_OK;
}

static struct waiting_load load_of(const struct api *a)
{
    return (struct waiting_load){quorum_pending_bytes(a->quorum), state_unflushed_bytes(a->state)};
}

/* May an entry go on its way? As in etcd it waits where there is no leader to take it. */
static bool may_pass(const struct api *a, size_t bytes)
{
    return quorum_is_leader(a->quorum) && waiting_may_pass(&a->waiting, bytes, load_of(a));
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
    w->due_ns = api_due(a);
    rpc_message_done(w->call);
    if (may_pass(a, entry->n)) {
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
    e = refusal(a, call, w->waiter.entry.n, new_bytes, &explain);
    if (e == ETCD_OK)
        e = alarm_refusal(a->state, field, 0); /* as in etcd, whoever asks */
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
    enum etcd_error e = refusal(a, call, w->waiter.entry.n, 0, &explain);
    if (e != ETCD_OK)
        refuse_waiting(&w->waiter, e, explain);
    else
        send_off(a, w);
}

enum etcd_error api_propose_own(struct api *a, uint32_t field, struct slice request,
                                void (*done)(void *arg, bool applied), void *arg)
{
    struct write *w = mem_zalloc(sizeof(*w));
    struct buf *entry = &w->waiter.entry;
    const char *explain = NULL;
    raft_request_begin(entry, ++a->next_id);
    raft_request_embed(entry, field, request);
    enum etcd_error e = refusal(a, NULL, 0, 0, &explain);
    if (e == ETCD_OK && !may_pass(a, entry->n))
        e = ETCD_REQUEST_TOO_MANY_REQUESTS;
    if (e != ETCD_OK) {
        buf_fini(entry);
        free(w);
        return e;
    }
    w->done = done;
    w->done_arg = arg;
    w->due_ns = api_due(a);
    propose(a, w);
    return ETCD_OK;
}

/* What became of our own entry. */
static void settle_own(struct write *w, bool applied)
{
    struct write copy = *w;
    finish_write(w);
    free(w);
    copy.done(copy.done_arg, applied);
}

void api_turn(struct api *a)
{
    health_turn(a);
    api_begin_views(a);
    for (struct waiter *next;
         quorum_is_leader(a->quorum) && (next = waiting_next(&a->waiting, load_of(a)));) {
        struct write *w = CONTAINER_OF(next, struct write, waiter);
        const char *explain = NULL;
        enum etcd_error e = refusal(a, w->call, next->entry.n, w->new_bytes, &explain);
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

static void apply(struct api *a, const struct wal_entry *e, struct slice body,
                  struct state_reply *reply)
{
    state_apply(a->state, e->index, e->term, body, reply);
    api_follow_members(a);
}

/*~ 8. The entry is committed and on this disk (quorum/quorum.c, driver_apply): apply it, then
 * answer who waits for it. Nobody does (ctx is NULL) for what the log held when the process
 * started. */
void api_applied(struct api *a, const struct wal_entry *e, void *ctx)
{
    struct slice body = e->kind == WAL_COMMAND ? e->body : (struct slice){0};
    if (!ctx) {
        apply(a, e, body, NULL);
        return;
    }
    struct write *w = ctx;
    if (!w->call) {
        apply(a, e, body, NULL);
        settle_own(w, true);
        return;
    }
    struct state_reply reply = {
        .raft_term = e->term, .room = api_reply_room(a), .unheard = rpc_gone(w->call)};
    rpc_body_begin(&reply.body);
    uint64_t begun_ns = env_now_ns(a->opt.env);
    apply(a, e, body, &reply);
    metrics_applied(a, body, begun_ns, reply.error == ETCD_OK);
    answer(a, w, &reply);
}

void api_dropped(struct api *a, void *ctx)
{
    if (!ctx) /* our own: an alarm or compaction, which is asked for again */
        return;
    struct write *w = ctx;
    if (!w->call) {
        settle_own(w, false);
        return;
    }
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

static void refuse_all(struct list *writes)
{
    for (struct list *item = list_pop(writes); item; item = list_pop(writes)) {
        struct write *w = CONTAINER_OF(item, struct write, link);
        if (!w->call) {
            settle_own(w, false);
            continue;
        }
        buf_fini(&w->body);
        refuse_write(w, ETCD_STOPPED, NULL);
    }
}

void api_stop_writes(struct api *a)
{
    for (struct waiter *w; (w = waiting_excess(&a->waiting, 0));)
        refuse_waiting(w, ETCD_STOPPED, NULL);
    refuse_all(&a->writes);
    refuse_all(&a->late);
    refuse_all(&a->sweeping);
}
