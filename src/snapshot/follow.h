/* follow - the changes of another server's keys, applied to a storage that a snapshot of that
 * server was imported into, as the state machine would: same revisions, same bytes.
 *
 * No log is kept: what was flushed last is what a server starts on, and only once the leases are
 * there, too. An import that ends before that leaves data that is refused. */
#ifndef MOAT_SNAPSHOT_FOLLOW_H
#define MOAT_SNAPSHOT_FOLLOW_H

#include "base/err.h"
#include "env/env.h"
#include "kv/storage.h"
#include "wire/etcd.h"

#define FOLLOW_FLUSH_OPS   10000u      /* changes that are flushed at once; or … */
#define FOLLOW_FLUSH_BYTES (16u << 20) /* … so many bytes of them */

struct follow;

/* Restores what is stored. With a sentence in err. */
MUST_USE enum rc follow_open(struct env *env, struct storage *storage, struct follow **out,
                             struct err *err);
void follow_close(struct follow *f); /* what is not flushed is lost; NULL is fine */

int64_t follow_revision(const struct follow *f);

/* The events of whole revisions, each of which must be the one after the last; older ones, which
 * come again after a lost connection, are passed over. RC_CORRUPT: what comes is not what follows
 * from what is there. */
MUST_USE enum rc follow_apply(struct follow *f, const struct pb_event *events, size_t n,
                              struct err *err);

/* These leases, and no others, are there from now on; a server may start. */
MUST_USE enum rc follow_leases(struct follow *f, const struct pb_lease *leases, size_t n,
                               struct err *err);

MUST_USE enum rc follow_flush(struct follow *f, struct err *err);

#endif
