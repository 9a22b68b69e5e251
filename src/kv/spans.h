/* spans - which of many ranges of keys have a given key in them.
 *
 * A treap ordered by where ranges begin, in which each node knows the greatest end below it: to
 * find all ranges around a key costs O(log n) and what is found, also when all of them are single
 * keys. Equal ranges of one kind are one span, whoever holds it. */
#ifndef MOAT_KV_SPANS_H
#define MOAT_KV_SPANS_H

#include "base/cc.h"
#include "base/list.h"
#include "base/rng.h"
#include "base/slice.h"

struct span {
    struct list members; /* the users' */
    struct slice from;
    struct slice to; /* not included; empty with open_end and of a single key */
    bool open_end;
    uint8_t kind;        /* the users'; spans of different kinds are different */
    uint32_t users;      /* spans_take, less spans_drop */
    uint32_t slot;       /* the users' */
    int64_t mark;        /* the users'; 0 at first */
    struct {             /* spans.c's own */
        uint64_t weight; /* not above the parent's */
        struct span *left;
        struct span *right;
        struct span *last; /* of this subtree, the one that ends last */
    } in;
    uint8_t bytes[]; /* from, to */
};

struct spans {
    struct span *root;
    size_t n;
    struct rng rng; /* for weights: nobody outside can make the tree deep */
};

void spans_init(struct spans *s, uint64_t seed);
void spans_fini(struct spans *s); /* no span may be left */

/* The span of [key, range_end) as etcd reads the pair (kv.h), for one more user. */
MUST_USE struct span *spans_take(struct spans *s, struct slice key, struct slice range_end,
                                 uint8_t kind);
void spans_drop(struct spans *s, struct span *span); /* one user less; freed with the last */

/* Call fn for each span that has key, in order of where they begin. fn must not take or drop. */
void spans_find(const struct spans *s, struct slice key, void (*fn)(void *arg, struct span *span),
                void *arg);
bool span_has(const struct span *span, struct slice key);

static inline bool span_is_point(const struct span *span)
{
    return span->to.n == 0 && !span->open_end;
}

/* Order, ends and weights. For CHECKED(). */
void spans_check(const struct spans *s);

#endif
