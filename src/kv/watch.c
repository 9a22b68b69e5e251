#include "kv/watch.h"

#include "base/mem.h"
#include "base/must.h"
#include "kv/inner.h"
#include "kv/watch_inner.h"
#include "wire/kv_codec.h"

#include <stdlib.h>

#define SHARED_MAX 8u /* differing sets of events of one transaction that are kept to be shared */

_Static_assert(WATCH_LIVE_CHANGES_MAX % 64 == 0, "sets of changes are words of bits");

/* Which changes of a transaction, by their number in it. */
struct change_set {
    uint64_t bits[WATCH_LIVE_CHANGES_MAX / 64];
};

struct touched {
    struct span *span;
    struct change_set set;
};

void watches_fini(struct watches *w)
{
    must(w->watcher_n == 0 && list_empty(&w->turns));
    spans_fini(&w->listeners);
    spans_fini(&w->watchers);
    free(w->touched);
}

/* ---- Changes and events ---- */

struct change change_of(const struct ring_entry *e)
{
    struct pb_key_value pair;
    enum rc rc = codec_key_value_parse(ring_entry_value(e), &pair);
    must(rc == RC_OK);
    return (struct change){.key = pair.key,
                           .rev = e->rev,
                           .deleted = e->key_len == REVISION_TOMBSTONE_LEN,
                           .created = pair.create_revision == e->rev.main,
                           .encoded = ring_entry_value(e)};
}

bool change_is_filtered(const struct change *c, unsigned kind)
{
    return kind & (c->deleted ? WATCH_NO_DELETE : WATCH_NO_PUT);
}

/* The pair before the transaction. None for one that was created in it, even if it was deleted just
 * before, or when compaction has eaten it. */
static enum rc find_previous(struct kv *kv, const struct change *c, struct slice *encoded)
{
    struct index_hit hit;
    int64_t before = c->rev.main - 1;
    if (c->created || before < kv->compacted || index_get(kv->index, c->key, before, &hit) != RC_OK)
        return RC_NOT_FOUND;
    return kv_get_revision(kv, hit.mod, encoded);
}

enum rc event_append(struct kv *kv, const struct change *c, unsigned kind, struct buf *out)
{
    struct slice previous = {0};
    enum rc rc = kind & WATCH_PREV_KV ? find_previous(kv, c, &previous) : RC_NOT_FOUND;
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    codec_event(c->deleted ? c->rev.main : 0, c->encoded, previous, out);
    return RC_OK;
}

/* ---- From within ---- */

void listener_begin(struct listener *l, struct kv *kv, struct slice key, struct slice range_end)
{
    must(!l->kv);
    l->kv = kv;
    l->span = spans_take(&kv->watches.listeners, key, range_end, 0);
    list_add_tail(&l->span->members, &l->link);
}

void listener_end(struct listener *l)
{
    if (!l->kv)
        return;
    list_remove(&l->link);
    spans_drop(&l->kv->watches.listeners, l->span);
    l->kv = NULL;
}

static void note_listeners(void *arg, struct span *span)
{
    struct watches *w = arg;
    list_each (item, &span->members) {
        list_remove(item);
        list_add_tail(&w->due, item);
    }
}

/* Those that are called may begin and end others, so those to be called wait in a list of their
 * own, from which they can be taken. */
static void tell_listeners(struct watches *w, const struct change *c)
{
    spans_find(&w->listeners, c->key, note_listeners, w);
    for (struct list *item = list_pop(&w->due); item; item = list_pop(&w->due)) {
        struct listener *l = CONTAINER_OF(item, struct listener, link);
        list_add_tail(&l->span->members, &l->link);
        l->changed(l, c);
    }
}

/* ---- Watchers ---- */

void watcher_open(struct watcher *w, struct kv *kv, struct slice key, struct slice range_end,
                  unsigned kind, int64_t from)
{
    must(!kv->open && w->state == WATCHER_CLOSED && from >= 0 && kind < WATCH_KINDS);
    struct watches *all = &kv->watches;
    w->kv = kv;
    w->span = spans_take(&all->watchers, key, range_end, (uint8_t)kind);
    w->at = (struct revision){.main = from};
    list_init(&w->turn);
    list_add_tail(&w->span->members, &w->member);
    all->watcher_n++;
    if (from == 0 || from > kv->revision)
        w->state = WATCHER_CURRENT; /* perhaps only from a revision of the future on */
    else
        behind_add(w, WATCHER_BEHIND);
}

void watcher_close(struct watcher *w)
{
    if (w->state == WATCHER_CLOSED)
        return;
    struct watches *all = &w->kv->watches;
    if (w->state != WATCHER_CURRENT)
        behind_remove(w);
    list_remove(&w->member);
    spans_drop(&all->watchers, w->span);
    all->watcher_n--;
    w->state = WATCHER_CLOSED;
}

void watcher_go_on(struct watcher *w)
{
    if (w->state != WATCHER_STOPPED)
        return;
    behind_remove(w);
    behind_add(w, WATCHER_BEHIND);
}

void watcher_give(struct watcher *w, int64_t revision, struct blob *encoded)
{
    const struct watch_events e = {.revision = revision, .encoded = encoded};
    w->kv->watches.given++;
    w->ops->events(w, &e);
}

void watch_stats(const struct kv *kv, struct watch_stats *out)
{
    const struct watches *all = &kv->watches;
    *out = (struct watch_stats){.watchers = all->watcher_n,
                                .slow = all->slow_n,
                                .spans = all->watchers.n,
                                .events = all->given};
}

/* ---- A transaction has ended ---- */

/* The changes at hand: the last n of the ring. */
struct live {
    struct kv *kv;
    size_t n;
    size_t at; /* the one looked at */
    struct {
        struct change_set set;
        unsigned kind; /* of it, what decides about the bytes */
        struct blob *encoded;
    } shared[SHARED_MAX];
    size_t shared_n;
};

static struct change live_change(const struct live *l, size_t i)
{
    return change_of(ring_at(&l->kv->ring, l->kv->ring.n - l->n + i));
}

static void touch(void *arg, struct span *span)
{
    struct live *l = arg;
    struct watches *w = &l->kv->watches;
    if (span->mark != l->kv->revision) {
        if (w->touched_n == w->touched_cap) {
            w->touched_cap = w->touched_cap ? w->touched_cap * 2 : 64;
            w->touched = mem_realloc(w->touched, w->touched_cap * sizeof(*w->touched));
        }
        span->mark = l->kv->revision;
        span->slot = (uint32_t)w->touched_n;
        w->touched[w->touched_n++] = (struct touched){.span = span};
    }
    if (l->at < WATCH_LIVE_CHANGES_MAX)
        w->touched[span->slot].set.bits[l->at / 64] |= (uint64_t)1 << l->at % 64;
}

/* Encode the set's changes, less those filtered. NULL: nothing is left, or it cannot be read. */
static struct blob *encode(const struct live *l, const struct change_set *set, unsigned kind,
                           enum rc *rc)
{
    struct buf out = {0};
    *rc = RC_OK;
    for (size_t i = 0; i < l->n && *rc == RC_OK; i++) {
        if (!(set->bits[i / 64] >> i % 64 & 1))
            continue;
        struct change c = live_change(l, i);
        if (!change_is_filtered(&c, kind))
            *rc = event_append(l->kv, &c, kind, &out);
    }
    if (*rc == RC_OK && out.n > 0)
        return blob_new(&out);
    buf_fini(&out);
    return NULL;
}

/* Spans that differ may have the same changes: what was encoded for one serves the other. */
static struct blob *encode_shared(struct live *l, const struct touched *t, enum rc *rc)
{
    for (size_t i = 0; i < l->shared_n; i++)
        if (l->shared[i].kind == t->span->kind &&
            memcmp(&l->shared[i].set, &t->set, sizeof(t->set)) == 0)
            return blob_share(l->shared[i].encoded);
    struct blob *b = encode(l, &t->set, t->span->kind, rc);
    if (b && l->shared_n < SHARED_MAX) {
        l->shared[l->shared_n].set = t->set;
        l->shared[l->shared_n].kind = t->span->kind;
        l->shared[l->shared_n++].encoded = blob_share(b);
    }
    return b;
}

static bool is_due(const struct watcher *w, int64_t revision)
{
    return w->state == WATCHER_CURRENT && w->at.main <= revision;
}

static void tell_members(struct kv *kv, struct span *span, struct blob *encoded)
{
    list_each (item, &span->members) {
        struct watcher *w = CONTAINER_OF(item, struct watcher, member);
        if (!is_due(w, kv->revision))
            continue;
        w->at = (struct revision){.main = kv->revision};
        if (encoded && w->ops->wants(w))
            watcher_give(w, kv->revision, encoded);
        else
            behind_add(w, encoded ? WATCHER_STOPPED : WATCHER_BEHIND);
    }
}

static void tell_span(struct live *l, const struct touched *t)
{
    enum rc rc = RC_OK;
    /* Whoever is to get what cannot be read, or is very large, meets it as history, in turns. */
    struct blob *b = l->n <= WATCH_LIVE_CHANGES_MAX ? encode_shared(l, t, &rc) : NULL;
    if (b || rc != RC_OK || l->n > WATCH_LIVE_CHANGES_MAX)
        tell_members(l->kv, t->span, b);
    blob_release(b);
}

static void tell_watchers(struct kv *kv, size_t changes)
{
    struct watches *w = &kv->watches;
    struct live l = {.kv = kv, .n = changes};
    w->touched_n = 0;
    for (l.at = 0; l.at < changes; l.at++)
        spans_find(&w->watchers, live_change(&l, l.at).key, touch, &l);
    for (size_t i = 0; i < w->touched_n; i++)
        tell_span(&l, &w->touched[i]);
    for (size_t i = 0; i < l.shared_n; i++)
        blob_release(l.shared[i].encoded);
}

void watches_notify(struct kv *kv, size_t changes)
{
    struct watches *w = &kv->watches;
    if (w->watchers.n > 0)
        tell_watchers(kv, changes);
    for (size_t i = 0; i < changes && w->listeners.n > 0; i++) {
        struct change c = change_of(ring_at(&kv->ring, kv->ring.n - changes + i));
        tell_listeners(w, &c);
    }
}
