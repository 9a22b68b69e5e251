/* metrics - everything this server counts, under etcd's names (docs of etcd: "Metrics", and its
 * mixin); what etcd has not is below moat_.
 *
 * One struct hangs from env, so that any part may count: env_count(env, mvcc_puts, 1), or
 * env_metrics(env). Without one (in most tests, in the simulator) nothing is counted. Loop thread
 * only. Gauges that others can tell are set when somebody asks (api/metrics.c). */
#ifndef MOAT_ENV_METRICS_H
#define MOAT_ENV_METRICS_H

#include "base/metric.h"
#include "env/env.h"

/* X(field, type, name, help). Help texts are etcd's. */
#define METRICS_NUMBERS(X)                                                                         \
    X(disk_defrag_inflight, GAUGE, "etcd_disk_defrag_inflight",                                    \
      "Whether or not defrag is active on the member. 1 means active, 0 means not.")               \
    X(wal_write_bytes, COUNTER, "etcd_disk_wal_write_bytes_total",                                 \
      "Total number of bytes written in WAL.")                                                     \
    X(auth_revision, GAUGE, "etcd_debugging_auth_revision", "The current revision of auth store.") \
    X(leases_granted, COUNTER, "etcd_debugging_lease_granted_total",                               \
      "The total number of granted leases.")                                                       \
    X(leases_renewed, COUNTER, "etcd_debugging_lease_renewed_total",                               \
      "The number of renewed leases seen by the leader.")                                          \
    X(leases_revoked, COUNTER, "etcd_debugging_lease_revoked_total",                               \
      "The total number of revoked leases.")                                                       \
    X(leases_expired, COUNTER, "etcd_debugging_server_lease_expired_total",                        \
      "The total number of expired leases.")                                                       \
    X(compact_revision, GAUGE, "etcd_debugging_mvcc_compact_revision",                             \
      "The revision of the last compaction in store.")                                             \
    X(current_revision, GAUGE, "etcd_debugging_mvcc_current_revision",                             \
      "The current revision of store.")                                                            \
    X(compacted_keys, COUNTER, "etcd_debugging_mvcc_db_compaction_keys_total",                     \
      "Total number of db keys compacted.")                                                        \
    X(compacted_last, GAUGE, "etcd_debugging_mvcc_db_compaction_last",                             \
      "The unix time of the last db compaction. Resets to 0 on start.")                            \
    X(events, COUNTER, "etcd_debugging_mvcc_events_total",                                         \
      "Total number of events sent by this member.")                                               \
    X(keys, UNTYPED, "etcd_debugging_mvcc_keys_total", "Total number of keys.")                    \
    X(slow_watchers, UNTYPED, "etcd_debugging_mvcc_slow_watcher_total",                            \
      "Total number of unsynced slow watchers.")                                                   \
    X(put_bytes, GAUGE, "etcd_debugging_mvcc_total_put_size_in_bytes",                             \
      "The total size of put kv pairs seen by this member.")                                       \
    X(watch_streams, UNTYPED, "etcd_debugging_mvcc_watch_stream_total",                            \
      "Total number of watch streams.")                                                            \
    X(watchers, UNTYPED, "etcd_debugging_mvcc_watcher_total", "Total number of watchers.")         \
    X(db_bytes_3_4, GAUGE, "etcd_debugging_mvcc_db_total_size_in_bytes",                           \
      "Total size of the underlying database physically allocated in bytes.")                      \
    X(puts_3_4, COUNTER, "etcd_debugging_mvcc_put_total",                                          \
      "Total number of puts seen by this member.")                                                 \
    X(deletes_3_4, COUNTER, "etcd_debugging_mvcc_delete_total",                                    \
      "Total number of deletes seen by this member.")                                              \
    X(ranges_3_4, COUNTER, "etcd_debugging_mvcc_range_total",                                      \
      "Total number of ranges seen by this member.")                                               \
    X(txns_3_4, COUNTER, "etcd_debugging_mvcc_txn_total",                                          \
      "Total number of txns seen by this member.")                                                 \
    X(open_reads, GAUGE, "etcd_mvcc_db_open_read_transactions",                                    \
      "The number of currently open read transactions")                                            \
    X(db_bytes, GAUGE, "etcd_mvcc_db_total_size_in_bytes",                                         \
      "Total size of the underlying database physically allocated in bytes.")                      \
    X(db_used_bytes, GAUGE, "etcd_mvcc_db_total_size_in_use_in_bytes",                             \
      "Total size of the underlying database logically in use in bytes.")                          \
    X(mvcc_deletes, COUNTER, "etcd_mvcc_delete_total",                                             \
      "Total number of deletes seen by this member.")                                              \
    X(mvcc_puts, COUNTER, "etcd_mvcc_put_total", "Total number of puts seen by this member.")      \
    X(mvcc_ranges, COUNTER, "etcd_mvcc_range_total",                                               \
      "Total number of ranges seen by this member.")                                               \
    X(mvcc_txns, COUNTER, "etcd_mvcc_txn_total", "Total number of txns seen by this member.")      \
    X(grpc_received_bytes, COUNTER, "etcd_network_client_grpc_received_bytes_total",               \
      "The total number of bytes received from grpc clients.")                                     \
    X(grpc_sent_bytes, COUNTER, "etcd_network_client_grpc_sent_bytes_total",                       \
      "The total number of bytes sent to grpc clients.")                                           \
    X(has_leader, GAUGE, "etcd_server_has_leader",                                                 \
      "Whether or not a leader exists. 1 is existence, 0 is not.")                                 \
    X(health_failures, UNTYPED, "etcd_server_health_failures",                                     \
      "The total number of failed health checks")                                                  \
    X(health_success, UNTYPED, "etcd_server_health_success",                                       \
      "The total number of successful health checks")                                              \
    X(heartbeat_send_failures, COUNTER, "etcd_server_heartbeat_send_failures_total",               \
      "The total number of leader heartbeat send failures (likely overloaded from slow disk).")    \
    X(is_leader, GAUGE, "etcd_server_is_leader",                                                   \
      "Whether or not this member is a leader. 1 if is, 0 otherwise.")                             \
    X(is_learner, GAUGE, "etcd_server_is_learner",                                                 \
      "Whether or not this member is a learner. 1 if is, 0 otherwise.")                            \
    X(leader_changes, COUNTER, "etcd_server_leader_changes_seen_total",                            \
      "The number of leader changes seen.")                                                        \
    X(learner_promotions, UNTYPED, "etcd_server_learner_promote_successes",                        \
      "The total number of successful learner promotions while this member is leader.")            \
    X(proposals_applied, COUNTER, "etcd_server_proposals_applied_total",                           \
      "The total number of consensus proposals applied.")                                          \
    X(proposals_committed, COUNTER, "etcd_server_proposals_committed_total",                       \
      "The total number of consensus proposals committed.")                                        \
    X(proposals_failed, COUNTER, "etcd_server_proposals_failed_total",                             \
      "The total number of failed proposals seen.")                                                \
    X(proposals_pending, GAUGE, "etcd_server_proposals_pending",                                   \
      "The current number of pending proposals to commit.")                                        \
    X(quota_bytes, GAUGE, "etcd_server_quota_backend_bytes",                                       \
      "Current backend storage quota size in bytes.")                                              \
    X(read_indexes_failed, COUNTER, "etcd_server_read_indexes_failed_total",                       \
      "The total number of failed read indexes seen.")                                             \
    X(slow_applies, COUNTER, "etcd_server_slow_apply_total",                                       \
      "The total number of slow apply requests (likely overloaded from slow disk).")               \
    X(slow_read_indexes, COUNTER, "etcd_server_slow_read_indexes_total",                           \
      "The total number of pending read indexes not in sync with leader's or timed out read "      \
      "index requests.")                                                                           \
    X(snapshot_applying, UNTYPED, "etcd_server_snapshot_apply_in_progress_total",                  \
      "1 if the server is applying the incoming snapshot. 0 if none.")                             \
    X(connection_bytes, GAUGE, "moat_connection_buffers_bytes",                                    \
      "Bytes of requests half read and responses half sent.")                                      \
    X(connection_bytes_max, GAUGE, "moat_connection_buffers_limit_bytes",                          \
      "The most of moat_connection_buffers_bytes; beyond it streams are refused.")                 \
    X(unflushed_bytes, GAUGE, "moat_unflushed_bytes",                                              \
      "Bytes of applied changes that storage does not hold yet; the log does.")                    \
    X(proposal_bytes, GAUGE, "moat_proposals_pending_bytes",                                       \
      "Bytes of proposals that were not applied yet.")                                             \
    X(open_calls, GAUGE, "moat_open_calls", "RPCs in progress.")                                   \
    X(pinned_revisions, GAUGE, "moat_pinned_revisions",                                            \
      "Large answers in progress, each of which holds back physical compaction.")

/* X(field, buckets, name, help). Those of snap stay at 0: storage always holds the state, so no
 * snapshot is saved beside it, and none comes from other members yet. Dashboards draw them. */
#define METRICS_HISTOGRAMS(X)                                                                      \
    X(backend_commit, disk, "etcd_disk_backend_commit_duration_seconds",                           \
      "The latency distributions of commit called by backend.")                                    \
    X(backend_defrag, defrag, "etcd_disk_backend_defrag_duration_seconds",                         \
      "The latency distribution of backend defragmentation.")                                      \
    X(backend_snapshot, snapshot, "etcd_disk_backend_snapshot_duration_seconds",                   \
      "The latency distribution of backend snapshots.")                                            \
    X(wal_fsync, disk, "etcd_disk_wal_fsync_duration_seconds",                                     \
      "The latency distributions of fsync called by WAL.")                                         \
    X(wal_write, disk, "etcd_disk_wal_write_duration_seconds",                                     \
      "The latency distributions of write called by WAL.")                                         \
    X(snap_save, disk, "etcd_debugging_snap_save_total_duration_seconds",                          \
      "The total latency distributions of save called by snapshot.")                               \
    X(snap_fsync, disk, "etcd_snap_fsync_duration_seconds",                                        \
      "The latency distributions of fsync called by snap.")                                        \
    X(snap_db_fsync, disk, "etcd_snap_db_fsync_duration_seconds",                                  \
      "The latency distributions of fsyncing .snap.db file")                                       \
    X(snap_db_save, receive, "etcd_snap_db_save_total_duration_seconds",                           \
      "The total latency distributions of v3 snapshot save")                                       \
    X(hash, hash, "etcd_mvcc_hash_duration_seconds",                                               \
      "The latency distribution of storage hash operation.")                                       \
    X(hash_rev, hash, "etcd_mvcc_hash_rev_duration_seconds",                                       \
      "The latency distribution of storage hash by revision operation.")                           \
    X(sweep_slice, disk, "moat_compaction_slice_seconds",                                          \
      "How long each slice of a compaction kept the loop.")                                        \
    X(sweep_total, defrag, "moat_compaction_seconds",                                              \
      "From a compaction, or the end of the one before, until storage was rid of what it "         \
      "dropped.")

struct metrics {
#define X(field, type, name, help) uint64_t field;
    METRICS_NUMBERS(X)
#undef X
#define X(field, buckets, name, help) struct metric_histogram field;
    METRICS_HISTOGRAMS(X)
#undef X
};

void metrics_init(struct metrics *m);
/* Append all of them as text, sorted by name. */
void metrics_write(const struct metrics *m, struct buf *out);

/* Count n more of what field counts. */
#define env_count(env, field, n) ((env)->metrics ? (void)((env)->metrics->field += (n)) : (void)0)
/* Note a duration. */
#define env_observe_ns(env, field, ns)                                                             \
    ((env)->metrics ? metric_observe_ns(&(env)->metrics->field, ns) : (void)0)

#endif
