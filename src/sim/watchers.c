#include "sim/watchers.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

struct batch {
    struct list link;
    struct blob *events;
    int64_t revision;  /* the header's */
    int64_t compacted; /* when it was sent: pairs before that cannot be told */
};

static void say_wrong(struct watchers *w, const char *what)
{
    if (!w->wrong)
        w->wrong = what;
}

/* ---- What the server says ---- */

static struct sim_watcher *of(struct watcher *w)
{
    return CONTAINER_OF(w, struct sim_watcher, watcher);
}

static bool wants(struct watcher *w)
{
    return of(w)->takes > 0;
}

static void events(struct watcher *watcher, const struct watch_events *e)
{
    struct sim_watcher *s = of(watcher);
    struct batch *b = mem_zalloc(sizeof(*b));
    must(s->takes > 0);
    s->takes--;
    *b = (struct batch){.events = blob_share(e->encoded),
                        .revision = e->revision,
                        .compacted = kv_compacted(s->all->kv)};
    list_add_tail(&s->batches, &b->link);
}

static void free_batch(struct batch *b)
{
    list_remove(&b->link);
    blob_release(b->events);
    free(b);
}

static void drop_batches(struct sim_watcher *s)
{
    while (!list_empty(&s->batches))
        free_batch(CONTAINER_OF(s->batches.next, struct batch, link));
}

static void judge_batches(struct sim_watcher *s);

/* The client begins anew, from the present. */
static void lost(struct watcher *watcher, int64_t compacted)
{
    struct sim_watcher *s = of(watcher);
    judge_batches(s);
    if (compacted != kv_compacted(s->all->kv))
        say_wrong(s->all, "a watch was told another compaction than there was");
    if (s->next >= compacted)
        say_wrong(s->all, "a watch was said to have lost events that are there");
    s->all->lost++;
    s->next = kv_revision(s->all->kv) + 1;
}

static void failed(struct watcher *watcher, enum rc rc)
{
    (void)rc;
    say_wrong(of(watcher)->all, "a watch met damage");
}

/* ---- What must have been said ---- */

static bool is_due(const struct sim_watcher *s, const struct model_key *k,
                   const struct model_version *v, int64_t last)
{
    return v->main >= s->next && v->main <= last &&
           model_in_range(buf_slice(&k->name), slice_str(s->key), slice_str(s->range_end)) &&
           !(s->kind & (v->dead ? WATCH_NO_DELETE : WATCH_NO_PUT));
}

static size_t count_due(const struct sim_watcher *s, int64_t last)
{
    size_t n = 0;
    for (size_t i = 0; i < s->all->model->n; i++) {
        const struct model_key *k = &s->all->model->keys[i];
        for (size_t j = 0; j < k->n; j++)
            n += is_due(s, k, &k->v[j], last);
    }
    return n;
}

static const char *judge_previous(const struct sim_watcher *s, const struct model_key *k,
                                  const struct pb_event *e, int64_t compacted)
{
    int64_t before = e->kv->mod_revision - 1;
    const struct model_version *v = model_alive(k, before);
    bool wanted = (s->kind & WATCH_PREV_KV) && v && before >= compacted;
    if (wanted != (e->prev_kv != NULL))
        return wanted ? "a watch misses the pair before" : "a watch shows a pair before";
    if (wanted &&
        (e->prev_kv->mod_revision != v->main || !slice_eq(e->prev_kv->value, buf_slice(&v->value))))
        return "a watch shows another pair before";
    return NULL;
}

static const char *judge_event(const struct sim_watcher *s, const struct pb_event *e,
                               int64_t compacted)
{
    for (size_t i = 0; i < s->all->model->n; i++) {
        const struct model_key *k = &s->all->model->keys[i];
        if (!slice_eq(buf_slice(&k->name), e->kv->key))
            continue;
        for (size_t j = 0; j < k->n; j++) {
            const struct model_version *v = &k->v[j];
            if (v->main != e->kv->mod_revision)
                continue;
            if (v->dead != (e->type == PB_EVENT_TYPE_DELETE) || !is_due(s, k, v, INT64_MAX))
                return "a watch shows what it must not";
            if (!v->dead && (v->create != e->kv->create_revision || v->version != e->kv->version ||
                             !slice_eq(e->kv->value, buf_slice(&v->value))))
                return "a watch shows another pair than was put";
            return judge_previous(s, k, e, compacted);
        }
    }
    return "a watch shows what never happened";
}

static const char *judge_batch(struct sim_watcher *s, const struct batch *b, struct arena *a)
{
    struct pb_watch_response r;
    int64_t last = s->next - 1;
    if (wire_decode(&wire_watch_response, blob_slice(b->events), a, &r) != RC_OK || r.events_n == 0)
        return "a watch's events cannot be read";
    for (size_t i = 0; i < r.events_n; i++) {
        const struct pb_event *e = &r.events[i];
        if (e->kv->mod_revision < last)
            return "a watch goes back in time"; /* etcd#15271 */
        last = e->kv->mod_revision;
        for (size_t j = 0; j < i; j++)
            if (r.events[j].kv->mod_revision == last && slice_eq(r.events[j].kv->key, e->kv->key))
                return "a watch shows a change twice";
        const char *wrong = judge_event(s, e, b->compacted);
        if (wrong)
            return wrong;
    }
    if (b->revision < last)
        return "a watch's header is behind its events";
    if (count_due(s, last) != r.events_n)
        return "a watch misses a change";
    s->next = last + 1;
    return NULL;
}

static void judge_batches(struct sim_watcher *s)
{
    struct arena a = {0};
    list_each (item, &s->batches) {
        struct batch *b = CONTAINER_OF(item, struct batch, link);
        s->all->batches++;
        const char *wrong = judge_batch(s, b, &a);
        if (wrong)
            say_wrong(s->all, wrong);
        free_batch(b);
        arena_fini(&a);
    }
    /* Now progress could be told: then nothing may be missing. */
    if (watcher_is_current(&s->watcher) && count_due(s, kv_revision(s->all->kv)) > 0)
        say_wrong(s->all, "a watch counts as current and misses a change");
}

/* ---- The clients ---- */

static void open_watch(struct sim_watcher *s)
{
    static const struct watcher_ops ops = {wants, events, lost, failed};
    s->watcher = (struct watcher){.ops = &ops};
    watcher_open(&s->watcher, s->all->kv, slice_str(s->key), slice_str(s->range_end), s->kind,
                 s->next);
}

void watchers_init(struct watchers *w, const struct model *model)
{
    static const struct {
        const char *key;
        const char *range_end;
        unsigned kind;
    } kinds[WATCHERS_MAX] = {
        {"a", "", WATCH_PREV_KV},
        {"a", "b", 0},
        {"a", "b", 0},
        {"a", "zz", WATCH_PREV_KV},
        {"b", "c", WATCH_NO_PUT},
        {"a", "c", WATCH_NO_DELETE},
        {"c", "", 0},
    };
    *w = (struct watchers){.model = model};
    for (size_t i = 0; i < WATCHERS_MAX; i++) {
        w->v[i] = (struct sim_watcher){.all = w,
                                       .key = kinds[i].key,
                                       .range_end = kinds[i].range_end,
                                       .kind = kinds[i].kind,
                                       .next = 1};
        list_init(&w->v[i].batches);
    }
}

void watchers_begin(struct watchers *w, struct kv *kv)
{
    w->kv = kv;
    for (size_t i = 0; i < WATCHERS_MAX; i++)
        open_watch(&w->v[i]);
}

void watchers_end(struct watchers *w)
{
    if (!w->kv)
        return;
    for (size_t i = 0; i < WATCHERS_MAX; i++) {
        judge_batches(&w->v[i]); /* what was sent is not taken back */
        watcher_close(&w->v[i].watcher);
    }
    w->kv = NULL;
}

void watchers_step(struct watchers *w, struct rng *rng)
{
    struct sim_watcher *s = &w->v[rng_below(rng, WATCHERS_MAX)];
    if (s->watcher.state == WATCHER_CLOSED) {
        open_watch(s);
    } else if (rng_chance(rng, 20000)) { /* ask again, perhaps from before */
        watcher_close(&s->watcher);
        if (rng_chance(rng, 300000) && s->next > 1) {
            drop_batches(s);
            s->next = (int64_t)rng_between(rng, 1, (uint64_t)s->next);
        }
        open_watch(s);
    } else {
        s->takes = (unsigned)rng_below(rng, 20);
        watcher_go_on(&s->watcher);
    }
}

const char *watchers_check(struct watchers *w)
{
    for (size_t i = 0; i < WATCHERS_MAX && w->kv; i++)
        judge_batches(&w->v[i]);
    return w->wrong;
}
