/* watch_inner - what kv keeps of those who watch it; for the files of this folder only. */
#ifndef MOAT_KV_WATCH_INNER_H
#define MOAT_KV_WATCH_INNER_H

#include "kv/watch.h"

/* What a revision in the ring did. */
struct change change_of(const struct ring_entry *e);
/* Does a watcher of this kind leave it out? */
bool change_is_filtered(const struct change *c, unsigned kind);
/* Append the event. RC_CORRUPT when the pair before cannot be read. */
MUST_USE enum rc event_append(struct kv *kv, const struct change *c, unsigned kind,
                              struct buf *out);

/* ---- watch.c ---- */

void watches_fini(struct watches *w); /* nobody may be left */
/* A transaction of so many changes, the last ones in the ring, has ended. */
void watches_notify(struct kv *kv, size_t changes);

void watcher_give(struct watcher *w, int64_t revision, struct blob *encoded);

/* ---- watch_behind.c ---- */

void watches_init(struct watches *w, const struct env *env);

/* It is served from w->at on, in its turn; or when it goes on again. */
void behind_add(struct watcher *w, enum watcher_state state);
void behind_remove(struct watcher *w);

#endif
