/* restore - a data directory from a snapshot of etcd's, for a server that starts on it.
 *
 * `moat import --snapshot` and `etcdutl snapshot restore`. The directory gets the applied state
 * and no log: the server begins one. All or nothing: what is written gets its name last. */
#ifndef MOAT_APP_RESTORE_H
#define MOAT_APP_RESTORE_H

#include "conf/conf.h"
#include "snapshot/import.h"
#include "snapshot/status.h"

struct restore_options {
    const char *path;     /* of the snapshot */
    bool skip_hash_check; /* it may come without the SHA-256 that snapshots end with */
    struct import_options import;
};

/* A file of bbolt's, mapped. */
struct restore_file {
    struct slice map;
    struct bbolt bbolt;
    bool has_hash; /* a SHA-256 behind it, and it is right */
};

/* Map it and look at it; check_hash: a hash that is there must be right. */
MUST_USE enum rc restore_open(const char *path, bool check_hash, struct restore_file *out,
                              struct err *err);
void restore_close(struct restore_file *f);

/* Into conf's data directory, which must have none of moat's data, for the member and cluster that
 * conf names. */
MUST_USE enum rc restore_snapshot(const struct conf *conf, const struct restore_options *opt,
                                  struct import_result *out, struct err *err);

/* The storage that restore_snapshot made; no server may have it. */
MUST_USE enum rc restore_storage(const struct conf *conf, struct env *env, struct storage **out,
                                 struct err *err);

/* etcd's HashKV of a snapshot, or of the file of a moat that is stopped (its log may know of more),
 * at a revision, 0: the last one. ETCD_COMPACTED, ETCD_FUTURE_REV; ETCD_CORRUPT with a sentence. */
MUST_USE enum etcd_error restore_hash_kv(const char *path, int64_t revision,
                                         struct kv_hash_value *out, struct err *err);

#endif
