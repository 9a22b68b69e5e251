/*~ 1. This is where a server is put together; docs/ARCHITECTURE.md goes on from here with the way
 * of a put. What talks to the outside is src/io; everything between is given an env and knows no
 * more. */
#include "app/server.h"

#include "api/api.h"
#include "app/datadir.h"
#include "app/ids.h"
#include "app/jwt_load.h"
#include "app/listeners.h"
#include "app/logger.h"
#include "app/resident.h"
#include "base/mem.h"
#include "base/must.h"
#include "env/metrics.h"
#include "io/notify.h"
#include "io/process.h"
#include "io/random.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>

#define TRAILING_ENTRIES 5000u /* kept behind what storage holds (--snapshot-catchup-entries) */
#define HTTP_BUDGET      (512ull << 20) /* bytes that may wait in connections */

struct server {
    const struct conf *conf;
    struct logger logger;
    struct io_loop *loop;
    struct env *env;
    struct datadir dir;
    uint64_t member_id;
    uint64_t cluster_id;
    struct storage *storage;
    struct state *state;
    struct quorum *quorum;
    struct wal *wal;
    struct api *api;
    struct jwt *jwt; /* NULL: tokens are simple ones */
    struct http_budget budget;
    struct metrics metrics;
    uint64_t leader; /* as last seen; UINT64_MAX: not looked yet */
    struct http_limits http_limits;
    struct listeners listeners;
    const char **peer_urls; /* texts, for the member list */
    const char **client_urls;
    struct resident resident;
    uint64_t trimmed;
    bool wal_full;
    bool store_full;
    enum rc fatal;
    struct err *err; /* server_run's */
};

/* Nothing can be written safely any more: stop, and say why. What was acknowledged is on disk. */
static void stop_for(struct server *s, enum rc rc, const char *sentence)
{
    if (s->fatal != RC_OK)
        return;
    s->fatal = rc;
    err_set(s->err, rc, "%s", sentence);
    log_error(s->env->log, "server.stopping", "why", STR(sentence));
    if (s->api)
        api_read_only(s->api, sentence);
    io_loop_stop(s->loop);
}

static void note_space(struct server *s)
{
    if (s->api)
        api_no_space(s->api, s->wal_full || s->store_full);
}

/* ---- What the log says ---- */

static void on_durable(void *arg, uint64_t index)
{
    struct server *s = arg;
    quorum_durable(s->quorum, index);
}

static void on_wal_error(void *arg, enum rc rc, const char *sentence)
{
    struct server *s = arg;
    if (rc != RC_NO_SPACE) {
        stop_for(s, rc, sentence);
        return;
    }
    s->wal_full = true;
    note_space(s);
    log_warn(s->env->log, "wal.no_space", "what", STR(sentence), "effect",
             STR("writes are refused, reads go on; writing resumes when there is room"));
}

static void on_wal_room(void *arg)
{
    struct server *s = arg;
    s->wal_full = false;
    note_space(s);
    log_info(s->env->log, "wal.room_again");
}

static void load_entry(void *arg, const struct wal_entry *e)
{
    struct server *s = arg;
    quorum_load(s->quorum, e);
}

/* ---- What consensus says ---- */

static void on_apply(void *arg, const struct wal_entry *e, void *ctx)
{
    struct server *s = arg;
    api_applied(s->api, e, ctx);
}

static void on_drop(void *arg, void *ctx)
{
    struct server *s = arg;
    api_dropped(s->api, ctx);
}

static void on_fatal(void *arg, const char *sentence)
{
    stop_for(arg, RC_CORRUPT, sentence);
}

/* ---- What the state machine says ---- */

static void on_configuration(void *arg, uint64_t *index, struct buf *out)
{
    struct server *s = arg;
    quorum_configuration(s->quorum, index, out);
}

static void on_flushed(void *arg, uint64_t safe_index)
{
    struct server *s = arg;
    if (safe_index >= s->trimmed + s->conf->snapshot_count) {
        quorum_trim(s->quorum, safe_index, TRAILING_ENTRIES);
        s->trimmed = safe_index;
    }
    api_flushed(s->api);
}

static void on_storage(void *arg, enum rc rc)
{
    struct server *s = arg;
    if (rc != RC_OK && rc != RC_NO_SPACE) {
        char sentence[ERR_TEXT_MAX];
        snprintf(sentence, sizeof(sentence),
                 "%s: %s; everything acknowledged is in the log and is applied again at the next "
                 "start, once the disk is sound",
                 s->dir.db, rc_text(rc));
        stop_for(s, rc, sentence);
        return;
    }
    s->store_full = rc == RC_NO_SPACE;
    note_space(s);
    if (s->store_full)
        log_warn(s->env->log, "store.no_space", "file", STR(s->dir.db), "effect",
                 STR("writes are refused, reads go on; writing resumes when there is room"));
    else
        log_info(s->env->log, "store.room_again", "file", STR(s->dir.db));
}

/* ---- The loop ---- */

static void note_leader(struct server *s)
{
    uint64_t leader = quorum_leader(s->quorum);
    if (leader == s->leader)
        return;
    s->leader = leader;
    s->metrics.leader_changes += leader != 0;
    api_leader(s->api, leader);
    if (leader == 0 && s->fatal == RC_OK)
        log_warn(s->env->log, "cluster.no_leader", "why", STR(api_log_voters(s->api)), "effect",
                 STR("writes and linearizable reads wait, and are given up; others go on"));
}

/*~ 5. The end of a turn: first the disk gets its next batch, then the state machine its slice of
 * sweeping, and after this io flushes every connection that has something to send, once. */
static void on_turn(void *arg)
{
    struct server *s = arg;
    note_leader(s);
    api_turn(s->api);
    quorum_flush(s->quorum);
    if (state_turn(s->state))
        io_loop_again(s->loop);
}

/* The unit's Type=notify waits for the first of these. */
static void notify(const struct server *s, const char *state)
{
    enum rc rc = io_notify(state);
    if (rc != RC_OK)
        log_warn(s->env->log, "server.notify_failed", "state", STR(state), "why", STR(rc_text(rc)));
}

static void on_signal(void *arg, int signum)
{
    struct server *s = arg;
    log_info(s->env->log, "server.signal", "number", I64(signum));
    io_loop_stop(s->loop);
}

static struct layer *serve(struct server *s, struct http_handler *handler, struct slice peer)
{
    return http_conn_new(&(struct http_options){.env = s->env,
                                                .handler = handler,
                                                .limits = s->http_limits,
                                                .budget = &s->budget,
                                                .peer = peer});
}

static struct layer *on_client(void *arg, struct io_conn *c, struct slice peer)
{
    struct server *s = arg;
    (void)c;
    return serve(s, api_handler(s->api, RPC_DOOR_ALL), peer);
}

static struct layer *on_grpc_client(void *arg, struct io_conn *c, struct slice peer)
{
    struct server *s = arg;
    (void)c;
    return serve(s, api_handler(s->api, RPC_DOOR_GRPC), peer);
}

static struct layer *on_http_client(void *arg, struct io_conn *c, struct slice peer)
{
    struct server *s = arg;
    (void)c;
    return serve(s, api_handler(s->api, RPC_DOOR_HTTP), peer);
}

static struct layer *on_metrics(void *arg, struct io_conn *c, struct slice peer)
{
    struct server *s = arg;
    (void)c;
    return serve(s, api_metrics_handler(s->api), peer);
}

static struct layer *on_peer(void *arg, struct io_conn *c, struct slice peer)
{
    struct server *s = arg;
    (void)c;
    return serve(s, api_peer_handler(s->api), peer);
}

/* ---- Start ---- */

static const char **url_texts(const struct conf_urls *urls)
{
    const char **texts = mem_calloc(urls->n, sizeof(*texts));
    for (size_t i = 0; i < urls->n; i++)
        texts[i] = urls->v[i].text;
    return texts;
}

static void compute_ids(struct server *s)
{
    const struct conf *c = s->conf;
    s->peer_urls = url_texts(&c->initial_advertise_peer_urls);
    s->client_urls = url_texts(&c->advertise_client_urls);
    ids_of(c, &s->member_id, &s->cluster_id);
}

static uint64_t token_ttl_ns(const struct conf *c)
{
    return c->jwt.sign_method ? 0 : c->auth_token_ttl_s * NS_PER_S;
}

static enum rc open_state(struct server *s, struct state_restored *restored, struct err *err)
{
    const struct conf *c = s->conf;
    struct store_options options = {.path = s->dir.db,
                                    .cluster_id = s->cluster_id,
                                    .member_id = s->member_id,
                                    .log = s->env->log,
                                    .faults = s->env->faults};
    options.quota_bytes = c->quota_backend_bytes > 0 ? (uint64_t)c->quota_backend_bytes : 0;
    enum rc rc = store_open(&options, &s->storage, err);
    if (rc == RC_FOREIGN && ids_kept(c, s->dir.db, &s->member_id, &s->cluster_id)) {
        options.cluster_id = s->cluster_id;
        options.member_id = s->member_id;
        rc = store_open(&options, &s->storage, err);
    }
    if (rc != RC_OK)
        return rc;
    s->state = state_new(&(struct state_options){.env = s->env,
                                                 .storage = s->storage,
                                                 .cluster_id = s->cluster_id,
                                                 .member_id = s->member_id,
                                                 .quota_bytes = c->quota_backend_bytes,
                                                 .verify = c->initial_corrupt_check,
                                                 .token_ttl_ns = token_ttl_ns(c),
                                                 .arg = s,
                                                 .configuration = on_configuration,
                                                 .on_flushed = on_flushed,
                                                 .on_storage = on_storage});
    rc = state_restore(s->state, restored, err);
    if (rc == RC_OK && !c->memory_mlock)
        store_trim_resident(s->storage); /* the walk over all revisions mapped the whole file */
    return rc;
}

/* As many milliseconds as fit; 0 for what is not positive: the default. */
static uint32_t milliseconds(int64_t ns)
{
    uint64_t ms = ns > 0 ? ((uint64_t)ns + NS_PER_MS - 1) / NS_PER_MS : 0;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

/* etcd's: one and a half election timeouts, in whole heartbeats, rounded up to seconds. */
static int64_t lease_ttl_min(const struct conf *c)
{
    uint64_t ticks = c->election_timeout_ms / c->heartbeat_interval_ms;
    uint64_t ms = 3 * ticks / 2 * c->heartbeat_interval_ms;
    return (int64_t)((ms + 999) / 1000);
}

static void make_api(struct server *s)
{
    const struct conf *c = s->conf;
    s->budget.max = HTTP_BUDGET;
    s->http_limits.streams = c->max_concurrent_streams;
    s->http_limits.keepalive_ms = milliseconds(c->grpc_keepalive_interval_ns);
    s->http_limits.keepalive_timeout_ms = milliseconds(c->grpc_keepalive_timeout_ns);
    s->http_limits.ping_min_ms = milliseconds(c->grpc_keepalive_min_time_ns);
    s->api = api_new(&(struct api_options){
        .env = s->env,
        .cluster_id = s->cluster_id,
        .storage = s->storage,
        .member = {.id = s->member_id,
                   .name = c->name,
                   .peer_urls = s->peer_urls,
                   .peer_url_count = c->initial_advertise_peer_urls.n,
                   .client_urls = s->client_urls,
                   .client_url_count = c->advertise_client_urls.n},
        .request_bytes_max = c->max_request_bytes,
        .txn_ops_max = (unsigned)c->max_txn_ops,
        .compact_by_revision = c->auto_compaction_mode == CONF_COMPACT_REVISION,
        .compact_retention = c->auto_compaction,
        .quota_bytes = c->quota_backend_bytes,
        .lease_ttl_min = lease_ttl_min(c),
        .etcd_version = CONF_ETCD_VERSION,
        .watch_progress_ns = (uint64_t)c->watch_progress_ns,
        .budget = &s->budget,
        .json = c->enable_grpc_gateway,
        .v3alpha = c->enable_v3alpha,
        .access = {.cors = true,
                   .origins = (const char *const *)c->cors.v,
                   .origin_count = c->cors.n,
                   .hosts = (const char *const *)c->host_whitelist.v,
                   .host_count = c->host_whitelist.n},
        .apply_warn_ns = (uint64_t)(c->warning_apply_ns > 0 ? c->warning_apply_ns : 0),
        .request_warn_ns = (uint64_t)(c->warning_request_ns > 0 ? c->warning_request_ns : 0),
        .method_seconds = c->metrics == CONF_METRICS_EXTENSIVE,
        .process_metrics = io_process_metrics,
        .jwt = s->jwt,
        .bcrypt_cost = (unsigned)c->bcrypt_cost,
        .member_list = (enum api_member_list)c->auth_member_list,
        .election_ms = (uint32_t)c->election_timeout_ms,
        .strict_reconfig = c->strict_reconfig_check,
        .max_learners = (uint64_t)(c->max_learners > 0 ? c->max_learners : 0),
        .random = io_random});
}

/* --force-new-cluster: consensus has this member vote alone. Now the others leave the members, for
 * good, before anybody is answered. A crash before leaves all of them. */
static enum rc forget_others(struct server *s, struct err *err)
{
    api_forget_others(s->api);
    quorum_flush(s->quorum);
    enum rc rc = wal_sync(s->wal); /* applied within */
    return rc == RC_OK ? rc : err_set(err, rc, "cannot write the log: %s", rc_text(rc));
}

static enum rc open_log(struct server *s, const struct state_restored *restored, struct err *err)
{
    struct buf address = {0};
    struct wal_recovered found;
    for (size_t i = 0; i < s->conf->initial_advertise_peer_urls.n; i++)
        buf_printf(&address, "%s%s", i ? "," : "", s->peer_urls[i]);
    buf_append_u8(&address, 0);
    s->quorum = quorum_new(
        &(struct quorum_options){.env = s->env,
                                 .member_id = s->member_id,
                                 .address = (const char *)address.p,
                                 .election_ms = (uint32_t)s->conf->election_timeout_ms,
                                 .heartbeat_ms = (uint32_t)s->conf->heartbeat_interval_ms,
                                 .alone = s->conf->force_new_cluster,
                                 .arg = s,
                                 .on_apply = on_apply,
                                 .on_drop = on_drop,
                                 .on_fatal = on_fatal});
    api_attach(s->api, s->state, s->quorum);
    enum rc rc = wal_open(&(struct wal_options){.env = s->env,
                                                .dir = s->dir.wal,
                                                .cluster_id = s->cluster_id,
                                                .member_id = s->member_id,
                                                .arg = s,
                                                .on_durable = on_durable,
                                                .on_error = on_wal_error,
                                                .on_room = on_wal_room},
                          restored->index + 1, load_entry, &s->wal, &found, err);
    if (rc == RC_OK && found.torn)
        log_info(s->env->log, "wal.torn_tail", "note",
                 STR("the end of the log was cut: an unfinished write, never acknowledged"));
    if (rc == RC_OK)
        rc = quorum_start(s->quorum, s->wal, &found,
                          &(struct quorum_snapshot){.index = restored->index,
                                                    .term = restored->term,
                                                    .conf_index = restored->conf_index,
                                                    .conf = buf_slice(&restored->conf)},
                          err);
    if (rc == RC_OK && s->conf->force_new_cluster)
        rc = forget_others(s, err);
    if (rc == RC_OK)
        api_begin(s->api);
    buf_fini(&address);
    return rc;
}

static enum rc listen_all(struct server *s, struct err *err)
{
    bool apart = s->conf->listen_client_http_urls.n > 0;
    listeners_accept *const accept[LISTENERS_ROLE_COUNT] = {
        [LISTENERS_PEER] = on_peer,
        [LISTENERS_METRICS] = on_metrics,
        [LISTENERS_CLIENT_HTTP] = on_http_client,
        [LISTENERS_CLIENT] = apart ? on_grpc_client : on_client,
    };
    return listeners_open(&s->listeners, s->loop, s->conf, accept, s, err);
}

static enum rc open_data(struct server *s, struct err *err)
{
    struct state_restored restored = {0};
    enum rc rc = datadir_open(s->env->disk, s->conf->data_dir, s->conf->wal_dir, &s->dir, err);
    if (rc == RC_OK && s->dir.fresh)
        rc = conf_check_bootstrap(s->conf, err);
    if (rc == RC_OK) {
        compute_ids(s);
        rc = open_state(s, &restored, err);
    }
    if (rc == RC_OK) {
        make_api(s);
        rc = open_log(s, &restored, err);
    }
    buf_fini(&restored.conf);
    return rc;
}

/* Whoever could not open a file has said which, and why. What an operator does about it is the same
 * for every file. */
static void advise(struct err *err)
{
    static const struct {
        enum rc rc;
        const char *text;
    } advice[] = {
        {RC_NO_SPACE, "free some space there, or name a data directory on another disk"},
        {RC_READ_ONLY, "make that file system writable, or name another data directory"},
        {RC_PERMISSION, "give the user that runs moat the right to it (chown), or name another "
                        "data directory"},
    };
    size_t n = strlen(err->text);
    for (size_t i = 0; i < ARRAY_LEN(advice); i++)
        if (advice[i].rc == err->rc)
            snprintf(err->text + n, sizeof(err->text) - n, "; %s", advice[i].text);
}

static enum rc start(struct server *s, struct err *err)
{
    enum rc rc = jwt_load(&s->conf->jwt, &s->jwt, err);
    if (rc != RC_OK)
        return rc;
    rc = open_data(s, err);
    if (rc != RC_OK)
        advise(err);
    else
        rc = s->fatal; /* applying the log may have met damage: err says which */
    if (rc == RC_OK)   /* before anybody can know that we run, and stop us */
        rc = io_loop_on_signal(s->loop, on_signal, s, err);
    if (rc == RC_OK)
        rc = listen_all(s, err);
    if (rc != RC_OK)
        return rc;
    io_loop_on_turn(s->loop, on_turn, s);
    if (!s->conf->memory_mlock)
        resident_begin(&s->resident, s->env, s->storage, RESIDENT_MAX);
    return RC_OK;
}

/* Lines that scripts wait for (etcd's texts), then a few for people. */
static void announce(struct server *s, bool talk)
{
    const struct conf *c = s->conf;
    log_info(s->env->log, "published local member to cluster through raft", "local-member-id",
             HEX64(s->member_id), "cluster-id", HEX64(s->cluster_id), "name", STR(c->name));
    log_info(s->env->log, "ready to serve client requests");
    for (size_t i = 0; i < c->listen_client_urls.n; i++)
        log_info(s->env->log, "serving client traffic insecurely; this is strongly discouraged!",
                 "address", STR(c->listen_client_urls.v[i].text));
    if (!talk)
        return;
    printf("moat %s, serving etcd's v3 API (%s)\n  data     %s\n", MOAT_VERSION, CONF_ETCD_VERSION,
           s->dir.root);
    for (size_t i = 0; i < c->listen_client_urls.n; i++)
        printf("  clients  %s\n", c->listen_client_urls.v[i].text);
    printf("  try      ETCDCTL_API=3 etcdctl --endpoints %s put hello world\n",
           c->advertise_client_urls.v[0].text);
    fflush(stdout);
}

/* ---- Stop ---- */

/* What is in flight is finished, so that the next start has nothing to replay. */
static void finish(struct server *s)
{
    listeners_close(&s->listeners);
    if (s->wal && s->fatal == RC_OK) {
        worker_drain(s->env->workers, LANE_WAL);
        enum rc rc = state_sync(s->state);
        if (rc != RC_OK)
            log_warn(s->env->log, "server.unfinished_flush", "why", STR(rc_text(rc)), "note",
                     STR("nothing is lost: the next start applies the log again"));
    }
    worker_drain(s->env->workers, LANE_STORE);
    resident_end(&s->resident);
    if (s->loop)
        io_loop_close_conns(s->loop);
    quorum_free(s->quorum); /* reads that still wait for it are refused */
    api_free(s->api);
    jwt_free(s->jwt);
    if (s->wal)
        wal_close(s->wal);
    state_free(s->state);
    storage_close(s->storage);
    datadir_fini(&s->dir);
    free(s->peer_urls);
    free(s->client_urls);
}

static void log_notes(struct server *s)
{
    const struct conf_notes *notes = &s->conf->notes;
    for (size_t i = 0; i < notes->n; i++)
        log_event(s->env->log, notes->v[i].level, notes->v[i].text,
                  (const struct log_pair[]){{NULL, {0}}});
}

enum rc server_run(const struct conf *conf, bool talk, struct err *err)
{
    struct server s = {.conf = conf, .leader = UINT64_MAX, .err = err};
    enum rc rc = logger_init(&s.logger, conf->log_level, conf->log_format == CONF_LOG_JSON,
                             conf->log_outputs.v, conf->log_outputs.n, err);
    if (rc != RC_OK)
        return rc;
    if (conf->enable_log_rotation)
        logger_rotate(&s.logger, conf->log_outputs.v, conf->log_outputs.n,
                      &(struct rotate){.bytes_max = conf->log_rotation.bytes_max,
                                       .backups = {.days_max = conf->log_rotation.days_max,
                                                   .backups_max = conf->log_rotation.backups_max,
                                                   .local_time = conf->log_rotation.local_time,
                                                   .compress = conf->log_rotation.compress}});
    store_catch_sigbus();
    io_raise_fd_limit();
    if (conf->memory_mlock)
        rc = io_lock_memory(err);
    if (rc == RC_OK)
        rc = io_loop_new(&(struct io_loop_options){.log = &s.logger.log}, &s.loop, err);
    if (rc == RC_OK) {
        s.env = io_loop_env(s.loop);
        metrics_init(&s.metrics);
        s.env->metrics = &s.metrics;
        logger_workers(&s.logger, s.env->workers);
        log_notes(&s);
        rc = start(&s, err);
        if (rc == RC_OK) {
            announce(&s, talk);
            notify(&s, IO_NOTIFY_READY);
            io_loop_run(s.loop);
            notify(&s, IO_NOTIFY_STOPPING);
            rc = s.fatal;
        }
        logger_workers(&s.logger, NULL);
        finish(&s);
        io_loop_free(s.loop);
    }
    logger_fini(&s.logger);
    return rc;
}
