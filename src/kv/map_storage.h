/* map_storage - storage on ordered maps in memory, for the simulator and for tests.
 *
 * Each commit makes a new image of all tables that shares with the one before what did not change;
 * an image never changes after. Three of them matter: the loop's (which moves in refresh), the last
 * commit's, and the one that a loss of power may fall back to, which is the last commit but one
 * until sync or the next commit (LMDB's MDB_NOMETASYNC).
 *
 * As store does: appending a pair that is there in just this form is fine, appending any other key
 * that is not the greatest gives RC_CORRUPT; after any failure of commit but RC_NO_SPACE each
 * commit and sync gives RC_IO. Everything happens on one thread, in the same way each time. */
#ifndef MOAT_KV_MAP_STORAGE_H
#define MOAT_KV_MAP_STORAGE_H

#include "base/cc.h"
#include "kv/storage.h"

/* Empty, without a limit. storage_close frees it. */
MUST_USE struct storage *map_storage_new(void);

/* One more storage_close is needed: for a storage that outlives the server that closes it. */
void map_storage_hold(struct storage *s);

/* The process ends and starts again, after a loss of power too: then the last commit is undone if
 * undo_last and if nothing made it durable since. The loop's view shows what is left. Views still
 * open stay as they are, to be closed. */
void map_storage_power_loss(struct storage *s, bool undo_last);

/* A commit that would use more than this, and more than is used already, gives RC_NO_SPACE. */
void map_storage_set_capacity(struct storage *s, uint64_t bytes);

/* Let the next commit with anything in it fail with rc, and leave everything as it was. */
void map_storage_fail_commit(struct storage *s, enum rc rc);

#endif
