/* Maintenance.Snapshot and Hash: what needs a whole view of storage, read by a worker.
 *
 * A snapshot goes through these: wait until storage has all that was applied when it was asked for;
 * build the file (snapshot/spool.h); read a piece, send it, and the next one when the client has
 * taken it; at last the SHA-256 over all of it. */
#include "api/inner.h"
#include "base/mem.h"
#include "base/must.h"
#include "env/metrics.h"
#include "pki/digest.h"
#include "snapshot/spool.h"

#include <stdio.h>
#include <stdlib.h>

#define READ_BYTES (256u << 10) /* read at once */
#define BLOB_BYTES (32u << 10)  /* in one message, as etcd */
#define QUEUED_FEW (32u << 10)  /* when so little waits, more is read */

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
    struct spool spool;
    struct digest *digest;
    uint64_t at;        /* read and sent up to here */
    struct timer stall; /* of waiting until the client takes what was read */
    struct buf piece;
};

static void free_view(struct view_call *v)
{
    must(!v->busy);
    list_remove(&v->link);
    timer_stop(v->api->opt.env->timers, &v->stall);
    v->api->views_n--;
    digest_abandon(v->digest);
    spool_close(&v->spool);
    buf_fini(&v->piece);
    free(v);
}

/* ---- In the worker ---- */

static void build(struct job *job)
{
    struct view_call *v = CONTAINER_OF(job, struct view_call, job);
    const struct api_options *opt = &v->api->opt;
    const struct api_member *m = &opt->member;
    struct storage *storage = opt->storage;
    struct snapshot_source src = {.ops = storage->ops,
                                  .view = storage->ops->view_open(storage),
                                  .member = {m->id, m->name, m->peer_urls, m->peer_url_count,
                                             m->client_urls, m->client_url_count},
                                  .storage_version = v->version};
    if (!src.view)
        v->rc = err_set(&v->err, RC_LIMIT, "too many views of the stored data are open");
    else if (v->hash_only)
        v->rc = snapshot_hash(&src, &v->hash);
    else
        v->rc = spool_write(&v->spool, opt->env->disk, opt->spool_dir, &src, &v->err);
    if (src.view)
        storage->ops->view_close(src.view);
}

static void read_piece(struct job *job)
{
    struct view_call *v = CONTAINER_OF(job, struct view_call, job);
    uint64_t left = v->spool.size - v->at;
    size_t want = left < READ_BYTES ? (size_t)left : READ_BYTES;
    size_t got = 0;
    buf_clear(&v->piece);
    v->rc = file_pread(v->spool.file, buf_extend(&v->piece, want), want, v->at, &got);
    if (v->rc == RC_OK && got != want)
        v->rc = RC_IO;
    if (v->rc == RC_OK)
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
        rpc_fail(v->call, v->rc == RC_NO_SPACE ? GRPC_RESOURCE_EXHAUSTED : GRPC_UNAVAILABLE,
                 "etcdserver: cannot make a snapshot", v->err.text[0] ? v->err.text : NULL);
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

/* A client that reads nothing holds one of few places, and a file as large as the store. */
static void stalled(struct timer *t)
{
    struct view_call *v = CONTAINER_OF(t, struct view_call, stall);
    log_debug(v->api->opt.env->log, "api.slow_snapshot", "sent", U64(v->at));
    rpc_fail_etcd(v->call, ETCD_TIMEOUT, "the snapshot was read too slowly");
    free_view(v);
}

static void send_more(struct view_call *v);

static void piece_read(struct job *job)
{
    struct view_call *v = CONTAINER_OF(job, struct view_call, job);
    if (!v->call || v->rc != RC_OK) {
        v->busy = false;
        if (v->call)
            fail(v);
        else
            free_view(v);
        return;
    }
    for (struct slice left = buf_slice(&v->piece); left.n > 0;) {
        size_t n = left.n < BLOB_BYTES ? left.n : BLOB_BYTES;
        v->at += n;
        send_blob(v, slice_of(left.p, n), v->spool.size - v->at);
        left = slice_skip(left, n);
    }
    v->busy = false; /* only now: the piece was needed */
    if (rpc_queued(v->call) < QUEUED_FEW)
        send_more(v);
    else
        env_after(v->api->opt.env, &v->stall, (uint64_t)API_VIEW_STALL_MS * NS_PER_MS);
}

static void send_more(struct view_call *v)
{
    timer_stop(v->api->opt.env->timers, &v->stall);
    if (v->at < v->spool.size) {
        submit(v, read_piece, piece_read);
        return;
    }
    uint8_t sum[DIGEST_SHA256_LEN];
    digest_end(v->digest, sum);
    v->digest = NULL;
    send_blob(v, slice_of(sum, sizeof(sum)), 0);
    env_observe_ns(v->api->opt.env, backend_snapshot, env_now_ns(v->api->opt.env) - v->begun_ns);
    rpc_end(v->call);
    free_view(v);
}

static void reply_hash(struct view_call *v)
{
    struct pb_response_header header = api_header(v->api);
    struct pb_hash_response out = {.header = &header, .hash = v->hash};
    env_observe_ns(v->api->opt.env, hash, env_now_ns(v->api->opt.env) - v->begun_ns);
    api_reply(v->call, &wire_hash_response, &out);
    free_view(v);
}

static void built(struct job *job)
{
    struct view_call *v = CONTAINER_OF(job, struct view_call, job);
    v->busy = false;
    if (!v->call) {
        free_view(v);
    } else if (v->rc != RC_OK) {
        fail(v);
    } else if (v->hash_only) {
        reply_hash(v);
    } else {
        v->digest = digest_begin();
        send_more(v);
    }
}

static void begin_if_stored(struct view_call *v)
{
    if (v->begun || state_flushed(v->api->state) < v->index)
        return;
    v->begun = true;
    submit(v, build, built);
}

void api_begin_views(struct api *a)
{
    list_each (item, &a->views)
        begin_if_stored(CONTAINER_OF(item, struct view_call, link));
}

static struct view_call *new_view(struct api *a, struct rpc_call *call)
{
    if (a->views_n >= API_VIEWS_MAX) {
        rpc_fail_etcd(call, ETCD_REQUEST_TOO_MANY_REQUESTS,
                      "too many snapshots are being made or sent; try again when one is done");
        return NULL;
    }
    struct view_call *v = mem_zalloc(sizeof(*v));
    v->api = a;
    v->call = call;
    v->stall.fire = stalled;
    v->index = state_applied(a->state);
    v->begun_ns = env_now_ns(a->opt.env);
    snprintf(v->version, sizeof(v->version), "%s", api_cluster_version(a));
    list_add_tail(&a->views, &v->link);
    a->views_n++;
    return v;
}

void serve_snapshot(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_snapshot_request r;
    if (!api_decode(call, &wire_snapshot_request, message, &r))
        return;
    struct view_call *v = new_view(arg, call);
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
    struct view_call *v = new_view(arg, call);
    if (!v)
        return;
    v->hash_only = true;
    begin_if_stored(v);
}

static void drained(void *arg, struct rpc_call *call)
{
    struct view_call *v = call->user;
    (void)arg;
    if (v && v->digest && !v->busy)
        send_more(v);
}

static void closed(void *arg, struct rpc_call *call)
{
    struct view_call *v = call->user;
    (void)arg;
    if (!v)
        return;
    v->call = NULL;
    atomic_store(&v->spool.stop, true);
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
        atomic_store(&v->spool.stop, true);
        if (!v->busy)
            free_view(v);
    }
    worker_drain(a->opt.env->workers, LANE_POOL);
    must(list_empty(&a->views));
}
