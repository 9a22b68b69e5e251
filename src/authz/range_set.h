/* range_set - which keys a user may touch: permissions merged into disjoint ranges.
 *
 * A permission, as a request, has etcd's notation: without a range_end it is of one key, with "\0"
 * it goes on to the end of all keys, else it covers key <= k < range_end. What neighbours touch is
 * one range, so a request may be covered by several permissions together. Adding is followed by
 * range_set_merge before anything is asked. The set has copies of all its bytes. */
#ifndef MOAT_AUTHZ_RANGE_SET_H
#define MOAT_AUTHZ_RANGE_SET_H

#include "base/arena.h"

struct range_set {
    struct key_range {
        struct slice from;
        struct slice to; /* exclusive; empty: no end */
    } * v;
    size_t n;
    size_t cap;
    struct arena arena;
};

void range_set_fini(struct range_set *s); /* empty after, for use again */
/* A range_end that is not above key covers nothing and is left out. */
void range_set_add(struct range_set *s, struct slice key, struct slice range_end);
void range_set_merge(struct range_set *s);
/* Is every key of the request in the set? Of a request whose range_end is not above its key, which
 * reads nothing, the key counts. O(log n). */
bool range_set_covers(const struct range_set *s, struct slice key, struct slice range_end);

#endif
