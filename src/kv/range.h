/* range - the answer to a RangeRequest, sized first and encoded as it is sent.
 *
 * kv_range_open asks the index what is selected, how many, how many bytes: its counts tell, or a
 * walk where there are filters or a revision of the past. kv_range_read then encodes as many bytes
 * as asked for, so an answer costs memory for what is in flight, not for all of it. Between reads
 * the key space may change: the revision is pinned (kv_range_pin). Order, filters, limit, count and
 * more are etcd 3.7's (server/etcdserver/txn/range.go). */
#ifndef MOAT_KV_RANGE_H
#define MOAT_KV_RANGE_H

#include "kv/kv.h"
#include "kv/picks.h"

/* Pairs are looked up some way ahead of the one being read: the waits for memory overlap. */
#define RANGE_AHEAD 16

struct range_next {
    struct revision rev;
    uint32_t size;
    struct slice stored; /* with its CRC; valid until the storage's view changes */
};

struct kv_range {
    struct kv *kv;
    struct list pin;
    bool pinned;
    bool keys_only;
    bool keep_lease; /* keys_only sorted by value shows the lease, as etcd does */
    bool more;
    int64_t revision; /* for the header: the store's current one */
    int64_t at;       /* the revision looked at */
    int64_t count;    /* of all keys in the range, limit and filters aside */
    uint64_t left;    /* pairs still to be read */
    size_t body_len;  /* bytes of kvs, more and count together: all but the header */

    struct buf bounds; /* the request's key and range_end */
    struct index_range range;
    bool point;
    bool walking;
    struct index_iter walk;
    int64_t min_mod, max_mod, min_create, max_create; /* 0: none */
    struct range_pick *picks;                         /* NULL: walk the index */
    size_t pick_n;
    size_t next_pick;
    struct index_hit only; /* a single key, in key order */

    struct range_next ahead[RANGE_AHEAD]; /* of the walk; those … */
    unsigned ahead_next;                  /* … from here … */
    unsigned ahead_end;                   /* … up to here are to be read */

    struct revision current; /* of the pair being read … */
    uint32_t current_size;   /* … what it takes in the answer, its prefix included … */
    struct slice stored;     /* … where it was found in this call of kv_range_read, or none … */
    bool checked;            /* … and whether its CRC was seen to be right … */
    struct buf built; /* … or its bytes, where they are not the stored ones; later the tail */
    bool use_built;
    size_t offset; /* bytes of prefix and pair already read */
    enum { RANGE_PAIR, RANGE_NEXT, RANGE_TAIL, RANGE_DONE } state;
};

/* Judge and size req. The request's slices may go after. On ETCD_OK close it with kv_range_close.
 */
MUST_USE enum etcd_error kv_range_open(struct kv *kv, const struct pb_range_request *req,
                                       struct kv_range *r);

/* Append at most max bytes of the body. RC_OK: there is more; RC_END: that was all; RC_CORRUPT:
 * storage gave something else than the index promised. */
MUST_USE enum rc kv_range_read(struct kv_range *r, struct buf *out, size_t max);

/* The same, but whole pairs until there are `want` bytes or more, and without what stands behind
 * them (codec_range_tail of more and count). RC_END: there are no further pairs. Not to be mixed
 * with kv_range_read. */
MUST_USE enum rc kv_range_read_pairs(struct kv_range *r, struct buf *out, size_t want);

/* Keep the revision readable until close: for answers that are not read at once. */
void kv_range_pin(struct kv_range *r);
size_t kv_range_held(const struct kv_range *r); /* bytes of heap that it keeps until close */
void kv_range_close(struct kv_range *r);

#endif
