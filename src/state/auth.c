/* The Auth service's requests, applied. Every check and its place in the order are etcd's. */
#include "base/base64.h"
#include "base/fnv.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/rd.h"
#include "base/secret.h"
#include "base/wr.h"
#include "state/auth_inner.h"
#include "state/meta.h"

#include <stdlib.h>

#define ROOT SLICE_LIT("root") /* a user and a role */

struct auth *auth_new(struct env *env, struct pending *pending, uint64_t token_ttl_ns)
{
    struct auth *a = mem_zalloc(sizeof(*a));
    a->pending = pending;
    a->users = (struct auth_table){.table = TABLE_AUTH_USER, .pending = pending};
    a->roles = (struct auth_table){.table = TABLE_AUTH_ROLE, .pending = pending};
    a->revision = 1; /* as etcd's new store has */
    a->changes = 1;
    if (token_ttl_ns > 0)
        a->tokens = simple_tokens_new(env, token_ttl_ns);
    return a;
}

void auth_free(struct auth *a)
{
    if (!a)
        return;
    auth_table_fini(&a->users);
    auth_table_fini(&a->roles);
    simple_tokens_free(a->tokens);
    free(a);
}

static enum rc load_number(struct storage *storage, const char *key, uint64_t *out)
{
    struct slice v;
    enum rc rc = storage_get(storage, TABLE_META, slice_str(key), &v);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    struct rd r = {.in = v};
    uint64_t value = rc == RC_OK ? rd_u64(&r) : 0;
    if (rc == RC_OK && rd_done(&r) != RC_OK)
        rc = RC_CORRUPT;
    if (rc == RC_OK)
        *out = value;
    return rc;
}

enum rc auth_restore(struct auth *a, struct storage *storage, struct err *err)
{
    uint64_t enabled = 0;
    enum rc rc = load_number(storage, META_AUTH_ENABLED, &enabled);
    if (rc == RC_OK)
        rc = load_number(storage, META_AUTH_REVISION, &a->revision);
    if (rc == RC_OK)
        rc = auth_table_load(&a->users, storage);
    if (rc == RC_OK)
        rc = auth_table_load(&a->roles, storage);
    if (rc == RC_OK && (enabled > 1 || a->revision == 0))
        rc = RC_CORRUPT;
    a->enabled = enabled == 1;
    if (rc != RC_OK)
        return err_set(err, rc,
                       "the stored users and roles cannot be read (%s); restore a snapshot into an "
                       "empty data directory",
                       rc_text(rc));
    return RC_OK;
}

bool auth_is_enabled(const struct auth *a)
{
    return a->enabled;
}

uint64_t auth_revision(const struct auth *a)
{
    return a->revision;
}

size_t auth_bytes(const struct auth *a)
{
    return a->users.bytes + a->roles.bytes;
}

static void store_number(struct auth *a, const char *key, uint64_t value)
{
    uint8_t bytes[8];
    store_u64(bytes, value);
    pending_put(a->pending, TABLE_META, slice_str(key), slice_of(bytes, sizeof(bytes)));
}

static void move_on(struct auth *a)
{
    a->revision++;
    a->changes++;
    store_number(a, META_AUTH_REVISION, a->revision);
}

static void forget_tokens(struct auth *a, struct slice user)
{
    if (a->tokens)
        simple_tokens_forget_user(a->tokens, user);
}

bool auth_find_token(struct auth *a, struct slice token, struct auth_who *out)
{
    struct slice user;
    if (!a->tokens || !simple_tokens_find(a->tokens, token, &user))
        return false;
    *out = (struct auth_who){user, a->revision};
    return true;
}

static bool has_no_password(const struct pb_user *u)
{
    return u->options && u->options->no_password;
}

enum etcd_error auth_password_of(const struct auth *a, struct slice user, struct slice *hash)
{
    if (!a->enabled)
        return ETCD_AUTH_NOT_ENABLED;
    const struct auth_record *r = auth_table_find(&a->users, user);
    if (!r)
        return ETCD_AUTH_FAILED;
    if (has_no_password(&r->user))
        return ETCD_NO_PASSWORD_USER;
    *hash = r->user.password;
    return ETCD_OK;
}

/* ---- Lists of role names, sorted; copies are arrays in the entry's arena ---- */

static size_t role_place(const struct pb_user *u, struct slice role)
{
    size_t at = 0;
    while (at < u->roles_n && slice_cmp(u->roles[at], role) < 0)
        at++;
    return at;
}

bool auth_has_role(const struct pb_user *u, struct slice role)
{
    size_t at = role_place(u, role);
    return at < u->roles_n && slice_eq(u->roles[at], role);
}

static struct pb_user with_role(struct arena *arena, const struct pb_user *u, struct slice role)
{
    struct pb_user changed = *u;
    size_t at = role_place(u, role);
    changed.roles = arena_alloc(arena, (u->roles_n + 1) * sizeof(struct slice));
    for (size_t i = 0; i <= u->roles_n; i++)
        changed.roles[i] = i == at ? role : u->roles[i < at ? i : i - 1];
    changed.roles_n = u->roles_n + 1;
    return changed;
}

static struct pb_user without_role(struct arena *arena, const struct pb_user *u, struct slice role)
{
    struct pb_user changed = *u;
    changed.roles = arena_alloc(arena, (u->roles_n + 1) * sizeof(struct slice));
    changed.roles_n = 0;
    for (size_t i = 0; i < u->roles_n; i++)
        if (!slice_eq(u->roles[i], role))
            changed.roles[changed.roles_n++] = u->roles[i];
    return changed;
}

/* ---- The operations ---- */

struct applying {
    struct state *s;
    struct auth *a;
    struct state_reply *reply;
};

/* What each answers with when nothing is wrong: the header, then whatever the message has more. */
static void respond(struct applying *p, const struct wire_message *m, void *message,
                    struct pb_response_header **header)
{
    struct pb_response_header h = state_header(p->s, p->reply->raft_term);
    *header = &h;
    wire_encode(m, message, &p->reply->body);
    *header = NULL;
}

static enum etcd_error respond_header(struct applying *p)
{
    struct pb_auth_enable_response out = {0}; /* as they all: field 1 is the header */
    respond(p, &wire_auth_enable_response, &out, &out.header);
    return ETCD_OK;
}

static enum etcd_error enable(struct applying *p, const void *request)
{
    struct auth *a = p->a;
    (void)request;
    if (a->enabled)
        return respond_header(p);
    const struct auth_record *root = auth_table_find(&a->users, ROOT);
    if (!root)
        return ETCD_ROOT_USER_NOT_EXIST;
    if (!auth_has_role(&root->user, ROOT))
        return ETCD_ROOT_ROLE_NOT_EXIST;
    a->enabled = true;
    store_number(a, META_AUTH_ENABLED, 1);
    return respond_header(p);
}

static enum etcd_error disable(struct applying *p, const void *request)
{
    struct auth *a = p->a;
    (void)request;
    if (a->enabled) {
        a->enabled = false;
        store_number(a, META_AUTH_ENABLED, 0);
        move_on(a);
        if (a->tokens)
            simple_tokens_forget_all(a->tokens);
    }
    return respond_header(p);
}

static enum etcd_error status(struct applying *p, const void *request)
{
    struct pb_auth_status_response out = {.enabled = p->a->enabled,
                                          .auth_revision = p->a->revision};
    (void)request;
    respond(p, &wire_auth_status_response, &out, &out.header);
    return ETCD_OK;
}

/* The password was checked before the entry was made; whether that still counts is seen by whoever
 * waits, who compares auth revisions (api/auth.c). */
static enum etcd_error authenticate(struct applying *p, const void *request)
{
    const struct pb_internal_authenticate_request *r = request;
    struct pb_authenticate_response out = {0};
    struct buf token = {0};
    if (!p->a->enabled)
        return ETCD_AUTH_NOT_ENABLED;
    const struct auth_record *user = auth_table_find(&p->a->users, r->name);
    if (!user || has_no_password(&user->user))
        return ETCD_AUTH_FAILED;
    if (p->a->tokens)
        simple_tokens_assign(p->a->tokens, r->simple_token, state_applied(p->s), r->name, &token);
    out.token = buf_slice(&token);
    respond(p, &wire_authenticate_response, &out, &out.header);
    secret_buf_fini(&token);
    return ETCD_OK;
}

/* A hash travels in base64. */
static bool decode_hash(struct slice text, struct buf *out)
{
    return base64_decode(text, out) == RC_OK;
}

static enum etcd_error user_add(struct applying *p, const void *request)
{
    const struct pb_auth_user_add_request *r = request;
    struct pb_user_add_options plain = {0};
    struct buf hash = {0};
    if (r->name.n == 0)
        return ETCD_USER_EMPTY;
    if (auth_table_find(&p->a->users, r->name))
        return ETCD_USER_ALREADY_EXIST;
    struct pb_user user = {.name = r->name, .options = r->options ? r->options : &plain};
    if (!user.options->no_password) {
        if (!decode_hash(r->hashed_password, &hash))
            return ETCD_NO_PASSWORD_USER;
        user.password = buf_slice(&hash);
    }
    auth_table_put(&p->a->users, &user);
    secret_buf_fini(&hash);
    move_on(p->a);
    return respond_header(p);
}

static enum etcd_error user_delete(struct applying *p, const void *request)
{
    const struct pb_auth_user_delete_request *r = request;
    if (p->a->enabled && slice_eq(r->name, ROOT))
        return ETCD_INVALID_AUTH_MGMT;
    if (!auth_table_find(&p->a->users, r->name))
        return ETCD_USER_NOT_FOUND;
    auth_table_delete(&p->a->users, r->name);
    move_on(p->a);
    forget_tokens(p->a, r->name);
    return respond_header(p);
}

static enum etcd_error user_get(struct applying *p, const void *request)
{
    const struct pb_auth_user_get_request *r = request;
    struct pb_auth_user_get_response out = {0};
    const struct auth_record *user = auth_table_find(&p->a->users, r->name);
    if (!user)
        return ETCD_USER_NOT_FOUND;
    out.roles = user->user.roles;
    out.roles_n = user->user.roles_n;
    respond(p, &wire_auth_user_get_response, &out, &out.header);
    return ETCD_OK;
}

static struct slice *names_of(struct applying *p, const struct auth_table *t)
{
    struct slice *names = arena_alloc(&p->s->arena, (t->n + 1) * sizeof(*names));
    for (size_t i = 0; i < t->n; i++)
        names[i] = t->v[i]->name;
    return names;
}

static enum etcd_error user_list(struct applying *p, const void *request)
{
    struct pb_auth_user_list_response out = {.users = names_of(p, &p->a->users),
                                             .users_n = p->a->users.n};
    (void)request;
    respond(p, &wire_auth_user_list_response, &out, &out.header);
    return ETCD_OK;
}

static enum etcd_error user_change_password(struct applying *p, const void *request)
{
    const struct pb_auth_user_change_password_request *r = request;
    struct buf hash = {0};
    const struct auth_record *user = auth_table_find(&p->a->users, r->name);
    if (!user)
        return ETCD_USER_NOT_FOUND;
    struct pb_user changed = user->user;
    changed.password = (struct slice){0};
    if (!has_no_password(&changed)) {
        if (!decode_hash(r->hashed_password, &hash))
            return ETCD_NO_PASSWORD_USER;
        changed.password = buf_slice(&hash);
    }
    auth_table_put(&p->a->users, &changed);
    secret_buf_fini(&hash);
    move_on(p->a);
    forget_tokens(p->a, r->name);
    return respond_header(p);
}

static enum etcd_error user_grant_role(struct applying *p, const void *request)
{
    const struct pb_auth_user_grant_role_request *r = request;
    const struct auth_record *user = auth_table_find(&p->a->users, r->user);
    if (!user)
        return ETCD_USER_NOT_FOUND;
    if (!slice_eq(r->role, ROOT) && !auth_table_find(&p->a->roles, r->role))
        return ETCD_ROLE_NOT_FOUND;
    if (auth_has_role(&user->user, r->role))
        return respond_header(p);
    struct pb_user changed = with_role(&p->s->arena, &user->user, r->role);
    auth_table_put(&p->a->users, &changed);
    move_on(p->a);
    return respond_header(p);
}

static enum etcd_error user_revoke_role(struct applying *p, const void *request)
{
    const struct pb_auth_user_revoke_role_request *r = request;
    if (p->a->enabled && slice_eq(r->name, ROOT) && slice_eq(r->role, ROOT))
        return ETCD_INVALID_AUTH_MGMT;
    const struct auth_record *user = auth_table_find(&p->a->users, r->name);
    if (!user)
        return ETCD_USER_NOT_FOUND;
    if (!auth_has_role(&user->user, r->role))
        return ETCD_ROLE_NOT_GRANTED;
    struct pb_user changed = without_role(&p->s->arena, &user->user, r->role);
    auth_table_put(&p->a->users, &changed);
    move_on(p->a);
    return respond_header(p);
}

static enum etcd_error role_add(struct applying *p, const void *request)
{
    const struct pb_auth_role_add_request *r = request;
    if (r->name.n == 0)
        return ETCD_ROLE_EMPTY;
    if (auth_table_find(&p->a->roles, r->name))
        return ETCD_ROLE_ALREADY_EXIST;
    struct pb_role role = {.name = r->name};
    auth_table_put(&p->a->roles, &role);
    move_on(p->a);
    return respond_header(p);
}

static enum etcd_error role_delete(struct applying *p, const void *request)
{
    const struct pb_auth_role_delete_request *r = request;
    struct auth_table *users = &p->a->users;
    if (p->a->enabled && slice_eq(r->role, ROOT))
        return ETCD_INVALID_AUTH_MGMT;
    if (!auth_table_find(&p->a->roles, r->role))
        return ETCD_ROLE_NOT_FOUND;
    auth_table_delete(&p->a->roles, r->role);
    for (size_t i = 0; i < users->n; i++) {
        if (!auth_has_role(&users->v[i]->user, r->role))
            continue;
        struct pb_user changed = without_role(&p->s->arena, &users->v[i]->user, r->role);
        auth_table_put(users, &changed);
    }
    move_on(p->a);
    return respond_header(p);
}

static enum etcd_error role_get(struct applying *p, const void *request)
{
    const struct pb_auth_role_get_request *r = request;
    struct pb_auth_role_get_response out = {0};
    struct pb_permission all = {.perm_type = PB_PERMISSION_TYPE_READWRITE,
                                .range_end = SLICE_LIT("\0")};
    const struct auth_record *role = auth_table_find(&p->a->roles, r->role);
    if (!role)
        return ETCD_ROLE_NOT_FOUND;
    bool is_root = slice_eq(r->role, ROOT);
    out.perm = is_root ? &all : role->role.key_permission;
    out.perm_n = is_root ? 1 : role->role.key_permission_n;
    respond(p, &wire_auth_role_get_response, &out, &out.header);
    return ETCD_OK;
}

static enum etcd_error role_list(struct applying *p, const void *request)
{
    struct pb_auth_role_list_response out = {.roles = names_of(p, &p->a->roles),
                                             .roles_n = p->a->roles.n};
    (void)request;
    respond(p, &wire_auth_role_list_response, &out, &out.header);
    return ETCD_OK;
}

static bool is_range(const struct pb_permission *perm)
{
    if (perm->key.n == 0)
        return false;
    return perm->range_end.n == 0 || slice_cmp(perm->key, perm->range_end) < 0 ||
           slice_eq(perm->range_end, SLICE_LIT("\0"));
}

/* etcd changes a permission in place when it is the *first* of its key, and adds one behind all of
 * its key otherwise. */
static enum etcd_error role_grant_permission(struct applying *p, const void *request)
{
    const struct pb_auth_role_grant_permission_request *r = request;
    if (!r->perm)
        return ETCD_PERMISSION_NOT_GIVEN;
    if (!is_range(r->perm))
        return ETCD_INVALID_AUTH_MGMT;
    const struct auth_record *role = auth_table_find(&p->a->roles, r->name);
    if (!role)
        return ETCD_ROLE_NOT_FOUND;
    const struct pb_permission *old = role->role.key_permission;
    size_t n = role->role.key_permission_n;
    struct pb_permission *perms = arena_alloc(&p->s->arena, (n + 1) * sizeof(*perms));
    size_t at = 0;
    while (at < n && slice_cmp(old[at].key, r->perm->key) < 0)
        at++;
    bool change = at < n && slice_eq(old[at].key, r->perm->key) &&
                  slice_eq(old[at].range_end, r->perm->range_end);
    while (!change && at < n && slice_eq(old[at].key, r->perm->key))
        at++;
    for (size_t i = 0; i < n; i++)
        perms[i < at || change ? i : i + 1] = old[i];
    perms[at] = *r->perm;
    struct pb_role changed = {
        .name = role->name, .key_permission = perms, .key_permission_n = n + !change};
    auth_table_put(&p->a->roles, &changed);
    move_on(p->a);
    return respond_header(p);
}

static enum etcd_error role_revoke_permission(struct applying *p, const void *request)
{
    const struct pb_auth_role_revoke_permission_request *r = request;
    const struct auth_record *role = auth_table_find(&p->a->roles, r->role);
    if (!role)
        return ETCD_ROLE_NOT_FOUND;
    size_t n = role->role.key_permission_n;
    struct pb_permission *perms = arena_alloc(&p->s->arena, (n + 1) * sizeof(*perms));
    struct pb_role changed = {.name = role->name, .key_permission = perms};
    for (size_t i = 0; i < n; i++) {
        const struct pb_permission *perm = &role->role.key_permission[i];
        if (!slice_eq(perm->key, r->key) || !slice_eq(perm->range_end, r->range_end))
            perms[changed.key_permission_n++] = *perm;
    }
    if (changed.key_permission_n == n)
        return ETCD_PERMISSION_NOT_GRANTED;
    auth_table_put(&p->a->roles, &changed);
    move_on(p->a);
    return respond_header(p);
}

/* ---- Which is which ---- */

static const struct operation {
    enum raft_request_field field;
    const struct wire_message *message;
    enum etcd_error (*apply)(struct applying *p, const void *request);
} operations[] = {
    {RAFT_REQUEST_AUTH_ENABLE, &wire_auth_enable_request, enable},
    {RAFT_REQUEST_AUTH_DISABLE, &wire_auth_disable_request, disable},
    {RAFT_REQUEST_AUTHENTICATE, &wire_internal_authenticate_request, authenticate},
    {RAFT_REQUEST_AUTH_STATUS, &wire_auth_status_request, status},
    {RAFT_REQUEST_AUTH_USER_ADD, &wire_auth_user_add_request, user_add},
    {RAFT_REQUEST_AUTH_USER_DELETE, &wire_auth_user_delete_request, user_delete},
    {RAFT_REQUEST_AUTH_USER_GET, &wire_auth_user_get_request, user_get},
    {RAFT_REQUEST_AUTH_USER_CHANGE_PASSWORD, &wire_auth_user_change_password_request,
     user_change_password},
    {RAFT_REQUEST_AUTH_USER_GRANT_ROLE, &wire_auth_user_grant_role_request, user_grant_role},
    {RAFT_REQUEST_AUTH_USER_REVOKE_ROLE, &wire_auth_user_revoke_role_request, user_revoke_role},
    {RAFT_REQUEST_AUTH_USER_LIST, &wire_auth_user_list_request, user_list},
    {RAFT_REQUEST_AUTH_ROLE_LIST, &wire_auth_role_list_request, role_list},
    {RAFT_REQUEST_AUTH_ROLE_ADD, &wire_auth_role_add_request, role_add},
    {RAFT_REQUEST_AUTH_ROLE_DELETE, &wire_auth_role_delete_request, role_delete},
    {RAFT_REQUEST_AUTH_ROLE_GET, &wire_auth_role_get_request, role_get},
    {RAFT_REQUEST_AUTH_ROLE_GRANT_PERMISSION, &wire_auth_role_grant_permission_request,
     role_grant_permission},
    {RAFT_REQUEST_AUTH_ROLE_REVOKE_PERMISSION, &wire_auth_role_revoke_permission_request,
     role_revoke_permission},
};

bool auth_apply(struct state *s, const struct raft_request *r, struct state_reply *reply)
{
    union {
        struct pb_internal_authenticate_request authenticate;
        struct pb_auth_user_add_request user_add;
        struct pb_auth_user_change_password_request change;
        struct pb_auth_user_grant_role_request grant;
        struct pb_auth_role_grant_permission_request permit;
        struct pb_auth_role_revoke_permission_request forbid;
    } m; /* the largest: others fit */
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        const struct operation *op = &operations[i];
        if (op->field != r->field)
            continue;
        struct applying p = {.s = s, .a = s->auth, .reply = reply};
        enum rc rc = wire_decode(op->message, r->body, &s->arena, &m);
        must(rc == RC_OK);
        reply->error = op->apply(&p, &m);
        return true;
    }
    return false;
}

uint64_t auth_hash(const struct auth *a, uint64_t h)
{
    h = fnv_add(fnv_add(h, a->revision), a->enabled);
    for (size_t i = 0; i < a->users.n; i++)
        h = fnv_hash(h, buf_slice(&a->users.v[i]->bytes));
    for (size_t i = 0; i < a->roles.n; i++)
        h = fnv_hash(h, buf_slice(&a->roles.v[i]->bytes));
    return h;
}
