/* status - what `etcdutl snapshot status` and `etcdutl hashkv` say of a snapshot file. */
#ifndef MOAT_SNAPSHOT_STATUS_H
#define MOAT_SNAPSHOT_STATUS_H

#include "base/err.h"
#include "bbolt/reader.h"
#include "kv/hash.h"

struct snapshot_status {
    uint32_t hash; /* over all buckets and rows */
    int64_t revision;
    uint64_t keys; /* that are alive */
    uint64_t size;
    struct slice version; /* of the storage, "3.7.0"; empty before etcd 3.6. Of the file's life */
};

MUST_USE enum rc snapshot_status(const struct bbolt *file, struct snapshot_status *out,
                                 struct err *err);

/* etcd's HashKV of the file at a revision, 0: the last one. ETCD_COMPACTED, ETCD_FUTURE_REV;
 * ETCD_CORRUPT with a sentence in err. */
MUST_USE enum etcd_error snapshot_hash_kv(const struct bbolt *file, int64_t revision,
                                          struct kv_hash_value *out, struct err *err);

#endif
