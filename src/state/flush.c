/* Applied changes go to storage in batches, one on its way at a time. */
#include "base/must.h"
#include "env/metrics.h"
#include "kv/hash.h"
#include "state/inner.h"
#include "state/meta.h"

#include <stdlib.h>

static void run(struct job *job)
{
    struct state *s = CONTAINER_OF(job, struct state, flush.job);
    uint64_t begun_ns = env_now_ns(s->env);
    s->flush.rc = fault_hit(s->env->faults, "state.flush")
                      ? RC_IO
                      : storage_commit(s->opt.storage, s->flush.batch.ops, s->flush.batch.n);
    s->flush.ns = env_now_ns(s->env) - begun_ns;
}

static void submit(struct state *s)
{
    s->flush.out = true;
    worker_submit(s->env->workers, LANE_STORE, &s->flush.job);
}

/*~ 12. Long after the answer: what was applied since the last batch goes to storage, as one
 * transaction that also says how far it is. Two batches later the log may forget the entry
 * (on_flushed). */
static void begin(struct state *s)
{
    struct meta meta = {.applied_index = s->applied, .applied_term = s->applied_term};
    struct buf conf = {0};
    must(!s->flush.out && !s->flush.retry);
    s->flush.batch.n = 0;
    kv_flush_begin(s->kv, &s->flush.batch);
    pending_take(&s->pending, &s->flush.batch);
    kv_marks(s->kv, &meta.marks);
    s->opt.configuration(s->opt.arg, &meta.conf_index, &conf);
    meta.conf = buf_slice(&conf);
    meta_store(&meta, &s->flush.batch, &s->flush.meta);
    buf_fini(&conf);
    s->flush.index = s->applied;
    s->flush.dirty = false;
    timer_stop(s->env->timers, &s->flush.timer);
    submit(s);
}

/* Say when storage runs out of room, and when it has some again. */
static void tell_room(struct state *s)
{
    bool full = s->flush.retry || s->flush.low;
    if (full == s->flush.full)
        return;
    s->flush.full = full;
    s->opt.on_storage(s->opt.arg, full ? RC_NO_SPACE : RC_OK);
}

/* The commit before this one can no longer be undone: this one's sync made its meta page durable.
 */
static void committed(struct state *s)
{
    struct storage_stats stats;
    storage_refresh(s->opt.storage);
    kv_flush_done(s->kv);
    pending_done(&s->pending);
    storage_stats(s->opt.storage, &stats);
    s->used_bytes = stats.used_bytes;
    s->flush.safe = s->flush.kept;
    s->flush.kept = s->flush.index;
    s->flush.retry = false;
    s->flush.low = stats.room_low;
    tell_room(s);
    if (s->flush.low) /* look again, though nobody may write meanwhile */
        env_after(s->env, &s->flush.timer, (uint64_t)STATE_RETRY_MS * NS_PER_MS);
    else if (s->flush.dirty)
        env_after(s->env, &s->flush.timer, (uint64_t)STATE_FLUSH_MS * NS_PER_MS);
    s->opt.on_flushed(s->opt.arg, s->flush.safe);
}

static void done(struct job *job)
{
    struct state *s = CONTAINER_OF(job, struct state, flush.job);
    s->flush.out = false;
    if (s->flush.rc == RC_OK) {
        env_observe_ns(s->env, backend_commit, s->flush.ns);
        committed(s);
        return;
    }
    if (s->flush.rc == RC_NO_SPACE) {
        /* Nothing changed: the log keeps everything, and the same batch is tried until it fits. */
        s->flush.retry = true;
        env_after(s->env, &s->flush.timer, (uint64_t)STATE_RETRY_MS * NS_PER_MS);
        tell_room(s);
        return;
    }
    s->flush.broken = true;
    s->opt.on_storage(s->opt.arg, s->flush.rc);
}

static void due(struct timer *t)
{
    struct state *s = CONTAINER_OF(t, struct state, flush.timer);
    if (s->flush.out || s->flush.broken)
        return;
    if (s->flush.retry)
        submit(s);
    else
        begin(s);
}

void flush_init(struct state *s)
{
    s->flush.timer.fire = due;
    s->flush.job.run = run;
    s->flush.job.done = done;
}

void flush_fini(struct state *s)
{
    must(!s->flush.out);
    timer_stop(s->env->timers, &s->flush.timer);
    free(s->flush.batch.ops);
    buf_fini(&s->flush.meta);
}

void flush_note(struct state *s)
{
    s->flush.dirty = true;
    if (!s->flush.out && !timer_active(&s->flush.timer))
        env_after(s->env, &s->flush.timer, (uint64_t)STATE_FLUSH_MS * NS_PER_MS);
}

static bool is_much(const struct state *s)
{
    return kv_flush_urgent(s->kv) ||
           kv_unflushed_ops(s->kv) + pending_count(&s->pending) >= STATE_FLUSH_OPS ||
           state_unflushed_bytes(s) >= STATE_FLUSH_BYTES;
}

bool state_turn(struct state *s)
{
    bool more = leases_tidy(&s->leases);
    more = kv_sweep(s->kv) || more;
    more = kv_hash_turn(s->kv) || more;
    if (s->flush.out || s->flush.retry || s->flush.broken)
        return false; /* the job's end brings the next turn */
    if (is_much(s))
        begin(s);
    return more;
}

enum rc state_sync(struct state *s)
{
    worker_drain(s->env->workers, LANE_STORE);
    if (s->flush.broken)
        return RC_IO;
    if (s->flush.retry) {
        submit(s);
        worker_drain(s->env->workers, LANE_STORE);
    }
    if (s->flush.dirty && !s->flush.retry) {
        begin(s);
        worker_drain(s->env->workers, LANE_STORE);
    }
    if (s->flush.retry || s->flush.broken)
        return s->flush.rc;
    return storage_sync(s->opt.storage);
}
