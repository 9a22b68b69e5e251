#include "api/api.h"

#include "api/access.h"
#include "api/inner.h"
#include "api/tokens.h"
#include "base/mem.h"
#include "base/must.h"
#include "env/metrics.h"
#include "state/lessor.h"
#include "wire/raft_request.h"

#include <stdio.h>
#include <stdlib.h>

#define OVERDUE_LOOK_MS 500u

uint64_t api_due(struct api *a)
{
    if (!timer_active(&a->overdue))
        env_after(a->opt.env, &a->overdue, (uint64_t)OVERDUE_LOOK_MS * NS_PER_MS);
    return env_now_ns(a->opt.env) + (uint64_t)API_REQUEST_MS_MAX * NS_PER_MS;
}

static void look_for_overdue(struct timer *t)
{
    struct api *a = CONTAINER_OF(t, struct api, overdue);
    uint64_t now = env_now_ns(a->opt.env);
    api_give_up_writes(a, now);
    api_give_up_reads(a, now);
    if (!waiting_empty(&a->waiting) || !list_empty(&a->writes) || !list_empty(&a->reads))
        env_after(a->opt.env, &a->overdue, (uint64_t)OVERDUE_LOOK_MS * NS_PER_MS);
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
    api_propose_alone(arg, RAFT_REQUEST_COMPACTION, &wire_compaction_request, &r);
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

struct api *api_new(const struct api_options *opt)
{
    struct api *a = mem_zalloc(sizeof(*a));
    a->opt = *opt;
    list_init(&a->writes);
    list_init(&a->late);
    list_init(&a->sweeping);
    list_init(&a->hashing);
    turns_init(&a->passwords);
    repeats_init(&a->denials, a->opt.env, "auth.denied");
    repeats_init(&a->failed_logins, a->opt.env, "auth.login_failed");
    list_init(&a->views);
    list_init(&a->range_streams);
    list_init(&a->health_watches);
    list_init(&a->reads);
    waiting_init(&a->waiting);
    a->overdue.fire = look_for_overdue;
    a->leaderless.fire = api_leaderless;
    a->next_id = rng_u64(opt->env->rng);
    a->rpc = rpc_server_new(&(struct rpc_options){
        .env = opt->env,
        .methods = api_methods,
        .method_count = api_method_count,
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
        .slow = metrics_slow_request,
        .slow_ns = opt->request_warn_ns,
        .method_seconds = opt->method_seconds,
    });
    routes_open(a);
    return a;
}

void api_attach(struct api *a, struct state *state, struct quorum *quorum)
{
    a->state = state;
    a->quorum = quorum;
    a->compactor = make_compactor(a);
}

struct http_handler *api_handler(struct api *a, enum rpc_door door)
{
    return rpc_server_handler(a->rpc, door);
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

/* As grpc-go has it: in its own words where messages may be several. */
void api_bad_message(struct rpc_call *call, enum rc rc)
{
    char text[128];
    snprintf(text, sizeof(text), "grpc: %s: %s",
             rpc_method_streams(call->method) ? "failed to unmarshal the received message"
                                              : "error unmarshalling request",
             rc == RC_INVALID ? "string field contains invalid UTF-8"
                              : "proto: cannot parse invalid wire-format data");
    rpc_fail(call, GRPC_INTERNAL, text,
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

bool api_has_room(struct api *a, struct rpc_call *call, size_t bytes)
{
    struct state_reply none = {.too_large = true};
    if (bytes <= API_WHOLE_BYTES_MAX || bytes <= api_reply_room(a))
        return true;
    api_refuse_reply(a, call, &none);
    return false;
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

void api_no_space(struct api *a, bool full)
{
    a->no_space = full;
}

void api_read_only(struct api *a, const char *sentence)
{
    snprintf(a->read_only, sizeof(a->read_only), "%s", sentence);
}

void api_free(struct api *a)
{
    if (!a)
        return;
    timer_stop(a->opt.env->timers, &a->overdue);
    timer_stop(a->opt.env->timers, &a->leaderless);
    compactor_free(a->compactor);
    must(list_empty(&a->reads));
    if (a->state)
        lessor_follow(state_lessor(a->state));
    atomic_store(&a->closing, true);
    worker_drain(a->opt.env->workers, LANE_POOL);
    api_stop_passwords(a);
    api_stop_writes(a);
    api_stop_hashing(a);
    api_stop_views(a);
    api_stop_range_streams(a);
    rpc_server_free(a->rpc);
    routes_close(a);
    buf_fini(&a->space.text);
    buf_fini(&a->missing);
    tokens_free(a);
    repeats_fini(&a->denials);
    repeats_fini(&a->failed_logins);
    free(a);
}
