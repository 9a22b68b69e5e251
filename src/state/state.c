#include "state/state.h"

#include "base/fnv.h"
#include "base/mem.h"
#include "base/must.h"
#include "state/auth_inner.h"
#include "state/check.h"
#include "state/meta.h"
#include "wire/kv_codec.h"
#include "wire/raft_request.h"

#include <stdlib.h>

struct state *state_new(const struct state_options *opt)
{
    struct state *s = mem_zalloc(sizeof(*s));
    s->opt = *opt;
    s->env = opt->env;
    s->kv = kv_new(opt->env, opt->storage);
    s->auth = auth_new(opt->env, &s->pending, opt->token_ttl_ns);
    s->quota = opt->quota_bytes;
    lease_init(s);
    flush_init(s);
    return s;
}

void state_free(struct state *s)
{
    if (!s)
        return;
    flush_fini(s);
    auth_free(s->auth);
    lease_fini(s);
    kv_free(s->kv);
    alarms_fini(s);
    members_fini(s);
    pending_fini(&s->pending);
    arena_fini(&s->arena);
    free(s);
}

enum rc state_restore(struct state *s, struct state_restored *out, struct err *err)
{
    struct meta meta = {0};
    struct storage_stats stats;
    struct slice mark;
    enum rc rc = meta_load(s->opt.storage, &meta, err);
    if (rc == RC_OK &&
        storage_get(s->opt.storage, TABLE_META, SLICE_LIT(META_FOLLOWING), &mark) == RC_OK)
        rc =
            err_set(err, RC_INVALID,
                    "moat import --from did not end here: leases are missing, and perhaps changes; "
                    "begin it again with an empty data directory");
    if (rc == RC_OK)
        rc = lease_restore(s, err);
    if (rc == RC_OK)
        rc = kv_restore(s->kv, &meta.marks, s->opt.verify, err);
    if (rc == RC_OK)
        rc = alarms_restore(s, err);
    if (rc == RC_OK)
        rc = members_restore(s, err);
    if (rc == RC_OK)
        rc = downgrade_restore(s, err);
    if (rc == RC_OK)
        rc = auth_restore(s->auth, s->opt.storage, err);
    if (rc != RC_OK)
        return rc;
    s->applied = meta.applied_index;
    s->applied_term = meta.applied_term;
    s->flush.index = s->flush.kept = meta.applied_index;
    storage_stats(s->opt.storage, &stats);
    s->used_bytes = stats.used_bytes;
    *out = (struct state_restored){
        .index = meta.applied_index, .term = meta.applied_term, .conf_index = meta.conf_index};
    buf_append_slice(&out->conf, meta.conf);
    return RC_OK;
}

/* Does no alarm forbid it? Else the entry changes nothing. */
static bool permitted(const struct state *s, uint32_t field, size_t cost, struct state_reply *reply)
{
    reply->error = alarm_refusal(s, field, cost);
    return reply->error == ETCD_OK;
}

/* What etcd's servers do with a request they do not know: nothing. A newer member would have to
 * wait for all to understand it before it proposes it. */
static void dispatch(struct state *s, const struct raft_request *r, struct state_reply *reply)
{
    union {
        struct pb_put_request put;
        struct pb_delete_range_request delete_range;
        struct pb_txn_request txn;
        struct pb_compaction_request compaction;
        struct pb_alarm_request alarm;
        struct pb_downgrade_info_set_request downgrade;
    } m;
    enum rc rc = RC_OK;
    switch (r->field) {
    case RAFT_REQUEST_PUT:
        rc = codec_put_request_parse(r->body, &m.put);
        if (rc == RC_OK && permitted(s, r->field, put_cost(&m.put), reply))
            apply_put(s, &m.put, reply);
        break;
    case RAFT_REQUEST_DELETE_RANGE:
        rc = wire_decode(&wire_delete_range_request, r->body, &s->arena, &m.delete_range);
        if (rc == RC_OK && permitted(s, r->field, 0, reply))
            apply_delete(s, &m.delete_range, reply);
        break;
    case RAFT_REQUEST_TXN:
        rc = wire_decode(&wire_txn_request, r->body, &s->arena, &m.txn);
        if (rc == RC_OK && permitted(s, r->field, txn_cost(&m.txn), reply))
            apply_txn(s, &m.txn, reply);
        break;
    case RAFT_REQUEST_COMPACTION:
        rc = wire_decode(&wire_compaction_request, r->body, &s->arena, &m.compaction);
        if (rc == RC_OK && permitted(s, r->field, 0, reply))
            apply_compaction(s, &m.compaction, reply);
        break;
    case RAFT_REQUEST_LEASE_GRANT:
    case RAFT_REQUEST_LEASE_REVOKE:
    case RAFT_REQUEST_LEASE_EXPIRE:
    case RAFT_REQUEST_LEASE_REMAINING:
        rc = lease_dispatch(s, r, reply);
        break;
    case RAFT_REQUEST_ALARM:
        rc = wire_decode(&wire_alarm_request, r->body, &s->arena, &m.alarm);
        if (rc == RC_OK)
            apply_alarm(s, &m.alarm, reply);
        break;
    case RAFT_REQUEST_MEMBER_ADD:
    case RAFT_REQUEST_MEMBER_UPDATE:
    case RAFT_REQUEST_MEMBER_REMOVE:
    case RAFT_REQUEST_MEMBER_ALONE:
        rc = member_dispatch(s, r, reply);
        break;
    case RAFT_REQUEST_DOWNGRADE_INFO_SET:
        rc = wire_decode(&wire_downgrade_info_set_request, r->body, &s->arena, &m.downgrade);
        if (rc == RC_OK)
            apply_downgrade(s, &m.downgrade, reply);
        break;
    default:
        if (auth_apply(s, r, reply))
            break;
        log_debug(s->env->log, "state.unknown_request", "field", U64(r->field));
        break;
    }
    must(rc == RC_OK); /* it was decoded before it was proposed */
    arena_fini(&s->arena);
}

void state_apply(struct state *s, uint64_t index, uint64_t term, struct slice body,
                 struct state_reply *reply)
{
    must(index == s->applied + 1);
    s->applied = index;
    s->applied_term = term;
    if (body.n > 0) {
        struct state_reply unheard = {.raft_term = term, .unheard = true};
        struct state_reply *answer = reply ? reply : &unheard;
        struct raft_request r;
        enum rc rc = raft_request_parse(body, &r);
        must(rc == RC_OK);
        const struct auth_who who = {r.username, r.auth_revision};
        answer->error = alarm_refusal(s, r.field, 0); /* whoever asks */
        if (answer->error == ETCD_OK)
            answer->error = auth_judge(s, &who, r.field, r.body, &answer->denial);
        if (answer->error == ETCD_OK)
            dispatch(s, &r, answer);
        buf_fini(&unheard.body);
    }
    flush_note(s);
}

void state_read_auth(struct state *s, uint32_t field, struct slice request,
                     struct state_reply *reply)
{
    const struct raft_request r = {.field = field, .body = request};
    struct arena applying = s->arena; /* who listens to a change reads while its entry is applied */
    s->arena = (struct arena){0};
    bool known = auth_apply(s, &r, reply);
    must(known);
    arena_fini(&s->arena);
    s->arena = applying;
}

struct auth *state_auth(struct state *s)
{
    return s->auth;
}

size_t state_unflushed_bytes(const struct state *s)
{
    return kv_unflushed_bytes(s->kv) + pending_bytes(&s->pending);
}

bool state_over_quota(const struct state *s, size_t new_bytes)
{
    if (s->quota <= 0)
        return false;
    uint64_t held = s->used_bytes + state_unflushed_bytes(s) + new_bytes;
    return held >= (uint64_t)s->quota;
}

bool state_congested(const struct state *s)
{
    return s->flush.broken || state_unflushed_bytes(s) >= STATE_UNFLUSHED_MAX;
}

bool state_swept(const struct state *s, int64_t revision)
{
    return kv_swept(s->kv, revision);
}

struct kv *state_kv(struct state *s)
{
    return s->kv;
}

struct leases *state_leases(struct state *s)
{
    return &s->leases;
}

struct lessor *state_lessor(struct state *s)
{
    return &s->lessor;
}

uint64_t state_applied(const struct state *s)
{
    return s->applied;
}

uint64_t state_flushed(const struct state *s)
{
    return s->flush.kept;
}

struct pb_response_header state_header(const struct state *s, uint64_t raft_term)
{
    return (struct pb_response_header){.cluster_id = s->opt.cluster_id,
                                       .member_id = s->opt.member_id,
                                       .revision = kv_revision(s->kv),
                                       .raft_term = raft_term};
}

static bool hash_one(void *arg, const struct index_hit *hit, struct slice encoded)
{
    uint64_t *h = arg;
    uint64_t sub = (uint64_t)hit->mod.sub;
    *h = fnv_hash(*h ^ sub, encoded);
    return true;
}

uint64_t state_hash(struct state *s)
{
    uint64_t h = FNV_SEED;
    h ^= (uint64_t)kv_revision(s->kv) * 31 + (uint64_t)kv_compacted(s->kv);
    h ^= leases_hash(&s->leases);
    h = members_hash(&s->members, h);
    enum rc rc = kv_each(s->kv, SLICE_LIT("\0"), SLICE_LIT("\0"), hash_one, &h);
    return rc == RC_OK ? auth_hash(s->auth, h) : 0;
}
