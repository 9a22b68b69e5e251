#include "sim/people.h"

#include "base/cc.h"
#include "base/must.h"

#define NAME_LEN 2 /* "u0", "r3" */

static struct slice name_of(char kind, size_t i, struct arena *a)
{
    uint8_t *p = arena_alloc(a, NAME_LEN);
    p[0] = (uint8_t)kind;
    p[1] = (uint8_t)('0' + i);
    return slice_of(p, NAME_LEN);
}

static size_t index_of(struct slice name)
{
    must(name.n == NAME_LEN && name.p[1] >= '0' && name.p[1] < '0' + PEOPLE_MAX);
    return (size_t)(name.p[1] - '0');
}

/* All requests here are of one or two names, in fields 1 and 2. */
static const struct {
    uint32_t field;
    const struct wire_message *message;
    const char *kinds; /* of the names: user, role */
} requests[] = {
    {RAFT_REQUEST_AUTH_USER_ADD, &wire_auth_user_add_request, "u"},
    {RAFT_REQUEST_AUTH_USER_DELETE, &wire_auth_user_delete_request, "u"},
    {RAFT_REQUEST_AUTH_USER_GET, &wire_auth_user_get_request, "u"},
    {RAFT_REQUEST_AUTH_ROLE_ADD, &wire_auth_role_add_request, "r"},
    {RAFT_REQUEST_AUTH_ROLE_DELETE, &wire_auth_role_delete_request, "r"},
    {RAFT_REQUEST_AUTH_USER_GRANT_ROLE, &wire_auth_user_grant_role_request, "ur"},
    {RAFT_REQUEST_AUTH_USER_REVOKE_ROLE, &wire_auth_user_revoke_role_request, "ur"},
    {RAFT_REQUEST_AUTH_STATUS, &wire_auth_status_request, ""},
};

uint32_t people_write(struct rng *rng, struct buf *out)
{
    struct arena a = {0};
    size_t which = rng_below(rng, ARRAY_LEN(requests));
    struct slice names[2] = {0};
    for (size_t i = 0; requests[which].kinds[i]; i++)
        names[i] = name_of(requests[which].kinds[i], rng_below(rng, PEOPLE_MAX), &a);
    const struct pb_auth_user_grant_role_request both = {names[0], names[1]};
    const struct pb_auth_user_get_request one = {names[0]};
    if (requests[which].kinds[0] && requests[which].kinds[1])
        wire_encode(&wire_auth_user_grant_role_request, &both, out);
    else if (requests[which].kinds[0])
        wire_encode(&wire_auth_user_get_request, &one, out);
    arena_fini(&a);
    return requests[which].field;
}

bool people_know(uint32_t field)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        if (requests[i].field == field)
            return true;
    return false;
}

static enum etcd_error change(struct people *p, bool *what, bool to, enum etcd_error otherwise)
{
    if (*what == to)
        return otherwise;
    *what = to;
    p->changes++;
    return ETCD_OK;
}

static void clear_user(struct people *p, size_t user)
{
    for (size_t i = 0; i < PEOPLE_MAX; i++)
        p->has[user][i] = false;
}

static void clear_role(struct people *p, size_t role)
{
    for (size_t i = 0; i < PEOPLE_MAX; i++)
        p->has[i][role] = false;
}

static enum etcd_error ask_of_both(struct people *p, uint32_t field, size_t user, size_t role)
{
    bool grant = field == RAFT_REQUEST_AUTH_USER_GRANT_ROLE;
    if (!p->users[user])
        return ETCD_USER_NOT_FOUND;
    if (grant && !p->roles[role])
        return ETCD_ROLE_NOT_FOUND;
    return change(p, &p->has[user][role], grant, grant ? ETCD_OK : ETCD_ROLE_NOT_GRANTED);
}

static enum etcd_error ask_of_one(struct people *p, uint32_t field, size_t i)
{
    enum etcd_error e = ETCD_OK;
    switch (field) {
    case RAFT_REQUEST_AUTH_USER_ADD:
        return change(p, &p->users[i], true, ETCD_USER_ALREADY_EXIST);
    case RAFT_REQUEST_AUTH_ROLE_ADD:
        return change(p, &p->roles[i], true, ETCD_ROLE_ALREADY_EXIST);
    case RAFT_REQUEST_AUTH_USER_DELETE:
        e = change(p, &p->users[i], false, ETCD_USER_NOT_FOUND);
        clear_user(p, i);
        return e;
    case RAFT_REQUEST_AUTH_ROLE_DELETE:
        e = change(p, &p->roles[i], false, ETCD_ROLE_NOT_FOUND);
        clear_role(p, i);
        return e;
    default:
        return p->users[i] ? ETCD_OK : ETCD_USER_NOT_FOUND;
    }
}

static void list_roles(const struct people *p, size_t user, struct arena *a,
                       struct pb_auth_user_get_response *out)
{
    out->roles = arena_alloc(a, PEOPLE_MAX * sizeof(*out->roles));
    for (size_t i = 0; i < PEOPLE_MAX; i++)
        if (p->has[user][i])
            out->roles[out->roles_n++] = name_of('r', i, a);
}

enum etcd_error people_ask(struct people *p, const struct raft_request *r,
                           struct pb_response_header *header, struct arena *a,
                           const struct wire_message **message, void **response)
{
    struct pb_auth_user_grant_role_request names; /* the first one is there in all of them */
    struct pb_auth_user_get_response *got = arena_zalloc(a, sizeof(*got));
    enum rc rc = wire_decode(&wire_auth_user_grant_role_request, r->body, a, &names);
    enum etcd_error e = ETCD_OK;
    must(rc == RC_OK);
    got->header = header;
    *message = &wire_auth_user_get_response; /* the others have the header alone */
    *response = got;
    if (names.role.n > 0) {
        e = ask_of_both(p, r->field, index_of(names.user), index_of(names.role));
    } else if (names.user.n > 0) {
        e = ask_of_one(p, r->field, index_of(names.user));
    } else {
        struct pb_auth_status_response *status = arena_zalloc(a, sizeof(*status));
        *status =
            (struct pb_auth_status_response){.header = header, .auth_revision = 1 + p->changes};
        *message = &wire_auth_status_response;
        *response = status;
    }
    if (e == ETCD_OK && r->field == RAFT_REQUEST_AUTH_USER_GET)
        list_roles(p, index_of(names.user), a, got);
    return e;
}
