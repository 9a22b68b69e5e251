/* The Cluster service. Members are added and removed as in etcd,
 * though nothing is sent to them yet: a learner does no harm, but with a second voter nothing
 * commits until it answers. The way back is --force-new-cluster. */
#include "api/access.h"
#include "api/inner.h"
#include "api/peer_url.h"
#include "base/wr.h"
#include "pki/digest.h"
#include "state/members.h"
#include "wire/raft_request.h"

#include <inttypes.h>
#include <stdlib.h>

static struct slice *slices_of(struct arena *arena, const char *const *strings, size_t n)
{
    struct slice *out = arena_alloc(arena, n * sizeof(*out));
    for (size_t i = 0; i < n; i++)
        out[i] = slice_str(strings[i]);
    return out;
}

/* This member: what is noted of it, and what it says itself. */
static struct pb_member own_member(const struct api *a, struct arena *arena)
{
    const struct api_member *m = &a->opt.member;
    const struct pb_member *noted = members_find(state_members(a->state), m->id);
    return (struct pb_member){
        .id = m->id,
        .name = slice_str(m->name),
        .peer_urls = noted ? noted->peer_urls : slices_of(arena, m->peer_urls, m->peer_url_count),
        .peer_urls_n = noted ? noted->peer_urls_n : m->peer_url_count,
        .client_urls = slices_of(arena, m->client_urls, m->client_url_count),
        .client_urls_n = m->client_url_count,
    };
}

struct pb_member *api_members(const struct api *a, struct arena *arena, size_t *n)
{
    const struct members *ms = state_members(a->state);
    struct pb_member *out = arena_alloc(arena, (ms->n + 1) * sizeof(*out));
    struct pb_member own = own_member(a, arena);
    size_t before = 0;
    *n = 0;
    while (before < ms->n && ms->v[before]->m.id < own.id)
        out[(*n)++] = ms->v[before++]->m;
    out[(*n)++] = own;
    for (size_t i = before; i < ms->n; i++)
        if (ms->v[i]->m.id != own.id)
            out[(*n)++] = ms->v[i]->m;
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
    struct pb_member_list_response out = {.header = &header};
    bool stranger = false;
    (void)request;
    if (!knows_caller(a, call, &stranger))
        return;
    out.members = api_members(a, &call->arena, &out.members_n);
    for (size_t i = 0; stranger && i < out.members_n; i++) { /* enough to log in elsewhere */
        out.members[i].name = (struct slice){0};
        out.members[i].peer_urls_n = 0;
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

/* A change on its way; in its call's arena. */
struct change {
    struct api *api;
    struct rpc_call *call;
    uint64_t id;
    uint32_t field;
};

static struct pb_member *find(struct pb_member *members, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (members[i].id == id)
            return &members[i];
    return NULL;
}

/* Answers with the members as the entry left them. */
static void changed(void *arg, struct state_reply *reply)
{
    const struct change *c = arg;
    size_t n;
    buf_fini(&reply->body);
    if (reply->error != ETCD_OK) {
        rpc_fail_etcd(c->call, reply->error,
                      reply->error == ETCD_NOT_PROPOSED ? api_explain_voters(c->api) : NULL);
        return;
    }
    struct pb_response_header header = cluster_header(c->api);
    struct pb_member *members = api_members(c->api, &c->call->arena, &n);
    if (c->field == RAFT_REQUEST_MEMBER_ADD) {
        struct pb_member_add_response out = {&header, find(members, n, c->id), members, n};
        api_reply(c->call, &wire_member_add_response, &out);
    } else if (c->field == RAFT_REQUEST_MEMBER_UPDATE) {
        struct pb_member_update_response out = {&header, members, n};
        api_reply(c->call, &wire_member_update_response, &out);
    } else {
        struct pb_member_remove_response out = {&header, members, n};
        api_reply(c->call, &wire_member_remove_response, &out);
    }
}

/* The limit is this server's to say, so it stands in the entry. */
static void propose(struct api *a, struct rpc_call *call, uint32_t field, struct pb_member *member)
{
    struct pb_member self = own_member(a, &call->arena);
    self.name = (struct slice){0};
    self.client_urls_n = 0;
    struct pb_member_change_request r = {
        .self = &self, .member = member, .max_learners = a->opt.max_learners};
    struct change *c = arena_alloc(&call->arena, sizeof(*c));
    struct buf request = {0};
    *c = (struct change){.api = a, .call = call, .id = member->id, .field = field};
    wire_encode(&wire_member_change_request, &r, &request);
    api_propose_then(a, call, field, buf_slice(&request), changed, c);
    buf_fini(&request);
}

static bool fits(struct rpc_call *call, const struct slice *urls, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += urls[i].n;
    if (n <= MEMBER_URLS_MAX && bytes <= MEMBER_URL_BYTES_MAX)
        return true;
    rpc_fail_etcd(call, ETCD_MEMBER_BAD_URLS, "too many peer URLs, or too long ones");
    return false;
}

static int compare_urls(const void *a, const void *b)
{
    const struct slice *x = a;
    const struct slice *y = b;
    return slice_cmp(*x, *y);
}

/* Judged, and put in order, in place. */
static bool read_urls(struct rpc_call *call, struct slice *urls, size_t n)
{
    bool good = n > 0;
    if (!fits(call, urls, n))
        return false;
    for (size_t i = 0; good && i < n; i++) {
        urls[i] = peer_url_parse(urls[i], &call->arena);
        good = urls[i].p;
    }
    if (good)
        qsort(urls, n, sizeof(*urls), compare_urls);
    else
        rpc_fail_etcd(call, ETCD_MEMBER_BAD_URLS, NULL);
    return good;
}

/* etcd's: the first 8 bytes of SHA-1 over the peer URLs and the second. */
static uint64_t new_id(const struct api *a, const struct slice *urls, size_t n)
{
    struct clock *clock = a->opt.env->clock;
    uint8_t sum[DIGEST_SHA1_LEN];
    struct buf b = {0};
    for (size_t i = 0; i < n; i++)
        buf_append_slice(&b, urls[i]);
    buf_printf(&b, "%" PRIu64, clock->wall_ns(clock) / NS_PER_S);
    digest_sha1(buf_slice(&b), sum);
    buf_fini(&b);
    return load_u64_big(sum);
}

/* ---- --strict-reconfig-check: etcd's, before anything is proposed ---- */

/* How many vote, but for one; and how many of these have said their name: they were started. */
struct electorate {
    size_t voters;
    size_t started;
};

static struct electorate electorate(const struct pb_member *members, size_t n, uint64_t but)
{
    struct electorate e = {0};
    for (size_t i = 0; i < n; i++) {
        if (members[i].is_learner || members[i].id == but)
            continue;
        e.voters++;
        e.started += members[i].name.n > 0;
    }
    return e;
}

/* One voter may become two, though the second must then be started for anything to go on: so a
 * cluster is restored from one member. A learner needs all voters connected, and nobody is
 * connected to others yet. */
static enum etcd_error may_add(struct api *a, struct rpc_call *call, bool learner)
{
    size_t n;
    const struct pb_member *members = api_members(a, &call->arena, &n);
    struct electorate e = electorate(members, n, 0);
    bool first = e.voters == 1 && e.started == 1;
    if (!a->opt.strict_reconfig || first)
        return ETCD_OK;
    if (!learner && e.started < (e.voters + 1) / 2 + 1)
        return ETCD_MEMBER_NOT_ENOUGH_STARTED;
    return e.voters > 1 ? ETCD_UNHEALTHY : ETCD_OK;
}

static enum etcd_error may_remove(struct api *a, struct rpc_call *call, uint64_t id)
{
    size_t n;
    struct pb_member *members = api_members(a, &call->arena, &n);
    const struct pb_member *m = find(members, n, id);
    struct electorate e = electorate(members, n, id);
    if (!a->opt.strict_reconfig || (m && m->is_learner) || e.started >= e.voters / 2 + 1)
        return ETCD_OK;
    return ETCD_MEMBER_NOT_ENOUGH_STARTED;
}

void serve_member_add(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_member_add_request r;
    if (!api_decode(call, &wire_member_add_request, message, &r) ||
        !read_urls(call, r.peer_urls, r.peer_urls_n))
        return;
    enum etcd_error e = may_add(a, call, r.is_learner);
    if (e != ETCD_OK) {
        rpc_fail_etcd(call, e, api_explain_voters(a));
        return;
    }
    struct pb_member member = {.id = new_id(a, r.peer_urls, r.peer_urls_n),
                               .peer_urls = r.peer_urls,
                               .peer_urls_n = r.peer_urls_n,
                               .is_learner = r.is_learner};
    propose(a, call, RAFT_REQUEST_MEMBER_ADD, &member);
}

void serve_member_remove(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_member_remove_request r;
    if (!api_decode(call, &wire_member_remove_request, message, &r))
        return;
    enum etcd_error e = may_remove(arg, call, r.id);
    struct pb_member member = {.id = r.id};
    if (e == ETCD_OK)
        propose(arg, call, RAFT_REQUEST_MEMBER_REMOVE, &member);
    else
        rpc_fail_etcd(call, e, api_explain_voters(arg));
}

/* The URLs are taken as they come, as etcd does. */
void serve_member_update(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_member_update_request r;
    if (!api_decode(call, &wire_member_update_request, message, &r) ||
        !fits(call, r.peer_urls, r.peer_urls_n))
        return;
    struct pb_member member = {.id = r.id, .peer_urls = r.peer_urls, .peer_urls_n = r.peer_urls_n};
    propose(arg, call, RAFT_REQUEST_MEMBER_UPDATE, &member);
}

/* Nothing is sent to a learner, so none ever has what the leader has. */
static void promote_now(struct api *a, struct rpc_call *call, void *request)
{
    const struct pb_member_promote_request *r = request;
    size_t n;
    struct pb_member *members = api_members(a, &call->arena, &n);
    const struct pb_member *m = find(members, n, r->id);
    enum etcd_error e = ETCD_MEMBER_NOT_FOUND;
    if (m)
        e = m->is_learner ? ETCD_LEARNER_NOT_READY : ETCD_MEMBER_NOT_LEARNER;
    rpc_fail_etcd(call, e, NULL);
}

void serve_member_promote(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_member_promote_request *r = arena_alloc(&call->arena, sizeof(*r));
    if (api_decode(call, &wire_member_promote_request, message, r))
        api_read_leader(arg, call, promote_now, r);
}
