/* meta - what storage keeps beside the revisions: how far it is, in the same transaction.
 * Keys and bytes: docs/formats/store.md. */
#ifndef MOAT_STATE_META_H
#define MOAT_STATE_META_H

#include "kv/kv.h"

/* Keys in TABLE_META. compacted and swept stand under the names that etcd's meta bucket has for
 * them. */
#define META_APPLIED       "applied" /* index, term, index of the configuration: u64 each */
#define META_CONF          "configuration"
#define META_REVISION      "revision"            /* i64, as the next two */
#define META_COMPACTED     "scheduledCompactRev" /* -1: never */
#define META_SWEPT         "finishedCompactRev"
#define META_AUTH_ENABLED  "auth_enabled"  /* one byte */
#define META_AUTH_REVISION "auth_revision" /* u64, big-endian */

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
