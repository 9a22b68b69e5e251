#include "state/lessor.h"

#include "base/mem.h"
#include "base/must.h"
#include "wire/etcd.h"
#include "wire/raft_request.h"

#include <stdlib.h>

#define RETRY_NS ((uint64_t)LESSOR_RETRY_MS * NS_PER_MS)

/* An entry on its way that says that all of a lease's time is left. */
struct clear {
    struct lessor_proposal proposal;
    struct list link;
    struct lessor *lessor;
    int64_t id;
    uint64_t granted; /* of this grant: the ID may be another lease's by the time it is applied */
};

static void run(struct lessor *l);

/* A process that was stopped, or a machine that was, finds its timers due before it has read what
 * its clients sent meanwhile. */
static void on_wake(struct timer *t)
{
    struct lessor *l = CONTAINER_OF(t, struct lessor, wake);
    uint64_t late = env_now_ns(l->env) - t->due_ns;
    l->excused = !l->excused && late > (uint64_t)LESSOR_LATE_MS * NS_PER_MS;
    if (l->excused)
        env_after(l->env, t, (uint64_t)LESSOR_GRACE_MS * NS_PER_MS);
    else
        run(l);
}

static void batch_done(struct lessor_proposal *p, bool applied);

void lessor_init(struct lessor *l, struct env *env, struct leases *leases)
{
    *l = (struct lessor){.env = env, .leases = leases};
    l->wake.fire = on_wake;
    l->batch.proposal.done = batch_done;
    list_init(&l->clears);
}

/* ---- Deadlines ---- */

static void arm(struct lessor *l)
{
    uint64_t next = timers_next(&l->terms);
    if (l->batch.out || next == TIMERS_NEVER) {
        timer_stop(l->env->timers, &l->wake);
        return;
    }
    if (l->excused && timer_active(&l->wake))
        return;
    if (!timer_active(&l->wake) || l->wake.due_ns != next)
        timer_start(l->env->timers, &l->wake, next);
}

/* Look at the lease again when it ends, or when another checkpoint of it is due. */
static void schedule(struct lessor *l, struct lease *lease)
{
    uint64_t now = env_now_ns(l->env);
    uint64_t due = lease->term.deadline_ns;
    if (due > now + l->ops.checkpoint_ns)
        due = now + l->ops.checkpoint_ns;
    timer_start(&l->terms, &lease->term.timer, due);
}

static void begin_term(struct lessor *l, struct lease *lease, int64_t seconds)
{
    lease->term.deadline_ns = env_now_ns(l->env) + (uint64_t)seconds * NS_PER_S;
    schedule(l, lease);
    arm(l);
}

void lessor_lead(struct lessor *l, const struct lessor_ops *ops)
{
    must(!l->leading);
    l->ops = *ops;
    if (l->ops.checkpoint_ns == 0)
        l->ops.checkpoint_ns = (uint64_t)LESSOR_CHECKPOINT_S * NS_PER_S;
    l->leading = true;
    for (struct lease *i = leases_after(l->leases, NULL); i; i = leases_after(l->leases, i))
        begin_term(l, i, i->remaining > 0 ? i->remaining : i->ttl);
}

void lessor_granted(struct lessor *l, struct lease *lease)
{
    if (l->leading)
        begin_term(l, lease, lease->ttl);
}

uint64_t lessor_left_ns(const struct lessor *l, const struct lease *lease)
{
    uint64_t now = env_now_ns(l->env);
    return lease->term.deadline_ns > now ? lease->term.deadline_ns - now : 0;
}

/* ---- Renewals ---- */

/* Who is told may ask again at once: that is another renewal. */
static void tell(struct lease *lease, enum rc rc, int64_t ttl)
{
    struct list told;
    list_init(&told);
    for (struct list *i = list_pop(&lease->term.renewals); i; i = list_pop(&lease->term.renewals))
        list_add_tail(&told, i);
    for (struct list *i = list_pop(&told); i; i = list_pop(&told)) {
        struct lessor_renewal *r = CONTAINER_OF(i, struct lessor_renewal, link);
        r->done(r, rc, ttl);
    }
}

static void renew_now(struct lessor *l, struct lease *lease)
{
    begin_term(l, lease, lease->ttl);
    l->counts.renewed++;
}

static void forget_clear(struct clear *c)
{
    list_remove(&c->link);
    free(c);
}

static void clear_done(struct lessor_proposal *p, bool applied)
{
    struct clear *c = CONTAINER_OF(p, struct clear, proposal);
    struct lessor *l = c->lessor;
    struct lease *lease = leases_find(l->leases, c->id);
    bool same = lease && lease->granted == c->granted;
    forget_clear(c);
    if (!same || !lease->term.clearing)
        return; /* revoked meanwhile: who waited was told so then (etcd#20615) */
    lease->term.clearing = false;
    if (applied && l->leading)
        renew_now(l, lease);
    tell(lease, applied ? RC_OK : RC_NOT_LEADER, lease->ttl);
}

static bool propose_clear(struct lessor *l, struct lease *lease)
{
    struct pb_lease_checkpoint one = {.id = lease->id, .remaining_ttl = 0};
    struct pb_lease_remaining_request request = {
        .checkpoints = &one, .checkpoints_n = 1, .as_of = l->leases->last_granted};
    struct buf body = {0};
    struct clear *c = mem_zalloc(sizeof(*c));
    c->proposal.done = clear_done;
    c->lessor = l;
    c->id = lease->id;
    c->granted = lease->granted;
    list_add_tail(&l->clears, &c->link);
    wire_encode(&wire_lease_remaining_request, &request, &body);
    lease->term.clearing =
        l->ops.propose(l->ops.arg, &c->proposal, RAFT_REQUEST_LEASE_REMAINING, buf_slice(&body));
    if (!lease->term.clearing)
        forget_clear(c);
    buf_fini(&body);
    return lease->term.clearing;
}

void lessor_renew(struct lessor *l, int64_t id, struct lessor_renewal *r)
{
    struct lease *lease = leases_find(l->leases, id);
    list_init(&r->link);
    if (!l->leading || !lease || lease->term.over) {
        r->done(r, l->leading ? RC_NOT_FOUND : RC_NOT_LEADER, 0);
        return;
    }
    struct lease_term *t = &lease->term;
    if (t->expiring || t->clearing) {
        list_add_tail(&t->renewals, &r->link);
        return;
    }
    if (lease->remaining == 0 && !t->checkpointing) {
        renew_now(l, lease);
        r->done(r, RC_OK, lease->ttl);
    } else if (propose_clear(l, lease)) {
        list_add_tail(&t->renewals, &r->link);
    } else {
        r->done(r, RC_AGAIN, 0);
    }
}

void lessor_cancel(struct lessor_renewal *r)
{
    list_remove(&r->link);
}

void lessor_revoked(struct lessor *l, struct lease *lease)
{
    timer_stop(&l->terms, &lease->term.timer);
    arm(l);
    l->counts.expired += lease->term.expiring;
    lease->term.over = true; /* who is told may ask for it once more, from within */
    tell(lease, RC_NOT_FOUND, 0);
}

/* ---- What is due: leases that end, or whose checkpoint is ---- */

static void batch_add(struct lessor_batch *b, struct lease *lease)
{
    if (b->expires)
        lease->term.expiring = true;
    else
        lease->term.checkpointing = true;
    buf_append(&b->ids, &lease->id, sizeof(lease->id));
}

static size_t batch_count(const struct lessor_batch *b)
{
    return b->ids.n / sizeof(int64_t);
}

/* The lease is the next in time. Does it belong to the batch? */
static bool batch_takes(struct lessor_batch *b, const struct lease *lease, bool ends, size_t keys)
{
    size_t n = batch_count(b);
    if (n == 0)
        b->expires = ends;
    if (b->expires != ends)
        return false;
    return ends ? n < LESSOR_EXPIRE_MAX && (n == 0 || keys + lease->key_n <= LESSOR_EXPIRE_KEYS_MAX)
                : n < LESSOR_CHECKPOINT_MAX;
}

static void gather(struct lessor *l, uint64_t now)
{
    size_t keys = 0;
    buf_clear(&l->batch.ids);
    l->batch.as_of = l->leases->last_granted;
    for (struct timer *t = timers_take(&l->terms, now); t; t = timers_take(&l->terms, now)) {
        struct lease *lease = CONTAINER_OF(t, struct lease, term.timer);
        bool ends = lease->term.deadline_ns <= now;
        if (lease->term.clearing) { /* a renewal is on its way: nothing older follows it */
            timer_start(&l->terms, t, now + RETRY_NS);
            continue;
        }
        if (!batch_takes(&l->batch, lease, ends, keys)) {
            timer_start(&l->terms, t, t->due_ns);
            break;
        }
        batch_add(&l->batch, lease);
        keys += lease->key_n;
        if (!ends)
            schedule(l, lease);
    }
}

static bool propose_expiry(struct lessor *l)
{
    struct pb_lease_expire_request request = {.ids = (int64_t *)(void *)l->batch.ids.p,
                                              .ids_n = batch_count(&l->batch),
                                              .as_of = l->batch.as_of};
    struct buf body = {0};
    wire_encode(&wire_lease_expire_request, &request, &body);
    bool taken =
        l->ops.propose(l->ops.arg, &l->batch.proposal, RAFT_REQUEST_LEASE_EXPIRE, buf_slice(&body));
    buf_fini(&body);
    return taken;
}

static bool propose_checkpoint(struct lessor *l)
{
    struct arena a = {0};
    struct buf body = {0};
    struct pb_lease_remaining_request request = {.checkpoints_n = batch_count(&l->batch),
                                                 .as_of = l->batch.as_of};
    const int64_t *ids = (const int64_t *)(const void *)l->batch.ids.p;
    request.checkpoints = arena_alloc(&a, request.checkpoints_n * sizeof(*request.checkpoints));
    for (size_t i = 0; i < request.checkpoints_n; i++) {
        const struct lease *lease = leases_find(l->leases, ids[i]);
        uint64_t left = (lessor_left_ns(l, lease) + NS_PER_S - 1) / NS_PER_S;
        request.checkpoints[i] =
            (struct pb_lease_checkpoint){.id = ids[i], .remaining_ttl = (int64_t)left};
    }
    wire_encode(&wire_lease_remaining_request, &request, &body);
    bool taken = l->ops.propose(l->ops.arg, &l->batch.proposal, RAFT_REQUEST_LEASE_REMAINING,
                                buf_slice(&body));
    buf_fini(&body);
    arena_fini(&a);
    return taken;
}

/* The batch is over. What it should have done and did not is tried again later. */
static void settle(struct lessor *l, bool applied)
{
    const int64_t *ids = (const int64_t *)(const void *)l->batch.ids.p;
    uint64_t again = env_now_ns(l->env) + RETRY_NS;
    for (size_t i = 0; i < batch_count(&l->batch); i++) {
        struct lease *lease = leases_find(l->leases, ids[i]);
        if (!lease || lease->granted > l->batch.as_of)
            continue; /* revoked, by the batch or by a client before it; perhaps granted anew */
        lease->term.expiring = lease->term.checkpointing = false;
        if (l->leading && (!applied || l->batch.expires))
            timer_start(&l->terms, &lease->term.timer, again);
        if (l->batch.expires)
            tell(lease, RC_NOT_LEADER, 0);
    }
}

static void batch_done(struct lessor_proposal *p, bool applied)
{
    struct lessor *l = CONTAINER_OF(p, struct lessor, batch.proposal);
    l->batch.out = false;
    settle(l, applied);
    run(l);
}

static void run(struct lessor *l)
{
    if (!l->leading || l->batch.out)
        return;
    gather(l, env_now_ns(l->env));
    if (batch_count(&l->batch) > 0) {
        l->batch.out = l->batch.expires ? propose_expiry(l) : propose_checkpoint(l);
        if (!l->batch.out)
            settle(l, false);
    }
    arm(l);
}

void lessor_follow(struct lessor *l)
{
    l->leading = false;
    timer_stop(l->env->timers, &l->wake);
    for (struct lease *i = leases_after(l->leases, NULL); i; i = leases_after(l->leases, i)) {
        timer_stop(&l->terms, &i->term.timer);
        tell(i, RC_NOT_LEADER, 0);
    }
}

void lessor_fini(struct lessor *l)
{
    lessor_follow(l);
    list_each (item, &l->clears)
        forget_clear(CONTAINER_OF(item, struct clear, link));
    timers_fini(&l->terms);
    buf_fini(&l->batch.ids);
}
