#include "kv/kv.h"
#include "sim/client.h"
#include "sim/rights.h"
#include "sim/world_inner.h"
#include "wire/raft_request.h"

#define PEOPLE_PPM     30000u /* of the writes: about users and roles; … */
#define PEOPLE_PPM_MAX 90000u /* … in a guarded world */

/* Who asks next. */
static struct auth_who somebody(struct world *w, bool manages)
{
    struct auth_who who;
    const char *wrong =
        rights_who(&w->judge.people, &w->rng, state_auth(w->node.state), manages, &who);
    if (wrong)
        world_fail(w, "%s", wrong);
    return who;
}

/* ---- Reads ---- */

static void check_range(struct world *w)
{
    struct pb_range_request r;
    struct kv *kv = state_kv(w->node.state);
    client_range(&w->rng, kv_revision(kv), kv_compacted(kv), &w->arena, &r);
    struct auth_who who = somebody(w, false);
    struct auth_denial why;
    enum etcd_error may = rights_read(&w->judge.people, &who, r.key, r.range_end);
    if (auth_may(state_auth(w->node.state), &who, AUTH_READ, r.key, r.range_end, &why) != may)
        world_fail(w, "a read is judged otherwise than by the model");
    const char *wrong = may == ETCD_OK ? judge_range(&w->judge, kv, &r) : NULL;
    if (wrong)
        world_fail(w, "a read: %s", wrong);
    w->out->reads++;
}

void world_read_ready(struct read_waiter *waiter, enum rc rc)
{
    struct reading *r = CONTAINER_OF(waiter, struct reading, waiter);
    struct world *w = r->w;
    r->waiting = false;
    world_trace(w, 3, (uint64_t)rc);
    if (rc != RC_OK || w->node.stopped)
        return;
    if (w->majority.lost)
        world_fail(w, "a linearizable read is answered without a majority");
    if (kv_revision(state_kv(w->node.state)) < r->acknowledged)
        world_fail(w, "a linearizable read at revision %lld misses one acknowledged at %lld",
                   (long long)kv_revision(state_kv(w->node.state)), (long long)r->acknowledged);
    check_range(w);
}

static void read_once(struct world *w)
{
    if (w->reading.waiting)
        return;
    w->reading.waiting = true;
    w->reading.acknowledged = w->judge.acknowledged_revision;
    quorum_read(w->node.quorum, &w->reading.waiter);
}

static void read_lazily(struct world *w)
{
    struct lazy *l = &w->lazies[rng_below(&w->rng, LAZY_MAX)];
    const char *wrong = lazy_step(l, &w->rng, state_kv(w->node.state), &w->arena);
    if (wrong)
        world_fail(w, "%s", wrong);
}

/* ---- Writes ---- */

/* As src/api does before it proposes, most of the time: otherwise more would have to be under way
 * for something to be refused when it is applied. */
static bool may_propose(struct world *w, const struct raft_request *r)
{
    struct auth_denial why;
    const struct auth_who who = {r->username, r->auth_revision};
    if (rng_chance(&w->rng, 300000))
        return true;
    enum etcd_error may = rights_judge(&w->judge.people, &w->judge.model, r);
    if (auth_judge(w->node.state, &who, r->field, r->body, &why) != may)
        world_fail(w, "a request is judged otherwise than by the model");
    return may == ETCD_OK;
}

static uint32_t make_write(struct world *w, uint64_t id)
{
    struct kv *kv = state_kv(w->node.state);
    buf_clear(&w->scratch);
    if (rng_chance(&w->rng, w->guarded ? PEOPLE_PPM_MAX : PEOPLE_PPM))
        return people_write(&w->rng, &w->judge.people, w->guarded, &w->scratch);
    return client_write(&w->rng, id, kv_revision(kv), kv_compacted(kv), &w->arena, &w->scratch);
}

static void write_once(struct world *w)
{
    struct flight *f = world_free_flight(w);
    if (!f || state_congested(w->node.state))
        return;
    struct buf entry = {0};
    uint64_t id = ++w->next_id;
    struct raft_request r = {.id = id, .field = make_write(w, id)};
    struct auth_who who = somebody(w, people_know(r.field));
    r.body = buf_slice(&w->scratch);
    r.username = who.user;
    r.auth_revision = who.revision;
    w->out->writes++;
    if (!may_propose(w, &r))
        return;
    f->id = id;
    raft_request_begin_as(&entry, id, who.user, who.revision);
    raft_request_embed(&entry, r.field, r.body);
    w->out->compactions += r.field == RAFT_REQUEST_COMPACTION;
    world_trace(w, 4, entry.n);
    quorum_propose(w->node.quorum, &entry, f);
}

void world_clients(struct world *w)
{
    if (w->quiet) {
        w->next_client_ns = w->now_ns + NS_PER_S;
        return;
    }
    uint64_t burst = rng_chance(&w->rng, 100000) ? rng_below(&w->rng, 20) : 1;
    for (uint64_t i = 0; i < burst; i++)
        write_once(w);
    if (rng_chance(&w->rng, 300000))
        read_once(w);
    if (rng_chance(&w->rng, 100000))
        promises_renew(&w->promises, &w->rng, state_lessor(w->node.state));
    read_lazily(w);
    watchers_step(&w->watchers, &w->rng);
    arena_fini(&w->arena);
    uint64_t gap = rng_chance(&w->rng, 20000) ? 400 * NS_PER_MS : 2 * NS_PER_MS;
    w->next_client_ns = w->now_ns + rng_below(&w->rng, gap);
}
