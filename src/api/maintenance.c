/* The Maintenance service (etcd's rpc.proto), but for Snapshot (snapshot.c). */
#include "api/inner.h"
#include "env/metrics.h"
#include "kv/hash.h"
#include "wire/raft_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *api_cluster_version(const struct api *a)
{
    const char *target = state_downgrade(a->state);
    return target[0] ? target : a->opt.etcd_version;
}

/* ---- Status ---- */

/* An alarm as Go prints an AlarmMember. */
static struct slice alarm_text(struct rpc_call *call, const struct pb_alarm_member *m)
{
    static const char *const names[] = {"NONE", "NOSPACE", "CORRUPT"};
    char *text = arena_alloc(&call->arena, 64);
    int n = 0;
    text[0] = '\0';
    if (m->member_id != 0)
        n = snprintf(text, 64, "memberID:%" PRIu64 " ", m->member_id);
    if (m->alarm > 0 && (size_t)m->alarm < ARRAY_LEN(names))
        snprintf(text + n, 64 - (size_t)n, "alarm:%s", names[m->alarm]);
    else
        snprintf(text + n, 64 - (size_t)n, "alarm:%" PRId32, m->alarm);
    return slice_str(text);
}

static void status_errors(const struct api *a, struct rpc_call *call,
                          struct pb_status_response *out)
{
    const struct alarms *alarms = state_alarms(a->state);
    out->errors = arena_alloc(&call->arena, (alarms->n + 2) * sizeof(*out->errors));
    if (out->leader == 0)
        out->errors[out->errors_n++] = slice_str(etcd_error_text(ETCD_NO_LEADER));
    for (size_t i = 0; i < alarms->n; i++)
        out->errors[out->errors_n++] = alarm_text(call, &alarms->v[i]);
    if (a->no_space)
        out->errors[out->errors_n++] = slice_str(etcd_error_text(ETCD_NO_SPACE));
}

void serve_status(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_status_request r;
    if (!api_decode(call, &wire_status_request, message, &r))
        return;
    struct storage_stats sizes;
    storage_stats(a->opt.storage, &sizes);
    struct pb_response_header header = api_header(a);
    const char *target = state_downgrade(a->state);
    struct pb_downgrade_info downgrade = {.enabled = target[0] != '\0',
                                          .target_version = slice_str(target)};
    struct pb_status_response out = {
        .header = &header,
        .version = slice_str(a->opt.etcd_version),
        .db_size = (int64_t)sizes.file_bytes,
        .leader = quorum_leader(a->quorum),
        .raft_index = quorum_committed(a->quorum),
        .raft_term = quorum_term(a->quorum),
        .raft_applied_index = quorum_applied(a->quorum),
        .db_size_in_use = (int64_t)sizes.used_bytes,
        .storage_version = slice_str(api_cluster_version(a)),
        .db_size_quota = a->opt.quota_bytes,
        .downgrade_info = &downgrade,
    };
    status_errors(a, call, &out);
    api_reply(call, &wire_status_response, &out);
}

/* ---- Alarms ---- */

/* Listing them goes through the log too, as in etcd: so it shows what was raised before. */
void serve_alarm(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_alarm_request r;
    if (api_decode(call, &wire_alarm_request, message, &r))
        api_propose(arg, call, RAFT_REQUEST_ALARM, message, 0);
}

/* ---- Defragment ---- */

/* Pages that became free are used again, and the quota counts only those in use: there is nothing
 * to gain by writing the file anew, so nobody is made to wait for it. */
void serve_defragment(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_defragment_request r;
    struct pb_defragment_response out = {0};
    struct api *a = arg;
    if (!api_decode(call, &wire_defragment_request, message, &r))
        return;
    env_observe_ns(a->opt.env, backend_defrag, 0); /* nothing is to do */
    api_reply(call, &wire_defragment_response, &out);
}

/* ---- HashKV ---- */

struct hash_call {
    struct kv_hash hash;
    struct list link; /* in hashing */
    struct api *api;
    struct rpc_call *call;
    uint64_t begun_ns;
};

static void reply_hash(struct api *a, struct rpc_call *call, const struct kv_hash_value *v)
{
    struct pb_response_header header = api_header(a);
    struct pb_hash_kv_response out = {.header = &header,
                                      .hash = v->hash,
                                      .compact_revision = v->compacted,
                                      .hash_revision = v->revision};
    api_reply(call, &wire_hash_kv_response, &out);
}

static void hash_done(struct kv_hash *hash, enum rc rc)
{
    struct hash_call *h = CONTAINER_OF(hash, struct hash_call, hash);
    list_remove(&h->link);
    h->api->hashing_n--;
    if (rc == RC_OK) {
        env_observe_ns(h->api->opt.env, hash_rev, env_now_ns(h->api->opt.env) - h->begun_ns);
        reply_hash(h->api, h->call, &hash->value);
        return;
    }
    h->api->damaged = true;
    rpc_fail_etcd(h->call, ETCD_CORRUPT, "what is stored is damaged");
}

void serve_hash_kv(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_hash_kv_request r;
    bool known;
    if (!api_decode(call, &wire_hash_kv_request, message, &r))
        return;
    if (a->hashing_n >= API_HASHES_MAX) {
        rpc_fail_etcd(call, ETCD_REQUEST_TOO_MANY_REQUESTS, "too many hashes are being computed");
        return;
    }
    struct hash_call *h = arena_zalloc(&call->arena, sizeof(*h));
    h->hash.done = hash_done;
    h->api = a;
    h->call = call;
    h->begun_ns = env_now_ns(a->opt.env);
    enum etcd_error e = kv_hash_begin(state_kv(a->state), r.revision, &h->hash, &known);
    if (e != ETCD_OK) {
        rpc_fail_etcd(call, e, NULL);
        return;
    }
    if (known) {
        reply_hash(a, call, &h->hash.value);
        return;
    }
    list_add_tail(&a->hashing, &h->link);
    a->hashing_n++;
}

void api_stop_hashing(struct api *a)
{
    for (struct list *item = list_pop(&a->hashing); item; item = list_pop(&a->hashing)) {
        struct hash_call *h = CONTAINER_OF(item, struct hash_call, link);
        kv_hash_cancel(&h->hash);
        rpc_fail_etcd(h->call, ETCD_STOPPED, NULL);
    }
}

/* ---- MoveLeader ---- */

void serve_move_leader(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_move_leader_request r;
    struct pb_move_leader_response out = {0};
    if (!api_decode(call, &wire_move_leader_request, message, &r))
        return;
    if (!quorum_is_leader(a->quorum))
        rpc_fail_etcd(call, ETCD_NOT_LEADER, NULL);
    else if (r.target_id != a->opt.member.id)
        rpc_fail_etcd(call, ETCD_BAD_LEADER_TRANSFEREE, "no voting member has this ID");
    else
        api_reply(call, &wire_move_leader_response, &out);
}

/* ---- Downgrade ---- */

/* "3.7": how etcd names a cluster's version here. */
static struct slice cluster_version(const struct api *a)
{
    const char *full = api_cluster_version(a);
    return slice_of((const uint8_t *)full, (size_t)(strrchr(full, '.') - full));
}

static void reply_downgrade(struct api *a, struct rpc_call *call)
{
    struct pb_response_header header = api_header(a);
    struct pb_downgrade_response out = {.header = &header, .version = cluster_version(a)};
    api_reply(call, &wire_downgrade_response, &out);
}

static void propose_downgrade(struct api *a, struct rpc_call *call, struct slice target)
{
    struct pb_downgrade_info_set_request r = {.enabled = target.n > 0, .ver = target};
    struct buf request = {0};
    wire_encode(&wire_downgrade_info_set_request, &r, &request);
    api_propose(a, call, RAFT_REQUEST_DOWNGRADE_INFO_SET, buf_slice(&request), 0);
    buf_fini(&request);
}

static void downgrade_now(struct api *a, struct rpc_call *call, void *request)
{
    const struct pb_downgrade_request *r = request;
    bool in_progress = state_downgrade(a->state)[0] != '\0';
    unsigned major;
    unsigned minor;
    if (r->action == PB_DOWNGRADE_ACTION_CANCEL) {
        if (in_progress)
            propose_downgrade(a, call, (struct slice){0});
        else
            reply_downgrade(a, call); /* etcd does not say that there was nothing to cancel */
        return;
    }
    enum etcd_error e = downgrade_parse(r->version, &major, &minor);
    if (e == ETCD_OK)
        e = downgrade_check(a->opt.etcd_version, major, minor);
    if (e == ETCD_OK && in_progress)
        e = ETCD_DOWNGRADE_IN_PROCESS;
    if (e != ETCD_OK)
        rpc_fail_etcd(call, e, NULL);
    else if (r->action == PB_DOWNGRADE_ACTION_VALIDATE)
        reply_downgrade(a, call);
    else
        propose_downgrade(a, call, r->version);
}

void serve_downgrade(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_downgrade_request *r = arena_alloc(&call->arena, sizeof(*r));
    if (!api_decode(call, &wire_downgrade_request, message, r))
        return;
    if (r->action < PB_DOWNGRADE_ACTION_VALIDATE || r->action > PB_DOWNGRADE_ACTION_CANCEL)
        rpc_fail(call, GRPC_UNKNOWN, "etcdserver: unknown method", NULL);
    else
        api_read(a, call, false, downgrade_now, r);
}
