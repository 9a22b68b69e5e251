#include "kv/watch.h"

#include "base/must.h"
#include "kv/inner.h"
#include "kv/watch_inner.h"
#include "wire/kv_codec.h"

void watches_init(struct watches *w, const struct env *env)
{
    spans_init(&w->listeners, env->rng ? rng_u64(env->rng) : 1);
    list_init(&w->due);
}

void watches_fini(struct watches *w)
{
    spans_fini(&w->listeners);
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
    struct watches *w = &l->kv->watches;
    list_remove(&l->link);
    spans_drop(&w->listeners, l->span);
    l->kv = NULL;
}

struct change ring_change(const struct ring_entry *e)
{
    struct pb_key_value pair;
    enum rc rc = codec_key_value_parse(ring_entry_value(e), &pair);
    must(rc == RC_OK);
    return (struct change){.key = pair.key,
                           .rev = e->rev,
                           .deleted = e->key_len == REVISION_TOMBSTONE_LEN,
                           .encoded = ring_entry_value(e)};
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

void watches_notify(struct kv *kv, size_t changes)
{
    struct watches *w = &kv->watches;
    for (size_t i = 0; i < changes && w->listeners.n > 0; i++) {
        struct change c = ring_change(ring_at(&kv->ring, kv->ring.n - changes + i));
        tell_listeners(w, &c);
    }
}
