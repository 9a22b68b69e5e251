#include "lab.h"

#include "kv/map_storage.h"
#include "wire/kv_codec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint64_t clock_now(struct clock *c)
{
    return CONTAINER_OF(c, struct lab, clock)->now_ns;
}

static bool fault_now(struct faults *f, const char *point)
{
    struct lab *l = CONTAINER_OF(f, struct lab, faults);
    if (!l->fault_point || strcmp(l->fault_point, point) != 0)
        return false;
    l->fault_point = NULL;
    return true;
}

static void note_log(struct log *log, enum log_level level, const char *event,
                     const struct log_pair *pairs)
{
    (void)level;
    (void)event;
    (void)pairs;
    CONTAINER_OF(log, struct lab, log)->logged++;
}

static void configuration(void *arg, uint64_t *index, struct buf *out)
{
    (void)arg;
    *index = 1;
    buf_append_str(out, "members");
}

static void on_flushed(void *arg, uint64_t safe_index)
{
    struct lab *l = arg;
    l->flushes++;
    l->safe = safe_index;
}

static void on_storage(void *arg, enum rc rc)
{
    struct lab *l = arg;
    l->storage_events++;
    l->storage_rc = rc;
}

static enum rc start(struct lab *l)
{
    l->state = state_new(&(struct state_options){.env = &l->env,
                                                 .storage = l->storage,
                                                 .cluster_id = LAB_CLUSTER,
                                                 .member_id = LAB_MEMBER,
                                                 .quota_bytes = l->quota,
                                                 .token_ttl_ns = LAB_TOKEN_TTL_NS,
                                                 .arg = l,
                                                 .configuration = configuration,
                                                 .on_flushed = on_flushed,
                                                 .on_storage = on_storage});
    l->err = (struct err){0};
    buf_fini(&l->restored.conf);
    enum rc rc = state_restore(l->state, &l->restored, &l->err);
    if (rc == RC_OK)
        l->index = l->restored.index;
    return rc;
}

void lab_open(struct lab *l)
{
    int64_t quota = l->quota;
    *l = (struct lab){.quota = quota};
    l->clock = (struct clock){.mono_ns = clock_now, .wall_ns = clock_now};
    l->faults.hit = fault_now;
    l->log = (struct log){LOG_DEBUG, note_log};
    rng_seed(&l->rng, 1);
    sim_workers_init(&l->workers);
    l->env = (struct env){.clock = &l->clock,
                          .timers = &l->timers,
                          .rng = &l->rng,
                          .workers = &l->workers.workers,
                          .faults = &l->faults,
                          .log = &l->log};
    l->storage = map_storage_new();
    assert_int_equal(start(l), RC_OK);
}

void lab_close(struct lab *l)
{
    lab_store(l);
    state_free(l->state);
    storage_close(l->storage);
    buf_fini(&l->restored.conf);
    buf_fini(&l->reply.body);
    arena_fini(&l->arena);
    assert_true(timers_next(&l->timers) == TIMERS_NEVER);
    timers_fini(&l->timers);
}

enum rc lab_restart(struct lab *l)
{
    lab_store(l);
    state_free(l->state);
    map_storage_power_loss(l->storage, false);
    return start(l);
}

enum etcd_error lab_apply(struct lab *l, enum raft_request_field field,
                          const struct wire_message *m, const void *request)
{
    return lab_apply_as(l, NULL, field, m, request);
}

enum etcd_error lab_apply_as(struct lab *l, const char *user, enum raft_request_field field,
                             const struct wire_message *m, const void *request)
{
    struct slice name = user ? slice_str(user) : (struct slice){0};
    struct buf entry = {0};
    struct buf body = {0};
    wire_encode(m, request, &body);
    raft_request_begin_as(&entry, 7, name, user ? auth_revision(state_auth(l->state)) : 0);
    raft_request_embed(&entry, field, buf_slice(&body));
    buf_clear(&l->reply.body);
    l->reply = (struct state_reply){.raft_term = LAB_TERM, .body = l->reply.body};
    state_apply(l->state, ++l->index, LAB_TERM, buf_slice(&entry), &l->reply);
    buf_fini(&entry);
    buf_fini(&body);
    return l->reply.error;
}

enum etcd_error lab_put(struct lab *l, const char *key, const char *value)
{
    const struct pb_put_request r = {.key = slice_str(key), .value = slice_str(value)};
    return lab_apply(l, RAFT_REQUEST_PUT, &wire_put_request, &r);
}

enum etcd_error lab_delete(struct lab *l, const char *key, struct slice range_end)
{
    const struct pb_delete_range_request r = {.key = slice_str(key), .range_end = range_end};
    return lab_apply(l, RAFT_REQUEST_DELETE_RANGE, &wire_delete_range_request, &r);
}

enum etcd_error lab_txn(struct lab *l, const struct pb_txn_request *t)
{
    return lab_apply(l, RAFT_REQUEST_TXN, &wire_txn_request, t);
}

enum etcd_error lab_compact(struct lab *l, int64_t revision, bool physical)
{
    const struct pb_compaction_request r = {.revision = revision, .physical = physical};
    return lab_apply(l, RAFT_REQUEST_COMPACTION, &wire_compaction_request, &r);
}

void lab_response(struct lab *l, const struct wire_message *m, void *out)
{
    arena_fini(&l->arena);
    assert_int_equal(l->reply.error, ETCD_OK);
    assert_int_equal(wire_decode(m, buf_slice(&l->reply.body), &l->arena, out), RC_OK);
}

struct slice lab_value(struct lab *l, const char *key)
{
    struct slice encoded;
    struct pb_key_value pair;
    if (kv_get(state_kv(l->state), slice_str(key), &encoded) != RC_OK)
        return (struct slice){0};
    assert_int_equal(codec_key_value_parse(encoded, &pair), RC_OK);
    return pair.value.p ? pair.value : SLICE_LIT("");
}

void lab_store(struct lab *l)
{
    worker_drain(&l->workers.workers, LANE_STORE);
}

void lab_turns(struct lab *l)
{
    bool more = true;
    while (more) {
        unsigned before = l->flushes;
        more = state_turn(l->state);
        lab_store(l);
        more = more || l->flushes > before;
    }
}

void lab_pass_ms(struct lab *l, uint64_t ms)
{
    l->now_ns += ms * NS_PER_MS;
    timers_run(&l->timers, l->now_ns);
}
