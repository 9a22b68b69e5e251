/* Who may do what (etcd's server/auth/range_perm_cache.go and server/etcdserver/apply/auth.go).
 *
 * Permissions of a user are merged when they are first asked for after a change. */
#include "base/must.h"
#include "state/auth_inner.h"

static void compute(struct auth *a, struct auth_record *u)
{
    range_set_fini(&u->read);
    range_set_fini(&u->write);
    for (size_t i = 0; i < u->user.roles_n; i++) {
        const struct auth_record *role = auth_table_find(&a->roles, u->user.roles[i]);
        for (size_t k = 0; role && k < role->role.key_permission_n; k++) {
            const struct pb_permission *p = &role->role.key_permission[k];
            bool both = p->perm_type == PB_PERMISSION_TYPE_READWRITE;
            if (both || p->perm_type == PB_PERMISSION_TYPE_READ)
                range_set_add(&u->read, p->key, p->range_end);
            if (both || p->perm_type == PB_PERMISSION_TYPE_WRITE)
                range_set_add(&u->write, p->key, p->range_end);
        }
    }
    range_set_merge(&u->read);
    range_set_merge(&u->write);
    u->known_at = a->changes;
}

static bool is_root(const struct auth_record *u)
{
    return auth_has_role(&u->user, SLICE_LIT("root"));
}

static enum etcd_error may_touch(struct auth *a, const struct auth_who *who, enum auth_need need,
                                 struct slice key, struct slice range_end)
{
    if (who->revision == 0)
        return ETCD_USER_EMPTY;
    if (who->revision < a->revision)
        return ETCD_AUTH_OLD_REVISION;
    struct auth_record *u = auth_table_find(&a->users, who->user);
    if (!u)
        return ETCD_PERMISSION_DENIED;
    if (is_root(u))
        return ETCD_OK;
    if (u->known_at != a->changes)
        compute(a, u);
    const struct range_set *set = need == AUTH_READ ? &u->read : &u->write;
    return range_set_covers(set, key, range_end) ? ETCD_OK : ETCD_PERMISSION_DENIED;
}

static enum etcd_error may_rule(const struct auth *a, const struct auth_who *who)
{
    if (who->user.n == 0)
        return ETCD_USER_EMPTY;
    const struct auth_record *u = auth_table_find(&a->users, who->user);
    if (!u)
        return ETCD_USER_NOT_FOUND;
    return is_root(u) ? ETCD_OK : ETCD_PERMISSION_DENIED;
}

enum etcd_error auth_may(struct auth *a, const struct auth_who *who, enum auth_need need,
                         struct slice key, struct slice range_end, struct auth_denial *why)
{
    enum etcd_error e = ETCD_OK;
    if (!a->enabled || need == AUTH_NOTHING)
        return ETCD_OK;
    if (need == AUTH_LOGIN)
        e = who->revision == 0 && who->user.n == 0 ? ETCD_USER_EMPTY : ETCD_OK;
    else if (need == AUTH_ROOT)
        e = may_rule(a, who);
    else
        e = may_touch(a, who, need, key, range_end);
    if (e == ETCD_PERMISSION_DENIED)
        *why = (struct auth_denial){need, who->user, key, range_end};
    return e;
}

/* How many of its keys, the youngest, were not judged yet for this user and as of now. */
static uint64_t unjudged(const struct auth *a, const struct auth_record *u, enum auth_need need,
                         const struct lease *l)
{
    const struct lease_judged *j = &l->judged;
    bool known = u && j->user == u->id && j->changes == a->changes && j->need == (int)need;
    return known ? l->bound - j->bound : l->bound;
}

enum etcd_error auth_may_lease(struct auth *a, const struct auth_who *who, enum auth_need need,
                               struct lease *l, struct auth_denial *why)
{
    enum etcd_error e = ETCD_OK;
    if (!a->enabled || !l || l->key_n == 0 || may_rule(a, who) == ETCD_OK)
        return ETCD_OK;
    const struct auth_record *u = auth_table_find(&a->users, who->user);
    uint64_t left = unjudged(a, u, need, l);
    const struct leased_key *k = lease_key_before(l, NULL);
    do { /* one in any case: the auth revision may have moved on */
        e = auth_may(a, who, need, leased_key_bytes(k), (struct slice){0}, why);
        k = lease_key_before(l, k);
    } while (e == ETCD_OK && k && --left > 0);
    if (e == ETCD_OK)
        l->judged = (struct lease_judged){u->id, a->changes, l->bound, (int)need};
    return e;
}

/* ---- Requests ---- */

struct judging {
    struct auth *a;
    const struct leases *leases;
    const struct auth_who *who;
    struct auth_denial *why;
};

static enum etcd_error may(struct judging *j, enum auth_need need, struct slice key,
                           struct slice range_end)
{
    return auth_may(j->a, j->who, need, key, range_end, j->why);
}

static enum etcd_error judge_lease(struct judging *j, int64_t id)
{
    return auth_may_lease(j->a, j->who, AUTH_WRITE, leases_find(j->leases, id), j->why);
}

static enum etcd_error judge_put(struct judging *j, const struct pb_put_request *r)
{
    static const struct slice point = {0};
    enum etcd_error e = may(j, AUTH_WRITE, r->key, point);
    if (e == ETCD_OK && r->lease != 0) /* who may not revoke a lease may not give it keys, either */
        e = judge_lease(j, r->lease);
    if (e == ETCD_OK && r->prev_kv)
        e = may(j, AUTH_READ, r->key, point);
    return e;
}

static enum etcd_error judge_delete(struct judging *j, const struct pb_delete_range_request *r,
                                    bool read_first)
{
    enum etcd_error e = ETCD_OK;
    if (r->prev_kv && read_first) /* within a transaction */
        e = may(j, AUTH_READ, r->key, r->range_end);
    if (e == ETCD_OK)
        e = may(j, AUTH_WRITE, r->key, r->range_end);
    if (e == ETCD_OK && r->prev_kv && !read_first)
        e = may(j, AUTH_READ, r->key, r->range_end);
    return e;
}

static enum etcd_error judge_txn(struct judging *j, const struct pb_txn_request *r);

static enum etcd_error judge_op(struct judging *j, const struct pb_request_op *op)
{
    switch (op->request_case) {
    case PB_OP_RANGE:
        return may(j, AUTH_READ, op->request_range->key, op->request_range->range_end);
    case PB_OP_PUT:
        return judge_put(j, op->request_put);
    case PB_OP_DELETE_RANGE:
        return judge_delete(j, op->request_delete_range, true);
    case PB_OP_TXN:
        return judge_txn(j, op->request_txn);
    default:
        return ETCD_OK;
    }
}

/* All of it, whichever branch will be taken: what a user may not do must not show by what is
 * refused. Nesting is bounded, by decoding. */
static enum etcd_error judge_txn(struct judging *j, const struct pb_txn_request *r)
{
    enum etcd_error e = ETCD_OK;
    for (size_t i = 0; i < r->compare_n && e == ETCD_OK; i++)
        e = may(j, AUTH_READ, r->compare[i].key, r->compare[i].range_end);
    for (size_t i = 0; i < r->success_n && e == ETCD_OK; i++)
        e = judge_op(j, &r->success[i]);
    for (size_t i = 0; i < r->failure_n && e == ETCD_OK; i++)
        e = judge_op(j, &r->failure[i]);
    return e;
}

static enum etcd_error judge_user_get(struct judging *j, const struct pb_auth_user_get_request *r)
{
    enum etcd_error e = may(j, AUTH_ROOT, (struct slice){0}, (struct slice){0});
    return slice_eq(r->name, j->who->user) ? ETCD_OK : e;
}

static enum etcd_error judge_role_get(struct judging *j, const struct pb_auth_role_get_request *r)
{
    enum etcd_error e = may(j, AUTH_ROOT, (struct slice){0}, (struct slice){0});
    if (e == ETCD_OK)
        return ETCD_OK;
    const struct auth_record *u = auth_table_find(&j->a->users, j->who->user);
    return u && auth_has_role(&u->user, r->role) ? ETCD_OK : e;
}

static enum etcd_error judge_message(struct judging *j, uint32_t field, struct slice request,
                                     struct arena *arena)
{
    union {
        struct pb_put_request put;
        struct pb_delete_range_request delete_range;
        struct pb_txn_request txn;
        struct pb_lease_revoke_request revoke;
        struct pb_auth_user_get_request user_get;
        struct pb_auth_role_get_request role_get;
    } m;
    static const struct {
        uint32_t field;
        const struct wire_message *message;
    } messages[] = {
        {RAFT_REQUEST_PUT, &wire_put_request},
        {RAFT_REQUEST_DELETE_RANGE, &wire_delete_range_request},
        {RAFT_REQUEST_TXN, &wire_txn_request},
        {RAFT_REQUEST_LEASE_REVOKE, &wire_lease_revoke_request},
        {RAFT_REQUEST_AUTH_USER_GET, &wire_auth_user_get_request},
        {RAFT_REQUEST_AUTH_ROLE_GET, &wire_auth_role_get_request},
    };
    size_t i = 0;
    while (i < ARRAY_LEN(messages) && messages[i].field != field)
        i++;
    if (i == ARRAY_LEN(messages))
        return ETCD_OK;
    enum rc rc = wire_decode(messages[i].message, request, arena, &m);
    must(rc == RC_OK); /* it was decoded before it was proposed */
    switch (field) {
    case RAFT_REQUEST_PUT:
        return judge_put(j, &m.put);
    case RAFT_REQUEST_DELETE_RANGE:
        return judge_delete(j, &m.delete_range, false);
    case RAFT_REQUEST_TXN:
        return judge_txn(j, &m.txn);
    case RAFT_REQUEST_LEASE_REVOKE:
        return judge_lease(j, m.revoke.id);
    case RAFT_REQUEST_AUTH_USER_GET:
        return judge_user_get(j, &m.user_get);
    default:
        return judge_role_get(j, &m.role_get);
    }
}

enum etcd_error auth_judge_txn(struct state *s, const struct auth_who *who,
                               const struct pb_txn_request *r, struct auth_denial *why)
{
    struct judging j = {.a = s->auth, .leases = &s->leases, .who = who, .why = why};
    return s->auth->enabled ? judge_txn(&j, r) : ETCD_OK;
}

/* Only root manages users and roles, and sees lists of them. */
static bool needs_root(uint32_t field)
{
    return field >= RAFT_REQUEST_AUTH_ENABLE && field <= RAFT_REQUEST_AUTH_ROLE_REVOKE_PERMISSION &&
           field != RAFT_REQUEST_AUTHENTICATE && field != RAFT_REQUEST_AUTH_STATUS &&
           field != RAFT_REQUEST_AUTH_USER_GET && field != RAFT_REQUEST_AUTH_ROLE_GET;
}

enum etcd_error auth_judge(struct state *s, const struct auth_who *who, uint32_t field,
                           struct slice request, struct auth_denial *why)
{
    struct judging j = {.a = s->auth, .leases = &s->leases, .who = who, .why = why};
    struct arena arena = {0};
    if (!s->auth->enabled)
        return ETCD_OK;
    enum etcd_error e = needs_root(field) ? may(&j, AUTH_ROOT, (struct slice){0}, (struct slice){0})
                                          : judge_message(&j, field, request, &arena);
    arena_fini(&arena);
    return e;
}
