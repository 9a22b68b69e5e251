#include "sim/people.h"

#include <stdio.h>

#include "base/cc.h"
#include "base/must.h"

#define LETTERS 16 /* of a token, before its dot and its entry's index */

const struct people_range people_ranges[PEOPLE_RANGES] = {
    {SLICE_INIT("\0"), SLICE_INIT("a/"), SLICE_INIT("a/")},
    {SLICE_INIT("a"), SLICE_INIT("b"), SLICE_INIT("b")},
    {SLICE_INIT("a/1"), {0}, SLICE_INIT("a/1\0")},
    {SLICE_INIT("b"), SLICE_INIT("c"), SLICE_INIT("c")},
    {SLICE_INIT("c"), SLICE_INIT("\0"), {0}},
};

static const struct slice users[PEOPLE_MAX] = {SLICE_INIT("root"), SLICE_INIT("u1"),
                                               SLICE_INIT("u2"), SLICE_INIT("u3")};
static const struct slice roles[PEOPLE_MAX] = {SLICE_INIT("root"), SLICE_INIT("r1"),
                                               SLICE_INIT("r2"), SLICE_INIT("r3")};

static size_t find(const struct slice names[PEOPLE_MAX], struct slice name)
{
    size_t i = 0;
    while (i < PEOPLE_MAX && !slice_eq(names[i], name))
        i++;
    return i;
}

struct slice people_user(size_t i)
{
    return users[i];
}

struct slice people_role(size_t i)
{
    return roles[i];
}

size_t people_find_user(struct slice name)
{
    return find(users, name);
}

/* ---- Making requests ---- */

static const uint32_t requests[] = {
    RAFT_REQUEST_AUTH_STATUS,
    RAFT_REQUEST_AUTH_USER_ADD,
    RAFT_REQUEST_AUTH_USER_DELETE,
    RAFT_REQUEST_AUTH_USER_GET,
    RAFT_REQUEST_AUTH_USER_CHANGE_PASSWORD,
    RAFT_REQUEST_AUTH_USER_GRANT_ROLE,
    RAFT_REQUEST_AUTH_USER_REVOKE_ROLE,
    RAFT_REQUEST_AUTH_ROLE_ADD,
    RAFT_REQUEST_AUTH_ROLE_DELETE,
    RAFT_REQUEST_AUTH_ROLE_GET,
    RAFT_REQUEST_AUTH_ROLE_GRANT_PERMISSION,
    RAFT_REQUEST_AUTH_ROLE_REVOKE_PERMISSION,
    RAFT_REQUEST_AUTH_DISABLE,
    RAFT_REQUEST_AUTHENTICATE,
    RAFT_REQUEST_AUTH_ENABLE, /* the last: left out where nobody is guarded against */
};

struct asked {
    uint32_t field;
    size_t user;
    size_t role;
    int32_t type; /* of a permission */
    size_t range;
};

static void encode(const struct asked *q, struct rng *rng, struct buf *out)
{
    char letters[LETTERS + 1] = {0};
    const struct people_range *range = &people_ranges[q->range];
    struct pb_permission perm = {q->type, range->key, range->range_end};
    switch (q->field) {
    case RAFT_REQUEST_AUTH_STATUS:
    case RAFT_REQUEST_AUTH_ENABLE:
    case RAFT_REQUEST_AUTH_DISABLE:
        break;
    case RAFT_REQUEST_AUTHENTICATE:
        for (size_t i = 0; i < LETTERS; i++)
            letters[i] = (char)('a' + rng_below(rng, 26));
        wire_encode(&wire_internal_authenticate_request,
                    &(struct pb_internal_authenticate_request){.name = users[q->user],
                                                               .simple_token = slice_str(letters)},
                    out);
        break;
    case RAFT_REQUEST_AUTH_USER_GRANT_ROLE:
    case RAFT_REQUEST_AUTH_USER_REVOKE_ROLE:
        wire_encode(&wire_auth_user_grant_role_request,
                    &(struct pb_auth_user_grant_role_request){users[q->user], roles[q->role]}, out);
        break;
    case RAFT_REQUEST_AUTH_ROLE_GRANT_PERMISSION:
        wire_encode(&wire_auth_role_grant_permission_request,
                    &(struct pb_auth_role_grant_permission_request){roles[q->role], &perm}, out);
        break;
    case RAFT_REQUEST_AUTH_ROLE_REVOKE_PERMISSION:
        wire_encode(&wire_auth_role_revoke_permission_request,
                    &(struct pb_auth_role_revoke_permission_request){roles[q->role], perm.key,
                                                                     perm.range_end},
                    out);
        break;
    case RAFT_REQUEST_AUTH_ROLE_ADD:
    case RAFT_REQUEST_AUTH_ROLE_DELETE:
    case RAFT_REQUEST_AUTH_ROLE_GET:
        wire_encode(&wire_auth_role_add_request, &(struct pb_auth_role_add_request){roles[q->role]},
                    out);
        break;
    default:
        wire_encode(&wire_auth_user_get_request, &(struct pb_auth_user_get_request){users[q->user]},
                    out);
        break;
    }
}

/* Towards authentication that is on, and people who may something. */
static uint32_t useful(struct rng *rng, const struct people *p, struct asked *q)
{
    if (!p->enabled) {
        q->user = q->role = PEOPLE_ROOT;
        if (!p->users[PEOPLE_ROOT])
            return RAFT_REQUEST_AUTH_USER_ADD;
        if (!p->has[PEOPLE_ROOT][PEOPLE_ROOT])
            return RAFT_REQUEST_AUTH_USER_GRANT_ROLE;
        return RAFT_REQUEST_AUTH_ENABLE;
    }
    if (!p->users[q->user])
        return RAFT_REQUEST_AUTH_USER_ADD;
    if (!p->roles[q->role])
        return RAFT_REQUEST_AUTH_ROLE_ADD;
    if (rng_chance(rng, 400000))
        return RAFT_REQUEST_AUTHENTICATE;
    return p->has[q->user][q->role] ? RAFT_REQUEST_AUTH_ROLE_GRANT_PERMISSION
                                    : RAFT_REQUEST_AUTH_USER_GRANT_ROLE;
}

uint32_t people_write(struct rng *rng, const struct people *p, bool guarded, struct buf *out)
{
    struct asked q = {.user = rng_below(rng, PEOPLE_MAX),
                      .role = rng_below(rng, PEOPLE_MAX),
                      .type = (int32_t)rng_below(rng, PB_PERMISSION_TYPE_READWRITE + 1),
                      .range = rng_below(rng, PEOPLE_RANGES)};
    q.field = requests[rng_below(rng, ARRAY_LEN(requests) - !guarded)];
    if (guarded && rng_chance(rng, 500000))
        q.field = useful(rng, p, &q);
    encode(&q, rng, out);
    return q.field;
}

bool people_know(uint32_t field)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        if (requests[i] == field)
            return true;
    return false;
}

/* ---- What they lead to ---- */

static enum etcd_error change(struct people *p, bool *what, bool to, enum etcd_error otherwise)
{
    if (*what == to)
        return otherwise;
    *what = to;
    p->changes++;
    return ETCD_OK;
}

/* With authentication on, root stays what it is. */
static enum etcd_error saws_off(const struct people *p, bool root)
{
    return p->enabled && root ? ETCD_INVALID_AUTH_MGMT : ETCD_OK;
}

static enum etcd_error enable(struct people *p)
{
    if (!p->enabled && !p->users[PEOPLE_ROOT])
        return ETCD_ROOT_USER_NOT_EXIST;
    if (!p->enabled && !p->has[PEOPLE_ROOT][PEOPLE_ROOT])
        return ETCD_ROOT_ROLE_NOT_EXIST;
    p->enabled = true;
    return ETCD_OK;
}

static enum etcd_error disable(struct people *p)
{
    for (size_t i = 0; i < PEOPLE_MAX; i++)
        p->tokens[i].revoked = p->tokens[i].revoked || p->enabled;
    return change(p, &p->enabled, false, ETCD_OK);
}

static enum etcd_error delete_user(struct people *p, size_t user)
{
    enum etcd_error e = saws_off(p, user == PEOPLE_ROOT);
    if (e == ETCD_OK)
        e = change(p, &p->users[user], false, ETCD_USER_NOT_FOUND);
    for (size_t i = 0; e == ETCD_OK && i < PEOPLE_MAX; i++)
        p->has[user][i] = false;
    p->tokens[user].revoked = p->tokens[user].revoked || e == ETCD_OK;
    return e;
}

static enum etcd_error change_password(struct people *p, size_t user)
{
    if (!p->users[user])
        return ETCD_USER_NOT_FOUND;
    p->tokens[user].revoked = true;
    p->changes++;
    return ETCD_OK;
}

static enum etcd_error grant_role(struct people *p, size_t user, size_t role)
{
    if (!p->users[user])
        return ETCD_USER_NOT_FOUND;
    if (role != PEOPLE_ROOT && !p->roles[role])
        return ETCD_ROLE_NOT_FOUND;
    return change(p, &p->has[user][role], true, ETCD_OK);
}

static enum etcd_error revoke_role(struct people *p, size_t user, size_t role)
{
    enum etcd_error e = saws_off(p, user == PEOPLE_ROOT && role == PEOPLE_ROOT);
    if (e == ETCD_OK && !p->users[user])
        e = ETCD_USER_NOT_FOUND;
    return e != ETCD_OK ? e : change(p, &p->has[user][role], false, ETCD_ROLE_NOT_GRANTED);
}

static enum etcd_error delete_role(struct people *p, size_t role)
{
    enum etcd_error e = saws_off(p, role == PEOPLE_ROOT);
    if (e == ETCD_OK)
        e = change(p, &p->roles[role], false, ETCD_ROLE_NOT_FOUND);
    for (size_t i = 0; e == ETCD_OK && i < PEOPLE_MAX; i++)
        p->has[i][role] = false;
    for (size_t i = 0; e == ETCD_OK && i < PEOPLE_RANGES; i++)
        p->may[role][i] = 0;
    return e;
}

static enum etcd_error set_permission(struct people *p, const struct asked *q, int32_t may)
{
    if (!p->roles[q->role])
        return ETCD_ROLE_NOT_FOUND;
    if (may == 0 && p->may[q->role][q->range] == 0)
        return ETCD_PERMISSION_NOT_GRANTED;
    p->may[q->role][q->range] = may;
    p->changes++;
    return ETCD_OK;
}

static enum etcd_error carry_out(struct people *p, const struct asked *q)
{
    switch (q->field) {
    case RAFT_REQUEST_AUTH_ENABLE:
        return enable(p);
    case RAFT_REQUEST_AUTH_DISABLE:
        return disable(p);
    case RAFT_REQUEST_AUTHENTICATE:
        if (!p->enabled)
            return ETCD_AUTH_NOT_ENABLED;
        return p->users[q->user] ? ETCD_OK : ETCD_AUTH_FAILED;
    case RAFT_REQUEST_AUTH_USER_ADD:
        return change(p, &p->users[q->user], true, ETCD_USER_ALREADY_EXIST);
    case RAFT_REQUEST_AUTH_USER_DELETE:
        return delete_user(p, q->user);
    case RAFT_REQUEST_AUTH_USER_GET:
        return p->users[q->user] ? ETCD_OK : ETCD_USER_NOT_FOUND;
    case RAFT_REQUEST_AUTH_USER_CHANGE_PASSWORD:
        return change_password(p, q->user);
    case RAFT_REQUEST_AUTH_USER_GRANT_ROLE:
        return grant_role(p, q->user, q->role);
    case RAFT_REQUEST_AUTH_USER_REVOKE_ROLE:
        return revoke_role(p, q->user, q->role);
    case RAFT_REQUEST_AUTH_ROLE_ADD:
        return change(p, &p->roles[q->role], true, ETCD_ROLE_ALREADY_EXIST);
    case RAFT_REQUEST_AUTH_ROLE_DELETE:
        return delete_role(p, q->role);
    case RAFT_REQUEST_AUTH_ROLE_GET:
        return p->roles[q->role] ? ETCD_OK : ETCD_ROLE_NOT_FOUND;
    case RAFT_REQUEST_AUTH_ROLE_GRANT_PERMISSION:
        return set_permission(p, q, q->type + 1);
    case RAFT_REQUEST_AUTH_ROLE_REVOKE_PERMISSION:
        return set_permission(p, q, 0);
    default:
        return ETCD_OK;
    }
}

/* ---- What is answered ---- */

static void *answer_status(const struct people *p, struct pb_response_header *header,
                           struct arena *a)
{
    struct pb_auth_status_response *out = arena_zalloc(a, sizeof(*out));
    *out = (struct pb_auth_status_response){header, p->enabled, 1 + p->changes};
    return out;
}

static void *answer_user(const struct people *p, size_t user, struct pb_response_header *header,
                         struct arena *a)
{
    struct pb_auth_user_get_response *out = arena_zalloc(a, sizeof(*out));
    out->header = header;
    out->roles = arena_alloc(a, PEOPLE_MAX * sizeof(*out->roles));
    for (size_t i = 1; i <= PEOPLE_MAX; i++) /* "root" comes behind the others */
        if (p->has[user][i % PEOPLE_MAX])
            out->roles[out->roles_n++] = roles[i % PEOPLE_MAX];
    return out;
}

static void *answer_role(const struct people *p, size_t role, struct pb_response_header *header,
                         struct arena *a)
{
    struct pb_auth_role_get_response *out = arena_zalloc(a, sizeof(*out));
    out->header = header;
    out->perm = arena_alloc(a, PEOPLE_RANGES * sizeof(*out->perm));
    if (role == PEOPLE_ROOT)
        out->perm[out->perm_n++] = (struct pb_permission){.perm_type = PB_PERMISSION_TYPE_READWRITE,
                                                          .range_end = SLICE_LIT("\0")};
    for (size_t i = 0; role != PEOPLE_ROOT && i < PEOPLE_RANGES; i++)
        if (p->may[role][i] != 0)
            out->perm[out->perm_n++] = (struct pb_permission){
                p->may[role][i] - 1, people_ranges[i].key, people_ranges[i].range_end};
    return out;
}

static void *answer_login(struct people *p, size_t user, struct slice letters, uint64_t index,
                          struct pb_response_header *header, struct arena *a)
{
    struct pb_authenticate_response *out = arena_zalloc(a, sizeof(*out));
    struct people_token *token = &p->tokens[user];
    snprintf(token->text, sizeof(token->text), "%.*s.%llu", (int)letters.n, (const char *)letters.p,
             (unsigned long long)index);
    token->revoked = false;
    out->header = header;
    out->token = slice_str(token->text);
    return out;
}

static void *answer_header(struct pb_response_header *header, struct arena *a)
{
    struct pb_auth_user_get_response *out = arena_zalloc(a, sizeof(*out));
    out->header = header;
    return out;
}

static size_t range_of(struct slice key)
{
    size_t i = 0;
    while (i < PEOPLE_RANGES && !slice_eq(people_ranges[i].key, key))
        i++;
    must(i < PEOPLE_RANGES);
    return i;
}

/* Of one that people_write has made. */
static struct asked decode(const struct raft_request *r, struct arena *a, struct slice *letters)
{
    struct asked q = {.field = r->field};
    struct pb_auth_role_grant_permission_request grant;
    struct pb_auth_role_revoke_permission_request revoke;
    struct pb_internal_authenticate_request login;
    struct pb_auth_user_grant_role_request names; /* the first one is there in all of them */
    enum rc rc = RC_OK;
    if (r->field == RAFT_REQUEST_AUTH_ROLE_GRANT_PERMISSION) {
        rc = wire_decode(&wire_auth_role_grant_permission_request, r->body, a, &grant);
        must(rc == RC_OK && grant.perm);
        q.role = find(roles, grant.name);
        q.type = grant.perm->perm_type;
        q.range = range_of(grant.perm->key);
    } else if (r->field == RAFT_REQUEST_AUTH_ROLE_REVOKE_PERMISSION) {
        rc = wire_decode(&wire_auth_role_revoke_permission_request, r->body, a, &revoke);
        must(rc == RC_OK);
        q.role = find(roles, revoke.role);
        q.range = range_of(revoke.key);
    } else if (r->field == RAFT_REQUEST_AUTHENTICATE) {
        rc = wire_decode(&wire_internal_authenticate_request, r->body, a, &login);
        must(rc == RC_OK);
        q.user = find(users, login.name);
        *letters = login.simple_token;
    } else {
        rc = wire_decode(&wire_auth_user_grant_role_request, r->body, a, &names);
        must(rc == RC_OK);
        bool first = r->field >= RAFT_REQUEST_AUTH_ROLE_ADD;
        q.user = find(users, names.user);
        q.role = find(roles, first ? names.user : names.role);
    }
    return q;
}

enum etcd_error people_ask(struct people *p, const struct raft_request *r, uint64_t index,
                           struct pb_response_header *header, struct arena *a,
                           struct people_answer *out)
{
    struct slice letters = {0};
    struct asked q = decode(r, a, &letters);
    enum etcd_error e = carry_out(p, &q);
    if (e != ETCD_OK)
        return e;
    switch (r->field) {
    case RAFT_REQUEST_AUTH_STATUS:
        *out = (struct people_answer){&wire_auth_status_response, answer_status(p, header, a)};
        break;
    case RAFT_REQUEST_AUTH_USER_GET:
        *out =
            (struct people_answer){&wire_auth_user_get_response, answer_user(p, q.user, header, a)};
        break;
    case RAFT_REQUEST_AUTH_ROLE_GET:
        *out =
            (struct people_answer){&wire_auth_role_get_response, answer_role(p, q.role, header, a)};
        break;
    case RAFT_REQUEST_AUTHENTICATE:
        *out = (struct people_answer){&wire_authenticate_response,
                                      answer_login(p, q.user, letters, index, header, a)};
        break;
    default: /* the others have the header alone */
        *out = (struct people_answer){&wire_auth_user_get_response, answer_header(header, a)};
        break;
    }
    return e;
}
