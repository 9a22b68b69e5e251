#include "quorum/quorum.h"

#include "base/mem.h"
#include "base/must.h"
#include "quorum/configuration.h"
#include "quorum/driver.h"
#include "quorum/membership.h"

#include <stdlib.h>

/* The synthetic candidate of R8: an ID no member can have by chance (a member ID is a hash). */
#define NOBODY 1u

static void on_timeout(struct timer *t);
static void ask_voters(void *arg, uint64_t number, uint64_t term);

struct quorum *quorum_new(const struct quorum_options *opt)
{
    struct quorum *q = mem_zalloc(sizeof(*q));
    q->opt = *opt;
    q->env = opt->env;
    int rv = raft_init(&q->raft, NULL, NULL, opt->member_id, opt->address);
    must(rv == 0);         /* only memory can be missing */
    q->raft.tracer = NULL; /* it would format text at every step */
    raft_seed(&q->raft, (unsigned)rng_u64(q->env->rng));
    raft_set_pre_vote(&q->raft, true);
    raft_set_election_timeout(&q->raft, opt->election_ms ? opt->election_ms : QUORUM_ELECTION_MS);
    raft_set_heartbeat_timeout(&q->raft,
                               opt->heartbeat_ms ? opt->heartbeat_ms : QUORUM_HEARTBEAT_MS);
    raft_set_max_inflight_entries(&q->raft, QUORUM_INFLIGHT_MAX); /* R10 */
    q->timeout.fire = on_timeout;
    read_index_init(&q->reads, opt->member_id, q, ask_voters);
    return q;
}

void quorum_free(struct quorum *q)
{
    if (!q)
        return;
    timer_stop(q->env->timers, &q->timeout);
    read_index_fail(&q->reads);
    if (!q->started)
        raft_configuration_close(&q->raft.configuration);
    raft_close(&q->raft, NULL);
    tail_fini(&q->tail);
    for (size_t i = 0; i < q->proposal_n; i++)
        buf_fini(&q->proposals[i].body);
    free(q->proposals);
    free(q->scratch);
    free(q);
}

void quorum_load(struct quorum *q, const struct wal_entry *e)
{
    must(!q->started);
    if (q->tail.first == 0)
        tail_init(&q->tail, e->index);
    must(e->index == tail_next(&q->tail));
    struct buf body = {0};
    buf_append_slice(&body, e->body);
    tail_push(&q->tail, e->term, e->kind, &body, NULL);
}

/* A cluster of one begins with its configuration as entry 1 of term 1, durable before anything
 * else: the core requires the first entry to be there at its start. */
static enum rc bootstrap(struct quorum *q, struct wal_hard_state *hard)
{
    struct raft_configuration conf;
    raft_configuration_init(&conf);
    int rv = raft_configuration_add(&conf, q->opt.member_id, q->opt.address, RAFT_VOTER);
    must(rv == 0); /* only memory can be missing */
    struct buf body = {0};
    configuration_encode(&conf, &body);
    raft_configuration_close(&conf);
    tail_init(&q->tail, 1);
    struct tail_entry *e = tail_push(&q->tail, 1, WAL_CHANGE, &body, NULL);
    struct wal_entry first = {1, e->term, e->kind, buf_slice(&e->body)};
    *hard = (struct wal_hard_state){.term = 1};
    wal_set_hard_state(q->wal, *hard);
    wal_append(q->wal, &first, 1);
    return wal_sync(q->wal);
}

static void start_core(struct quorum *q, struct wal_hard_state hard,
                       const struct quorum_snapshot *snap)
{
    struct raft_snapshot_metadata metadata = {
        .index = snap->index, .term = snap->term, .configuration_index = snap->conf_index};
    struct raft_entry *entries = mem_calloc(q->tail.n, sizeof(*entries));
    for (size_t i = 0; i < q->tail.n; i++) {
        struct tail_entry *e = tail_at(&q->tail, q->tail.first + i);
        entries[i] = (struct raft_entry){.term = e->term,
                                         .type = (enum raft_entry_type)e->kind,
                                         .buf = {e->body.p, e->body.n},
                                         .batch = q};
    }
    if (snap->index > 0) {
        enum rc rc = configuration_decode(snap->conf, &metadata.configuration);
        must(rc == RC_OK); /* check_log has seen it */
    }
    struct raft_event event = {.type = RAFT_START};
    event.start.term = hard.term;
    event.start.voted_for = hard.vote;
    event.start.metadata = snap->index > 0 ? &metadata : NULL;
    event.start.start_index = q->tail.first;
    event.start.entries = q->tail.n > 0 ? entries : NULL;
    event.start.n_entries = (unsigned)q->tail.n;
    q->started = true;
    driver_step(q, &event);
    free(entries);
}

static enum rc check_log(const struct wal_recovered *found, const struct quorum_snapshot *snap,
                         struct err *err)
{
    if (found->created && snap->index > 0)
        return err_set(
            err, RC_CORRUPT,
            "the log is missing, but the data beside it holds entries up to %llu; put the "
            "log directory (--wal-dir, or wal below --data-dir) back, or restore a "
            "snapshot into an empty data directory",
            (unsigned long long)snap->index);
    if (!found->created && found->first_index > snap->index + 1)
        return err_set(
            err, RC_CORRUPT,
            "the log begins at entry %llu, but the data ends at %llu: entries between are "
            "missing; restore a snapshot into an empty data directory",
            (unsigned long long)found->first_index, (unsigned long long)snap->index);
    if (!found->created && found->next_index <= snap->index)
        return err_set(
            err, RC_CORRUPT,
            "the log ends at entry %llu, but the data holds entries up to %llu: the log is "
            "older than the data; put the newer log back, or restore a snapshot into an "
            "empty data directory",
            (unsigned long long)(found->next_index - 1), (unsigned long long)snap->index);
    struct raft_configuration conf;
    if (snap->index > 0) {
        if (configuration_decode(snap->conf, &conf) != RC_OK)
            return err_set(err, RC_CORRUPT,
                           "the member configuration kept with the data cannot be read; restore a "
                           "snapshot into an empty data directory");
        raft_configuration_close(&conf);
    }
    return RC_OK;
}

enum rc quorum_start(struct quorum *q, struct wal *wal, const struct wal_recovered *found,
                     const struct quorum_snapshot *snap, struct err *err)
{
    must(!q->started);
    q->wal = wal;
    enum rc rc = check_log(found, snap, err);
    if (rc != RC_OK)
        return rc;
    struct wal_hard_state hard = found->hard;
    struct membership m;
    q->applied = snap->index;
    q->applied_term = snap->term;
    if (q->tail.first == 0)
        tail_init(&q->tail, snap->index + 1);
    if (snap->index == 0 && q->tail.n == 0)
        rc = bootstrap(q, &hard);
    membership_read(q, snap, &m);
    if (rc == RC_OK && q->opt.alone && !m.alone) {
        rc = membership_force(q, &hard);
        membership_read(q, snap, &m);
    }
    /* R8: a sole voter takes the lead without asking anyone, and the core does so in the old term,
     * in which it may have voted for another. So its term moves on first, durably. */
    if (rc == RC_OK && m.alone) {
        hard.term++;
        hard.vote = 0;
        wal_set_hard_state(wal, hard);
        rc = wal_sync(wal);
    }
    if (rc != RC_OK)
        return err_set(err, rc, "cannot write the log: %s", rc_text(rc));
    start_core(q, hard, &m.settled);
    q->ready = true;
    return q->failed ? err_set(err, RC_CORRUPT, "the consensus core refused the log") : RC_OK;
}

void quorum_propose(struct quorum *q, struct buf *body, void *ctx)
{
    if (q->proposal_n == q->proposal_cap) {
        q->proposal_cap = q->proposal_cap ? q->proposal_cap * 2 : 64;
        q->proposals = mem_realloc(q->proposals, q->proposal_cap * sizeof(*q->proposals));
    }
    q->proposals[q->proposal_n++] = (struct proposal){.body = *body, .ctx = ctx};
    q->proposal_bytes += body->n;
    *body = (struct buf){0};
}

static void drop_proposals(struct quorum *q, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct proposal p = q->proposals[i]; /* on_drop may propose anew and move the array */
        q->proposals[i] = (struct proposal){0};
        q->proposal_bytes -= p.body.n;
        buf_fini(&p.body);
        if (p.ctx)
            q->opt.on_drop(q->opt.arg, p.ctx);
    }
}

/* One step for up to QUORUM_SUBMIT_MAX proposals. The update hands our entries back: their bodies
 * are taken into the tail there (keep_entries), found again by their place. */
static void submit(struct quorum *q, size_t from, size_t n)
{
    if (n > q->scratch_cap) {
        q->scratch_cap = n;
        q->scratch = mem_realloc(q->scratch, n * sizeof(*q->scratch));
    }
    for (size_t i = 0; i < n; i++) {
        struct proposal *p = &q->proposals[from + i];
        q->scratch[i] = (struct raft_entry){.term = raft_current_term(&q->raft),
                                            .type = RAFT_COMMAND,
                                            .buf = {p->body.p, p->body.n},
                                            .batch = p};
    }
    struct raft_event event = {.type = RAFT_SUBMIT};
    event.submit.entries = q->scratch;
    event.submit.n = (unsigned)n;
    driver_step(q, &event);
    drop_proposals(q, from, from + n); /* those the core refused; what it took is empty now */
}

void quorum_flush(struct quorum *q)
{
    if (!q->started)
        return;
    size_t n = q->proposal_n;
    for (size_t from = 0; from < n; from += QUORUM_SUBMIT_MAX) {
        size_t count = n - from < QUORUM_SUBMIT_MAX ? n - from : QUORUM_SUBMIT_MAX;
        if (quorum_is_leader(q) && !raft_transferee(&q->raft))
            submit(q, from, count);
        else
            drop_proposals(q, from, from + count);
    }
    /* A dropped request may have led to new proposals: keep those for the next turn. */
    if (n > 0)
        memmove(q->proposals, q->proposals + n, (q->proposal_n - n) * sizeof(*q->proposals));
    q->proposal_n -= n;
    if (!q->failed)
        wal_submit(q->wal);
}

void quorum_durable(struct quorum *q, uint64_t index)
{
    /* R2: only what is in the log now and beyond what the core knows. wal names entries as they
     * stand after any truncation, and what the core has not appended yet is not its business. */
    if (!q->started || q->failed || index <= q->raft.last_stored)
        return;
    struct raft_event event = {.type = RAFT_PERSISTED_ENTRIES};
    event.persisted_entries.index = index;
    driver_step(q, &event);
    driver_apply(q);
}

static void step_reads(struct quorum *q)
{
    uint64_t committed = raft_commit_index(&q->raft);
    if (!quorum_is_leader(q)) {
        read_index_again(&q->reads);
        return;
    }
    /* A new leader does not know what is committed until its own first entry is (thesis 6.4). */
    if (committed < q->leader_since)
        return;
    uint64_t ids[READ_INDEX_VOTERS_MAX];
    struct read_voters voters = {ids, driver_voters(q, ids)};
    read_index_step(&q->reads, raft_current_term(&q->raft), committed, q->applied, voters);
}

void quorum_read(struct quorum *q, struct read_waiter *w)
{
    read_index_add(&q->reads, w);
    step_reads(q);
}

void quorum_read_cancel(struct read_waiter *w)
{
    list_remove(&w->link); /* whichever of the lists it is in */
}

/* With one voter there is nobody to ask; links to others come with src/peer. */
static void ask_voters(void *arg, uint64_t number, uint64_t term)
{
    (void)arg;
    (void)number;
    (void)term;
}

static void apply_change(struct quorum *q, uint64_t index, struct slice body)
{
    struct raft_event event = {.type = RAFT_CONFIGURATION};
    event.configuration.index = index;
    if (configuration_decode(body, &event.configuration.conf) != RC_OK) {
        driver_fail(q, "a configuration entry cannot be read", RAFT_MALFORMED);
        return;
    }
    driver_step(q, &event);
}

void driver_apply(struct quorum *q)
{
    if (q->applying) /* what the step within changes, the loop outside sees */
        return;
    q->applying = true;
    for (;;) {
        /* R3: a follower's commit index runs ahead of its disk; apply only what is on both. */
        uint64_t limit = raft_commit_index(&q->raft);
        if (limit > q->raft.last_stored)
            limit = q->raft.last_stored;
        if (q->failed || q->applied >= limit)
            break;
        uint64_t index = q->applied + 1;
        struct tail_entry e = tail_take(&q->tail, index);
        q->applied = index;
        q->applied_term = e.term;
        if (e.kind == WAL_CHANGE)
            apply_change(q, index, buf_slice(&e.body));
        struct wal_entry entry = {index, e.term, e.kind, buf_slice(&e.body)};
        q->opt.on_apply(q->opt.arg, &entry, e.ctx);
        buf_fini(&e.body);
    }
    q->applying = false;
    /* Before anything else can commit: who votes may have changed. */
    membership_follow(q);
    if (!q->failed)
        step_reads(q);
}

static void on_timeout(struct timer *t)
{
    struct quorum *q = CONTAINER_OF(t, struct quorum, timeout);
    /* R8: the same when an election timeout makes a sole voter lead: a vote request of nobody's,
     * for the next term and not grantable, makes the core adopt that term first, durably. */
    if (raft_state(&q->raft) == RAFT_FOLLOWER && driver_sole_voter(q)) {
        struct raft_message m = {
            .type = RAFT_REQUEST_VOTE, .server_id = NOBODY, .server_address = "nobody"};
        m.request_vote = (struct raft_request_vote){.version = 2,
                                                    .term = raft_current_term(&q->raft) + 1,
                                                    .candidate_id = NOBODY,
                                                    .disrupt_leader = true};
        struct raft_event nudge = {.type = RAFT_RECEIVE};
        nudge.receive.message = &m;
        driver_step(q, &nudge);
    }
    struct raft_event event = {.type = RAFT_TIMEOUT};
    driver_step(q, &event);
    driver_apply(q);
    uint64_t due = raft_timeout(&q->raft) * NS_PER_MS;
    uint64_t soonest = env_now_ns(q->env) + NS_PER_MS;
    if (!q->failed)
        timer_start(q->env->timers, &q->timeout, due > soonest ? due : soonest);
}

void quorum_trim(struct quorum *q, uint64_t index, uint64_t trailing)
{
    if (index == 0 || index <= q->raft.trail.snapshot.index || index > q->applied)
        return;
    /* The configuration goes along empty: the core takes it only where its index is newer than the
     * committed one, which it never is. */
    struct raft_event event = {.type = RAFT_SNAPSHOT};
    event.snapshot.metadata.index = index;
    event.snapshot.metadata.configuration_index = q->raft.configuration_committed_index;
    event.snapshot.trailing = (unsigned)trailing;
    raft_configuration_init(&event.snapshot.metadata.configuration);
    driver_step(q, &event);
    wal_trim(q->wal, index > trailing ? index - trailing : 0);
}

void quorum_configuration(const struct quorum *q, uint64_t *index, struct buf *out)
{
    *index = q->raft.configuration_committed_index;
    buf_clear(out);
    configuration_encode(&q->raft.configuration_committed, out);
}

struct quorum_majority quorum_majority(const struct quorum *q)
{
    uint64_t ids[READ_INDEX_VOTERS_MAX];
    size_t n = driver_voters(q, ids);
    return (struct quorum_majority){n / 2 + 1, n};
}

bool quorum_is_leader(const struct quorum *q)
{
    return q->started && !q->failed && q->raft.state == RAFT_LEADER;
}

uint64_t quorum_leader(const struct quorum *q)
{
    if (q->raft.state == RAFT_FOLLOWER)
        return q->raft.follower_state.current_leader.id;
    return quorum_is_leader(q) ? q->opt.member_id : 0;
}

uint64_t quorum_term(const struct quorum *q)
{
    return q->raft.current_term;
}

uint64_t quorum_applied(const struct quorum *q)
{
    return q->applied;
}

uint64_t quorum_committed(const struct quorum *q)
{
    return q->raft.commit_index;
}

size_t quorum_pending_bytes(const struct quorum *q)
{
    return q->proposal_bytes + q->tail.bytes;
}

void quorum_check(const struct quorum *q)
{
    if (!q->started)
        return;
    must(q->applied <= q->raft.commit_index);
    must(q->applied <= q->raft.last_stored);
    must(q->tail.first == q->applied + 1);
}
