#include "canonical.h"

#include <stdlib.h>

#include "base/must.h"
#include "fields.h"

/* Any response. */
union response {
    struct pb_range_response range;
    struct pb_txn_response txn;
    struct pb_lease_time_to_live_response left;
    struct pb_lease_leases_response leases;
    struct pb_authenticate_response login;
    struct pb_member_list_response members;
    struct pb_alarm_response alarm;
    struct pb_status_response status;
    struct pb_hash_response hash;
    struct pb_hash_kv_response hash_kv;
};

struct pb_response_header *response_header(const struct step *s, const void *response)
{
    const struct wire_field *first = &step_response(s->kind)->fields[0];
    must(first->message == &wire_response_header);
    return (struct pb_response_header *)(uintptr_t)field_value(first, response, 0);
}

/* ---- What differs by nature ---- */

static void mask_header(struct pb_response_header *h)
{
    if (!h)
        return;
    h->cluster_id = h->cluster_id != 0;
    h->member_id = h->member_id != 0;
    h->raft_term = h->raft_term != 0;
}

static void mask_txn(struct pb_txn_response *r);

static void mask_op(struct pb_response_op *op)
{
    switch (op->response_case) {
    case PB_OP_RANGE:
        mask_header(op->response_range->header);
        break;
    case PB_OP_PUT:
        mask_header(op->response_put->header);
        break;
    case PB_OP_DELETE_RANGE:
        mask_header(op->response_delete_range->header);
        break;
    case PB_OP_TXN:
        mask_txn(op->response_txn);
        break;
    default:
        break;
    }
}

static void mask_txn(struct pb_txn_response *r)
{
    mask_header(r->header);
    for (size_t i = 0; i < r->responses_n; i++)
        mask_op(&r->responses[i]);
}

static int compare_keys(const void *a, const void *b)
{
    const struct slice *x = a;
    const struct slice *y = b;
    return slice_cmp(*x, *y);
}

static int compare_leases(const void *a, const void *b)
{
    const struct pb_lease_status *x = a;
    const struct pb_lease_status *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static int compare_alarms(const void *a, const void *b)
{
    const struct pb_alarm_member *x = a;
    const struct pb_alarm_member *y = b;
    if (x->member_id != y->member_id)
        return x->member_id < y->member_id ? -1 : 1;
    return (x->alarm > y->alarm) - (x->alarm < y->alarm);
}

static void sort(void *array, size_t n, size_t width, int (*compare)(const void *, const void *))
{
    if (n > 1)
        qsort(array, n, width, compare);
}

static void mask_text(struct slice *s)
{
    if (s->n > 0)
        *s = SLICE_LIT("…");
}

static void mask_members(struct pb_member_list_response *r)
{
    for (size_t i = 0; i < r->members_n; i++) {
        struct pb_member *m = &r->members[i];
        m->id = m->id != 0;
        for (size_t k = 0; k < m->peer_urls_n; k++)
            mask_text(&m->peer_urls[k]);
        for (size_t k = 0; k < m->client_urls_n; k++)
            mask_text(&m->client_urls[k]);
    }
}

/* Go's protobuf writes one space or two, as each build of it has it. */
static struct slice single_spaced(struct slice s, struct arena *a)
{
    uint8_t *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' || (i + 1 < s.n && s.p[i + 1] != ' '))
            p[n++] = s.p[i];
    return slice_of(p, n);
}

/* storage_version comes some time after the start. */
static void mask_status(struct pb_status_response *r, struct arena *a)
{
    mask_text(&r->version);
    r->storage_version = (struct slice){0};
    r->db_size = r->db_size > 0;
    r->db_size_in_use = r->db_size_in_use > 0;
    r->leader = r->leader != 0;
    r->raft_index = r->raft_index > 0;
    r->raft_applied_index = r->raft_applied_index > 0;
    r->raft_term = r->raft_term > 0;
    for (size_t i = 0; i < r->errors_n; i++)
        r->errors[i] = single_spaced(r->errors[i], a);
    sort(r->errors, r->errors_n, sizeof(*r->errors), compare_keys);
}

static void mask_nature(const struct step *s, union response *r, struct arena *a)
{
    mask_header(response_header(s, r));
    switch ((int)s->kind) { /* most need nothing */
    case STEP_TXN:
        mask_txn(&r->txn);
        break;
    case STEP_LEFT: /* what is left depends on the moment */
        r->left.ttl = r->left.ttl > 0;
        sort(r->left.keys, r->left.keys_n, sizeof(*r->left.keys), compare_keys);
        break;
    case STEP_LEASES:
        sort(r->leases.leases, r->leases.leases_n, sizeof(*r->leases.leases), compare_leases);
        break;
    case STEP_LOGIN:
        mask_text(&r->login.token);
        break;
    case STEP_MEMBERS:
        mask_members(&r->members);
        break;
    case STEP_ALARM:
        sort(r->alarm.alarms, r->alarm.alarms_n, sizeof(*r->alarm.alarms), compare_alarms);
        break;
    case STEP_STATUS:
        mask_status(&r->status, a);
        break;
    case STEP_HASH: /* of the file */
        r->hash.hash = 0;
        break;
    default:
        break;
    }
}

/* ---- What 3.4 has otherwise ---- */

static void drop_lease_of_bare(struct pb_range_response *r)
{
    for (size_t i = 0; i < r->kvs_n; i++)
        if (r->kvs[i].value.n == 0)
            r->kvs[i].lease = 0;
}

static void drop_leases(struct pb_txn_response *r)
{
    for (size_t i = 0; i < r->responses_n; i++) {
        if (r->responses[i].response_case == PB_OP_RANGE)
            drop_lease_of_bare(r->responses[i].response_range);
        else if (r->responses[i].response_case == PB_OP_TXN)
            drop_leases(r->responses[i].response_txn);
    }
}

static void mask_versions(const struct step *s, union response *r)
{
    switch ((int)s->kind) { /* most need nothing */
    case STEP_RANGE:
        drop_lease_of_bare(&r->range);
        break;
    case STEP_TXN:
        drop_leases(&r->txn);
        break;
    case STEP_ALARM:
        r->alarm.header = NULL;
        break;
    case STEP_STATUS:
        r->status.db_size_quota = 0;
        r->status.downgrade_info = NULL;
        break;
    case STEP_HASH_KV:
        r->hash_kv.hash_revision = 0;
        break;
    default:
        break;
    }
}

bool answer_canonical(const struct step *s, const struct answer *a, enum masking masking,
                      struct buf *out)
{
    struct arena arena = {0};
    const struct wire_message *m = step_response(s->kind);
    void *r =
        arena_zalloc(&arena, m->size > sizeof(union response) ? m->size : sizeof(union response));
    bool ok = wire_decode(m, buf_slice(&a->message), &arena, r) == RC_OK;
    if (ok && masking != MASK_NOTHING)
        mask_nature(s, r, &arena);
    if (ok && masking >= MASK_VERSIONS)
        mask_versions(s, r);
    if (ok && masking == MASK_HASH && s->kind == STEP_HASH_KV)
        ((union response *)r)->hash_kv.hash = 0;
    if (ok)
        wire_encode(m, r, out);
    arena_fini(&arena);
    return ok;
}

bool answers_same(const struct step *s, const struct answer *moat, const struct answer *etcd,
                  enum masking masking)
{
    struct buf a = {0};
    struct buf b = {0};
    bool same = answer_canonical(s, moat, masking, &a) && answer_canonical(s, etcd, masking, &b) &&
                slice_eq(buf_slice(&a), buf_slice(&b));
    buf_fini(&a);
    buf_fini(&b);
    return same;
}
