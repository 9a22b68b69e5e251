/* model - what the key space must look like, kept the plainest way: every version of every key in
 * a list, every question answered by walking all of it. Shares no code with src/kv. */
#ifndef MOAT_SIM_MODEL_H
#define MOAT_SIM_MODEL_H

#include "base/arena.h"
#include "wire/etcd.h"
#include "wire/status.h"

#define MODEL_KEYS_MAX   32u
#define MODEL_LEASES_MAX 8u

struct model_version {
    int64_t main; /* the revision that made it */
    int64_t create;
    int64_t version;
    bool dead; /* a tombstone */
    int64_t lease;
    struct buf value;
};

struct model_key {
    struct buf name;
    struct model_version *v;
    size_t n;
    size_t cap;
};

struct model_lease {
    int64_t id; /* 0: there is none in this place */
    int64_t ttl;
    uint64_t granted; /* by this entry */
};

struct model {
    struct model_lease leases[MODEL_LEASES_MAX];
    struct model_key keys[MODEL_KEYS_MAX]; /* sorted by name */
    size_t n;
    int64_t revision;
    int64_t compacted;
};

void model_init(struct model *m);
void model_fini(struct model *m);

/* Carry a request out and write the response it must get, header's revision set, in the arena. The
 * requests hold what sim/client.h makes, no more: no nested transactions. */
enum etcd_error model_put(struct model *m, const struct pb_put_request *r, struct arena *a,
                          struct pb_put_response *out);
enum etcd_error model_delete(struct model *m, const struct pb_delete_range_request *r,
                             struct arena *a, struct pb_delete_range_response *out);
enum etcd_error model_txn(struct model *m, const struct pb_txn_request *r, struct arena *a,
                          struct pb_txn_response *out);
enum etcd_error model_compact(struct model *m, const struct pb_compaction_request *r,
                              struct arena *a, struct pb_compaction_response *out);
enum etcd_error model_grant(struct model *m, const struct pb_lease_grant_request *r, uint64_t index,
                            struct arena *a, struct pb_lease_grant_response *out);
enum etcd_error model_revoke(struct model *m, const struct pb_lease_revoke_request *r,
                             struct arena *a, struct pb_lease_revoke_response *out);
/* The lease is over, if it is there. */
void model_expire(struct model *m, int64_t id);
const struct model_lease *model_lease_find(const struct model *m, int64_t id);

/* Key order only, no filters. */
enum etcd_error model_range(const struct model *m, const struct pb_range_request *r,
                            struct arena *a, struct pb_range_response *out);

/* The version alive at a revision, or NULL. */
const struct model_version *model_alive(const struct model_key *k, int64_t at);
/* Is the key in [key, end), as etcd reads the pair? */
bool model_in_range(struct slice name, struct slice key, struct slice end);

#endif
