/* Who votes: what consensus is told of it, and what clients are told when too few answer. */
#include "api/inner.h"
#include "state/auth.h"
#include "state/lessor.h"
#include "state/members.h"
#include "wire/raft_request.h"

#include <inttypes.h>

void api_follow_members(struct api *a)
{
    const struct members *ms = state_members(a->state);
    uint64_t ids[MEMBERS_MAX];
    if (a->members_seen == ms->changes)
        return;
    a->members_seen = ms->changes;
    quorum_voters(a->quorum, ids, members_voters(ms, ids));
}

void api_begin(struct api *a)
{
    a->members_seen = state_members(a->state)->changes - 1; /* also those of a life before */
    api_follow_members(a);
    api_leader(a, quorum_leader(a->quorum));
}

/* etcd's monitorLeader. */
void api_leaderless(struct timer *t)
{
    struct api *a = CONTAINER_OF(t, struct api, leaderless);
    rpc_refuse_leaderless(a->rpc, etcd_error_code(ETCD_NO_LEADER), etcd_error_text(ETCD_NO_LEADER),
                          api_explain_voters(a));
}

void api_leader(struct api *a, uint64_t leader)
{
    uint64_t election_ms = a->opt.election_ms ? a->opt.election_ms : QUORUM_ELECTION_MS;
    bool leads = leader == a->opt.member.id;
    if (leader != 0)
        timer_stop(a->opt.env->timers, &a->leaderless);
    else if (!timer_active(&a->leaderless))
        env_after(a->opt.env, &a->leaderless, API_LEADERLESS_MAX * election_ms * NS_PER_MS);
    if (leads == a->leads)
        return;
    a->leads = leads;
    if (leads)
        lease_lead(a);
    else
        lessor_follow(state_lessor(a->state));
}

/* etcd's line. */
static void log_dropped(const struct api *a, const struct pb_member *m)
{
    struct buf urls = {0};
    for (size_t i = 0; i < m->peer_urls_n; i++)
        buf_printf(&urls, "%s%.*s", i ? "," : "", (int)m->peer_urls[i].n,
                   (const char *)m->peer_urls[i].p);
    buf_append_u8(&urls, 0);
    log_warn(a->opt.env->log, "removed member", "local-member-id", HEX64(a->opt.member.id),
             "removed-remote-peer-id", HEX64(m->id), "removed-remote-peer-urls",
             STR((const char *)urls.p), "why",
             STR("--force-new-cluster: this member goes on alone, with its data"));
    buf_fini(&urls);
}

void api_forget_others(struct api *a)
{
    struct arena arena = {0};
    size_t n;
    const struct pb_member *all = api_members(a, &arena, &n); /* always with this one */
    struct pb_member self = {0};
    const struct pb_member_change_request r = {.self = &self};
    for (size_t i = 0; i < n; i++) {
        if (all[i].id == a->opt.member.id)
            self = all[i];
        else
            log_dropped(a, &all[i]);
    }
    self.name = (struct slice){0}; /* it says these itself */
    self.client_urls_n = 0;
    if (n > 1)
        api_propose_alone(a, RAFT_REQUEST_MEMBER_ALONE, &wire_member_change_request, &r);
    arena_fini(&arena);
}

/* Nothing is sent to other members yet, so whoever else votes is missing. */
static void name_missing(struct api *a)
{
    const struct members *ms = state_members(a->state);
    buf_append_str(&a->missing, "missing are:");
    for (size_t i = 0; i < ms->n; i++) {
        const struct pb_member *m = &ms->v[i]->m;
        if (m->id == a->opt.member.id || m->is_learner)
            continue;
        buf_printf(&a->missing, " %" PRIx64, m->id);
        if (m->peer_urls_n > 0)
            buf_printf(&a->missing, " (%.*s)", (int)m->peer_urls[0].n,
                       (const char *)m->peer_urls[0].p);
    }
}

static const char *explain(struct api *a, bool names)
{
    struct quorum_majority majority = quorum_majority(a->quorum);
    if (majority.needed == 1)
        return NULL;
    buf_clear(&a->missing);
    buf_printf(&a->missing, "%zu of %zu voting members must agree, and ", majority.needed,
               majority.voters);
    if (names)
        name_missing(a);
    else
        buf_append_str(&a->missing, "too few answer");
    buf_append_str(&a->missing, "; start what is missing, or start this member once with "
                                "--force-new-cluster: it drops all others and keeps its data");
    buf_append_u8(&a->missing, 0);
    return (const char *)a->missing.p;
}

/* With authentication, who the members are is told by MemberList alone (--auth-member-list). */
const char *api_explain_voters(struct api *a)
{
    return explain(a, !auth_is_enabled(state_auth(a->state)));
}

const char *api_log_voters(struct api *a)
{
    return explain(a, true);
}
