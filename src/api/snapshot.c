/* Maintenance.Snapshot and Hash: what needs a whole view of storage, read by a worker.
 *
 * A snapshot goes through these: wait until storage has all that was applied when it was asked for,
 * and until a compaction is swept that others kept waiting;
 * count what goes into the file (snapshot/stream.h); make a piece, send it, and make the next one
 * while the client takes it; at last the SHA-256 over all of it. No sweep deletes anything
 * meanwhile, so a reader that takes too long for that is cut off. */
#include "api/inner.h"
#include "api/pace.h"
#include "base/mem.h"
#include "base/must.h"
#include "env/metrics.h"
#include "pki/digest.h"
#include "snapshot/stream.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOB_BYTES (32u << 10) /* in one message, as etcd */
#define QUEUED_FEW (32u << 10) /* when so little waits, more is sent */

struct view_call {
    struct job job;
    struct list link; /* in views */
    struct api *api;
    struct rpc_call *call; /* NULL: the client is gone */
    uint64_t index;        /* storage must have this entry */
    uint64_t begun_ns;
    bool hash_only;
    bool begun;
    bool busy; /* the job is on its way */
    enum rc rc;
    struct err err;
    char version[DOWNGRADE_VERSION_MAX];
    uint32_t hash;
    struct kv_hold hold;
    bool held;
    int64_t after; /* a compaction that others keep waiting: not held before it is swept */
    struct snapshot_stream *stream;
    struct digest *digest;
    struct buf piece;   /* made; waits until the client has taken what was sent … */
    struct timer stall; /* … for so long at most */
    uint64_t sent;
    struct timer overdue; /* of holding up a sweep; runs once the size is known */
};

static void free_view(struct view_call *v)
{
    must(!v->busy);
    list_remove(&v->link);
    timer_stop(v->api->opt.env->timers, &v->stall);
    timer_stop(v->api->opt.env->timers, &v->overdue);
    v->api->views_n--;
    if (v->held)
        kv_hold_release(&v->hold);
    digest_abandon(v->digest);
    snapshot_stream_free(v->stream);
    buf_fini(&v->piece);
    free(v);
}

/* ---- In the worker ---- */

static struct snapshot_source source_of(const struct view_call *v)
{
    const struct api_options *opt = &v->api->opt;
    const struct api_member *m = &opt->member;
    return (struct snapshot_source){.ops = opt->storage->ops,
                                    .member = {m->id, m->name, m->peer_urls, m->peer_url_count,
                                               m->client_urls, m->client_url_count},
                                    .storage_version = v->version};
}

static void hash(struct job *job)
{
    struct view_call *v = CONTAINER_OF(job, struct view_call, job);
    struct snapshot_source src = source_of(v);
    src.view = src.ops->view_open(v->api->opt.storage);
    if (!src.view) {
        v->rc = err_set(&v->err, RC_LIMIT, "too many views of the stored data are open");
        return;
    }
    v->rc = snapshot_hash(&src, &v->hash);
    src.ops->view_close(src.view);
}

static void make_piece(struct job *job)
{
    struct view_call *v = CONTAINER_OF(job, struct view_call, job);
    v->rc = snapshot_stream_step(v->stream, &v->err);
    digest_add(v->digest, buf_slice(&v->piece));
}

/* ---- On the loop ---- */

static void submit(struct view_call *v, void (*run)(struct job *), void (*done)(struct job *))
{
    v->busy = true;
    v->job = (struct job){.run = run, .done = done};
    worker_submit(v->api->opt.env->workers, LANE_POOL, &v->job);
}

static void fail(struct view_call *v)
{
    v->api->damaged = v->api->damaged || v->rc == RC_CORRUPT;
    if (v->rc == RC_CORRUPT)
        rpc_fail_etcd(v->call, ETCD_CORRUPT, "what is stored is damaged");
    else
        rpc_fail(v->call, GRPC_UNAVAILABLE, "etcdserver: cannot make a snapshot",
                 v->err.text[0] ? v->err.text : NULL);
    free_view(v);
}

static void send_blob(struct view_call *v, struct slice blob, uint64_t remaining)
{
    struct pb_snapshot_response out = {
        .remaining_bytes = remaining, .blob = blob, .version = slice_str(v->version)};
    struct buf body = {0};
    rpc_body_begin(&body);
    wire_encode(&wire_snapshot_response, &out, &body);
    rpc_send(v->call, &body);
}

static void cut_off(struct view_call *v, const char *explain)
{
    log_debug(v->api->opt.env->log, "api.slow_snapshot", "sent", U64(v->sent));
    rpc_fail_etcd(v->call, ETCD_TIMEOUT, explain);
    v->call = NULL;
    if (!v->busy)
        free_view(v);
}

/* A client that reads nothing holds one of few places. */
static void stalled(struct timer *t)
{
    cut_off(CONTAINER_OF(t, struct view_call, stall), "the snapshot was read too slowly");
}

/* A slow reader costs nothing while there is nothing to sweep. */
static void overdue(struct timer *t)
{
    struct view_call *v = CONTAINER_OF(t, struct view_call, overdue);
    if (!v->call) /* its client has gone: it ends with its job */
        return;
    if (kv_sweep_waits(state_kv(v->api->state)))
        cut_off(v, "the snapshot was read too slowly: it held up compaction");
    else
        env_after(v->api->opt.env, &v->overdue, NS_PER_S);
}

/* What was made; the worker has the next piece's memory after. */
static void send_piece(struct view_call *v)
{
    uint64_t size = snapshot_stream_size(v->stream);
    for (struct slice left = buf_slice(&v->piece); left.n > 0;) {
        size_t n = left.n < BLOB_BYTES ? left.n : BLOB_BYTES;
        v->sent += n;
        send_blob(v, slice_of(left.p, n), size - v->sent);
        left = slice_skip(left, n);
    }
    buf_clear(&v->piece);
}

static void send_end(struct view_call *v)
{
    uint8_t sum[DIGEST_SHA256_LEN];
    digest_end(v->digest, sum);
    v->digest = NULL;
    send_blob(v, slice_of(sum, sizeof(sum)), 0);
    env_observe_ns(v->api->opt.env, backend_snapshot, env_now_ns(v->api->opt.env) - v->begun_ns);
    rpc_end(v->call);
    free_view(v);
}

static void piece_made(struct job *job);

/* A piece lies there, or the first is to be made. */
static void go_on(struct view_call *v)
{
    struct env *env = v->api->opt.env;
    if (v->piece.n > 0 && rpc_queued(v->call) > QUEUED_FEW) {
        env_after(env, &v->stall, (uint64_t)API_VIEW_STALL_MS * NS_PER_MS);
        return;
    }
    timer_stop(env->timers, &v->stall);
    send_piece(v);
    if (v->rc == RC_END)
        send_end(v);
    else
        submit(v, make_piece, piece_made);
}

/* Its size is known: so is how long it may hold up a sweep. */
static void set_limit(struct view_call *v)
{
    uint64_t size = snapshot_stream_size(v->stream);
    uint64_t ms = API_PIN_MS_MAX + size / API_PIN_BYTES_PER_MS;
    if (size > 0 && !timer_active(&v->overdue))
        env_after(v->api->opt.env, &v->overdue, ms * NS_PER_MS);
}

static void piece_made(struct job *job)
{
    struct view_call *v = CONTAINER_OF(job, struct view_call, job);
    v->busy = false;
    if (!v->call) {
        free_view(v);
    } else if (v->rc != RC_OK && v->rc != RC_END) {
        fail(v);
    } else {
        set_limit(v);
        go_on(v);
    }
}

static void reply_hash(struct view_call *v)
{
    struct pb_response_header header = api_header(v->api);
    struct pb_hash_response out = {.header = &header, .hash = v->hash};
    env_observe_ns(v->api->opt.env, hash, env_now_ns(v->api->opt.env) - v->begun_ns);
    api_reply(v->call, &wire_hash_response, &out);
    free_view(v);
}

static void hashed(struct job *job)
{
    struct view_call *v = CONTAINER_OF(job, struct view_call, job);
    v->busy = false;
    if (!v->call)
        free_view(v);
    else if (v->rc != RC_OK)
        fail(v);
    else
        reply_hash(v);
}

static void hold(struct view_call *v)
{
    kv_hold_sweep(state_kv(v->api->state), &v->hold);
    v->held = true;
}

static bool may_begin(struct view_call *v)
{
    struct kv *kv = state_kv(v->api->state);
    if (v->begun || state_flushed(v->api->state) < v->index)
        return false;
    if (v->hash_only)
        return true;
    if (!v->held && (kv_swept(kv, v->after) || kv_sweep_is_damaged(kv)))
        hold(v);
    return v->held && kv_hold_in_force(kv);
}

static void begin_if_stored(struct view_call *v)
{
    struct api *a = v->api;
    if (!may_begin(v))
        return;
    v->begun = true;
    if (v->hash_only) {
        submit(v, hash, hashed);
        return;
    }
    struct snapshot_source src = source_of(v);
    v->stream = snapshot_stream_new(a->opt.storage, &src, &v->piece);
    v->digest = digest_begin();
    go_on(v);
}

void api_begin_views(struct api *a)
{
    list_each (item, &a->views)
        begin_if_stored(CONTAINER_OF(item, struct view_call, link));
}

static struct view_call *new_view(struct api *a, struct rpc_call *call, bool hash_only)
{
    if (a->views_n >= API_VIEWS_MAX) {
        rpc_fail_etcd(call, ETCD_REQUEST_TOO_MANY_REQUESTS,
                      "too many snapshots are being made or sent; try again when one is done");
        return NULL;
    }
    struct view_call *v = mem_zalloc(sizeof(*v));
    v->api = a;
    v->call = call;
    v->hash_only = hash_only;
    v->stall.fire = stalled;
    v->overdue.fire = overdue;
    v->index = state_applied(a->state);
    v->begun_ns = env_now_ns(a->opt.env);
    snprintf(v->version, sizeof(v->version), "%s", api_cluster_version(a));
    list_add_tail(&a->views, &v->link);
    a->views_n++;
    /* Else one behind the other would keep the sweep waiting for ever. */
    if (kv_sweep_waits(state_kv(a->state)))
        v->after = kv_compacted(state_kv(a->state));
    else if (!hash_only)
        hold(v);
    return v;
}

void serve_snapshot(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_snapshot_request r;
    if (!api_decode(call, &wire_snapshot_request, message, &r))
        return;
    struct view_call *v = new_view(arg, call, false);
    if (!v)
        return;
    call->user = v;
    begin_if_stored(v);
}

void serve_hash(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_hash_request r;
    if (!api_decode(call, &wire_hash_request, message, &r))
        return;
    struct view_call *v = new_view(arg, call, true);
    if (!v)
        return;
    begin_if_stored(v);
}

static void drained(void *arg, struct rpc_call *call)
{
    struct view_call *v = call->user;
    (void)arg;
    if (v && !v->busy && v->piece.n > 0) /* the piece is the worker's while busy */
        go_on(v);
}

static void closed(void *arg, struct rpc_call *call)
{
    struct view_call *v = call->user;
    (void)arg;
    if (!v)
        return;
    v->call = NULL;
    if (!v->busy)
        free_view(v);
}

const struct rpc_stream_ops api_snapshot_stream = {.drained = drained, .closed = closed};

void api_stop_views(struct api *a)
{
    list_each (item, &a->views) {
        struct view_call *v = CONTAINER_OF(item, struct view_call, link);
        if (v->call)
            rpc_fail_etcd(v->call, ETCD_STOPPED, NULL);
        v->call = NULL;
        if (!v->busy)
            free_view(v);
    }
    worker_drain(a->opt.env->workers, LANE_POOL);
    must(list_empty(&a->views));
}
