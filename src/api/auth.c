/* The Auth service (etcd's rpc.proto, service Auth).
 *
 * Passwords are hashed, and compared with hashes, by the pool: a few at once, the others take
 * turns, so that wrong passwords for one user keep no other from logging in. A password lives in
 * its request, which is wiped, and in what is made here to wait for the pool, which is wiped, too;
 * the log gets hashes only. */
#include "api/access.h"
#include "authz/password.h"
#include "authz/simple_token.h"
#include "base/base64.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/secret.h"
#include "base/wr.h"
#include "pki/jwt.h"
#include "wire/raft_request.h"

#include <stdatomic.h>
#include <stdlib.h>

/* ---- What needs no password ---- */

static const struct auth_method {
    const char *path;
    uint32_t field;
    const struct wire_message *message;
    bool reads; /* changes nothing, so the log need not have it */
} auth_methods[] = {
    {"/etcdserverpb.Auth/AuthEnable", RAFT_REQUEST_AUTH_ENABLE, &wire_auth_enable_request, false},
    {"/etcdserverpb.Auth/AuthDisable", RAFT_REQUEST_AUTH_DISABLE, &wire_auth_disable_request,
     false},
    {"/etcdserverpb.Auth/AuthStatus", RAFT_REQUEST_AUTH_STATUS, &wire_auth_status_request, true},
    {"/etcdserverpb.Auth/UserGet", RAFT_REQUEST_AUTH_USER_GET, &wire_auth_user_get_request, true},
    {"/etcdserverpb.Auth/UserList", RAFT_REQUEST_AUTH_USER_LIST, &wire_auth_user_list_request,
     true},
    {"/etcdserverpb.Auth/UserDelete", RAFT_REQUEST_AUTH_USER_DELETE, &wire_auth_user_delete_request,
     false},
    {"/etcdserverpb.Auth/UserGrantRole", RAFT_REQUEST_AUTH_USER_GRANT_ROLE,
     &wire_auth_user_grant_role_request, false},
    {"/etcdserverpb.Auth/UserRevokeRole", RAFT_REQUEST_AUTH_USER_REVOKE_ROLE,
     &wire_auth_user_revoke_role_request, false},
    {"/etcdserverpb.Auth/RoleAdd", RAFT_REQUEST_AUTH_ROLE_ADD, &wire_auth_role_add_request, false},
    {"/etcdserverpb.Auth/RoleGet", RAFT_REQUEST_AUTH_ROLE_GET, &wire_auth_role_get_request, true},
    {"/etcdserverpb.Auth/RoleList", RAFT_REQUEST_AUTH_ROLE_LIST, &wire_auth_role_list_request,
     true},
    {"/etcdserverpb.Auth/RoleDelete", RAFT_REQUEST_AUTH_ROLE_DELETE, &wire_auth_role_delete_request,
     false},
    {"/etcdserverpb.Auth/RoleGrantPermission", RAFT_REQUEST_AUTH_ROLE_GRANT_PERMISSION,
     &wire_auth_role_grant_permission_request, false},
    {"/etcdserverpb.Auth/RoleRevokePermission", RAFT_REQUEST_AUTH_ROLE_REVOKE_PERMISSION,
     &wire_auth_role_revoke_permission_request, false},
};

struct auth_read {
    uint32_t field;
    struct slice request;
};

static void read_now(struct api *a, struct rpc_call *call, void *request)
{
    const struct auth_read *r = request;
    struct auth_denial why = {0};
    struct auth_who who;
    enum etcd_error e = access_who(a, call, &who);
    if (e == ETCD_OK)
        e = auth_judge(a->state, &who, r->field, r->request, &why);
    if (e != ETCD_OK) {
        access_refuse(a, call, e, &why);
        return;
    }
    struct state_reply reply = {.raft_term = quorum_term(a->quorum)};
    rpc_body_begin(&reply.body);
    state_read_auth(a->state, r->field, r->request, &reply);
    if (reply.error != ETCD_OK)
        api_refuse_reply(a, call, &reply);
    else if (api_has_room(a, call, reply.body.n))
        rpc_reply(call, &reply.body);
    else
        buf_fini(&reply.body);
}

/* They are kept in memory, and no quota counts them. */
static bool has_room(struct api *a, struct rpc_call *call, uint32_t field)
{
    bool grows = field == RAFT_REQUEST_AUTH_USER_ADD || field == RAFT_REQUEST_AUTH_ROLE_ADD ||
                 field == RAFT_REQUEST_AUTH_USER_GRANT_ROLE ||
                 field == RAFT_REQUEST_AUTH_ROLE_GRANT_PERMISSION;
    if (!grows || auth_bytes(state_auth(a->state)) < API_AUTH_BYTES_MAX)
        return true;
    rpc_fail_etcd(call, ETCD_REQUEST_TOO_MANY_REQUESTS,
                  "users and roles fill the memory that they may take: delete some");
    return false;
}

void serve_auth(void *arg, struct rpc_call *call, struct slice message)
{
    union {
        struct pb_auth_user_grant_role_request grant;
        struct pb_auth_role_grant_permission_request permit;
        struct pb_auth_role_revoke_permission_request forbid;
    } any; /* the largest: all the others fit */
    const struct auth_method *m = auth_methods;
    while (strcmp(m->path, call->method->path) != 0)
        must(++m < auth_methods + ARRAY_LEN(auth_methods));
    if (!api_decode(call, m->message, message, &any))
        return;
    if (!m->reads) {
        if (has_room(arg, call, m->field))
            api_propose(arg, call, m->field, message, 0);
        return;
    }
    struct auth_read *r = arena_alloc(&call->arena, sizeof(*r));
    *r = (struct auth_read){m->field, message};
    api_read(arg, call, false, read_now, r);
}

/* ---- The pool ---- */

/* Something about a password, or a token to be signed. It has its own memory, as the call's is not
 * wiped. */
struct pool_work {
    struct job job;
    struct turn turn;
    bool hashes; /* now, in the pool */
    struct api *api;
    struct rpc_call *call;
    void (*work)(struct pool_work *w); /* in the pool */
    void (*then)(struct pool_work *w); /* on the loop; frees */
    struct secret name;
    struct secret password;
    uint32_t field;
    bool no_password;
    enum rc rc;
    struct secret hash; /* to compare with */
    uint64_t revision;  /* of auth, when that was taken */
    uint8_t salt[PASSWORD_SALT_LEN];
    char made[PASSWORD_HASH_LEN + 1];
    uint64_t now_s;
    struct buf body; /* an answer that waits for its token */
};

static void pool_work_free(struct pool_work *w)
{
    w->api->pool_jobs--;
    secret_fini(&w->name);
    secret_fini(&w->password);
    secret_fini(&w->hash);
    secret_buf_fini(&w->body);
    secret_wipe(w->made, sizeof(w->made));
    free(w);
}

static void pool_run(struct job *job)
{
    struct pool_work *w = CONTAINER_OF(job, struct pool_work, job);
    if (!atomic_load(&w->api->closing)) /* nobody waits for what may take minutes */
        w->work(w);
}

static void pool_refuse(struct pool_work *w, enum etcd_error e, const char *explain)
{
    rpc_fail_etcd(w->call, e, explain);
    pool_work_free(w);
}

static void hash_next(struct api *a);

static void pool_done(struct job *job)
{
    struct pool_work *w = CONTAINER_OF(job, struct pool_work, job);
    struct api *a = w->api;
    if (w->hashes)
        a->passwords_now--;
    w->hashes = false;
    if (atomic_load(&a->closing)) {
        pool_refuse(w, ETCD_STOPPED, NULL);
        return;
    }
    w->then(w);
    hash_next(a);
}

static void pool_submit(struct pool_work *w, void (*work)(struct pool_work *w),
                        void (*then)(struct pool_work *w))
{
    w->work = work;
    w->then = then;
    w->job = (struct job){.run = pool_run, .done = pool_done};
    worker_submit(w->api->opt.env->workers, LANE_POOL, &w->job);
}

static void hash_next(struct api *a)
{
    while (a->passwords_now < API_PASSWORDS_NOW) {
        struct turn *turn = turns_next(&a->passwords);
        if (!turn)
            return;
        struct pool_work *w = CONTAINER_OF(turn, struct pool_work, turn);
        if (rpc_gone(w->call)) { /* nobody waits for what it costs */
            pool_refuse(w, ETCD_CANCELED, NULL);
            continue;
        }
        a->passwords_now++;
        w->hashes = true;
        pool_submit(w, w->work, w->then);
    }
}

/* Those whose client is gone take nobody's place. */
static void drop_gone(struct api *a)
{
    list_each (at, &a->passwords.waiting) {
        struct turn *turn = CONTAINER_OF(at, struct turn, link);
        struct pool_work *w = CONTAINER_OF(turn, struct pool_work, turn);
        if (!rpc_gone(w->call))
            continue;
        turns_remove(&a->passwords, turn);
        pool_refuse(w, ETCD_CANCELED, NULL);
    }
}

/* Take a turn in the pool, as this user. If there are too many, who has most loses one, perhaps
 * this one: w must not be touched any more. */
static void pool_wait(struct pool_work *w, struct slice user, void (*work)(struct pool_work *w),
                      void (*then)(struct pool_work *w))
{
    struct api *a = w->api;
    w->work = work;
    w->then = then;
    turns_add(&a->passwords, &w->turn, user, rpc_call_origin(w->call));
    if (a->pool_jobs > API_PASSWORDS_MAX)
        drop_gone(a);
    struct turn *excess = a->pool_jobs > API_PASSWORDS_MAX ? turns_excess(&a->passwords) : NULL;
    if (excess)
        pool_refuse(CONTAINER_OF(excess, struct pool_work, turn), ETCD_REQUEST_TOO_MANY_REQUESTS,
                    "too many passwords wait to be checked: try again");
    hash_next(a);
}

void api_stop_passwords(struct api *a)
{
    for (struct turn *turn; (turn = turns_next(&a->passwords));)
        pool_refuse(CONTAINER_OF(turn, struct pool_work, turn), ETCD_STOPPED, NULL);
}

static struct pool_work *pool_work_new(struct api *a, struct rpc_call *call, struct slice name,
                                       struct slice password)
{
    a->pool_jobs++;
    struct pool_work *w = mem_zalloc(sizeof(*w));
    w->api = a;
    w->call = call;
    w->name = secret_copy(name);
    w->password = secret_copy(password);
    rpc_message_done(call); /* wiped */
    return w;
}

/* ---- New passwords ---- */

static void hash_password(struct pool_work *w)
{
    w->rc = password_hash(secret_slice(&w->password), w->api->opt.bcrypt_cost, w->salt, w->made);
}

/* The request as the log gets it: a hash, in base64, for a password. */
static void propose_hashed(struct pool_work *w)
{
    struct pb_user_add_options options = {.no_password = w->no_password};
    struct buf hash = {0};
    struct buf request = {0};
    base64_encode(slice_str(w->made), &hash);
    if (w->field == RAFT_REQUEST_AUTH_USER_ADD) {
        struct pb_auth_user_add_request r = {.name = secret_slice(&w->name),
                                             .options = &options,
                                             .hashed_password = buf_slice(&hash)};
        wire_encode(&wire_auth_user_add_request, &r, &request);
    } else {
        struct pb_auth_user_change_password_request r = {.name = secret_slice(&w->name),
                                                         .hashed_password = buf_slice(&hash)};
        wire_encode(&wire_auth_user_change_password_request, &r, &request);
    }
    api_propose(w->api, w->call, w->field, buf_slice(&request), 0);
    secret_buf_fini(&hash);
    secret_buf_fini(&request);
    pool_work_free(w);
}

static void password_hashed(struct pool_work *w)
{
    if (w->rc == RC_OK) {
        propose_hashed(w);
        return;
    }
    if (w->rc == RC_LIMIT)
        rpc_fail_etcd(w->call, ETCD_PASSWORD_TOO_LONG, NULL);
    else if (w->rc == RC_INVALID)
        rpc_fail(w->call, GRPC_INVALID_ARGUMENT, "etcdserver: invalid auth management",
                 "a password must not have a zero byte in it");
    else
        rpc_fail(w->call, GRPC_UNKNOWN, "bcrypt is not available",
                 "the system's libcrypt lacks it");
    pool_work_free(w);
}

/* Asked before the pool works for him, and not only when the entry is made: hashing takes long. A
 * password that is too long is nobody's secret, and etcd says so first. */
static bool may_set_passwords(struct api *a, struct rpc_call *call, struct slice password)
{
    static const struct slice none = {0};
    struct auth_denial why = {0};
    struct auth_who who;
    if (password.n > PASSWORD_BYTES_MAX)
        return true;
    enum etcd_error e = access_who(a, call, &who);
    if (e == ETCD_OK)
        e = auth_may(state_auth(a->state), &who, AUTH_ROOT, none, none, &why);
    if (e != ETCD_OK)
        access_refuse(a, call, e, &why);
    return e == ETCD_OK;
}

static void take_password(struct api *a, struct rpc_call *call, uint32_t field, struct slice name,
                          struct slice password)
{
    if (!may_set_passwords(a, call, password))
        return;
    struct pool_work *w = pool_work_new(a, call, name, password);
    w->field = field;
    a->opt.random(w->salt, sizeof(w->salt));
    /* As one user all of them: whoever may set passwords can name as many as he likes. */
    pool_wait(w, (struct slice){0}, hash_password, password_hashed);
}

void serve_user_add(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_auth_user_add_request r;
    if (!api_decode(call, &wire_auth_user_add_request, message, &r) ||
        !has_room(a, call, RAFT_REQUEST_AUTH_USER_ADD))
        return;
    if (!r.options || !r.options->no_password) {
        take_password(a, call, RAFT_REQUEST_AUTH_USER_ADD, r.name, r.password);
        return;
    }
    r.password = r.hashed_password = (struct slice){0}; /* it has none, the log neither */
    struct buf request = {0};
    wire_encode(&wire_auth_user_add_request, &r, &request);
    api_propose(a, call, RAFT_REQUEST_AUTH_USER_ADD, buf_slice(&request), 0);
    buf_fini(&request);
}

void serve_user_change_password(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_auth_user_change_password_request r;
    if (!api_decode(call, &wire_auth_user_change_password_request, message, &r))
        return;
    if (r.password.n > 0)
        take_password(arg, call, RAFT_REQUEST_AUTH_USER_CHANGE_PASSWORD, r.name, r.password);
    else /* etcd: a hash of the client's own, or none: then no password matches any more */
        api_propose(arg, call, RAFT_REQUEST_AUTH_USER_CHANGE_PASSWORD, message, 0);
}

/* ---- Login. The password is checked against the hash of one moment; if the auth revision is
 * another when the entry is applied, that is done again (etcd's Authenticate). ---- */

static void compare_password(struct pool_work *w)
{
    bool ok = password_matches(secret_slice(&w->password), secret_slice(&w->hash));
    w->rc = ok ? RC_OK : RC_PERMISSION;
}

static void check_password(struct pool_work *w);

static void sign_token(struct pool_work *w)
{
    struct buf token = {0};
    w->rc = jwt_sign(w->api->opt.jwt, secret_slice(&w->name), w->revision, w->now_s, &token);
    buf_append_varint(&w->body, 2 << 3 | 2); /* AuthenticateResponse.token */
    buf_append_varint(&w->body, token.n);
    buf_append_slice(&w->body, buf_slice(&token));
    secret_buf_fini(&token);
}

static void token_signed(struct pool_work *w)
{
    if (w->rc == RC_OK)
        rpc_reply(w->call, &w->body);
    else
        rpc_fail_etcd(w->call, ETCD_AUTH_FAILED, "the token could not be signed");
    pool_work_free(w);
}

static void logged_in(void *arg, struct state_reply *reply)
{
    struct pool_work *w = arg;
    struct api *a = w->api;
    struct clock *clock = a->opt.env->clock;
    if (reply->error != ETCD_OK) {
        buf_fini(&reply->body);
        pool_refuse(w, reply->error, NULL);
        return;
    }
    if (w->revision != auth_revision(state_auth(a->state))) {
        secret_buf_fini(&reply->body);
        check_password(w);
        return;
    }
    if (!a->opt.jwt) {
        rpc_reply(w->call, &reply->body);
        pool_work_free(w);
        return;
    }
    w->body = reply->body;
    w->now_s = clock->wall_ns(clock) / NS_PER_S;
    if (jwt_may_sign(a->opt.jwt))
        pool_submit(w, sign_token, token_signed);
    else
        pool_refuse(w, ETCD_TOKEN_VERIFY_ONLY, NULL);
}

static void password_checked(struct pool_work *w)
{
    uint8_t random[SIMPLE_TOKEN_LETTERS];
    char letters[SIMPLE_TOKEN_LETTERS + 1] = "";
    if (w->rc != RC_OK) {
        struct repeats *failed = &w->api->failed_logins;
        if (repeats_first(failed, secret_slice(&w->name), w->call->method->path))
            log_warn(w->api->opt.env->log, failed->event, "user", BYTES(secret_slice(&w->name)));
        pool_refuse(w, ETCD_AUTH_FAILED, NULL);
        return;
    }
    if (!w->api->opt.jwt) {
        w->api->opt.random(random, sizeof(random));
        simple_token_letters(random, letters);
    }
    struct pb_internal_authenticate_request r = {.name = secret_slice(&w->name),
                                                 .simple_token = slice_str(letters)};
    struct buf request = {0};
    wire_encode(&wire_internal_authenticate_request, &r, &request);
    api_propose_then(w->api, w->call, RAFT_REQUEST_AUTHENTICATE, buf_slice(&request), logged_in, w);
    secret_buf_fini(&request);
    secret_wipe(letters, sizeof(letters));
    secret_wipe(random, sizeof(random));
}

static void check_password(struct pool_work *w)
{
    struct auth *auth = state_auth(w->api->state);
    struct slice hash;
    enum etcd_error e = auth_password_of(auth, secret_slice(&w->name), &hash);
    if (e != ETCD_OK) {
        pool_refuse(w, e, NULL);
        return;
    }
    secret_fini(&w->hash);
    w->hash = secret_copy(hash);
    w->revision = auth_revision(auth);
    pool_wait(w, secret_slice(&w->name), compare_password, password_checked);
}

static void login_now(struct api *a, struct rpc_call *call, void *request)
{
    const struct pb_authenticate_request *r = request;
    struct slice hash;
    enum etcd_error e = auth_password_of(state_auth(a->state), r->name, &hash);
    if (e != ETCD_OK) {
        rpc_fail_etcd(call, e, NULL);
        return;
    }
    check_password(pool_work_new(a, call, r->name, r->password));
}

void serve_authenticate(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_authenticate_request *r = arena_alloc(&call->arena, sizeof(*r));
    if (api_decode(call, &wire_authenticate_request, message, r))
        api_read(arg, call, false, login_now, r);
}
