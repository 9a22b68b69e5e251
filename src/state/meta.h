/* meta - what storage keeps beside the revisions: how far it is, in the same transaction.
 * Keys and bytes: docs/formats/store.md. */
#ifndef MOAT_STATE_META_H
#define MOAT_STATE_META_H

#include "kv/kv.h"

/* Keys in TABLE_META; as far as etcd's meta and auth buckets have the same, under its names. */
#define META_APPLIED       "applied" /* index, term, index of the configuration: u64 each */
#define META_CONF          "configuration"
#define META_REVISION      "revision"            /* i64, as the next two */
#define META_COMPACTED     "scheduledCompactRev" /* -1: never */
#define META_SWEPT         "finishedCompactRev"
#define META_AUTH_ENABLED  "authEnabled"  /* u64, 0 or 1 */
#define META_AUTH_REVISION "authRevision" /* u64 */
#define META_FOLLOWING     "following"    /* empty; there while an import from a server goes on */

#define AUTH_ROW_KEY_LEN 8 /* of a stored user or role: a number, big-endian */

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
