/* meta - what storage keeps beside the revisions: how far it is, in the same transaction.
 * Keys and bytes: docs/formats/store.md. */
#ifndef MOAT_STATE_META_H
#define MOAT_STATE_META_H

#include "kv/kv.h"

struct meta {
    uint64_t applied_index; /* 0: a new store */
    uint64_t applied_term;
    uint64_t conf_index;
    struct slice conf; /* loading: borrowed from storage */
    struct kv_marks marks;
};

/* Read it from storage's view; a new store gives etcd's beginning (revision 1, never compacted). */
MUST_USE enum rc meta_load(struct storage *storage, struct meta *out, struct err *err);

/* Append the operations that store m to flush; their values live in space, which must stay as it is
 * until the batch is committed. */
void meta_store(const struct meta *m, struct kv_flush *flush, struct buf *space);

#endif
