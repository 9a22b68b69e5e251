/* api - etcd's services on the state machine: KV, and what one node needs of Maintenance, Cluster
 * and health; and the plain HTTP routes beside them.
 *
 * A write: decode → judge (state/check.h) → quota → propose; the entry's way through log and
 * consensus ends in api_applied, which answers. A read: ReadIndex (quorum_read) unless
 * serializable, then the key space. */
#ifndef MOAT_API_API_H
#define MOAT_API_API_H

#include "quorum/quorum.h"
#include "rpc/rpc.h"
#include "state/state.h"

#define API_REQUEST_MS_MAX   7000u        /* etcd's: 5 s and two election timeouts */
#define API_WHOLE_BYTES_MAX  (32u << 10)  /* range answers up to this are built at once */
#define API_LAZY_RANGES_MAX  16384u       /* answers being streamed at once */
#define API_RANGE_PART_BYTES (128u << 10) /* of a RangeStream's message, and one pair more */
#define API_HASHES_MAX       16u          /* HashKV requests in progress */
#define API_VIEWS_MAX        4u           /* Snapshot and Hash requests in progress */
#define API_VIEW_STALL_MS    60000u       /* a snapshot's reader has this long for 256 KiB */

#define API_PASSWORDS_MAX  256u /* logins and new passwords at once, … */
#define API_PASSWORDS_NOW  2u   /* … of which the pool hashes so many; the others take turns */
#define API_AUTH_BYTES_MAX (256u << 20) /* of memory for users and roles: above, none are added */
#define API_LEADERLESS_MAX 3u /* election timeouts without a leader: streams that need one end */
#define API_LEASE_TTL_MIN  2  /* seconds: etcd's, one and a half election timeouts of 1 s */
#define API_LEASES_MAX     1000000u /* above, none is granted: each costs some 200 bytes of memory */

struct api;
struct jwt;

/* What MemberList tells who has not logged in, while auth is on. */
enum api_member_list {
    API_MEMBERS_FULL,
    API_MEMBERS_CLIENT_URLS, /* IDs and client URLs: what a client needs to log in elsewhere */
    API_MEMBERS_NONE
};

/* This member, as it was started. Strings borrow for the api's life. */
struct api_member {
    uint64_t id;
    const char *name;
    const char *const *peer_urls;
    size_t peer_url_count;
    const char *const *client_urls;
    size_t client_url_count;
};

struct api_options {
    struct env *env;
    uint64_t cluster_id;
    struct storage *storage; /* for sizes and snapshots */
    struct api_member member;
    size_t request_bytes_max; /* --max-request-bytes: of the entry to be proposed */
    unsigned txn_ops_max;
    bool compact_by_revision;   /* --auto-compaction-mode */
    int64_t compact_retention;  /* revisions, or ns; 0: never by itself */
    int64_t quota_bytes;        /* as Status shows it */
    int64_t lease_ttl_min;      /* seconds: shorter leases are made so long; 0: API_LEASE_TTL_MIN */
    const char *etcd_version;   /* "3.7.0": what clients are told */
    uint64_t watch_progress_ns; /* how often quiet watches are told the revision; more than 0 */
    uint64_t apply_warn_ns;     /* what takes longer is logged */
    uint64_t request_warn_ns;   /* the same, of a request from its first byte to its answer */
    struct http_budget *budget;
    bool json;                                /* serve the gateway, … */
    bool v3alpha;                             /* … also below /v3alpha/ */
    struct rpc_access access;                 /* on the client port */
    bool method_seconds;                      /* --metrics=extensive */
    void (*process_metrics)(struct buf *out); /* what /metrics says of the process; may be NULL */
    const struct jwt *jwt; /* NULL: tokens are simple ones (state_options.token_ttl_ns) */
    unsigned bcrypt_cost;
    enum api_member_list member_list;
    uint64_t max_learners;             /* members that do not vote; more are not added */
    uint32_t election_ms;              /* 0: QUORUM_ELECTION_MS */
    bool strict_reconfig;              /* refuse changes of members that would cost the majority */
    void (*random)(void *p, size_t n); /* fit for secrets */
};

struct api *api_new(const struct api_options *opt);
/* The rest of the server, once it exists; before the first call. */
void api_attach(struct api *a, struct state *state, struct quorum *quorum);
/* Refuses what is still waiting (etcd's "server stopped"), then frees. After quorum_free, which
 * ends the reads that wait for it. */
void api_free(struct api *a);

/* Consensus has started, and what the log held is applied. Once, before the first call. */
void api_begin(struct api *a);
/* This one leads now; 0: nobody does. If it is this member, the leases' time counts. */
void api_leader(struct api *a, uint64_t leader);
/* --force-new-cluster, ahead of api_begin: propose that no other member is left, if there are any,
 * and log each. */
void api_forget_others(struct api *a);
/* Who is missing for a majority, and what to do; NULL where this member is one by itself. Valid
 * until the next call. */
const char *api_explain_voters(struct api *a); /* to clients, who may be strangers */
const char *api_log_voters(struct api *a);

struct http_handler *api_handler(struct api *a, enum rpc_door door);
/* What etcd answers on the peer URLs: the members and the version. Members talk elsewhere. */
struct http_handler *api_peer_handler(struct api *a);

/* /metrics and the health checks alone, for --listen-metrics-urls. */
struct http_handler *api_metrics_handler(struct api *a);

/* quorum's on_apply: apply the entry to state, and answer the call that waits for it, if any. */
void api_applied(struct api *a, const struct wal_entry *e, void *ctx);
/* quorum's on_drop. */
void api_dropped(struct api *a, void *ctx);
/* The loop's turn, before quorum_flush: propose what waited and has room now. */
void api_turn(struct api *a);
/* state's on_flushed: physical compactions may be done. */
void api_flushed(struct api *a);
/* No room on the disk, or room again: writes that need some are refused meanwhile. */
void api_no_space(struct api *a, bool full);
/* Nothing can be written any more; reads go on. The sentence explains refusals. */
void api_read_only(struct api *a, const char *sentence);

size_t api_open_calls(const struct api *a);

#endif
