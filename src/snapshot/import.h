/* import - etcd's snapshot (3.4 to 3.7) into an empty storage, as the state machine stores it.
 *
 * Revisions, compaction, leases, users, roles and alarms are kept as they are; members, cluster
 * and consensus are not: who starts on the storage begins a log of its own. Nothing is trusted:
 * each row is decoded, and in the end the key space is restored from what was written. */
#ifndef MOAT_SNAPSHOT_IMPORT_H
#define MOAT_SNAPSHOT_IMPORT_H

#include "bbolt/reader.h"
#include "env/env.h"
#include "kv/storage.h"

#define IMPORT_BATCH_OPS   10000u
#define IMPORT_BATCH_BYTES (16u << 20)

struct import_options {
    /* The revision moves up by so much, and everything up to it counts as compacted: so watchers
     * of the time before see that there is a gap. 0: not. (etcdutl --bump-revision) */
    uint64_t bump_revision;
    void *arg;
    void (*progress)(void *arg, uint64_t done, uint64_t bytes); /* may be NULL */
};

struct import_result {
    int64_t revision;
    int64_t compacted;  /* -1: never */
    uint64_t revisions; /* rows of keys */
    uint64_t leases;
    uint64_t users;
    uint64_t roles;
    uint64_t alarms;
    bool auth_enabled;
};

/* With a sentence in err. Storage must be thrown away after a failure. */
MUST_USE enum rc snapshot_import(const struct bbolt *file, const struct import_options *opt,
                                 struct env *env, struct storage *to, struct import_result *out,
                                 struct err *err);

#endif
