#include "wal/wal.h"

#include "base/mem.h"
#include "base/must.h"
#include "env/metrics.h"
#include "wal/read.h"
#include "wal/recover.h"
#include "wal/segment.h"
#include "wal/terms.h"

#include <stdlib.h>

#define RETRY_NS ((uint64_t)NS_PER_S) /* between attempts to get space */

enum wal_state {
    WAL_OPEN,
    WAL_NO_ROOM, /* no spare, or a batch waits for one */
    WAL_DEAD,
    WAL_STATE_COUNT
};

static const unsigned wal_moves[WAL_STATE_COUNT] = {
    [WAL_OPEN] = TO(WAL_NO_ROOM) | TO(WAL_DEAD),
    [WAL_NO_ROOM] = TO(WAL_OPEN) | TO(WAL_DEAD),
};

/* A job for the lane, and what came of it. */
struct task {
    struct job job;
    struct wal *wal;
    bool busy;
    enum rc rc;
    struct err err;
    bool spare_left; /* after it */
};

/* The loop owns all of this but segments, which are the lane's while a task is busy. */
struct wal {
    struct wal_options opt;
    struct env *env;
    struct segments segments;
    enum wal_state state;
    enum rc dead_rc;
    bool closing;

    struct terms terms;
    struct wal_hard_state hard;
    uint64_t next_index;
    uint64_t durable_index;

    struct batch batches[2];
    struct batch *filling;
    struct batch *flying; /* being written, or waiting for room (then write is not busy) */

    struct task write;                       /* flying */
    uint64_t write_begun_ns, write_ended_ns; /* of it, on the lane */
    struct task chore;                       /* removes segments, prepares a spare */
    struct task reset;
    struct term_run reset_to; /* where the log stands after reset */
    bool chore_again;         /* asked for while it was busy */
    bool needs_spare;         /* the reserve is gone */
    struct timer retry;
};

static void write_run(struct job *job);
static void write_done(struct job *job);
static void chore_run(struct job *job);
static void chore_done(struct job *job);
static void reset_run(struct job *job);
static void reset_done(struct job *job);
static void retry_fire(struct timer *timer);
static void submit_task(struct wal *w, struct task *t);
static void submit_chore(struct wal *w);
static void fail(struct wal *w, const struct task *t);
static void look_for_room(struct wal *w);

static struct task task_of(struct wal *w, void (*run)(struct job *), void (*done)(struct job *))
{
    return (struct task){.job = {.run = run, .done = done}, .wal = w};
}

static void wal_check(const struct wal *w)
{
    must(w->durable_index < w->next_index);
    must(w->filling != w->flying);
    must(!w->write.busy || w->flying);
    must(w->filling->first_index <= w->next_index);
}

static void wal_free(struct wal *w)
{
    segments_fini(&w->segments);
    terms_fini(&w->terms);
    batch_fini(&w->batches[0]);
    batch_fini(&w->batches[1]);
    free(w);
}

static void begin_filling(struct wal *w)
{
    batch_begin(w->filling, w->next_index, terms_at(&w->terms, w->next_index - 1), w->hard);
}

struct visitor {
    void (*visit)(void *arg, const struct wal_entry *e);
    void *arg;
};

static bool visit_one(void *arg, const struct wal_entry *e)
{
    const struct visitor *v = arg;
    v->visit(v->arg, e);
    return true;
}

/* Give the owner what was recovered. */
static enum rc visit_all(struct wal *w, uint64_t from,
                         void (*visit)(void *arg, const struct wal_entry *e), struct err *err)
{
    uint64_t first = segments_first_index(&w->segments);
    struct visitor v = {.visit = visit, .arg = w->opt.arg};
    enum rc rc = segments_visit(&w->segments, from > first ? from : first, visit_one, &v);
    if (rc == RC_END)
        return RC_OK;
    return err_set(err, rc, "read the log in %s again: %s", w->opt.dir, rc_text(rc));
}

enum rc wal_open(const struct wal_options *opt, uint64_t from,
                 void (*visit)(void *arg, const struct wal_entry *e), struct wal **out,
                 struct wal_recovered *found, struct err *err)
{
    struct wal *w = mem_zalloc(sizeof(*w));
    w->opt = *opt;
    w->env = opt->env;
    w->write = task_of(w, write_run, write_done);
    w->chore = task_of(w, chore_run, chore_done);
    w->reset = task_of(w, reset_run, reset_done);
    w->retry.fire = retry_fire;
    segments_init(&w->segments, opt->env, opt->dir, opt->segment_bytes);
    w->segments.cluster_id = opt->cluster_id;
    w->segments.member_id = opt->member_id;
    struct recovered rec = {0};
    enum rc rc = segments_recover(&w->segments, &rec, err);
    w->terms = rec.terms;
    if (rc == RC_OK && visit)
        rc = visit_all(w, from, visit, err);
    if (rc != RC_OK) {
        wal_free(w);
        return rc;
    }
    w->hard = rec.hard;
    w->next_index = rec.next_index;
    w->durable_index = rec.next_index - 1;
    w->filling = &w->batches[0];
    begin_filling(w);
    submit_chore(w); /* a spare, for when this segment is full */
    uint64_t first = segments_first_index(&w->segments);
    *found = (struct wal_recovered){
        .hard = rec.hard,
        .first_index = first,
        .next_index = rec.next_index,
        .prev_term = terms_at(&w->terms, first - 1),
        .created = rec.created,
        .torn = rec.torn,
    };
    *out = w;
    return RC_OK;
}

static void wait_for_lane(struct wal *w)
{
    while (w->write.busy || w->chore.busy || w->reset.busy)
        worker_drain(w->env->workers, LANE_WAL);
}

void wal_close(struct wal *w)
{
    if (!w)
        return;
    w->closing = true;
    wait_for_lane(w);
    timer_stop(w->env->timers, &w->retry);
    wal_free(w);
}

/* Entries from index on are about to be replaced. */
static void cut(struct wal *w, uint64_t index)
{
    if (w->flying && w->flying->last_index >= index)
        w->flying->last_index = index - 1;
    if (w->durable_index < index)
        return;
    w->durable_index = index - 1;
    segments_set_readable(&w->segments, index);
}

void wal_append(struct wal *w, const struct wal_entry *entries, size_t n)
{
    CHECKED(wal_check(w));
    if (w->state == WAL_DEAD)
        return;
    for (size_t i = 0; i < n; i++) {
        const struct wal_entry *e = &entries[i];
        must(i == 0 || e->index == entries[i - 1].index + 1);
        must(e->index > 0 && e->index <= w->next_index);
        if (e->index < w->next_index) {
            must(e->index >= wal_first_index(w));
            cut(w, e->index);
        }
        bool lowest = e->index < w->filling->first_index;
        batch_put_entry(w->filling, e, lowest ? terms_at(&w->terms, e->index - 1) : 0);
        terms_put(&w->terms, e->index, e->term);
        w->next_index = e->index + 1;
    }
}

void wal_set_hard_state(struct wal *w, struct wal_hard_state hs)
{
    if (w->state == WAL_DEAD)
        return;
    w->hard = hs;
    batch_put_hard_state(w->filling, hs);
}

void wal_submit(struct wal *w)
{
    CHECKED(wal_check(w));
    if (w->state == WAL_DEAD || w->flying || batch_empty(w->filling))
        return;
    w->flying = w->filling;
    w->filling = w->flying == &w->batches[0] ? &w->batches[1] : &w->batches[0];
    begin_filling(w);
    submit_task(w, &w->write);
}

enum rc wal_sync(struct wal *w)
{
    bool tried = false;
    while (w->state != WAL_DEAD && (w->flying || !batch_empty(w->filling))) {
        bool waits = w->flying && !w->write.busy;
        if (waits && tried)
            return RC_NO_SPACE;
        tried = tried || waits;
        if (waits)
            submit_task(w, &w->write);
        wal_submit(w);
        worker_drain(w->env->workers, LANE_WAL);
    }
    return w->dead_rc;
}

void wal_trim(struct wal *w, uint64_t index)
{
    CHECKED(wal_check(w));
    must(index < w->next_index);
    if (w->state == WAL_DEAD || !segments_void(&w->segments, index))
        return;
    terms_trim(&w->terms, segments_first_index(&w->segments) - 1);
    submit_chore(w);
}

enum rc wal_reset(struct wal *w, uint64_t index, uint64_t term)
{
    wait_for_lane(w);
    if (w->state == WAL_DEAD)
        return w->dead_rc;
    w->reset_to = (struct term_run){.index = index, .term = term};
    submit_task(w, &w->reset);
    wait_for_lane(w);
    enum rc rc = w->reset.rc;
    if (rc == RC_NO_SPACE)
        return rc;
    if (rc != RC_OK) {
        fail(w, &w->reset);
        return rc;
    }
    w->flying = NULL;
    terms_init(&w->terms, index, term);
    w->durable_index = index;
    w->next_index = index + 1;
    begin_filling(w);
    w->needs_spare = true; /* until the chore has looked */
    submit_chore(w);
    return RC_OK;
}

enum rc wal_read(struct wal *w, uint64_t first, size_t max_bytes, struct wal_read *out)
{
    return segments_read(&w->segments, first, max_bytes, out);
}

uint64_t wal_first_index(const struct wal *w)
{
    return segments_first_index(&w->segments);
}

uint64_t wal_next_index(const struct wal *w)
{
    return w->next_index;
}

uint64_t wal_durable_index(const struct wal *w)
{
    return w->durable_index;
}

uint64_t wal_disk_bytes(const struct wal *w)
{
    return segments_disk_bytes(&w->segments);
}

/* The end of a task's run, on the lane. A failure is remembered there: the next task may run before
 * the loop has heard of it. */
static void run_end(struct task *t, enum rc rc)
{
    struct segments *s = &t->wal->segments;
    if (rc != RC_OK && rc != RC_NO_SPACE && s->failed == RC_OK)
        s->failed = rc;
    t->rc = rc;
    t->spare_left = segments_has_spare(s);
}

static void reset_run(struct job *job)
{
    struct task *t = CONTAINER_OF(job, struct task, job);
    struct wal *w = t->wal;
    struct segments *s = &w->segments;
    enum rc rc = s->failed;
    if (rc == RC_OK) {
        s->hard = w->hard;
        rc = segments_begin(s, w->reset_to.index + 1, w->reset_to.term, WAL_SEGMENT_RESET, &t->err);
    }
    if (rc == RC_OK)
        rc = segments_remove(s, &t->err);
    run_end(t, rc);
}

static void reset_done(struct job *job)
{
    CONTAINER_OF(job, struct task, job)->busy = false;
}

static void wal_move(struct wal *w, enum wal_state next)
{
    must(wal_moves[w->state] & TO(next));
    w->state = next;
}

/* Something failed on the lane: wait if it is lack of space, else never write again. */
static void fail(struct wal *w, const struct task *t)
{
    if (w->closing || w->state == WAL_DEAD)
        return;
    bool wait = t->rc == RC_NO_SPACE;
    bool known = wait && w->state == WAL_NO_ROOM;
    if (wait)
        env_after(w->env, &w->retry, RETRY_NS);
    else
        timer_stop(w->env->timers, &w->retry);
    if (known)
        return;
    wal_move(w, wait ? WAL_NO_ROOM : WAL_DEAD);
    if (!wait)
        w->dead_rc = t->rc;
    w->opt.on_error(w->opt.arg, t->rc, t->err.text);
}

/* Is what was missing there again? */
static void look_for_room(struct wal *w)
{
    bool waits = w->flying && !w->write.busy;
    if (w->state != WAL_NO_ROOM || waits || w->needs_spare || w->closing)
        return;
    timer_stop(w->env->timers, &w->retry);
    wal_move(w, WAL_OPEN);
    w->opt.on_room(w->opt.arg);
}

/*~ 7. The one thing that happens on the log's thread: a batch is written and synced. Back on the
 * loop write_done starts the next batch, then says what is durable. */
static void write_run(struct job *job)
{
    struct task *t = CONTAINER_OF(job, struct task, job);
    struct wal *w = t->wal;
    struct segments *s = &w->segments;
    w->write_begun_ns = env_now_ns(w->env);
    run_end(t, s->failed ? s->failed : segments_write(s, w->flying, &t->err));
    w->write_ended_ns = env_now_ns(w->env);
}

static void count_write(const struct wal *w)
{
    const struct segments *s = &w->segments;
    env_count(w->env, wal_write_bytes, batch_body_bytes(w->flying));
    env_observe_ns(w->env, wal_write, s->sync_begun_ns - w->write_begun_ns);
    env_observe_ns(w->env, wal_fsync, w->write_ended_ns - s->sync_begun_ns);
}

static void write_done(struct job *job)
{
    struct task *t = CONTAINER_OF(job, struct task, job);
    struct wal *w = t->wal;
    t->busy = false;
    if (t->rc != RC_OK) {
        fail(w, t);
        return;
    }
    count_write(w);
    bool entries = w->flying->entries;
    if (entries)
        w->durable_index = w->flying->last_index;
    uint64_t durable = w->durable_index;
    segments_set_readable(&w->segments, durable + 1);
    w->flying = NULL;
    if (w->closing)
        return;
    bool spare_left = t->spare_left;
    wal_submit(w); /* the disk first */
    if (!spare_left) {
        w->needs_spare = true;
        if (!w->chore.busy)
            submit_chore(w);
    }
    if (entries)
        w->opt.on_durable(w->opt.arg, durable);
    look_for_room(w);
}

static void submit_task(struct wal *w, struct task *t)
{
    must(!t->busy);
    t->busy = true;
    t->rc = RC_OK;
    t->err = (struct err){0};
    worker_submit(w->env->workers, LANE_WAL, &t->job);
}

static void submit_write(struct wal *w)
{
    must(w->flying);
    submit_task(w, &w->write);
}

static void chore_run(struct job *job)
{
    struct task *t = CONTAINER_OF(job, struct task, job);
    struct segments *s = &t->wal->segments;
    enum rc rc = s->failed ? s->failed : segments_remove(s, &t->err);
    if (rc == RC_OK)
        rc = segments_prepare(s, &t->err);
    run_end(t, rc);
}

static void chore_done(struct job *job)
{
    struct task *t = CONTAINER_OF(job, struct task, job);
    struct wal *w = t->wal;
    t->busy = false;
    if (w->closing || w->state == WAL_DEAD)
        return;
    w->needs_spare = t->rc != RC_OK;
    if (w->needs_spare)
        fail(w, t);
    else if (w->flying && !w->write.busy)
        submit_write(w);
    if (w->chore_again && w->state != WAL_DEAD)
        submit_chore(w);
    look_for_room(w);
}

static void submit_chore(struct wal *w)
{
    w->chore_again = w->chore.busy;
    if (!w->chore.busy)
        submit_task(w, &w->chore);
}

static void retry_fire(struct timer *timer)
{
    submit_chore(CONTAINER_OF(timer, struct wal, retry));
}
