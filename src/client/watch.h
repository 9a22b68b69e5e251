/* watch - one watch that outlives connections.
 *
 * When its stream is lost it is created again behind the last event that was given out, so events
 * come once and in order (etcd's client/v3/watch.go). A watch that the server cancels (compacted,
 * permission) is over. */
#ifndef MOAT_CLIENT_WATCH_H
#define MOAT_CLIENT_WATCH_H

#include "client/client.h"

struct client_watch;

struct client_watch_options {
    struct slice key;
    struct slice range_end;
    int64_t revision; /* 0: from now on */
    bool prev_kv;
    bool progress_notify;
    bool fragment;
};

/* Copies what it needs. */
struct client_watch *client_watch_new(struct client *c, const struct client_watch_options *opt);
void client_watch_free(struct client_watch *w); /* NULL is fine */

/* The next answer, for events, progress or the end (canceled); the answer that only says "created"
 * is kept back. It leads into arena. RC_AGAIN: none yet; RC_END: over. */
MUST_USE enum rc client_watch_next(struct client_watch *w, struct arena *arena,
                                   struct pb_watch_response *out);
void client_watch_request_progress(struct client_watch *w);

/* Why a canceled watch ended, as etcd's client says it. */
void client_watch_reason(const struct pb_watch_response *r, struct buf *out);

/* client_watch_next, waiting for it and for fd (-1: none). RC_CANCELED: fd has input. */
MUST_USE enum rc client_watch_await(struct client_watch *w, int fd, struct arena *arena,
                                    struct pb_watch_response *out);

#endif
