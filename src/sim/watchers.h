/* watchers - clients that watch a simulated server, and what each must have seen: of the keys it
 * watches every change from where it began (reliable), once (unique), by revision (ordered), a
 * revision's changes together (atomic), the pair before beside it if asked for; also over crashes,
 * after which it asks from where it was (resumable); and nothing is left out once it was told the
 * revision (bookmarkable). What compaction took is told as lost, and only that. etcd's document
 * "KV API guarantees" has the list.
 *
 * Batches are written down as they come and judged against the model when that knows of them. */
#ifndef MOAT_SIM_WATCHERS_H
#define MOAT_SIM_WATCHERS_H

#include "kv/watch.h"
#include "sim/model.h"

#define WATCHERS_MAX 7u

struct sim_watcher {
    struct watcher watcher;
    struct watchers *all;
    const char *key;
    const char *range_end;
    unsigned kind;
    unsigned takes;      /* batches it will take before it pauses */
    int64_t next;        /* everything before was seen */
    struct list batches; /* not judged yet */
};

struct watchers {
    const struct model *model;
    struct kv *kv; /* NULL: the server is down */
    struct sim_watcher v[WATCHERS_MAX];
    const char *wrong; /* the first thing that was */
    uint64_t batches;  /* judged */
    uint64_t lost;     /* watches that compaction ended */
};

void watchers_init(struct watchers *w, const struct model *model);
/* The server is up: everybody asks from where they were. */
void watchers_begin(struct watchers *w, struct kv *kv);
void watchers_end(struct watchers *w); /* it goes down; harmless when it is */
/* Somebody begins, or reads on, or goes. */
void watchers_step(struct watchers *w, struct rng *rng);
/* Judge what came. NULL, or what is wrong. */
const char *watchers_check(struct watchers *w);

#endif
