#include "lab.h"

#include "kv/map_storage.h"
#include "quorum/configuration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static uint64_t clock_now(struct clock *c)
{
    return CONTAINER_OF(c, struct lab, clock)->now_ns;
}

static void count_event(struct log *log, enum log_level level, const char *event,
                        const struct log_pair *pairs)
{
    struct lab *l = CONTAINER_OF(log, struct lab, log);
    (void)level;
    (void)pairs;
    l->slow_requests += strcmp(event, "request stats") == 0;
}

static void on_durable(void *arg, uint64_t index)
{
    struct lab *l = arg;
    if (l->quorum)
        quorum_durable(l->quorum, index);
}

static void on_error(void *arg, enum rc rc, const char *sentence)
{
    struct lab *l = arg;
    if (rc == RC_NO_SPACE)
        api_no_space(l->api, true);
    else
        api_read_only(l->api, sentence);
}

static void on_room(void *arg)
{
    struct lab *l = arg;
    api_no_space(l->api, false);
}

static void load(void *arg, const struct wal_entry *e)
{
    struct lab *l = arg;
    quorum_load(l->quorum, e);
}

static void on_apply(void *arg, const struct wal_entry *e, void *ctx)
{
    struct lab *l = arg;
    api_applied(l->api, e, ctx);
}

static void on_drop(void *arg, void *ctx)
{
    struct lab *l = arg;
    api_dropped(l->api, ctx);
}

static void on_fatal(void *arg, const char *sentence)
{
    struct lab *l = arg;
    api_read_only(l->api, sentence);
}

static void configuration(void *arg, uint64_t *index, struct buf *out)
{
    struct lab *l = arg;
    quorum_configuration(l->quorum, index, out);
}

static void on_flushed(void *arg, uint64_t safe_index)
{
    struct lab *l = arg;
    (void)safe_index;
    api_flushed(l->api);
}

static void on_storage(void *arg, enum rc rc)
{
    struct lab *l = arg;
    api_no_space(l->api, rc == RC_NO_SPACE);
}

static void make_env(struct lab *l)
{
    l->clock = (struct clock){.mono_ns = clock_now, .wall_ns = clock_now};
    l->log = (struct log){LOG_DEBUG, count_event};
    rng_seed(&l->rng, 1);
    l->disk = sim_disk_new(&l->rng);
    sim_workers_init(&l->workers);
    l->env = (struct env){.clock = &l->clock,
                          .timers = &l->timers,
                          .rng = &l->rng,
                          .disk = sim_disk_env(l->disk),
                          .workers = &l->workers.workers,
                          .log = &l->log,
                          .metrics = &l->metrics};
    metrics_init(&l->metrics);
}

static void no_random(void *p, size_t n)
{
    memset(p, 7, n);
}

static void make_parts(struct lab *l, const struct lab_options *opt)
{
    static const char *const peers[] = {"http://10.0.0.1:2380"};
    static const char *const clients[] = {"http://10.0.0.1:2379", "http://[::1]:2379"};
    l->storage = map_storage_new();
    l->state = state_new(&(struct state_options){.env = &l->env,
                                                 .storage = l->storage,
                                                 .cluster_id = LAB_CLUSTER,
                                                 .member_id = LAB_MEMBER,
                                                 .quota_bytes = opt->quota,
                                                 .token_ttl_ns = opt->jwt ? 0 : 300ull * NS_PER_S,
                                                 .arg = l,
                                                 .configuration = configuration,
                                                 .on_flushed = on_flushed,
                                                 .on_storage = on_storage});
    l->quorum = quorum_new(&(struct quorum_options){.env = &l->env,
                                                    .member_id = LAB_MEMBER,
                                                    .address = peers[0],
                                                    .arg = l,
                                                    .on_apply = on_apply,
                                                    .on_drop = on_drop,
                                                    .on_fatal = on_fatal});
    l->budget.max = 1u << 30;
    l->api = api_new(&(struct api_options){
        .env = &l->env,
        .cluster_id = LAB_CLUSTER,
        .storage = l->storage,
        .member = {.id = LAB_MEMBER,
                   .name = "infra0",
                   .peer_urls = peers,
                   .peer_url_count = 1,
                   .client_urls = clients,
                   .client_url_count = 2},
        .apply_warn_ns = 100 * NS_PER_MS,
        .request_warn_ns = 300 * NS_PER_MS,
        .request_bytes_max = opt->request_bytes ? opt->request_bytes : LAB_REQUEST_BYTES,
        .txn_ops_max = 128,
        .quota_bytes = opt->quota,
        .etcd_version = "3.7.0",
        .watch_progress_ns = LAB_PROGRESS_NS,
        .budget = &l->budget,
        .json = true,
        .jwt = opt->jwt,
        .bcrypt_cost = 4,
        .member_list = opt->member_list,
        .max_learners = 1,
        .strict_reconfig = !opt->lax,
        .random = no_random});
    api_attach(l->api, l->state, l->quorum);
}

static struct wal_options wal_options_of(struct lab *l)
{
    return (struct wal_options){.env = &l->env,
                                .dir = "/wal",
                                .cluster_id = LAB_CLUSTER,
                                .member_id = LAB_MEMBER,
                                .segment_bytes = 1u << 20,
                                .arg = l,
                                .on_durable = on_durable,
                                .on_error = on_error,
                                .on_room = on_room};
}

static void start(struct lab *l)
{
    struct state_restored restored = {0};
    struct wal_recovered found;
    struct err err = {0};
    const struct wal_options opt = wal_options_of(l);
    assert_int_equal(state_restore(l->state, &restored, &err), RC_OK);
    assert_int_equal(wal_open(&opt, restored.index + 1, load, &l->wal, &found, &err), RC_OK);
    const struct quorum_snapshot snap = {restored.index, restored.term, restored.conf_index,
                                         buf_slice(&restored.conf)};
    if (quorum_start(l->quorum, l->wal, &found, &snap, &err) != RC_OK)
        fail_msg("%s", err.text);
    api_begin(l->api);
    buf_fini(&restored.conf);
}

/* An entry that says the cluster has so many members: from now on nobody here leads it alone. */
static void grow_cluster(struct lab *l, unsigned members)
{
    struct raft_configuration c;
    struct buf body = {0};
    raft_configuration_init(&c);
    for (unsigned i = 0; i < members; i++) {
        char address[32];
        snprintf(address, sizeof(address), "http://10.0.0.%u:2380", i + 1);
        assert_int_equal(raft_configuration_add(&c, LAB_MEMBER + i, address, RAFT_VOTER), 0);
    }
    configuration_encode(&c, &body);
    raft_configuration_close(&c);
    const struct wal_entry e = {1, 1, WAL_CHANGE, buf_slice(&body)};
    const struct wal_options opt = wal_options_of(l);
    struct wal_recovered found;
    struct wal *w = NULL;
    assert_int_equal(wal_open(&opt, 1, NULL, &w, &found, NULL), RC_OK);
    wal_set_hard_state(w, (struct wal_hard_state){.term = 1});
    wal_append(w, &e, 1);
    assert_int_equal(wal_sync(w), RC_OK);
    wal_close(w);
    buf_fini(&body);
}

void lab_open(struct lab *l, const struct lab_options *opt)
{
    static const struct lab_options none;
    opt = opt ? opt : &none;
    *l = (struct lab){0};
    make_env(l);
    make_parts(l, opt);
    if (opt->members > 1)
        grow_cluster(l, opt->members);
    start(l);
    caller_open(&l->caller, &l->env, api_handler(l->api, RPC_DOOR_ALL), &l->budget,
                opt->stream_window);
    lab_run(l);
}

void lab_close(struct lab *l)
{
    if (!l->halted)
        worker_drain(&l->workers.workers, LANE_WAL);
    worker_drain(&l->workers.workers, LANE_STORE);
    caller_close(&l->caller);
    quorum_free(l->quorum);
    l->quorum = NULL;
    api_free(l->api);
    wal_close(l->wal);
    state_free(l->state);
    storage_close(l->storage);
    sim_disk_free(l->disk);
    arena_fini(&l->arena);
    assert_true(l->budget.used == 0);
    assert_true(timers_next(&l->timers) == TIMERS_NEVER);
    timers_fini(&l->timers);
}

void lab_run(struct lab *l)
{
    for (int turn = 0; turn < 100; turn++) {
        if (quorum_leader(l->quorum) != l->leader)
            api_leader(l->api, l->leader = quorum_leader(l->quorum));
        api_turn(l->api);
        quorum_flush(l->quorum);
        (void)state_turn(l->state);
        if (!l->halted)
            worker_drain(&l->workers.workers, LANE_WAL);
        worker_drain(&l->workers.workers, LANE_STORE);
        if (!l->pool_idle)
            worker_drain(&l->workers.workers, LANE_POOL);
        caller_pump(&l->caller);
    }
}

void lab_pass_ms(struct lab *l, uint64_t ms)
{
    l->now_ns += ms * NS_PER_MS;
    timers_run(&l->timers, l->now_ns);
    lab_run(l);
}

struct caller_reply *lab_call(struct lab *l, const char *path, const struct wire_message *m,
                              const void *request)
{
    struct buf body = {0};
    wire_encode(m, request, &body);
    struct buf framed = {0};
    caller_frame(&framed, 0, buf_slice(&body));
    struct caller_reply *r = caller_send(
        &l->caller,
        &(struct caller_request){.path = path, .token = l->token, .body = buf_slice(&framed)});
    buf_fini(&framed);
    buf_fini(&body);
    lab_run(l);
    return r;
}

struct caller_reply *lab_put(struct lab *l, const char *key, const char *value)
{
    const struct pb_put_request r = {.key = slice_str(key), .value = slice_str(value)};
    return lab_call(l, "/etcdserverpb.KV/Put", &wire_put_request, &r);
}

struct caller_reply *lab_range(struct lab *l, const struct pb_range_request *r)
{
    return lab_call(l, "/etcdserverpb.KV/Range", &wire_range_request, r);
}

void lab_response(struct lab *l, const struct caller_reply *r, const struct wire_message *m,
                  void *out)
{
    arena_fini(&l->arena);
    assert_int_equal(wire_decode(m, caller_message(r), &l->arena, out), RC_OK);
}

int64_t lab_count(struct lab *l)
{
    struct pb_range_response out;
    const struct pb_range_request all = {.key = SLICE_LIT("\0"),
                                         .range_end = SLICE_LIT("\0"),
                                         .serializable = true,
                                         .count_only = true};
    lab_response(l, lab_range(l, &all), &wire_range_response, &out);
    return out.count;
}

uint64_t lab_add_voter(struct lab *l, const char *url)
{
    struct slice urls = slice_str(url);
    const struct pb_member_add_request add = {.peer_urls = &urls, .peer_urls_n = 1};
    struct pb_member_add_response out;
    lab_response(l, lab_call(l, "/etcdserverpb.Cluster/MemberAdd", &wire_member_add_request, &add),
                 &wire_member_add_response, &out);
    assert_false(out.member->is_learner);
    return out.member->id;
}
