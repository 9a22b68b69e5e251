/* pending - changes to the small tables (leases, users, roles, alarms …) that wait for their batch.
 *
 * Gathered while entries are applied; the next batch takes all of them, so that storage has them
 * in the same transaction as the applied index. Of one key the last change counts. One batch is out
 * at a time; what is gathered meanwhile waits for the one after it. */
#ifndef MOAT_STATE_PENDING_H
#define MOAT_STATE_PENDING_H

#include "base/buf.h"
#include "kv/kv.h"

struct pending {
    struct pending_half {
        struct buf bytes; /* keys and values, one behind the other */
        struct buf changes;
    } gathering, out;
};

void pending_fini(struct pending *p);
void pending_put(struct pending *p, enum table table, struct slice key, struct slice value);
void pending_delete(struct pending *p, enum table table, struct slice key);

/* Append the gathered changes to the batch, which borrows them until pending_done. */
void pending_take(struct pending *p, struct kv_flush *batch);
void pending_done(struct pending *p);

size_t pending_bytes(const struct pending *p); /* gathered and out */
size_t pending_count(const struct pending *p); /* gathered alone */

#endif
