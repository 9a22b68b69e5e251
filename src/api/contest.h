/* contest - a place in the queue of keys below a prefix: what locks and elections are made of.
 *
 * A contender puts the key PREFIX/LEASE, the lease in hex, bound to the lease, and has won once no
 * key below the prefix was created before its own. While it waits it looks at its predecessor
 * alone. Before it is told that it has won, its own key is looked at again: a session that ended
 * meanwhile has won nothing. Source: etcd's client/v3/concurrency. */
#ifndef MOAT_API_CONTEST_H
#define MOAT_API_CONTEST_H

#include "api/errand.h"
#include "kv/watch.h"

#define CONTEST_SESSION_TTL 60 /* seconds: of the lease made when a request names none */

struct contest {
    struct api *api;
    struct slice token; /* borrowed, like name and value, from the call that it is for */
    struct slice name;
    struct slice value;
    int64_t lease;
    bool proclaim; /* the key's value is to be ours, also when the session has the key already */
    /* Once, never within contest_begin's own errands after contest_end: error NULL: won.
     * explain may be NULL. */
    void (*done)(struct contest *c, const char *error, const char *explain);

    /* The outcome. */
    struct buf key;
    int64_t revision;                  /* of the key's creation */
    struct pb_response_header joined;  /* of the transaction that put the key */
    struct pb_response_header checked; /* of the last look at it */

    struct errand errand;
    void (*step)(struct contest *c, struct slice message);
    struct buf prefix;
    struct buf prefix_end;
    size_t charged;         /* bytes counted in the budget */
    struct listener before; /* our predecessor's key */
    struct listener own;
};

/* The first seven fields and done are set, the rest is zero. name, token and value stay where they
 * are until contest_end. */
void contest_begin(struct contest *c);
/* The client is gone: leave the queue, too. contest_end must follow. */
void contest_withdraw(struct contest *c);
void contest_end(struct contest *c);

/* NAME/, the prefix of its keys, and the first key behind them. */
void contest_prefix(struct slice name, struct buf *prefix, struct buf *end);
/* The request for the oldest key there. */
struct pb_range_request contest_first(const struct buf *prefix, const struct buf *end);

#endif
