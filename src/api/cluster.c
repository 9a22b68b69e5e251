/* Maintenance.Status, Cluster.MemberList and the gRPC health service, for one member. */
#include "api/access.h"

#include <stdlib.h>

static struct slice *slices_of(struct rpc_call *call, const char *const *strings, size_t n)
{
    struct slice *out = arena_alloc(&call->arena, n * sizeof(*out));
    for (size_t i = 0; i < n; i++)
        out[i] = slice_str(strings[i]);
    return out;
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
    struct pb_downgrade_info downgrade = {0};
    struct slice errors[2];
    struct pb_status_response out = {
        .header = &header,
        .version = slice_str(a->opt.etcd_version),
        .db_size = (int64_t)sizes.file_bytes,
        .leader = quorum_leader(a->quorum),
        .raft_index = quorum_committed(a->quorum),
        .raft_term = quorum_term(a->quorum),
        .raft_applied_index = quorum_applied(a->quorum),
        .errors = errors,
        .db_size_in_use = (int64_t)sizes.used_bytes,
        .storage_version = slice_str(a->opt.etcd_version),
        .db_size_quota = a->opt.quota_bytes,
        .downgrade_info = &downgrade,
    };
    if (out.leader == 0)
        errors[out.errors_n++] = slice_str(etcd_error_text(ETCD_NO_LEADER));
    if (a->no_space || state_over_quota(a->state, 0))
        errors[out.errors_n++] = slice_str(etcd_error_text(ETCD_NO_SPACE));
    api_reply(call, &wire_status_response, &out);
}

/* Clients ask for the members before they log in, to know where (Patroni). */
static bool knows_caller(struct api *a, struct rpc_call *call, bool *stranger)
{
    struct auth_who who;
    enum etcd_error e = access_who(a, call, &who);
    bool nobody = auth_is_enabled(state_auth(a->state)) && who.revision == 0 && who.user.n == 0;
    if (e == ETCD_OK && nobody && a->opt.member_list == API_MEMBERS_NONE)
        e = ETCD_USER_EMPTY;
    if (e != ETCD_OK)
        access_refuse(a, call, e, NULL);
    *stranger = nobody && a->opt.member_list == API_MEMBERS_CLIENT_URLS;
    return e == ETCD_OK;
}

static void member_list_now(struct api *a, struct rpc_call *call, void *request)
{
    const struct api_member *m = &a->opt.member;
    struct pb_member member = {
        .id = m->id,
        .name = slice_str(m->name),
        .peer_urls = slices_of(call, m->peer_urls, m->peer_url_count),
        .peer_urls_n = m->peer_url_count,
        .client_urls = slices_of(call, m->client_urls, m->client_url_count),
        .client_urls_n = m->client_url_count,
    };
    struct pb_response_header header = api_header(a);
    struct pb_member_list_response out = {.header = &header, .members = &member, .members_n = 1};
    bool stranger = false;
    (void)request;
    if (!knows_caller(a, call, &stranger))
        return;
    if (stranger) { /* just enough to log in at another member */
        member.name = (struct slice){0};
        member.peer_urls_n = 0;
    }
    header.revision = 0; /* etcd's cluster service does not say it */
    api_reply(call, &wire_member_list_response, &out);
}

void serve_member_list(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_member_list_request r;
    if (api_decode(call, &wire_member_list_request, message, &r))
        api_read(arg, call, !r.linearizable, member_list_now, NULL);
}

void serve_health_check(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_health_check_request r;
    if (!api_decode(call, &wire_health_check_request, message, &r))
        return;
    if (r.service.n != 0) {
        rpc_fail(call, GRPC_NOT_FOUND, "unknown service", NULL);
        return;
    }
    struct pb_health_check_response out = {.status = quorum_is_leader(a->quorum)
                                                         ? PB_SERVING_STATUS_SERVING
                                                         : PB_SERVING_STATUS_NOT_SERVING};
    api_reply(call, &wire_health_check_response, &out);
}
