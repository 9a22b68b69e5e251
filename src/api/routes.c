/* The plain HTTP routes of each port, and /version, /members and /debug/vars: etcd 3.7's, byte for
 * byte where tools parse them. */
#include "api/inner.h"
#include "snapshot/member_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void serve_version(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    const struct api *a = arg;
    const char *v = a->opt.etcd_version;
    const char *cluster = api_cluster_version(a);
    (void)req;
    out->content_type = "application/json";
    /* Clients parse the first three as bare numbers: our name stands in a member of its own. */
    buf_printf(&out->body,
               "{\"etcdserver\":\"%s\",\"etcdcluster\":\"%s\",\"storage\":\"%s\",\"moat\":\"%s\"}",
               v, cluster, cluster, MOAT_VERSION);
}

static void serve_members(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    const struct api *a = arg;
    struct arena arena = {0};
    size_t n;
    const struct pb_member *members = api_members(a, &arena, &n);
    (void)req;
    out->content_type = "application/json";
    out->extra_name = "x-etcd-cluster-id";
    snprintf(out->extra_value, sizeof(out->extra_value), "%" PRIx64, a->opt.cluster_id);
    for (size_t i = 0; i < n; i++) {
        buf_append_u8(&out->body, i ? ',' : '[');
        member_json(&out->body, &members[i]);
    }
    buf_append_str(&out->body, "]\n");
    arena_fini(&arena);
}

/* Of what Go's expvar shows there, what somebody looks for who knows etcd: where raft stands. */
static void serve_vars(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    const struct api *a = arg;
    const char *state = quorum_is_leader(a->quorum) ? "Leader"
                        : quorum_leader(a->quorum)  ? "Follower"
                                                    : "Candidate";
    (void)req;
    out->content_type = "application/json; charset=utf-8";
    buf_printf(&out->body,
               "{\n\"raft.status\": {\"id\":\"%" PRIx64 "\",\"term\":%" PRIu64
               ",\"commit\":%" PRIu64 ",\"lead\":\"%" PRIx64
               "\",\"raftState\":\"State%s\",\"applied\":%" PRIu64 "}\n}\n",
               a->opt.member.id, quorum_term(a->quorum), quorum_committed(a->quorum),
               quorum_leader(a->quorum), state, quorum_applied(a->quorum));
}

const struct rpc_route api_peer_routes[] = {
    {"/members", serve_members},
    {"/version", serve_version},
};
const size_t api_peer_route_count = ARRAY_LEN(api_peer_routes);

/* Those of --listen-metrics-urls end before the last two, as in etcd. */
const struct rpc_route api_routes[] = {
    {"/health", serve_health},
    {"/livez", serve_livez},
    {"/livez/serializable_read", serve_one_check},
    {"/metrics", serve_metrics, .any_method = true},
    {"/readyz", serve_readyz},
    {"/readyz/data_corruption", serve_one_check},
    {"/readyz/linearizable_read", serve_one_check},
    {"/readyz/non_learner", serve_one_check},
    {"/readyz/serializable_read", serve_one_check},
    {"/debug/vars", serve_vars, .any_method = true},
    {"/version", serve_version},
};
const size_t api_route_count = ARRAY_LEN(api_routes);
const size_t api_metrics_route_count = ARRAY_LEN(api_routes) - 2;

/* ---- Ports that have routes and nothing else ---- */

void routes_open(struct api *a)
{
    struct rpc_options opt = {.env = a->opt.env, .arg = a, .budget = a->opt.budget};
    opt.routes = api_routes;
    opt.route_count = api_metrics_route_count;
    a->metrics_rpc = rpc_server_new(&opt);
    opt.routes = api_peer_routes;
    opt.route_count = api_peer_route_count;
    a->peer_rpc = rpc_server_new(&opt);
}

void routes_close(struct api *a)
{
    rpc_server_free(a->peer_rpc);
    rpc_server_free(a->metrics_rpc);
}

struct http_handler *api_peer_handler(struct api *a)
{
    return rpc_server_handler(a->peer_rpc, RPC_DOOR_ALL);
}

struct http_handler *api_metrics_handler(struct api *a)
{
    return rpc_server_handler(a->metrics_rpc, RPC_DOOR_ALL);
}
