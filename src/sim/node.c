#include "sim/node.h"

#include "base/mem.h"
#include "base/must.h"
#include "kv/map_storage.h"
#include "state/members.h"
#include "wire/raft_request.h"

#include <stdio.h>
#include <string.h>

#define NODE_CLUSTER   0x2222u
#define NODE_SEGMENT   (32u << 10) /* bytes: small, so that segments are changed all the time */
#define NODE_TRAILING  10u         /* entries kept behind what storage holds */
#define NODE_TRIM_STEP 40u
#define NODE_TOKEN_NS  (3 * (uint64_t)NS_PER_S) /* that a login lasts */

static uint64_t sim_now(struct clock *c)
{
    return CONTAINER_OF(c, struct node, clock)->now_ns;
}

static uint64_t sim_wall(struct clock *c)
{
    const struct node *n = CONTAINER_OF(c, struct node, clock);
    return n->now_ns + n->wall_ns;
}

static void on_durable(void *arg, uint64_t index)
{
    struct node *n = arg;
    if (n->quorum)
        quorum_durable(n->quorum, index);
}

static void on_wal_error(void *arg, enum rc rc, const char *sentence)
{
    struct node *n = arg;
    if (rc == RC_NO_SPACE)
        return;
    n->stopped = true;
    snprintf(n->why, sizeof(n->why), "%s", sentence);
}

static void on_room(void *arg)
{
    (void)arg;
}

static void load_entry(void *arg, const struct wal_entry *e)
{
    struct node *n = arg;
    quorum_load(n->quorum, e);
}

static void follow_members(struct node *n)
{
    const struct members *ms = state_members(n->state);
    uint64_t ids[MEMBERS_MAX];
    n->members_seen = ms->changes;
    quorum_voters(n->quorum, ids, members_voters(ms, ids));
}

static void on_apply(void *arg, const struct wal_entry *e, void *ctx)
{
    struct node *n = arg;
    n->events.on_apply(n->events.arg, e, ctx);
    if (n->members_seen != state_members(n->state)->changes)
        follow_members(n);
}

static void on_drop(void *arg, void *ctx)
{
    struct node *n = arg;
    n->events.on_drop(n->events.arg, ctx);
}

static void on_fatal(void *arg, const char *sentence)
{
    struct node *n = arg;
    n->stopped = true;
    snprintf(n->why, sizeof(n->why), "%s", sentence);
}

static void on_configuration(void *arg, uint64_t *index, struct buf *out)
{
    struct node *n = arg;
    quorum_configuration(n->quorum, index, out);
}

static void on_flushed(void *arg, uint64_t safe_index)
{
    struct node *n = arg;
    if (safe_index < n->trimmed + NODE_TRIM_STEP)
        return;
    quorum_trim(n->quorum, safe_index, NODE_TRAILING);
    n->trimmed = safe_index;
}

static void on_storage(void *arg, enum rc rc)
{
    struct node *n = arg;
    if (rc == RC_OK || rc == RC_NO_SPACE)
        return;
    n->stopped = true;
    snprintf(n->why, sizeof(n->why), "storage: %s", rc_text(rc));
}

/* As app/server.c does it. */
static enum rc forget_others(struct node *n, uint64_t id)
{
    struct pb_member self = {.id = NODE_ID};
    const struct pb_member_change_request r = {.self = &self};
    struct buf body = {0};
    struct buf entry = {0};
    const struct members *ms = state_members(n->state);
    if (ms->n == 0 || (ms->n == 1 && members_find(ms, NODE_ID)))
        return RC_OK; /* there is nobody else */
    wire_encode(&wire_member_change_request, &r, &body);
    raft_request_begin(&entry, id);
    raft_request_embed(&entry, RAFT_REQUEST_MEMBER_ALONE, buf_slice(&body));
    buf_fini(&body);
    quorum_propose(n->quorum, &entry, NULL);
    quorum_flush(n->quorum);
    return wal_sync(n->wal);
}

static enum rc open_all(struct node *n, uint64_t alone_id, struct err *err)
{
    struct state_restored restored = {0};
    struct wal_recovered found;
    n->state = state_new(&(struct state_options){.env = &n->env,
                                                 .storage = n->storage,
                                                 .cluster_id = NODE_CLUSTER,
                                                 .member_id = NODE_ID,
                                                 .token_ttl_ns = NODE_TOKEN_NS,
                                                 .arg = n,
                                                 .configuration = on_configuration,
                                                 .on_flushed = on_flushed,
                                                 .on_storage = on_storage});
    n->quorum = quorum_new(&(struct quorum_options){.env = &n->env,
                                                    .member_id = NODE_ID,
                                                    .address = NODE_URL,
                                                    .alone = alone_id != 0,
                                                    .arg = n,
                                                    .on_apply = on_apply,
                                                    .on_drop = on_drop,
                                                    .on_fatal = on_fatal});
    enum rc rc = state_restore(n->state, &restored, err);
    n->restored = restored.index;
    if (rc == RC_OK)
        rc = wal_open(&(struct wal_options){.env = &n->env,
                                            .dir = "/wal",
                                            .cluster_id = NODE_CLUSTER,
                                            .member_id = NODE_ID,
                                            .segment_bytes = NODE_SEGMENT,
                                            .arg = n,
                                            .on_durable = on_durable,
                                            .on_error = on_wal_error,
                                            .on_room = on_room},
                      restored.index + 1, load_entry, &n->wal, &found, err);
    if (rc == RC_OK)
        rc = quorum_start(n->quorum, n->wal, &found,
                          &(struct quorum_snapshot){.index = restored.index,
                                                    .term = restored.term,
                                                    .conf_index = restored.conf_index,
                                                    .conf = buf_slice(&restored.conf)},
                          err);
    if (rc == RC_OK && alone_id != 0)
        rc = forget_others(n, alone_id);
    if (rc == RC_OK)
        follow_members(n);
    buf_fini(&restored.conf);
    return rc;
}

enum rc node_start(struct node *n, const struct node_place *place, const struct node_events *events,
                   struct err *err)
{
    *n = (struct node){.now_ns = place->now_ns, .storage = place->storage, .events = *events};
    n->clock = (struct clock){.mono_ns = sim_now, .wall_ns = sim_wall};
    sim_workers_init(&n->workers);
    rng_seed(&n->rng, place->seed);
    n->env = (struct env){.clock = &n->clock,
                          .timers = &n->timers,
                          .rng = &n->rng,
                          .disk = sim_disk_env(place->disk),
                          .workers = &n->workers.workers};
    enum rc rc = open_all(n, place->alone_id, err);
    if (rc != RC_OK)
        node_crash(n);
    return rc;
}

void node_turn(struct node *n)
{
    quorum_flush(n->quorum);
    (void)state_turn(n->state);
}

static void free_all(struct node *n)
{
    quorum_free(n->quorum);
    if (n->wal)
        wal_close(n->wal);
    state_free(n->state);
    timers_fini(&n->timers);
    n->quorum = NULL;
    n->wal = NULL;
    n->state = NULL;
}

void node_stop(struct node *n)
{
    worker_drain(n->env.workers, LANE_WAL);
    enum rc rc = state_sync(n->state);
    must(rc == RC_OK);
    free_all(n);
}

void node_crash(struct node *n)
{
    n->stopped = true;
    /* What is on its way ends without an effect. The disk is dead already; storage must be told. */
    if (n->workers.lanes[LANE_STORE].first)
        map_storage_fail_commit(n->storage, RC_IO);
    worker_drain(n->env.workers, LANE_STORE);
    free_all(n);
}
