/* inner - struct api, for the files of this folder only. */
#ifndef MOAT_API_INNER_H
#define MOAT_API_INNER_H

#include "api/api.h"
#include "api/compactor.h"
#include "api/repeats.h"
#include "api/turns.h"
#include "api/waiting.h"
#include "base/metric.h"
#include "state/alarm.h"
#include "state/downgrade.h"

#include <stdatomic.h>

enum health_type { HEALTH_LIVEZ, HEALTH_READYZ, HEALTH_TYPES };
#define HEALTH_CHECKS 4

/* Entries that are counted apart: from RAFT_REQUEST_PUT to RAFT_REQUEST_ALARM. */
#define APPLY_KINDS 7

struct api {
    struct api_options opt;
    struct state *state;
    struct quorum *quorum;
    struct rpc_server *rpc;
    struct rpc_server *peer_rpc;
    struct rpc_server *metrics_rpc; /* --listen-metrics-urls */
    struct waiting waiting;         /* struct write, not proposed yet */
    struct list writes;             /* struct write, in the order of their time limits */
    struct list late;     /* struct write whose limit has passed, and that still may be applied */
    struct list sweeping; /* struct write whose compaction is not swept yet */
    struct list reads;    /* struct read that waits for quorum, oldest first */
    struct list hashing;  /* HashKV calls in progress */
    size_t hashing_n;
    struct list views; /* Snapshot and Hash calls */
    size_t views_n;
    struct timer overdue;
    struct compactor *compactor;
    uint64_t next_id; /* of entries */
    size_t lazy_ranges;
    struct list range_streams;
    struct list health_watches;     /* of gRPC's health service */
    int32_t health_told;            /* to them all … */
    bool health_late;               /* … but for some that have not read what was before */
    size_t pool_jobs;               /* of auth.c, on their way, … */
    struct turns passwords;         /* … those that wait for the pool, … */
    unsigned passwords_now;         /* … and that it hashes */
    atomic_bool closing;            /* they need not be done any more */
    struct repeats denials;         /* auth.denied */
    struct repeats failed_logins;   /* auth.login_failed */
    struct kept_token *kept_tokens; /* of tokens.c */
    struct {
        struct buf text; /* with its zero; empty: none yet */
        uint64_t told_ns;
    } space;               /* why the quota is used up */
    struct buf missing;    /* which voters are, with its zero */
    uint64_t members_seen; /* changes that consensus was told */
    bool leads;            /* as api_leader was told */
    struct timer leaderless;
    uint64_t next_alarm_ns; /* not proposed again before */
    struct health_count {
        uint64_t success, error;
        bool passed; /* the last time */
    } health[HEALTH_TYPES][HEALTH_CHECKS];
    struct metric_histogram applies[APPLY_KINDS][2]; /* how long; failed, and succeeded */
    bool no_space;
    bool damaged;                 /* a read met what storage cannot have been given */
    char read_only[ERR_TEXT_MAX]; /* "" while writing works */
};

/* Header for an answer given now. */
struct pb_response_header api_header(const struct api *a);

/* Encode msg and answer with it. */
void api_reply(struct rpc_call *call, const struct wire_message *m, const void *msg);

/* Refuse what is no message (wire_decode's rc). */
void api_bad_message(struct rpc_call *call, enum rc rc);
/* Decode into out (in the call's arena); answers the call and returns false when it cannot be. */
MUST_USE bool api_decode(struct rpc_call *call, const struct wire_message *m, struct slice in,
                         void *out);

/* Bytes of pairs that an answer which is built at once may hold now. */
size_t api_reply_room(const struct api *a);
/* Count so many bytes in the budget of what waits; *charged says how many are counted already. */
static inline void api_charge(struct api *a, size_t *charged, size_t bytes)
{
    if (a->opt.budget)
        a->opt.budget->used += bytes - *charged;
    *charged = bytes;
}
/* May an answer of so many bytes be built? Small ones always; else the call was refused. */
MUST_USE bool api_has_room(struct api *a, struct rpc_call *call, size_t bytes);
/* Answer with a reply's error, or that it is too large. */
void api_refuse_reply(struct api *a, struct rpc_call *call, struct state_reply *reply);

/* Propose the client's request as an entry; answers the call, now (a refusal) or later. */
void api_propose(struct api *a, struct rpc_call *call, uint32_t field, struct slice request,
                 size_t new_bytes);

/* The same, of nobody in particular; then() answers the call, whatever becomes of the entry: the
 * reply has an error when it was refused or dropped. Its body, with room for the frame, is then()'s
 * to take or free. */
void api_propose_then(struct api *a, struct rpc_call *call, uint32_t field, struct slice request,
                      void (*then)(void *arg, struct state_reply *reply), void *arg);
/* Propose an entry of the server's own, for which there is always quota. ETCD_OK: done runs once,
 * later; applied is false when the entry was dropped, or the server stops. Else nothing follows. */
MUST_USE enum etcd_error api_propose_own(struct api *a, uint32_t field, struct slice request,
                                         void (*done)(void *arg, bool applied), void *arg);

/* Propose an entry of the server's own, whose outcome nobody waits for. */
void api_propose_alone(struct api *a, uint32_t field, const struct wire_message *m,
                       const void *request);
/* Answer those whose time limit has passed; and, at the end, everybody. */
void api_give_up_writes(struct api *a, uint64_t now);
void api_stop_writes(struct api *a);
void api_give_up_reads(struct api *a, uint64_t now);
/* The time limit of what begins to wait now. */
uint64_t api_due(struct api *a);

/* Run fn once a linearizable read may; it answers the call. */
void api_read(struct api *a, struct rpc_call *call, bool serializable,
              void (*fn)(struct api *a, struct rpc_call *call, void *request), void *request);

/* The same of what only a leader knows: without one that is what the answer says. */
void api_read_leader(struct api *a, struct rpc_call *call,
                     void (*fn)(struct api *a, struct rpc_call *call, void *request),
                     void *request);

/* Refuse as the Lock and Election services do. */
void lock_refuse(struct rpc_call *call, const char *text, const char *explain);

/* Tell consensus who votes, if entries have changed it. */
void api_follow_members(struct api *a);
/* There was no leader for API_LEADERLESS_MAX election timeouts. */
void api_leaderless(struct timer *t);
/* Leases begin to end: this member leads. */
void lease_lead(struct api *a);
/* Why the quota is used up, and by which prefixes, if the caller may read everything; valid until
 * the next call. */
const char *api_explain_space(struct api *a, struct rpc_call *call);
/* What the cluster calls its version: "3.7.0", or the target of a downgrade. */
const char *api_cluster_version(const struct api *a);

/* All members, by ID: the state's, and what this one says of itself. Borrows from the state until
 * the next entry. */
struct pb_member *api_members(const struct api *a, struct arena *arena, size_t *n);

void api_stop_hashing(struct api *a);
void api_stop_passwords(struct api *a);
void api_begin_views(struct api *a); /* storage may have more than before */
void api_stop_views(struct api *a);

/* A place among API_LAZY_RANGES_MAX, and so many bytes of the budget, while there are any. */
MUST_USE bool api_take_range_place(struct api *a, size_t bytes);
void api_give_range_place(struct api *a, size_t bytes);
void api_stop_range_streams(struct api *a);

/* methods (rpc_method.serve) */
void serve_range(void *arg, struct rpc_call *call, struct slice message);
void serve_range_stream(void *arg, struct rpc_call *call, struct slice message);
extern const struct rpc_stream_ops api_range_stream;
void serve_put(void *arg, struct rpc_call *call, struct slice message);
void serve_delete_range(void *arg, struct rpc_call *call, struct slice message);
void serve_txn(void *arg, struct rpc_call *call, struct slice message);
void serve_compact(void *arg, struct rpc_call *call, struct slice message);
void serve_auth(void *arg, struct rpc_call *call, struct slice message);
void serve_authenticate(void *arg, struct rpc_call *call, struct slice message);
void serve_user_add(void *arg, struct rpc_call *call, struct slice message);
void serve_user_change_password(void *arg, struct rpc_call *call, struct slice message);
void serve_lease_grant(void *arg, struct rpc_call *call, struct slice message);
void serve_lease_revoke(void *arg, struct rpc_call *call, struct slice message);
void serve_lease_time_to_live(void *arg, struct rpc_call *call, struct slice message);
void serve_lease_leases(void *arg, struct rpc_call *call, struct slice message);
extern const struct rpc_stream_ops lease_keep_alive;
void serve_lock(void *arg, struct rpc_call *call, struct slice message);
extern const struct rpc_stream_ops lock_ops;
void serve_unlock(void *arg, struct rpc_call *call, struct slice message);
void serve_campaign(void *arg, struct rpc_call *call, struct slice message);
extern const struct rpc_stream_ops campaign_ops;
void serve_proclaim(void *arg, struct rpc_call *call, struct slice message);
void serve_leader(void *arg, struct rpc_call *call, struct slice message);
void serve_observe(void *arg, struct rpc_call *call, struct slice message);
extern const struct rpc_stream_ops observe_ops;
void serve_resign(void *arg, struct rpc_call *call, struct slice message);
void serve_member_add(void *arg, struct rpc_call *call, struct slice message);
void serve_member_remove(void *arg, struct rpc_call *call, struct slice message);
void serve_member_update(void *arg, struct rpc_call *call, struct slice message);
void serve_member_promote(void *arg, struct rpc_call *call, struct slice message);
void serve_alarm(void *arg, struct rpc_call *call, struct slice message);
void serve_defragment(void *arg, struct rpc_call *call, struct slice message);
void serve_downgrade(void *arg, struct rpc_call *call, struct slice message);
void serve_hash(void *arg, struct rpc_call *call, struct slice message);
void serve_hash_kv(void *arg, struct rpc_call *call, struct slice message);
void serve_move_leader(void *arg, struct rpc_call *call, struct slice message);
void serve_snapshot(void *arg, struct rpc_call *call, struct slice message);
extern const struct rpc_stream_ops api_snapshot_stream;
void serve_status(void *arg, struct rpc_call *call, struct slice message);
void serve_member_list(void *arg, struct rpc_call *call, struct slice message);
void serve_top(void *arg, struct rpc_call *call, struct slice message);
void serve_usage(void *arg, struct rpc_call *call, struct slice message);
void serve_health_check(void *arg, struct rpc_call *call, struct slice message);
void serve_health_list(void *arg, struct rpc_call *call, struct slice message);
void serve_health_watch(void *arg, struct rpc_call *call, struct slice message);
extern const struct rpc_stream_ops health_watch_ops;
void health_turn(struct api *a); /* tell those who watch it of a change */

extern const struct rpc_method api_methods[];
extern const size_t api_method_count;

/* routes (rpc_route.serve) */
void serve_health(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out);
void serve_livez(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out);
void serve_metrics(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out);
void serve_one_check(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out);
void serve_readyz(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out);

void routes_open(struct api *a); /* the servers of the peer and metrics URLs */
void routes_close(struct api *a);

/* A client's entry was applied; begun_ns: when that began. */
void metrics_applied(struct api *a, struct slice entry, uint64_t begun_ns, bool success);
/* rpc_options.slow */
void metrics_slow_request(void *arg, const struct rpc_call *call, uint64_t took_ns);
/* How often each check was run, and with what result, as text for Prometheus. */
void health_metrics(const struct api *a, struct buf *out);

extern const struct rpc_route api_routes[];
extern const size_t api_route_count;
extern const size_t api_metrics_route_count; /* the first of them */
extern const struct rpc_gateway_route api_gateway[];
extern const size_t api_gateway_count;
extern const struct rpc_route api_peer_routes[];
extern const size_t api_peer_route_count;

#endif
