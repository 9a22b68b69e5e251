/* rows - the applied state as the buckets and rows of etcd's own database.
 *
 * What etcd keeps in bbolt (server/storage/schema), in the order of its cursors: so it can be
 * written to a file that etcd takes (snapshot/stream.h), or hashed as etcd hashes it. Keys, leases,
 * users, roles and alarms are stored in etcd's encoding already and are copied; what is etcd's own
 * (consistent index, members …) is made. Reads a view in a worker. */
#ifndef MOAT_SNAPSHOT_ROWS_H
#define MOAT_SNAPSHOT_ROWS_H

#include "kv/storage.h"

#define SNAPSHOT_KEYS      "key"    /* the bucket of revisions: their keys, and pairs */
#define SNAPSHOT_USERS_MAX 1000000u /* rows that are sorted by name in memory */

/* This member, as it was started. Its stored row, if there is one, has newer peer URLs. Strings
 * borrow. */
struct snapshot_member {
    uint64_t id;
    const char *name;
    const char *const *peer_urls;
    size_t peer_url_count;
    const char *const *client_urls;
    size_t client_url_count;
};

struct snapshot_source {
    const struct storage_ops *ops;
    struct storage_view *view;
    struct snapshot_member member;
    const char *storage_version; /* "3.7.0" */
};

/* Where rows go. Keys ascend within a bucket, buckets by name. */
struct snapshot_sink {
    void *arg;
    void (*begin)(void *arg, struct slice bucket);
    bool (*row)(void *arg, struct slice key, struct slice value); /* false: enough */
    void (*end)(void *arg);
};

/* RC_CORRUPT: what is stored is damaged. RC_CANCELED: the sink had enough. */
MUST_USE enum rc snapshot_rows(const struct snapshot_source *src, const struct snapshot_sink *sink);
/* All but the rows of bucket SNAPSHOT_KEYS, which begins and ends nevertheless. */
MUST_USE enum rc snapshot_rows_but_keys(const struct snapshot_source *src,
                                        const struct snapshot_sink *sink);

/* The CRC32C over all of it, as etcd's Hash: without what differs between members. */
MUST_USE enum rc snapshot_hash(const struct snapshot_source *src, uint32_t *out);

#endif
