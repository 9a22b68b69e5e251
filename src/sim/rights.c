#include "sim/rights.h"

#include "base/must.h"

struct asking {
    const struct people *p;
    const struct model *m;
    size_t user; /* PEOPLE_NONE: nobody there is */
    uint64_t revision;
    bool named;
};

static struct asking asking_of(const struct people *p, const struct model *m, struct slice user,
                               uint64_t revision)
{
    size_t i = people_find_user(user);
    return (struct asking){.p = p,
                           .m = m,
                           .user = i < PEOPLE_MAX && p->users[i] ? i : PEOPLE_NONE,
                           .revision = revision,
                           .named = user.n > 0};
}

static bool is_root(const struct asking *q)
{
    return q->user != PEOPLE_NONE && q->p->has[q->user][PEOPLE_ROOT];
}

/* ---- Keys ---- */

static bool grants(const struct asking *q, size_t range, bool write)
{
    int32_t one = 1 + (write ? PB_PERMISSION_TYPE_WRITE : PB_PERMISSION_TYPE_READ);
    for (size_t role = 0; role < PEOPLE_MAX; role++) {
        int32_t may = q->p->may[role][range];
        if (q->p->has[q->user][role] && (may == one || may == 1 + PB_PERMISSION_TYPE_READWRITE))
            return true;
    }
    return false;
}

/* From key on, as far as one granted range goes, then on from there. What ends before it begins has
 * no keys: then the first one counts. */
static bool covers(const struct asking *q, bool write, struct slice key, struct slice range_end)
{
    bool open = slice_eq(range_end, SLICE_LIT("\0"));
    bool point = range_end.n == 0 || (!open && slice_cmp(range_end, key) <= 0);
    struct slice at = key;
    for (size_t tries = 0; tries < PEOPLE_RANGES; tries++) {
        const struct people_range *found = NULL;
        for (size_t i = 0; i < PEOPLE_RANGES; i++) {
            const struct people_range *r = &people_ranges[i];
            bool there = slice_cmp(r->key, at) <= 0 && (r->to.n == 0 || slice_cmp(at, r->to) < 0);
            bool further =
                !found || (found->to.n > 0 && (r->to.n == 0 || slice_cmp(found->to, r->to) < 0));
            if (there && further && grants(q, i, write))
                found = r;
        }
        if (!found)
            return false;
        if (point || found->to.n == 0 || (!open && slice_cmp(found->to, range_end) >= 0))
            return true;
        at = found->to;
    }
    return false;
}

static enum etcd_error touch(const struct asking *q, bool write, struct slice key,
                             struct slice range_end)
{
    if (q->revision == 0)
        return ETCD_USER_EMPTY;
    if (q->revision < 1 + q->p->changes)
        return ETCD_AUTH_OLD_REVISION;
    if (q->user == PEOPLE_NONE)
        return ETCD_PERMISSION_DENIED;
    return is_root(q) || covers(q, write, key, range_end) ? ETCD_OK : ETCD_PERMISSION_DENIED;
}

/* Whoever gives a lease a key, or ends it, must be allowed to write all its keys. */
static enum etcd_error touch_lease(const struct asking *q, int64_t id)
{
    enum etcd_error e = ETCD_OK;
    for (size_t i = 0; i < q->m->n && e == ETCD_OK && !is_root(q); i++) {
        const struct model_version *v = model_alive(&q->m->keys[i], INT64_MAX);
        if (v && v->lease == id)
            e = touch(q, true, buf_slice(&q->m->keys[i].name), (struct slice){0});
    }
    return e;
}

static enum etcd_error put(const struct asking *q, const struct pb_put_request *r)
{
    static const struct slice point = {0};
    enum etcd_error e = touch(q, true, r->key, point);
    if (e == ETCD_OK && r->lease != 0)
        e = touch_lease(q, r->lease);
    return e == ETCD_OK && r->prev_kv ? touch(q, false, r->key, point) : e;
}

static enum etcd_error erase(const struct asking *q, const struct pb_delete_range_request *r)
{
    enum etcd_error e = touch(q, true, r->key, r->range_end);
    return e == ETCD_OK && r->prev_kv ? touch(q, false, r->key, r->range_end) : e;
}

static enum etcd_error ops(const struct asking *q, const struct pb_request_op *v, size_t n)
{
    enum etcd_error e = ETCD_OK;
    for (size_t i = 0; i < n && e == ETCD_OK; i++) {
        if (v[i].request_case == PB_OP_RANGE)
            e = touch(q, false, v[i].request_range->key, v[i].request_range->range_end);
        else if (v[i].request_case == PB_OP_PUT)
            e = put(q, v[i].request_put);
        else if (v[i].request_case == PB_OP_DELETE_RANGE)
            e = erase(q, v[i].request_delete_range);
    }
    return e;
}

/* Both branches, whichever is taken. */
static enum etcd_error txn(const struct asking *q, const struct pb_txn_request *r)
{
    enum etcd_error e = ETCD_OK;
    for (size_t i = 0; i < r->compare_n && e == ETCD_OK; i++)
        e = touch(q, false, r->compare[i].key, r->compare[i].range_end);
    if (e == ETCD_OK)
        e = ops(q, r->success, r->success_n);
    return e == ETCD_OK ? ops(q, r->failure, r->failure_n) : e;
}

/* ---- Users and roles ---- */

static enum etcd_error manage(const struct asking *q)
{
    if (!q->named)
        return ETCD_USER_EMPTY;
    if (q->user == PEOPLE_NONE)
        return ETCD_USER_NOT_FOUND;
    return is_root(q) ? ETCD_OK : ETCD_PERMISSION_DENIED;
}

static enum etcd_error people(const struct asking *q, const struct raft_request *r, struct arena *a)
{
    struct pb_auth_user_get_request name;
    if (r->field == RAFT_REQUEST_AUTH_STATUS || r->field == RAFT_REQUEST_AUTHENTICATE)
        return ETCD_OK;
    enum etcd_error e = manage(q);
    if (r->field != RAFT_REQUEST_AUTH_USER_GET && r->field != RAFT_REQUEST_AUTH_ROLE_GET)
        return e;
    enum rc rc = wire_decode(&wire_auth_user_get_request, r->body, a, &name); /* or a role's */
    must(rc == RC_OK);
    if (r->field == RAFT_REQUEST_AUTH_USER_GET)
        return slice_eq(name.name, r->username) ? ETCD_OK : e; /* himself */
    for (size_t i = 0; i < PEOPLE_MAX && q->user != PEOPLE_NONE; i++)
        if (q->p->has[q->user][i] && slice_eq(people_role(i), name.name))
            return ETCD_OK; /* what he has himself */
    return e;
}

enum etcd_error rights_judge(const struct people *p, const struct model *m,
                             const struct raft_request *r)
{
    struct asking q = asking_of(p, m, r->username, r->auth_revision);
    struct arena a = {0};
    enum etcd_error e = ETCD_OK;
    enum rc rc = RC_OK;
    struct pb_put_request put_request;
    struct pb_delete_range_request delete_request;
    struct pb_txn_request txn_request;
    struct pb_lease_revoke_request revoke;
    if (!p->enabled) {
        e = ETCD_OK;
    } else if (people_know(r->field)) {
        e = people(&q, r, &a);
    } else if (r->field == RAFT_REQUEST_PUT) {
        rc = wire_decode(&wire_put_request, r->body, &a, &put_request);
        e = put(&q, &put_request);
    } else if (r->field == RAFT_REQUEST_DELETE_RANGE) {
        rc = wire_decode(&wire_delete_range_request, r->body, &a, &delete_request);
        e = erase(&q, &delete_request);
    } else if (r->field == RAFT_REQUEST_TXN) {
        rc = wire_decode(&wire_txn_request, r->body, &a, &txn_request);
        e = txn(&q, &txn_request);
    } else if (r->field == RAFT_REQUEST_LEASE_REVOKE) {
        rc = wire_decode(&wire_lease_revoke_request, r->body, &a, &revoke);
        e = touch_lease(&q, revoke.id);
    }
    must(rc == RC_OK);
    arena_fini(&a);
    return e;
}

enum etcd_error rights_read(const struct people *p, const struct auth_who *who, struct slice key,
                            struct slice range_end)
{
    struct asking q = asking_of(p, NULL, who->user, who->revision);
    return p->enabled ? touch(&q, false, key, range_end) : ETCD_OK;
}

/* ---- Clients ---- */

static const char *by_token(const struct people *p, struct auth *a, size_t user,
                            struct auth_who *out)
{
    const struct people_token *token = &p->tokens[user];
    *out = (struct auth_who){0};
    if (!token->text[0] || !auth_find_token(a, slice_str(token->text), out))
        return NULL; /* its time may be up, or the server was started since */
    if (token->revoked)
        return "a token is known though it was revoked";
    return slice_eq(out->user, people_user(user)) ? NULL : "a token is another's";
}

const char *rights_who(const struct people *p, struct rng *rng, struct auth *a, bool manages,
                       struct auth_who *out)
{
    bool root = rng_chance(rng, manages ? 800000 : 500000);
    size_t user = root ? PEOPLE_ROOT : rng_below(rng, PEOPLE_MAX);
    uint64_t kind = rng_below(rng, 100);
    uint64_t revision = auth_revision(a);
    *out = (struct auth_who){0};
    if (kind < 5)
        return NULL; /* nobody */
    if (kind < 40) {
        const char *wrong = by_token(p, a, user, out);
        if (wrong || out->revision != 0)
            return wrong;
    }
    if (kind < 50 && revision > 1)
        revision = rng_between(rng, 1, revision);
    *out = (struct auth_who){people_user(user), revision};
    return NULL;
}

const char *rights_check(const struct people *p, const struct auth *a)
{
    if (auth_is_enabled(a) != p->enabled)
        return "authentication is not as the log has it";
    return auth_revision(a) == 1 + p->changes ? NULL : "the auth revision is not the log's";
}
