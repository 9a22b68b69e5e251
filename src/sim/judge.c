#include "sim/judge.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/rd.h"
#include "sim/rights.h"
#include "wire/raft_request.h"

#include <stdlib.h>

void judge_init(struct judge *j)
{
    *j = (struct judge){0};
    model_init(&j->model);
}

void judge_fini(struct judge *j)
{
    model_fini(&j->model);
    free(j->ids);
    free(j->hashes);
    free(j->seen);
    arena_fini(&j->arena);
    buf_fini(&j->expected);
}

static void grow(struct judge *j, uint64_t index)
{
    if (index < j->cap)
        return;
    size_t cap = j->cap ? j->cap * 2 : 4096;
    j->ids = mem_realloc(j->ids, cap * sizeof(*j->ids));
    j->hashes = mem_realloc(j->hashes, cap * sizeof(*j->hashes));
    j->cap = cap;
}

static bool applied_before(struct judge *j, uint64_t id)
{
    if (id >= j->seen_cap) {
        size_t cap = j->seen_cap ? j->seen_cap : 4096;
        while (cap <= id)
            cap *= 2;
        j->seen = mem_realloc(j->seen, cap);
        memset(j->seen + j->seen_cap, 0, cap - j->seen_cap);
        j->seen_cap = cap;
    }
    bool before = j->seen[id];
    j->seen[id] = 1;
    return before;
}

/* What the model answers, encoded; the header as this node fills it outside of the model's view. */
static enum etcd_error ask_model(struct judge *j, const struct raft_request *r,
                                 const struct wire_message **message, void **response,
                                 struct pb_response_header **header)
{
    struct arena *a = &j->arena;
    enum etcd_error e = ETCD_OK;
    enum rc rc = RC_OK;
    if (r->field == RAFT_REQUEST_PUT) {
        struct pb_put_request put;
        struct pb_put_response *out = arena_zalloc(a, sizeof(*out));
        rc = wire_decode(&wire_put_request, r->body, a, &put);
        e = model_put(&j->model, &put, a, out);
        *message = &wire_put_response;
        *response = out;
        *header = out->header;
    } else if (r->field == RAFT_REQUEST_DELETE_RANGE) {
        struct pb_delete_range_request del;
        struct pb_delete_range_response *out = arena_zalloc(a, sizeof(*out));
        rc = wire_decode(&wire_delete_range_request, r->body, a, &del);
        e = model_delete(&j->model, &del, a, out);
        *message = &wire_delete_range_response;
        *response = out;
        *header = out->header;
    } else if (r->field == RAFT_REQUEST_TXN) {
        struct pb_txn_request txn;
        struct pb_txn_response *out = arena_zalloc(a, sizeof(*out));
        rc = wire_decode(&wire_txn_request, r->body, a, &txn);
        e = model_txn(&j->model, &txn, a, out);
        *message = &wire_txn_response;
        *response = out;
        *header = out->header;
    } else if (r->field == RAFT_REQUEST_LEASE_GRANT) {
        struct pb_lease_grant_request grant;
        struct pb_lease_grant_response *out = arena_zalloc(a, sizeof(*out));
        rc = wire_decode(&wire_lease_grant_request, r->body, a, &grant);
        e = model_grant(&j->model, &grant, j->applied + 1, a, out);
        *message = &wire_lease_grant_response;
        *response = out;
        *header = out->header;
    } else if (r->field == RAFT_REQUEST_LEASE_REVOKE) {
        struct pb_lease_revoke_request revoke;
        struct pb_lease_revoke_response *out = arena_zalloc(a, sizeof(*out));
        rc = wire_decode(&wire_lease_revoke_request, r->body, a, &revoke);
        e = model_revoke(&j->model, &revoke, a, out);
        *message = &wire_lease_revoke_response;
        *response = out;
        *header = out->header;
    } else if (people_know(r->field)) {
        *header = arena_zalloc(a, sizeof(**header));
        (*header)->revision = j->model.revision;
        struct people_answer answer = {0};
        e = people_ask(&j->people, r, j->applied + 1, *header, a, &answer);
        *message = answer.message;
        *response = answer.response;
    } else {
        struct pb_compaction_request c;
        struct pb_compaction_response *out = arena_zalloc(a, sizeof(*out));
        rc = wire_decode(&wire_compaction_request, r->body, a, &c);
        e = model_compact(&j->model, &c, a, out);
        *message = &wire_compaction_response;
        *response = out;
        *header = out->header;
    }
    must(rc == RC_OK);
    return e;
}

/* Entries of the server's own, about leases and members: whoever waits makes the answer. */
static bool is_unanswered(uint32_t field)
{
    return field == RAFT_REQUEST_LEASE_EXPIRE || field == RAFT_REQUEST_LEASE_REMAINING ||
           field == RAFT_REQUEST_MEMBER_ADD || field == RAFT_REQUEST_MEMBER_ALONE;
}

static uint64_t granted_by(const struct model *m, int64_t id)
{
    const struct model_lease *l = model_lease_find(m, id);
    return l ? l->granted : 0;
}

static const char *judge_unanswered(struct judge *j, const struct raft_request *r,
                                    const struct state_reply *reply)
{
    struct pb_lease_expire_request ends = {0};
    if (r->field == RAFT_REQUEST_LEASE_EXPIRE &&
        wire_decode(&wire_lease_expire_request, r->body, &j->arena, &ends) != RC_OK)
        return "its leases cannot be read";
    for (size_t i = 0; i < ends.ids_n; i++)
        if (granted_by(&j->model, ends.ids[i]) <= ends.as_of)
            model_expire(&j->model, ends.ids[i]);
    return reply->error == ETCD_OK && reply->body.n == 0 ? NULL : "there is an answer to nobody";
}

static const char *judge_first(struct judge *j, const struct raft_request *r,
                               const struct state_reply *reply)
{
    const struct wire_message *message = NULL;
    void *response = NULL;
    struct pb_response_header *header = NULL;
    if (applied_before(j, r->id))
        return "a request was applied twice";
    if (is_unanswered(r->field))
        return judge_unanswered(j, r, reply);
    enum etcd_error may = rights_judge(&j->people, &j->model, r);
    if (may != ETCD_OK)
        return reply->error == may ? NULL : "its user has not the right to it";
    enum etcd_error e = ask_model(j, r, &message, &response, &header);
    if (e != reply->error)
        return "the error is not the model's";
    if (e != ETCD_OK)
        return NULL;
    /* Cluster and member are the node's own to say; take them from the answer. */
    struct pb_response_header got;
    struct rd rd = {.in = buf_slice(&reply->body)};
    if (rd_varint(&rd) != (1 << 3 | 2))
        return "the answer does not begin with a header";
    struct slice bytes = rd_bytes(&rd, rd_varint(&rd));
    if (rd.failed || wire_decode(&wire_response_header, bytes, &j->arena, &got) != RC_OK)
        return "the answer's header cannot be read";
    header->cluster_id = got.cluster_id;
    header->member_id = got.member_id;
    header->raft_term = got.raft_term;
    buf_clear(&j->expected);
    wire_encode(message, response, &j->expected);
    return slice_eq(buf_slice(&j->expected), buf_slice(&reply->body))
               ? NULL
               : "the answer is not the model's";
}

const char *judge_entry(struct judge *j, uint64_t index, struct slice body,
                        const struct state_reply *reply, uint64_t hash)
{
    struct raft_request r = {0};
    const char *wrong = NULL;
    if (body.n > 0 && raft_request_parse(body, &r) != RC_OK)
        return "its request cannot be read";
    grow(j, index);
    if (index <= j->applied) {
        if (j->ids[index] != r.id)
            return "another request stands here than when it was first applied";
        return j->hashes[index] == hash ? NULL : "applied again it leads to another state";
    }
    if (index != j->applied + 1)
        return "an entry before it was never applied";
    if (body.n > 0)
        wrong = judge_first(j, &r, reply);
    arena_fini(&j->arena);
    j->applied = index;
    j->ids[index] = r.id;
    j->hashes[index] = hash;
    return wrong;
}

void judge_acknowledge(struct judge *j, uint64_t index, int64_t revision)
{
    j->acknowledged = index;
    j->acknowledged_revision = revision;
}

const char *judge_state(const struct judge *j, uint64_t index, uint64_t hash)
{
    if (index == 0 || index > j->applied)
        return index == 0 ? NULL : "storage is ahead of everything applied";
    return j->hashes[index] == hash ? NULL : "storage does not hold the state of that entry";
}

const char *judge_range(struct judge *j, struct kv *kv, const struct pb_range_request *r)
{
    struct pb_range_response want = {0};
    struct kv_range range;
    struct buf got = {0};
    const char *wrong = NULL;
    enum etcd_error expect = model_range(&j->model, r, &j->arena, &want);
    enum etcd_error e = kv_range_open(kv, r, &range);
    if (e != expect) {
        wrong = "the error is not the model's";
    } else if (e == ETCD_OK) {
        want.header = NULL;
        buf_clear(&j->expected);
        wire_encode(&wire_range_response, &want, &j->expected);
        enum rc rc = kv_range_read(&range, &got, range.body_len + 1);
        if (rc != RC_END || !slice_eq(buf_slice(&got), buf_slice(&j->expected)))
            wrong = "the answer is not the model's";
    }
    if (e == ETCD_OK)
        kv_range_close(&range);
    buf_fini(&got);
    arena_fini(&j->arena);
    return wrong;
}
