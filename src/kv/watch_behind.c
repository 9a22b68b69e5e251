/* Watchers that are behind: cursors into history, which lies in storage up to the last flush and in
 * the ring from there on. One is served at a time, for at most a slice, until its batch is full or
 * history is at its end. */
#include "base/must.h"
#include "kv/inner.h"
#include "kv/watch.h"
#include "kv/watch_inner.h"
#include "wire/kv_codec.h"

#define FOUND_MAX   64u /* changes found before they are encoded: storage is left alone meanwhile */
#define CLOCK_EVERY 64u /* revisions between looks at the clock */

static void on_timer(struct timer *t);

void watches_init(struct watches *w, const struct env *env)
{
    *w = (struct watches){.timer.fire = on_timer};
    spans_init(&w->listeners, env->rng ? rng_u64(env->rng) : 1);
    spans_init(&w->watchers, env->rng ? rng_u64(env->rng) : 2);
    list_init(&w->due);
    list_init(&w->turns);
    list_init(&w->stopped);
}

static void wake(struct kv *kv)
{
    if (!timer_active(&kv->watches.timer))
        env_after(kv->env, &kv->watches.timer, 0);
}

void behind_add(struct watcher *w, enum watcher_state state)
{
    struct watches *all = &w->kv->watches;
    w->state = state;
    all->slow_n++;
    list_add_tail(state == WATCHER_STOPPED ? &all->stopped : &all->turns, &w->turn);
    if (state == WATCHER_BEHIND)
        wake(w->kv);
}

static void drop_batch(struct watches *all)
{
    all->batch.of = NULL;
    all->batch.revisions = 0;
    buf_fini(&all->batch.events);
}

void behind_remove(struct watcher *w)
{
    struct watches *all = &w->kv->watches;
    if (all->batch.of == w)
        drop_batch(all);
    list_remove(&w->turn);
    all->slow_n--;
    if (list_empty(&all->turns))
        timer_stop(w->kv->env->timers, &all->timer);
}

/* Keep the max slowest in order. Those that are not among them cost one comparison. */
static size_t insert(struct watcher **out, size_t n, size_t max, struct watcher *w)
{
    if (n == max && (max == 0 || revision_cmp(out[n - 1]->at, w->at) <= 0))
        return n;
    size_t i = n < max ? n++ : n - 1;
    for (; i > 0 && revision_cmp(out[i - 1]->at, w->at) > 0; i--)
        out[i] = out[i - 1];
    out[i] = w;
    return n;
}

size_t watch_slowest(const struct kv *kv, struct watcher **out, size_t max)
{
    const struct list *const lists[] = {&kv->watches.stopped, &kv->watches.turns};
    size_t n = 0;
    unsigned looked = 0;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (struct list *l = lists[i]->next; l != lists[i] && looked < WATCH_LOOK_MAX;
             l = l->next, looked++)
            n = insert(out, n, max, CONTAINER_OF(l, struct watcher, turn));
    return n;
}

/* ---- Reading on ---- */

struct reading {
    struct kv *kv;
    struct watcher *w;
    uint64_t until_ns;
    struct change found[FOUND_MAX];
    size_t found_n;
    size_t bytes; /* of the batch, about */
    unsigned visited;
    enum { READ_ON, READ_FULL, READ_LATER, READ_BAD } state;
    enum rc rc;
};

static void fail(struct reading *r, enum rc rc)
{
    r->state = READ_BAD;
    r->rc = rc;
}

/* The next change of those watched. False: it begins the next batch. */
static bool admit(struct reading *r, const struct change *c)
{
    struct watches *all = &r->kv->watches;
    if (c->rev.main != all->batch.last) {
        if (all->batch.revisions == WATCH_BATCH_REVISIONS ||
            (all->batch.revisions > 0 && r->bytes >= WATCH_BATCH_BYTES))
            return false;
        all->batch.last = c->rev.main;
        all->batch.revisions++;
    }
    r->bytes += c->encoded.n;
    r->found[r->found_n++] = *c;
    return true;
}

/* Look at a revision. False: no further now; w->at says where to go on. */
static bool look(struct reading *r, const struct change *c)
{
    const struct span *span = r->w->span;
    if (span_has(span, c->key) && !change_is_filtered(c, span->kind) && !admit(r, c)) {
        r->w->at = (struct revision){.main = c->rev.main};
        r->state = READ_FULL;
        return false;
    }
    r->w->at = (struct revision){c->rev.main, c->rev.sub + 1};
    if (++r->visited % CLOCK_EVERY == 0 && env_now_ns(r->kv->env) >= r->until_ns)
        r->state = READ_LATER;
    return r->state == READ_ON && r->found_n < FOUND_MAX;
}

static bool look_stored(void *arg, struct slice key, struct slice stored)
{
    struct reading *r = arg;
    struct change c;
    struct pb_key_value pair;
    if (revision_key_parse(key, &c.rev, &c.deleted) != RC_OK ||
        stored_value(stored, &c.encoded) != RC_OK ||
        codec_key_value_parse(c.encoded, &pair) != RC_OK) {
        fail(r, RC_CORRUPT);
        return false;
    }
    c.key = pair.key;
    c.created = pair.create_revision == c.rev.main;
    return c.rev.main <= r->kv->flushed && look(r, &c);
}

static void find_in_storage(struct reading *r)
{
    uint8_t from[REVISION_TOMBSTONE_LEN];
    revision_key_store(from, r->w->at, false);
    enum rc rc =
        storage_scan(r->kv->storage, TABLE_KEY, slice_of(from, REVISION_KEY_LEN), look_stored, r);
    if (rc != RC_OK)
        fail(r, rc);
    else if (r->state == READ_ON && r->found_n < FOUND_MAX)
        r->w->at = (struct revision){.main = r->kv->flushed + 1}; /* nothing more is there */
}

static void find_in_ring(struct reading *r)
{
    const struct ring *ring = &r->kv->ring;
    for (size_t i = ring_from(ring, r->w->at); i < ring->n; i++) {
        struct change c = change_of(ring_at(ring, i));
        if (!look(r, &c))
            return;
    }
    r->w->at = (struct revision){.main = r->kv->revision + 1};
}

/* What was found becomes events, now that storage may be asked for the pairs before. */
static void encode_found(struct reading *r)
{
    struct buf *out = &r->kv->watches.batch.events;
    for (size_t i = 0; i < r->found_n; i++) {
        enum rc rc = event_append(r->kv, &r->found[i], r->w->span->kind, out);
        if (rc == RC_OK && out->n > WATCH_REVISION_MAX + WATCH_BATCH_BYTES)
            rc = RC_LIMIT;
        if (rc != RC_OK) {
            fail(r, rc);
            return;
        }
    }
    r->found_n = 0;
    r->bytes = out->n;
}

/* Add to the batch of the watcher in turn, until it is to be given: READ_FULL. */
static void read_on(struct reading *r)
{
    while (r->state == READ_ON) {
        if (r->w->at.main > r->kv->revision) {
            r->state = READ_FULL;
            return;
        }
        if (r->w->at.main <= r->kv->flushed)
            find_in_storage(r);
        else
            find_in_ring(r);
        if (r->state != READ_BAD)
            encode_found(r);
    }
}

/* ---- Turns ---- */

static void end(struct watcher *w, int64_t compacted, enum rc rc)
{
    watcher_close(w);
    if (rc == RC_OK)
        w->ops->lost(w, compacted);
    else
        w->ops->failed(w, rc);
}

/* It has its batch, and is current, or goes behind the others that are not. */
static void next_turn(struct watcher *w)
{
    behind_remove(w);
    if (w->at.main > w->kv->revision)
        w->state = WATCHER_CURRENT;
    else
        behind_add(w, WATCHER_BEHIND);
}

static bool ask(struct watcher *w)
{
    if (w->ops->wants(w))
        return true;
    behind_remove(w);
    behind_add(w, WATCHER_STOPPED);
    return false;
}

/* Others may watch the same and be at the same place, as after a restart of many clients: they get
 * the same batch. */
static void give_batch(struct watcher *w)
{
    struct kv *kv = w->kv;
    struct watches *all = &kv->watches;
    struct revision from = all->batch.from;
    struct revision at = w->at;
    struct blob *b = blob_new(&all->batch.events);
    drop_batch(all);
    list_each (item, &w->span->members) {
        struct watcher *o = CONTAINER_OF(item, struct watcher, member);
        if (o != w && (o->state != WATCHER_BEHIND || revision_cmp(o->at, from) != 0 || !ask(o)))
            continue;
        o->at = at;
        if (b->n > 0)
            watcher_give(o, kv->revision, b);
        next_turn(o);
    }
    blob_release(b);
}

/* Serve the first in turn. */
static void serve(struct kv *kv, struct watcher *w, uint64_t until_ns)
{
    struct watches *all = &kv->watches;
    if (w->at.main < kv->compacted) {
        end(w, kv->compacted, RC_OK);
        return;
    }
    if (all->batch.of != w) {
        if (!ask(w))
            return;
        all->batch.of = w;
        all->batch.from = w->at;
        all->batch.last = 0;
    }
    struct reading r = {
        .kv = kv, .w = w, .until_ns = until_ns, .bytes = all->batch.events.n, .state = READ_ON};
    read_on(&r);
    if (r.state == READ_BAD)
        end(w, 0, r.rc);
    else if (r.state == READ_FULL)
        give_batch(w);
}

static void on_timer(struct timer *t)
{
    struct kv *kv = CONTAINER_OF(t, struct kv, watches.timer);
    struct watches *all = &kv->watches;
    uint64_t until_ns = env_now_ns(kv->env) + WATCH_SLICE_NS;
    must(!kv->open);
    do {
        if (list_empty(&all->turns))
            return;
        serve(kv, CONTAINER_OF(all->turns.next, struct watcher, turn), until_ns);
    } while (env_now_ns(kv->env) < until_ns);
    if (!list_empty(&all->turns))
        wake(kv);
}
