#include "sim/model.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

void model_init(struct model *m)
{
    *m = (struct model){.revision = 1, .compacted = -1};
}

void model_fini(struct model *m)
{
    for (size_t i = 0; i < m->n; i++) {
        for (size_t j = 0; j < m->keys[i].n; j++)
            buf_fini(&m->keys[i].v[j].value);
        free(m->keys[i].v);
        buf_fini(&m->keys[i].name);
    }
    *m = (struct model){0};
}

static struct model_key *find_or_add(struct model *m, struct slice name)
{
    size_t at = 0;
    while (at < m->n && slice_cmp(buf_slice(&m->keys[at].name), name) < 0)
        at++;
    if (at < m->n && slice_eq(buf_slice(&m->keys[at].name), name))
        return &m->keys[at];
    must(m->n < MODEL_KEYS_MAX);
    memmove(&m->keys[at + 1], &m->keys[at], (m->n - at) * sizeof(m->keys[0]));
    m->n++;
    m->keys[at] = (struct model_key){0};
    buf_append_slice(&m->keys[at].name, name);
    return &m->keys[at];
}

const struct model_version *model_alive(const struct model_key *k, int64_t at)
{
    const struct model_version *last = NULL;
    for (size_t i = 0; i < k->n && k->v[i].main <= at; i++)
        last = &k->v[i];
    return last && !last->dead ? last : NULL;
}

bool model_in_range(struct slice name, struct slice key, struct slice end)
{
    if (end.n == 0)
        return slice_eq(name, key);
    if (slice_cmp(name, key) < 0)
        return false;
    return (end.n == 1 && end.p[0] == 0) || slice_cmp(name, end) < 0;
}

static void add_version(struct model_key *k, int64_t main, struct slice value, int64_t lease,
                        bool dead)
{
    const struct model_version *before = model_alive(k, INT64_MAX);
    struct model_version v = {.main = main,
                              .create = before ? before->create : main,
                              .version = before ? before->version + 1 : 1,
                              .dead = dead,
                              .lease = lease};
    buf_append_slice(&v.value, value);
    if (k->n == k->cap) {
        k->cap = k->cap ? k->cap * 2 : 4;
        k->v = mem_realloc(k->v, k->cap * sizeof(*k->v));
    }
    k->v[k->n++] = v;
}

static struct pb_key_value pair_of(struct arena *a, const struct model_key *k,
                                   const struct model_version *v)
{
    return (struct pb_key_value){.key = arena_copy(a, buf_slice(&k->name)),
                                 .create_revision = v->create,
                                 .mod_revision = v->main,
                                 .version = v->version,
                                 .value = arena_copy(a, buf_slice(&v->value)),
                                 .lease = v->lease};
}

static struct pb_response_header *header_of(struct arena *a, int64_t revision)
{
    struct pb_response_header *h = arena_zalloc(a, sizeof(*h));
    h->revision = revision;
    return h;
}

/* ---- Changes at a revision that the caller counts up ---- */

static void put_at(struct model *m, const struct pb_put_request *r, int64_t at, struct arena *a,
                   struct pb_put_response *out)
{
    struct model_key *k = find_or_add(m, r->key);
    const struct model_version *before = model_alive(k, INT64_MAX);
    if (before && r->prev_kv) {
        out->prev_kv = arena_alloc(a, sizeof(*out->prev_kv));
        *out->prev_kv = pair_of(a, k, before);
    }
    add_version(k, at, r->value, r->lease, false);
    out->header = header_of(a, at);
}

static int64_t delete_at(struct model *m, const struct pb_delete_range_request *r, int64_t at,
                         struct arena *a, struct pb_delete_range_response *out)
{
    out->prev_kvs = arena_alloc(a, m->n * sizeof(*out->prev_kvs));
    for (size_t i = 0; i < m->n; i++) {
        struct model_key *k = &m->keys[i];
        const struct model_version *before = model_alive(k, INT64_MAX);
        if (!before || !model_in_range(buf_slice(&k->name), r->key, r->range_end))
            continue;
        if (r->prev_kv)
            out->prev_kvs[out->prev_kvs_n++] = pair_of(a, k, before);
        add_version(k, at, (struct slice){0}, 0, true);
        out->deleted++;
    }
    return out->deleted;
}

enum etcd_error model_put(struct model *m, const struct pb_put_request *r, struct arena *a,
                          struct pb_put_response *out)
{
    if (r->lease != 0 && !model_lease_find(m, r->lease))
        return ETCD_LEASE_NOT_FOUND;
    put_at(m, r, ++m->revision, a, out);
    return ETCD_OK;
}

enum etcd_error model_delete(struct model *m, const struct pb_delete_range_request *r,
                             struct arena *a, struct pb_delete_range_response *out)
{
    if (delete_at(m, r, m->revision + 1, a, out) > 0)
        m->revision++;
    out->header = header_of(a, m->revision);
    return ETCD_OK;
}

static void range_at(const struct model *m, const struct pb_range_request *r, int64_t at,
                     struct arena *a, struct pb_range_response *out)
{
    out->kvs = arena_alloc(a, m->n * sizeof(*out->kvs));
    for (size_t i = 0; i < m->n; i++) {
        const struct model_key *k = &m->keys[i];
        const struct model_version *v = model_alive(k, at);
        if (!v || !model_in_range(buf_slice(&k->name), r->key, r->range_end))
            continue;
        out->count++;
        if (r->count_only)
            continue;
        if (r->limit > 0 && out->kvs_n == (size_t)r->limit) {
            out->more = true;
            continue;
        }
        struct pb_key_value pair = pair_of(a, k, v);
        if (r->keys_only) { /* etcd 3.7 shows the lease no longer, either */
            pair.value = (struct slice){0};
            pair.lease = 0;
        }
        out->kvs[out->kvs_n++] = pair;
    }
}

enum etcd_error model_range(const struct model *m, const struct pb_range_request *r,
                            struct arena *a, struct pb_range_response *out)
{
    if (r->revision > m->revision)
        return ETCD_FUTURE_REV;
    int64_t at = r->revision > 0 ? r->revision : m->revision;
    if (at < m->compacted)
        return ETCD_COMPACTED;
    range_at(m, r, at, a, out);
    out->header = header_of(a, m->revision);
    return ETCD_OK;
}

static bool compare_holds(const struct model *m, const struct pb_compare *c)
{
    const struct model_version *v = NULL;
    for (size_t i = 0; i < m->n; i++)
        if (slice_eq(buf_slice(&m->keys[i].name), c->key))
            v = model_alive(&m->keys[i], INT64_MAX);
    int64_t have = !v                                       ? 0
                   : c->target == PB_COMPARE_TARGET_VERSION ? v->version
                   : c->target == PB_COMPARE_TARGET_CREATE  ? v->create
                                                            : v->main;
    if (c->target == PB_COMPARE_TARGET_LEASE)
        have = v ? v->lease : 0;
    int64_t want = c->target == PB_COMPARE_TARGET_LEASE     ? c->lease
                   : c->target == PB_COMPARE_TARGET_VERSION ? c->version
                   : c->target == PB_COMPARE_TARGET_CREATE  ? c->create_revision
                                                            : c->mod_revision;
    switch (c->result) {
    case PB_COMPARE_RESULT_EQUAL:
        return have == want;
    case PB_COMPARE_RESULT_GREATER:
        return have > want;
    case PB_COMPARE_RESULT_LESS:
        return have < want;
    default:
        return have != want;
    }
}

static void txn_op(struct model *m, const struct pb_request_op *op, int64_t before, bool *changed,
                   struct arena *a, struct pb_response_op *out)
{
    out->response_case = op->request_case;
    if (op->request_case == PB_OP_PUT) {
        out->response_put = arena_zalloc(a, sizeof(*out->response_put));
        put_at(m, op->request_put, before + 1, a, out->response_put);
        *changed = true;
    } else if (op->request_case == PB_OP_DELETE_RANGE) {
        out->response_delete_range = arena_zalloc(a, sizeof(*out->response_delete_range));
        if (delete_at(m, op->request_delete_range, before + 1, a, out->response_delete_range) > 0)
            *changed = true;
        out->response_delete_range->header = header_of(a, before + (*changed ? 1 : 0));
    } else {
        out->response_range = arena_zalloc(a, sizeof(*out->response_range));
        range_at(m, op->request_range, before + 1, a, out->response_range);
        out->response_range->header = header_of(a, before + (*changed ? 1 : 0));
    }
}

enum etcd_error model_txn(struct model *m, const struct pb_txn_request *r, struct arena *a,
                          struct pb_txn_response *out)
{
    bool changed = false;
    out->succeeded = true;
    for (size_t i = 0; i < r->compare_n; i++)
        out->succeeded = out->succeeded && compare_holds(m, &r->compare[i]);
    const struct pb_request_op *ops = out->succeeded ? r->success : r->failure;
    size_t n = out->succeeded ? r->success_n : r->failure_n;
    for (size_t i = 0; i < n; i++)
        if (ops[i].request_case == PB_OP_PUT && ops[i].request_put->lease != 0 &&
            !model_lease_find(m, ops[i].request_put->lease))
            return ETCD_LEASE_NOT_FOUND;
    out->responses = arena_zalloc(a, n * sizeof(*out->responses));
    for (size_t i = 0; i < n; i++)
        txn_op(m, &ops[i], m->revision, &changed, a, &out->responses[out->responses_n++]);
    m->revision += changed;
    out->header = header_of(a, m->revision);
    return ETCD_OK;
}

enum etcd_error model_compact(struct model *m, const struct pb_compaction_request *r,
                              struct arena *a, struct pb_compaction_response *out)
{
    if (r->revision <= m->compacted)
        return ETCD_COMPACTED;
    if (r->revision > m->revision)
        return ETCD_FUTURE_REV;
    m->compacted = r->revision;
    out->header = header_of(a, m->revision);
    return ETCD_OK;
}

/* ---- Leases ---- */

static struct model_lease *lease_place(struct model *m, int64_t id)
{
    for (size_t i = 0; i < MODEL_LEASES_MAX; i++)
        if (m->leases[i].id == id)
            return &m->leases[i];
    return NULL;
}

const struct model_lease *model_lease_find(const struct model *m, int64_t id)
{
    for (size_t i = 0; i < MODEL_LEASES_MAX; i++)
        if (m->leases[i].id == id)
            return &m->leases[i];
    return NULL;
}

enum etcd_error model_grant(struct model *m, const struct pb_lease_grant_request *r, uint64_t index,
                            struct arena *a, struct pb_lease_grant_response *out)
{
    if (model_lease_find(m, r->id))
        return ETCD_LEASE_EXIST;
    struct model_lease *l = lease_place(m, 0);
    must(l != NULL);
    *l = (struct model_lease){r->id, r->ttl, index};
    *out = (struct pb_lease_grant_response){
        .header = header_of(a, m->revision), .id = r->id, .ttl = r->ttl};
    return ETCD_OK;
}

void model_expire(struct model *m, int64_t id)
{
    struct model_lease *l = lease_place(m, id);
    bool any = false;
    for (size_t i = 0; l && i < m->n; i++) {
        const struct model_version *v = model_alive(&m->keys[i], INT64_MAX);
        if (!v || v->lease != id)
            continue;
        add_version(&m->keys[i], m->revision + 1, (struct slice){0}, 0, true);
        any = true;
    }
    m->revision += any;
    if (l)
        *l = (struct model_lease){0};
}

enum etcd_error model_revoke(struct model *m, const struct pb_lease_revoke_request *r,
                             struct arena *a, struct pb_lease_revoke_response *out)
{
    if (!model_lease_find(m, r->id))
        return ETCD_LEASE_NOT_FOUND;
    model_expire(m, r->id);
    out->header = header_of(a, m->revision);
    return ETCD_OK;
}
