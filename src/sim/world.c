#include "sim/world_inner.h"

#include "base/mem.h"
#include "base/must.h"
#include "kv/map_storage.h"
#include "sim/rights.h"
#include "state/leases.h"
#include "wire/raft_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUARDED_PPM         400000u /* of the worlds: authentication is on, most of the time */
#define QUIET_S             10u     /* at the end, longer than any lease */
#define EFFECTS_TO_CRASH    120u    /* at most so many disk effects until power is lost */
#define LEASE_CHECKPOINT_NS (900 * (uint64_t)NS_PER_MS) /* leases live a few seconds here */

void world_fail(struct world *w, const char *fmt, ...)
{
    if (w->out->failed)
        return;
    va_list args;
    va_start(args, fmt);
    w->out->failed = true;
    vsnprintf(w->out->text, sizeof(w->out->text), fmt, args);
    va_end(args);
}

void world_trace(struct world *w, uint64_t what, uint64_t value)
{
    w->out->trace = (w->out->trace ^ (what << 56 ^ value ^ w->now_ns)) * 0x100000001b3u;
    w->out->trace ^= w->out->trace >> 29;
}

void world_say(struct world *w, const char *fmt, ...)
{
    if (!w->opt.verbose)
        return;
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "%12.6f s  ", (double)w->now_ns / 1e9);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

/* ---- The lessor's entries ---- */

struct flight *world_free_flight(struct world *w)
{
    for (size_t i = 0; i < FLIGHT_MAX; i++)
        if (w->flights[i].id == 0)
            return &w->flights[i];
    return NULL;
}

static bool propose_own(void *arg, struct lessor_proposal *p, uint32_t field, struct slice request)
{
    struct world *w = arg;
    struct flight *f = world_free_flight(w);
    struct buf entry = {0};
    if (!f || state_congested(w->node.state))
        return false;
    *f = (struct flight){.id = ++w->next_id, .own = p};
    raft_request_begin(&entry, f->id);
    raft_request_embed(&entry, field, request);
    world_trace(w, 9, entry.n);
    quorum_propose(w->node.quorum, &entry, f);
    return true;
}

static void land_own(struct flight *f, bool applied)
{
    struct lessor_proposal *p = f->own;
    *f = (struct flight){0};
    p->done(p, applied);
}

/* ---- What the node says ---- */

static void check_rights(struct world *w)
{
    const char *wrong = rights_check(&w->judge.people, state_auth(w->node.state));
    if (wrong)
        world_fail(w, "after entry %llu: %s", (unsigned long long)w->judge.applied, wrong);
}

static void on_apply(void *arg, const struct wal_entry *e, void *ctx)
{
    struct world *w = arg;
    struct flight *f = ctx;
    struct state_reply reply = {.raft_term = e->term};
    struct slice body = e->kind == WAL_COMMAND ? e->body : (struct slice){0};
    if (e->index <= w->judge.applied)
        w->out->replayed++;
    state_apply(w->node.state, e->index, e->term, body, &reply);
    const char *wrong = judge_entry(&w->judge, e->index, body, &reply, state_hash(w->node.state));
    if (wrong)
        world_fail(w, "entry %llu: %s", (unsigned long long)e->index, wrong);
    bool told = f && !f->own;
    wrong = promises_judge(&w->promises, e, &reply, told);
    if (wrong)
        world_fail(w, "entry %llu: %s", (unsigned long long)e->index, wrong);
    if (e->index == w->judge.applied)
        check_rights(w);
    w->out->refused += told && reply.error == ETCD_PERMISSION_DENIED;
    world_trace(w, 1, e->index ^ state_hash(w->node.state));
    buf_fini(&reply.body);
    if (!f)
        return;
    if (w->majority.lost)
        world_fail(w, "entry %llu is acknowledged without a majority",
                   (unsigned long long)e->index);
    if (f->own) {
        land_own(f, true);
        return;
    }
    judge_acknowledge(&w->judge, e->index, kv_revision(state_kv(w->node.state)));
    w->out->acknowledged++;
    f->id = 0;
}

static void on_drop(void *arg, void *ctx)
{
    struct world *w = arg;
    struct flight *f = ctx;
    world_trace(w, 2, 0);
    if (f->own)
        land_own(f, false);
    else
        f->id = 0;
}

/* ---- Life and death ---- */

static void forget_life(struct world *w)
{
    watchers_end(&w->watchers);
    for (size_t i = 0; i < LAZY_MAX; i++)
        lazy_close(&w->lazies[i]);
    promises_end(&w->promises);
    memset(w->flights, 0, sizeof(w->flights));
    w->lanes = (struct lanes){0};
    w->leads = false;
}

static void note_lead(struct world *w)
{
    bool leads = quorum_is_leader(w->node.quorum);
    const char *wrong = majority_note(&w->majority, &w->node);
    if (wrong)
        world_fail(w, "%s", wrong);
    if (leads == w->leads)
        return;
    w->leads = leads;
    if (leads)
        lessor_lead(state_lessor(w->node.state),
                    &(struct lessor_ops){
                        .propose = propose_own, .arg = w, .checkpoint_ns = LEASE_CHECKPOINT_NS});
    else
        lessor_follow(state_lessor(w->node.state));
}

static void power_loss(struct world *w)
{
    bool undo = rng_chance(&w->rng, 500000);
    world_say(w, "power loss after %llu effects", (unsigned long long)sim_disk_effects(w->disk));
    sim_disk_die_at(w->disk, 0);
    forget_life(w);
    node_crash(&w->node);
    sim_disk_crash(w->disk, &w->rng);
    map_storage_power_loss(w->storage, undo);
    w->out->power_losses++;
    w->out->undone_commits += undo;
    world_trace(w, 5, undo);
}

static void kill_process(struct world *w)
{
    world_say(w, "kill");
    sim_disk_die_at(w->disk, 0);
    forget_life(w);
    node_crash(&w->node);
    sim_disk_restart(w->disk);
    map_storage_power_loss(w->storage, false);
    w->out->kills++;
    world_trace(w, 6, 0);
}

static void clean_stop(struct world *w)
{
    world_say(w, "clean stop");
    for (size_t i = 0; i < LAZY_MAX; i++)
        lazy_close(&w->lazies[i]);
    watchers_end(&w->watchers);
    node_stop(&w->node);
    forget_life(w);
    sim_disk_restart(w->disk);
    map_storage_power_loss(w->storage, true); /* sync made it proof */
    w->out->clean_stops++;
    world_trace(w, 7, 0);
}

static void after_start(struct world *w)
{
    uint64_t applied = state_applied(w->node.state);
    uint64_t term = quorum_term(w->node.quorum);
    note_lead(w);
    if (!w->leads && !w->majority.lost)
        world_fail(w, "the only voter does not lead");
    if (w->leads && term <= w->last_term) /* R8: it must not lead twice in one term */
        world_fail(w, "term %llu after term %llu", (unsigned long long)term,
                   (unsigned long long)w->last_term);
    w->last_term = term;
    if (applied < w->judge.acknowledged)
        world_fail(w, "entry %llu was acknowledged, but after the crash the log ends at %llu",
                   (unsigned long long)w->judge.acknowledged, (unsigned long long)applied);
    if (applied == w->judge.applied)
        check_rights(w);
    const char *wrong = judge_state(&w->judge, applied, state_hash(w->node.state));
    if (wrong)
        world_fail(w, "after a start at entry %llu: %s", (unsigned long long)applied, wrong);
    world_say(w, "started: storage %llu, applied %llu", (unsigned long long)w->node.restored,
              (unsigned long long)applied);
}

/* A start can itself be interrupted: by power loss, an error, or a disk without room. */
static void start(struct world *w)
{
    const struct node_events events = {.arg = w, .on_apply = on_apply, .on_drop = on_drop};
    for (unsigned tries = 0; tries < 20 && !w->out->failed; tries++) {
        struct err err = {0};
        sim_disk_set_capacity(w->disk, UINT64_MAX);
        map_storage_set_capacity(w->storage, UINT64_MAX);
        w->full_until_ns = 0;
        uint64_t in = rng_between(&w->rng, 1, 12);
        uint64_t at = sim_disk_effects(w->disk) + in;
        bool interrupt = tries < 3 && rng_chance(&w->rng, 200000);
        sim_disk_die_at(w->disk, interrupt ? at : UINT64_MAX);
        struct node_place place = {w->disk, w->storage, w->now_ns, rng_u64(&w->rng), 0};
        if (majority_forces(&w->majority, &w->rng))
            place.alone_id = ++w->next_id;
        enum rc rc = node_start(&w->node, &place, &events, &err);
        world_trace(w, 8, (uint64_t)rc);
        if (rc == RC_OK && !w->node.stopped && !sim_disk_dead(w->disk)) {
            sim_disk_die_at(w->disk, UINT64_MAX);
            after_start(w);
            watchers_begin(&w->watchers, state_kv(w->node.state));
            return;
        }
        if (!sim_disk_dead(w->disk)) {
            world_fail(w, "the node does not start: %s", err.text[0] ? err.text : w->node.why);
            return;
        }
        power_loss(w);
    }
    world_fail(w, "the node did not start in twenty tries");
}

static void grow_cluster(struct world *w)
{
    struct flight *f = world_free_flight(w);
    struct buf entry = {0};
    if (!f)
        return;
    f->id = ++w->next_id;
    majority_entry(f->id, &entry);
    world_say(w, "another voter is added");
    quorum_propose(w->node.quorum, &entry, f);
    if (rng_chance(&w->rng, 500000)) /* before storage has it */
        sim_disk_die_at(w->disk, sim_disk_effects(w->disk) + rng_between(&w->rng, 1, 40));
}

/* Now and then something is arranged to go wrong a little later. */
static void trouble(struct world *w)
{
    uint64_t effects = sim_disk_effects(w->disk);
    switch (rng_below(&w->rng, w->grows ? 9 : 8)) {
    case 0:
    case 1:
        sim_disk_die_at(w->disk, effects + rng_between(&w->rng, 1, EFFECTS_TO_CRASH));
        return;
    case 2:
        kill_process(w);
        break;
    case 3:
        sim_disk_fail_at(w->disk, effects + rng_between(&w->rng, 1, 40), RC_IO);
        w->out->disk_errors++;
        return;
    case 4:
        sim_disk_set_capacity(w->disk, sim_disk_used(w->disk) + rng_below(&w->rng, 40000));
        if (rng_chance(&w->rng, 500000))
            map_storage_set_capacity(w->storage, 1);
        w->full_until_ns = w->now_ns + rng_below(&w->rng, 3000 * (uint64_t)NS_PER_MS);
        w->out->full_disks++;
        world_say(w, "the disk is full for a while");
        return;
    case 5:
        w->node.wall_ns = rng_u64(&w->rng);
        world_say(w, "somebody sets the clock");
        return;
    case 6: {
        uint64_t ns = rng_below(&w->rng, 6000 * (uint64_t)NS_PER_MS);
        w->now_ns += ns;
        w->next_client_ns += ns; /* they wait in the socket */
        w->out->pauses++;
        world_say(w, "the process stands still");
        return;
    }
    case 8:
        grow_cluster(w);
        return;
    default:
        if (w->full_until_ns != 0)
            return;
        clean_stop(w);
        break;
    }
    start(w);
}

/* ---- Time ---- */

/* Go to the next thing that happens, and let it happen. */
static void step(struct world *w)
{
    uint64_t due = w->next_client_ns;
    uint64_t timer = timers_next(&w->node.timers);
    enum lane lane = lanes_next(&w->lanes, &w->node.workers, &w->rng, w->now_ns, &due);
    bool timed = timer < due;
    if (timed)
        due = timer;
    if (due > w->now_ns)
        w->now_ns = due;
    w->node.now_ns = w->now_ns;
    if (w->full_until_ns != 0 && w->now_ns >= w->full_until_ns) {
        sim_disk_set_capacity(w->disk, UINT64_MAX);
        map_storage_set_capacity(w->storage, UINT64_MAX);
        w->full_until_ns = 0;
    }
    if (timed)
        timers_run(&w->node.timers, w->now_ns);
    else if (lane != LANE_COUNT)
        lanes_step(&w->lanes, &w->node.workers, lane);
    else
        world_clients(w);
}

/* The end of a turn; then what a supervisor would see. */
static void turn(struct world *w)
{
    if (!w->node.stopped && !sim_disk_dead(w->disk))
        node_turn(&w->node);
    note_lead(w);
    if (sim_disk_dead(w->disk)) {
        power_loss(w);
        start(w);
    } else if (w->node.stopped) {
        world_say(w, "stopped: %s", w->node.why);
        if (rng_chance(&w->rng, 300000)) {
            power_loss(w);
            start(w);
            return;
        }
        /* What a failed sync left in the page cache is there for the next life; power is lost in
         * it. */
        kill_process(w);
        start(w);
        if (rng_chance(&w->rng, 600000))
            sim_disk_die_at(w->disk, sim_disk_effects(w->disk) + rng_between(&w->rng, 1, 30));
    }
}

/* Without clients every lease must end. */
static void outlive_leases(struct world *w)
{
    uint64_t until = w->now_ns + QUIET_S * (uint64_t)NS_PER_S;
    w->quiet = true;
    sim_disk_die_at(w->disk, UINT64_MAX);
    sim_disk_set_capacity(w->disk, UINT64_MAX);
    map_storage_set_capacity(w->storage, UINT64_MAX);
    w->full_until_ns = 0;
    while (!w->out->failed && w->now_ns < until) {
        if (w->majority.lost) { /* someone does something about it */
            kill_process(w);
            start(w);
        }
        step(w);
        turn(w);
    }
    if (!w->out->failed && leases_count(state_leases(w->node.state)) > 0)
        world_fail(w, "a lease whose time is up is still there");
}

static uint64_t crashes(const struct world_result *r)
{
    return r->power_losses + r->kills;
}

static void live(struct world *w)
{
    uint64_t step_max = w->opt.ops * 400; /* a node that makes no progress is a failure, too */
    uint64_t steps = 0;
    while (!w->out->failed && (w->out->writes < w->opt.ops || crashes(w->out) < w->opt.crashes)) {
        step(w);
        turn(w);
        const char *wrong = watchers_check(&w->watchers);
        if (wrong)
            world_fail(w, "%s", wrong);
        if (!w->out->failed && rng_chance(&w->rng, 2000))
            trouble(w);
        if (++steps > step_max)
            world_fail(w, "no progress: %llu writes and %llu crashes in %llu steps",
                       (unsigned long long)w->out->writes, (unsigned long long)crashes(w->out),
                       (unsigned long long)steps);
    }
}

void world_run(const struct world_options *opt, struct world_result *out)
{
    struct world *w = mem_zalloc(sizeof(*w));
    *out = (struct world_result){.trace = 0xcbf29ce484222325u};
    w->opt = *opt;
    w->out = out;
    w->now_ns = NS_PER_S;
    w->next_client_ns = w->now_ns;
    w->reading = (struct reading){.waiter = {.ready = world_read_ready}, .w = w};
    rng_seed(&w->rng, opt->seed);
    rng_seed(&w->disk_rng, rng_u64(&w->rng));
    w->grows = rng_chance(&w->rng, 250000);
    w->guarded = rng_chance(&w->rng, GUARDED_PPM);
    w->disk = sim_disk_new(&w->disk_rng);
    w->storage = map_storage_new();
    judge_init(&w->judge);
    watchers_init(&w->watchers, &w->judge.model);
    w->promises.now_ns = &w->now_ns;
    start(w);
    live(w);
    if (!out->failed)
        outlive_leases(w);
    if (w->node.quorum) {
        sim_disk_die_at(w->disk, 0);
        forget_life(w);
        node_crash(&w->node);
    }
    out->watched = w->watchers.batches;
    out->watch_lost = w->watchers.lost;
    out->sim_ns = w->now_ns;
    out->majorities = w->majority.times;
    out->renewals = w->promises.renewed;
    judge_fini(&w->judge);
    storage_close(w->storage);
    sim_disk_free(w->disk);
    arena_fini(&w->arena);
    buf_fini(&w->scratch);
    free(w);
}
