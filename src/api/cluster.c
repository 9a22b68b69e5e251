/* The Cluster service, and the gRPC health service, for one member. What would make it two is
 * refused: moat has no second voter to give a vote to yet, and etcd on one node loses its quorum by
 * it. */
#include "api/access.h"

#include <stdlib.h>

static struct slice *slices_of(struct rpc_call *call, const char *const *strings, size_t n)
{
    struct slice *out = arena_alloc(&call->arena, n * sizeof(*out));
    for (size_t i = 0; i < n; i++)
        out[i] = slice_str(strings[i]);
    return out;
}

static struct pb_member *own_member(const struct api *a, struct rpc_call *call)
{
    const struct api_member *m = &a->opt.member;
    struct pb_member *out = arena_alloc(&call->arena, sizeof(*out));
    *out = (struct pb_member){
        .id = m->id,
        .name = slice_str(m->name),
        .peer_urls = slices_of(call, m->peer_urls, m->peer_url_count),
        .peer_urls_n = m->peer_url_count,
        .client_urls = slices_of(call, m->client_urls, m->client_url_count),
        .client_urls_n = m->client_url_count,
    };
    return out;
}

/* etcd's cluster service does not say the revision. */
static struct pb_response_header cluster_header(const struct api *a)
{
    struct pb_response_header header = api_header(a);
    header.revision = 0;
    return header;
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
    struct pb_response_header header = cluster_header(a);
    struct pb_member_list_response out = {
        .header = &header, .members = own_member(a, call), .members_n = 1};
    bool stranger = false;
    (void)request;
    if (!knows_caller(a, call, &stranger))
        return;
    if (stranger) { /* just enough to log in at another member */
        out.members->name = (struct slice){0};
        out.members->peer_urls_n = 0;
    }
    api_reply(call, &wire_member_list_response, &out);
}

void serve_member_list(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_member_list_request r;
    if (api_decode(call, &wire_member_list_request, message, &r))
        api_read(arg, call, !r.linearizable, member_list_now, NULL);
}

/* ---- Changes ---- */

static const char one_member[] = "this version of moat runs a cluster of one member: another could "
                                 "not take part yet, and adding "
                                 "it would only cost the quorum; nothing was changed";

static bool is_own_url(const struct api *a, struct slice url)
{
    for (size_t i = 0; i < a->opt.member.peer_url_count; i++)
        if (slice_eq(url, slice_str(a->opt.member.peer_urls[i])))
            return true;
    return false;
}

/* What etcd's types.NewURLs takes: at least one, each scheme://host:port without a path, or a
 * socket's path. */
static bool is_peer_url(struct slice url)
{
    static const char *const schemes[] = {"http://", "https://", "unix://", "unixs://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct slice scheme = slice_str(schemes[i]);
        if (url.n <= scheme.n || memcmp(url.p, scheme.p, scheme.n) != 0)
            continue;
        struct slice rest = slice_skip(url, scheme.n);
        const uint8_t *colon = memrchr(rest.p, ':', rest.n);
        size_t port = colon ? rest.n - (size_t)(colon - rest.p) - 1 : 0;
        bool digits = port > 0;
        for (size_t k = rest.n - port; k < rest.n; k++)
            digits = digits && rest.p[k] >= '0' && rest.p[k] <= '9';
        return schemes[i][0] == 'u' || (digits && port < rest.n - 1);
    }
    return false;
}

void serve_member_add(void *arg, struct rpc_call *call, struct slice message)
{
    const struct api *a = arg;
    struct pb_member_add_request r;
    bool known = false;
    if (!api_decode(call, &wire_member_add_request, message, &r))
        return;
    bool good = r.peer_urls_n > 0;
    for (size_t i = 0; i < r.peer_urls_n; i++) {
        good = good && is_peer_url(r.peer_urls[i]);
        known = known || is_own_url(a, r.peer_urls[i]);
    }
    if (!good)
        rpc_fail_etcd(call, ETCD_MEMBER_BAD_URLS, NULL);
    else if (known)
        rpc_fail_etcd(call, ETCD_PEER_URL_EXIST, NULL);
    else
        rpc_fail_etcd(call, ETCD_UNHEALTHY, one_member);
}

void serve_member_remove(void *arg, struct rpc_call *call, struct slice message)
{
    const struct api *a = arg;
    struct pb_member_remove_request r;
    if (!api_decode(call, &wire_member_remove_request, message, &r))
        return;
    rpc_fail_etcd(call,
                  r.id == a->opt.member.id ? ETCD_MEMBER_NOT_ENOUGH_STARTED : ETCD_MEMBER_NOT_FOUND,
                  NULL);
}

/* The IDs are made from the peer URLs of the start; changing them would ask others to connect
 * elsewhere, and there are none. */
void serve_member_update(void *arg, struct rpc_call *call, struct slice message)
{
    const struct api *a = arg;
    struct pb_member_update_request r;
    if (!api_decode(call, &wire_member_update_request, message, &r))
        return;
    bool same = r.peer_urls_n == a->opt.member.peer_url_count;
    for (size_t i = 0; i < r.peer_urls_n; i++)
        same = same && is_own_url(a, r.peer_urls[i]);
    if (r.id != a->opt.member.id) {
        rpc_fail_etcd(call, ETCD_MEMBER_NOT_FOUND, NULL);
        return;
    }
    if (!same) {
        rpc_fail_etcd(
            call, ETCD_UNHEALTHY,
            "this version of moat cannot change a member's peer URLs; nothing was changed");
        return;
    }
    struct pb_response_header header = cluster_header(a);
    struct pb_member_update_response out = {
        .header = &header, .members = own_member(a, call), .members_n = 1};
    api_reply(call, &wire_member_update_response, &out);
}

void serve_member_promote(void *arg, struct rpc_call *call, struct slice message)
{
    const struct api *a = arg;
    struct pb_member_promote_request r;
    if (!api_decode(call, &wire_member_promote_request, message, &r))
        return;
    rpc_fail_etcd(call, r.id == a->opt.member.id ? ETCD_MEMBER_NOT_LEARNER : ETCD_MEMBER_NOT_FOUND,
                  NULL);
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
