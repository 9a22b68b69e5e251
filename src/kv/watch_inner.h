/* watch_inner - what kv keeps of those who watch it; for the files of this folder only. */
#ifndef MOAT_KV_WATCH_INNER_H
#define MOAT_KV_WATCH_INNER_H

#include "kv/watch.h"

/* What a revision in the ring did. */
struct change ring_change(const struct ring_entry *e);

void watches_init(struct watches *w, const struct env *env);
void watches_fini(struct watches *w); /* nobody may be left */
/* A transaction of so many changes, the last ones in the ring, has ended. */
void watches_notify(struct kv *kv, size_t changes);

#endif
