#include "quorum/driver.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdio.h>

void driver_fail(struct quorum *q, const char *what, int raft_code)
{
    if (q->failed)
        return;
    q->failed = true;
    timer_stop(q->env->timers, &q->timeout);
    char sentence[ERR_TEXT_MAX];
    snprintf(sentence, sizeof(sentence), "consensus stopped: %s: %s", what,
             raft_strerror(raft_code));
    q->opt.on_fatal(q->opt.arg, sentence);
}

size_t driver_voters(const struct quorum *q, uint64_t ids[READ_INDEX_VOTERS_MAX])
{
    const struct raft_configuration *c = &q->raft.configuration;
    size_t n = 0;
    for (unsigned i = 0; i < c->n; i++)
        if (c->servers[i].role == RAFT_VOTER && n < READ_INDEX_VOTERS_MAX)
            ids[n++] = c->servers[i].id;
    return n;
}

bool driver_sole_voter(const struct quorum *q)
{
    return configuration_sole_voter(&q->raft.configuration, q->opt.member_id);
}

/* A replaced suffix goes; whoever proposed it is told. */
static void truncate_tail(struct quorum *q, uint64_t from)
{
    must(from > q->applied);
    while (tail_next(&q->tail) > from) {
        void *ctx = tail_at(&q->tail, tail_next(&q->tail) - 1)->ctx;
        tail_pop_last(&q->tail);
        if (ctx)
            q->opt.on_drop(q->opt.arg, ctx);
    }
}

/*~ 6. Take over new entries: into the tail, and to the log. Of a submission, batch points back at
 * the proposal, whose body moves without a copy; everything else is copied. */
static void keep_entries(struct quorum *q, const struct raft_update *u, bool submission)
{
    truncate_tail(q, u->entries.index);
    for (unsigned i = 0; i < u->entries.n; i++) {
        const struct raft_entry *e = &u->entries.batch[i];
        struct buf body = {0};
        void *ctx = NULL;
        if (submission) {
            struct proposal *p = e->batch;
            body = p->body;
            ctx = p->ctx;
            q->proposal_bytes -= body.n;
            *p = (struct proposal){0};
        } else {
            buf_append(&body, e->buf.base, e->buf.len);
        }
        struct tail_entry *t =
            tail_push(&q->tail, e->term, (enum wal_entry_kind)e->type, &body, ctx);
        struct wal_entry out = {u->entries.index + i, t->term, t->kind, buf_slice(&t->body)};
        wal_append(q->wal, &out, 1);
    }
    /* The one entry that the core makes itself: a new leader's barrier. */
    if (u->entries.batch == &q->raft.barrier)
        raft_free(q->raft.barrier.buf.base);
}

static void keep_hard_state(struct quorum *q)
{
    struct wal_hard_state hard = {.term = q->raft.current_term, .vote = q->raft.voted_for};
    wal_set_hard_state(q->wal, hard);
    /* R1: a new term or vote is on disk before entries, messages or the next event; only that order
     * was simulated. Rare, and at most one batch is in flight. */
    enum rc rc = wal_sync(q->wal);
    if (rc != RC_OK)
        driver_fail(q, "the log cannot be written", RAFT_IOERR);
}

static void note_state(struct quorum *q)
{
    if (q->raft.state == RAFT_LEADER)
        q->leader_since = tail_next(&q->tail) - 1;
    else
        read_index_again(&q->reads);
}

/* R1: hard state, then entries, then messages. */
static void carry_out(struct quorum *q, const struct raft_update *u, bool submission)
{
    if (u->flags & (RAFT_UPDATE_CURRENT_TERM | RAFT_UPDATE_VOTED_FOR))
        keep_hard_state(q);
    if (q->failed)
        return;
    if (u->flags & RAFT_UPDATE_ENTRIES)
        keep_entries(q, u, submission);
    must(!(u->flags & RAFT_UPDATE_SNAPSHOT)); /* a leader's: only with peers */
    if (u->flags & RAFT_UPDATE_STATE)
        note_state(q);
    if (u->flags & (RAFT_UPDATE_TIMEOUT | RAFT_UPDATE_STATE))
        timer_start(q->env->timers, &q->timeout, raft_timeout(&q->raft) * NS_PER_MS);
    if (u->flags & RAFT_UPDATE_COMMIT_INDEX)
        driver_apply(q);
}

void driver_step(struct quorum *q, struct raft_event *event)
{
    if (q->failed)
        return;
    struct raft_update update = {0};
    bool submission = event->type == RAFT_SUBMIT;
    event->time = env_now_ns(q->env) / NS_PER_MS;
    event->capacity = UINT16_MAX;
    int rv = raft_step(&q->raft, event, &update);
    /* R11: what is left after these is a broken core or no memory. */
    if (rv != 0 && rv != RAFT_NOTLEADER && rv != RAFT_CANTCHANGE && rv != RAFT_NOSPACE &&
        rv != RAFT_BADID && rv != RAFT_NOTFOUND) {
        driver_fail(q, "the core refused an event", rv);
        return;
    }
    carry_out(q, &update, submission);
    CHECKED(quorum_check(q));
}
