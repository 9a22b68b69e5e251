/* /metrics: what was counted, and what is told now by those who know it. */
#include "env/metrics.h"

#include "api/inner.h"
#include "kv/watch.h"
#include "state/auth.h"
#include "state/lessor.h"
#include "wire/raft_request.h"

#include <stdio.h>

static void set_storage(const struct api *a, struct metrics *m)
{
    struct storage_stats sizes;
    struct kv_stats stats;
    struct kv *kv = state_kv(a->state);
    storage_stats(a->opt.storage, &sizes);
    kv_stats(kv, &stats);
    m->db_bytes = m->db_bytes_3_4 = sizes.file_bytes;
    m->puts_3_4 = m->mvcc_puts;
    m->deletes_3_4 = m->mvcc_deletes;
    m->ranges_3_4 = m->mvcc_ranges;
    m->txns_3_4 = m->mvcc_txns;
    m->db_used_bytes = sizes.used_bytes;
    m->current_revision = (uint64_t)kv_revision(kv);
    m->compact_revision = (uint64_t)kv_compacted(kv);
    m->keys = kv_count(kv, SLICE_LIT("\0"), SLICE_LIT("\0"));
    m->open_reads = stats.pins;
    m->pinned_revisions = stats.pins;
    m->unflushed_bytes = state_unflushed_bytes(a->state);
    m->auth_revision = auth_revision(state_auth(a->state));
    m->quota_bytes = a->opt.quota_bytes > 0 ? (uint64_t)a->opt.quota_bytes : 0;
}

static void set_watches(const struct api *a, struct metrics *m)
{
    struct watch_stats stats;
    watch_stats(state_kv(a->state), &stats);
    m->watchers = stats.watchers;
    m->slow_watchers = stats.slow;
    m->events = stats.events; /* batches, mostly of one event */
    m->watch_streams = rpc_server_calls_of(a->rpc, SLICE_LIT("/etcdserverpb.Watch/Watch"));
}

static void set_leases(const struct api *a, struct metrics *m)
{
    const struct lessor *l = state_lessor(a->state);
    m->leases_renewed = l->counts.renewed;
    m->leases_expired = l->counts.expired;
}

static void set_consensus(const struct api *a, struct metrics *m)
{
    m->has_leader = quorum_leader(a->quorum) != 0;
    m->is_leader = quorum_is_leader(a->quorum);
    m->proposals_committed = quorum_committed(a->quorum);
    m->proposals_applied = quorum_applied(a->quorum);
    m->proposals_pending = 0;
    list_each (item, &a->writes)
        m->proposals_pending++;
    m->proposal_bytes = quorum_pending_bytes(a->quorum);
}

static void set_edge(const struct api *a, struct metrics *m)
{
    if (a->opt.budget) {
        m->connection_bytes = a->opt.budget->used;
        m->connection_bytes_max = a->opt.budget->max;
    }
    m->open_calls = rpc_server_calls(a->rpc);
}

/* ---- Applying ---- */

_Static_assert(RAFT_REQUEST_ALARM - RAFT_REQUEST_PUT + 1 == APPLY_KINDS, "a row for each");

void metrics_applied(struct api *a, struct slice entry, uint64_t begun_ns, bool success)
{
    uint64_t ns = env_now_ns(a->opt.env) - begun_ns;
    struct raft_request r;
    if (ns > a->opt.apply_warn_ns) {
        env_count(a->opt.env, slow_applies, 1);
        log_warn(a->opt.env->log, "apply request took too long", "took", NS(ns),
                 "expected-duration", NS(a->opt.apply_warn_ns));
    }
    if (raft_request_parse(entry, &r) != RC_OK || r.field < RAFT_REQUEST_PUT ||
        r.field > RAFT_REQUEST_ALARM)
        return;
    struct metric_histogram *h = &a->applies[r.field - RAFT_REQUEST_PUT][success];
    h->buckets = &metric_buckets_apply;
    metric_observe_ns(h, ns);
}

void metrics_slow_request(void *arg, const struct rpc_call *call, uint64_t took_ns)
{
    struct api *a = arg;
    log_warn(a->opt.env->log, "request stats", "method", STR(call->method->path), "time spent",
             NS(took_ns), "expected-duration", NS(a->opt.request_warn_ns));
}

static void write_applies(const struct api *a, struct buf *out)
{
    static const char *const ops[APPLY_KINDS] = {
        "Put", "DeleteRange", "Txn", "Compaction", "LeaseGrant", "LeaseRevoke", "Alarm",
    };
    const char *name = "etcd_server_apply_duration_seconds";
    metric_family(out, name, METRIC_HISTOGRAM,
                  "The latency distributions of v2 apply called by backend.");
    for (size_t i = 0; i < APPLY_KINDS; i++) {
        for (int success = 0; success < 2; success++) {
            const struct metric_histogram *h = &a->applies[i][success];
            char labels[96];
            snprintf(labels, sizeof(labels), "op=\"%s\",success=\"%s\",version=\"v3\"", ops[i],
                     success ? "true" : "false");
            if (h->buckets) /* as in etcd: only what has happened */
                metric_sample_histogram(out, name, labels, h);
        }
    }
}

/* ---- Text ---- */

/* A gauge that is 1, and says something by its label. */
static void write_word(struct buf *out, const char *name, const char *label, const char *value,
                       const char *help)
{
    char labels[128];
    snprintf(labels, sizeof(labels), "%s=\"%s\"", label, value);
    metric_family(out, name, METRIC_GAUGE, help);
    metric_sample(out, name, labels, 1);
}

static void write_words(const struct api *a, struct buf *out)
{
    char text[96];
    const char *v = api_cluster_version(a);
    const char *dot = strrchr(v, '.'); /* "3.7" of "3.7.0" */
    snprintf(text, sizeof(text), "%.*s", (int)(dot ? dot - v : 0), v);
    write_word(out, "etcd_cluster_version", "cluster_version", text,
               "Which version is running. 1 for 'cluster_version' label with current cluster "
               "version");
    write_word(out, "etcd_server_version", "server_version", a->opt.etcd_version,
               "Which version is running. 1 for 'server_version' label with current version.");
    write_word(out, "moat_info", "version", MOAT_VERSION, "The version of moat.");
    snprintf(text, sizeof(text), "%llx", (unsigned long long)a->opt.member.id);
    write_word(out, "etcd_server_id", "server_id", text,
               "Server or member ID in hexadecimal format. 1 for 'server_id' label with current "
               "ID.");
    char labels[224];
    snprintf(labels, sizeof(labels), "Local=\"%s\",Remote=\"%s\"", text, text);
    metric_family(out, "etcd_network_known_peers", METRIC_GAUGE,
                  "The current number of known peers.");
    metric_sample(out, "etcd_network_known_peers", labels, 1);
}

void serve_metrics(void *arg, const struct rpc_http_request *req, struct rpc_http_reply *out)
{
    struct api *a = arg;
    struct metrics *m = a->opt.env->metrics;
    (void)req;
    out->content_type = METRIC_CONTENT_TYPE;
    if (m) {
        set_storage(a, m);
        set_watches(a, m);
        set_leases(a, m);
        set_consensus(a, m);
        set_edge(a, m);
        metrics_write(m, &out->body);
    }
    write_words(a, &out->body);
    write_applies(a, &out->body);
    health_metrics(a, &out->body);
    rpc_server_metrics(a->rpc, &out->body);
    if (a->opt.process_metrics)
        a->opt.process_metrics(&out->body);
}
