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

#define WATCH_SLICE_NS         (NS_PER_MS)  /* of the loop's time at once, for those behind */
#define WATCH_BATCH_BYTES      (256u << 10) /* of events sent at once to one who is behind … */
#define WATCH_BATCH_REVISIONS  1000u        /* … or so many revisions: etcd's number */
#define WATCH_REVISION_MAX     (128u << 20) /* bytes of events of one revision */
#define WATCH_LOOK_MAX         10000u       /* watchers looked at for the slowest */
#define WATCH_LIVE_CHANGES_MAX 256u /* a larger transaction is read back in turns, like history */

/* ---- From within ---- */

struct change {
    struct slice key;
    struct revision rev;
    bool deleted;
    bool created;         /* the key was not alive before: not even within the transaction */
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

/* ---- Watches ---- */

#define WATCH_NO_PUT    1u /* leave out events of this kind */
#define WATCH_NO_DELETE 2u
#define WATCH_PREV_KV   4u /* with the pair as it was before, where it still can be read */
#define WATCH_KINDS     8u

/* What a watcher is given: events of one or more whole revisions. */
struct watch_events {
    int64_t revision;     /* for the header: everything up to it that there is to tell was told */
    struct blob *encoded; /* fields `events` of a WatchResponse; share it to keep it */
};

struct watcher;
struct watcher_ops {
    /* Will you take events now? False: stopped, until watcher_go_on. */
    bool (*wants)(struct watcher *w);
    void (*events)(struct watcher *w, const struct watch_events *e);
    /* Over, and closed: its next events lie before this compaction. */
    void (*lost)(struct watcher *w, int64_t compacted);
    /* Over, and closed: RC_CORRUPT, or RC_LIMIT for a revision above WATCH_REVISION_MAX. */
    void (*failed)(struct watcher *w, enum rc rc);
};

enum watcher_state { WATCHER_CLOSED, WATCHER_CURRENT, WATCHER_BEHIND, WATCHER_STOPPED };

struct watcher {
    const struct watcher_ops *ops;
    struct kv *kv;
    struct span *span;
    struct list member; /* in its span */
    struct list turn;   /* among those behind, or stopped */
    struct revision at; /* it has everything before */
    enum watcher_state state;
};

/* Watch [key, range_end) from revision `from` on, 0: the next one. Events come from later turns of
 * the loop, never from within. None of the callbacks may open or close a watcher. w is the
 * caller's, with ops set; the slices may go after. */
void watcher_open(struct watcher *w, struct kv *kv, struct slice key, struct slice range_end,
                  unsigned kind, int64_t from);
void watcher_close(struct watcher *w); /* harmless when closed */
void watcher_go_on(struct watcher *w); /* harmless when not stopped */

/* It was given everything up to the current revision. */
static inline bool watcher_is_current(const struct watcher *w)
{
    return w->state == WATCHER_CURRENT;
}

struct watch_stats {
    size_t watchers;
    size_t slow; /* of them, those behind and stopped */
    size_t spans;
    uint64_t events; /* batches given so far */
};
void watch_stats(const struct kv *kv, struct watch_stats *out);

/* Of those behind and stopped the ones that lack the most revisions, these first: at most max,
 * found among WATCH_LOOK_MAX. Returns how many. Valid until one is closed. */
size_t watch_slowest(const struct kv *kv, struct watcher **out, size_t max);

#endif
