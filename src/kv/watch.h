/* watch - who is told of changes, of which keys, and from which revision on.
 *
 * Two kinds of users. A *listener* is somebody in this process (a lock that waits for a key to go):
 * it is called for each change, at the end of the transaction that made it. A *watcher* stands for
 * a client's watch: it gets encoded events, each revision whole, in order, without a gap, from a
 * revision on that may lie in the past. What many watchers get is encoded once and shared.
 *
 * A watcher is *current*: it is given each revision's events as the transaction ends; or *behind*:
 * a cursor into history, served in turns of at most WATCH_SLICE_NS of the loop; or *stopped*, as
 * its owner took no more, until that says watcher_go_on. So a slow reader costs a revision number
 * and not a queue. Nothing holds up compaction for it: who is behind a compaction has lost its
 * events, and is told.
 *
 * Deterministic given the same calls. Callbacks come from kv_end and from the env's timers; they
 * may read the key space, not change it. */
#ifndef MOAT_KV_WATCH_H
#define MOAT_KV_WATCH_H

#include "base/blob.h"
#include "kv/kv.h"
#include "kv/spans.h"

/* ---- From within ---- */

struct change {
    struct slice key;
    struct revision rev;
    bool deleted;
    struct slice encoded; /* the KeyValue; of a delete only its key is set */
};

struct listener {
    struct list link; /* in its span, or about to be called */
    struct kv *kv;    /* NULL: not listening */
    struct span *span;
    /* Valid for the call. May call listener_begin and listener_end of any listener. */
    void (*changed)(struct listener *l, const struct change *c);
};

/* Be called for each change of a key in [key, range_end) from the next one on. The caller
 * sets l->changed before; the slices may go after. */
void listener_begin(struct listener *l, struct kv *kv, struct slice key, struct slice range_end);
void listener_end(struct listener *l); /* harmless when not listening */

#endif
