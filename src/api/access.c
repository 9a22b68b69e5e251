#include "api/access.h"

#include "api/tokens.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN_MAX 64u /* bytes of a name or key that an explanation shows */

static const struct slice none = {0};

/* ---- Who ---- */

enum etcd_error access_who(struct api *a, struct rpc_call *call, struct auth_who *out)
{
    struct auth *auth = state_auth(a->state);
    *out = (struct auth_who){0};
    if (!auth_is_enabled(auth) || !call->token.p)
        return ETCD_OK;
    bool known =
        a->opt.jwt ? tokens_verify(a, call->token, out) : auth_find_token(auth, call->token, out);
    return known ? ETCD_OK : ETCD_INVALID_AUTH_TOKEN;
}

/* ---- What a refusal says ---- */

/* Printable, quoted, cut when long. */
static void append_quoted(struct buf *out, struct slice s)
{
    buf_append_u8(out, '"');
    for (size_t i = 0; i < s.n && i < SHOWN_MAX; i++) {
        if (s.p[i] < ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '\\')
            buf_printf(out, "\\x%02x", (unsigned)s.p[i]);
        else
            buf_append_u8(out, s.p[i]);
    }
    buf_append_str(out, s.n > SHOWN_MAX ? "\"…" : "\"");
}

static void append_keys(struct buf *out, const struct auth_denial *why)
{
    bool open = kv_range_is_open(why->range_end);
    append_quoted(out, why->key);
    if (open) {
        buf_append_str(out, " and all keys after it");
    } else if (why->range_end.n > 0) {
        buf_append_str(out, " up to, without, ");
        append_quoted(out, why->range_end);
    }
}

static void explain_denial(struct buf *out, const struct auth_denial *why)
{
    buf_append_str(out, "user ");
    append_quoted(out, why->user);
    if (why->need != AUTH_READ && why->need != AUTH_WRITE) {
        buf_append_str(out, " has not got the role root");
        return;
    }
    buf_printf(out, " has no %s permission on ", why->need == AUTH_READ ? "READ" : "WRITE");
    append_keys(out, why);
}

static const char *explain_error(enum etcd_error e)
{
    if (e == ETCD_USER_EMPTY)
        return "authentication is on, and the call has no token: log in";
    if (e == ETCD_INVALID_AUTH_TOKEN)
        return "the token is not known here, or no longer: log in again";
    return e == ETCD_AUTH_OLD_REVISION ? "users or roles were changed meanwhile: log in again"
                                       : NULL;
}

static void log_denial(struct api *a, struct rpc_call *call, const struct auth_denial *why)
{
    struct buf keys = {0};
    if (!repeats_first(&a->denials, why->user, call->method->path))
        return;
    bool root = why->need != AUTH_READ && why->need != AUTH_WRITE;
    if (!root)
        append_keys(&keys, why);
    log_warn(a->opt.env->log, a->denials.event, "user", BYTES(why->user), "method",
             STR(call->method->path), "needs",
             STR(root                     ? "root"
                 : why->need == AUTH_READ ? "read"
                                          : "write"),
             "keys", BYTES(buf_slice(&keys)));
    buf_fini(&keys);
}

void access_refuse(struct api *a, struct rpc_call *call, enum etcd_error e,
                   const struct auth_denial *why)
{
    struct buf text = {0};
    if (!why || e != ETCD_PERMISSION_DENIED || why->need == AUTH_NOTHING) {
        rpc_fail_etcd(call, e, explain_error(e));
        return;
    }
    log_denial(a, call, why);
    explain_denial(&text, why);
    buf_append_u8(&text, 0);
    rpc_fail_etcd(call, e, (const char *)text.p);
    buf_fini(&text);
}

/* ---- May he ---- */

static enum etcd_error judge_keys(struct api *a, struct rpc_call *call, enum auth_need need,
                                  struct slice key, struct slice range_end, struct auth_denial *why)
{
    struct auth *auth = state_auth(a->state);
    struct auth_who who;
    enum etcd_error e = access_who(a, call, &who);
    if (e == ETCD_OK)
        e = auth_may(auth, &who, need, key, range_end, why);
    if (e == ETCD_OK && who.revision != 0 && who.revision != auth_revision(auth))
        e = ETCD_AUTH_OLD_REVISION; /* of the future: a token made by another cluster */
    return e;
}

enum etcd_error access_to_keys(struct api *a, struct rpc_call *call, enum auth_need need,
                               struct slice key, struct slice range_end)
{
    struct auth_denial why = {0};
    enum etcd_error e = judge_keys(a, call, need, key, range_end, &why);
    if (e == ETCD_PERMISSION_DENIED)
        log_denial(a, call, &why);
    return e;
}

bool access_allows(struct api *a, struct rpc_call *call, enum auth_need need, struct slice key,
                   struct slice range_end)
{
    struct auth_denial why = {0};
    enum etcd_error e = judge_keys(a, call, need, key, range_end, &why);
    if (e != ETCD_OK)
        access_refuse(a, call, e, &why);
    return e == ETCD_OK;
}

enum etcd_error access_to_lease(struct api *a, struct rpc_call *call, enum auth_need need,
                                struct lease *l)
{
    struct auth_denial why = {0};
    struct auth_who who;
    enum etcd_error e = access_who(a, call, &who);
    if (e == ETCD_OK)
        e = auth_may_lease(state_auth(a->state), &who, need, l, &why);
    if (e == ETCD_PERMISSION_DENIED)
        log_denial(a, call, &why);
    return e;
}

bool access_allows_txn(struct api *a, struct rpc_call *call, const struct pb_txn_request *r)
{
    struct auth_denial why = {0};
    struct auth_who who;
    enum etcd_error e = access_who(a, call, &who);
    if (e == ETCD_OK)
        e = auth_judge_txn(a->state, &who, r, &why);
    if (e == ETCD_OK && who.revision != 0 && who.revision != auth_revision(state_auth(a->state)))
        e = ETCD_AUTH_OLD_REVISION;
    if (e != ETCD_OK)
        access_refuse(a, call, e, &why);
    return e == ETCD_OK;
}

/* ---- Methods ---- */

enum rule {
    OPEN,       /* to all, or judged by what is asked for */
    LOGIN,      /* to whoever logged in, and perhaps judged further */
    ALARM,      /* looking: to whoever logged in; else root's */
    ROOT_ALONE, /* also everything that is not named here */
};

static const struct method_rule {
    const char *path;
    enum rule rule;
} rules[] = {
    {"/etcdserverpb.Auth/AuthDisable", OPEN},
    {"/etcdserverpb.Auth/AuthEnable", OPEN},
    {"/etcdserverpb.Auth/AuthStatus", OPEN},
    {"/etcdserverpb.Auth/Authenticate", OPEN},
    {"/etcdserverpb.Auth/RoleAdd", OPEN},
    {"/etcdserverpb.Auth/RoleDelete", OPEN},
    {"/etcdserverpb.Auth/RoleGet", OPEN},
    {"/etcdserverpb.Auth/RoleGrantPermission", OPEN},
    {"/etcdserverpb.Auth/RoleList", OPEN},
    {"/etcdserverpb.Auth/RoleRevokePermission", OPEN},
    {"/etcdserverpb.Auth/UserAdd", OPEN},
    {"/etcdserverpb.Auth/UserChangePassword", OPEN},
    {"/etcdserverpb.Auth/UserDelete", OPEN},
    {"/etcdserverpb.Auth/UserGet", OPEN},
    {"/etcdserverpb.Auth/UserGrantRole", OPEN},
    {"/etcdserverpb.Auth/UserList", OPEN},
    {"/etcdserverpb.Auth/UserRevokeRole", OPEN},
    {"/etcdserverpb.Cluster/MemberList", OPEN},
    {"/etcdserverpb.KV/DeleteRange", OPEN},
    {"/etcdserverpb.KV/Put", OPEN},
    {"/etcdserverpb.KV/Range", OPEN},
    {"/etcdserverpb.KV/RangeStream", OPEN},
    {"/etcdserverpb.KV/Txn", OPEN},
    {"/etcdserverpb.Lease/LeaseGrant", LOGIN},
    {"/etcdserverpb.Lease/LeaseKeepAlive", LOGIN},
    {"/etcdserverpb.Lease/LeaseLeases", LOGIN},
    {"/etcdserverpb.Lease/LeaseRevoke", LOGIN},
    {"/etcdserverpb.Lease/LeaseTimeToLive", LOGIN},
    {"/etcdserverpb.Maintenance/Alarm", ALARM},
    {"/etcdserverpb.Maintenance/Status", LOGIN},
    {"/etcdserverpb.Watch/Watch", OPEN},
    {"/grpc.health.v1.Health/Check", OPEN},
    {"/grpc.health.v1.Health/List", OPEN},
    {"/grpc.health.v1.Health/Watch", OPEN},
    {"/moatpb.Inspect/Usage", OPEN},
    {"/v3electionpb.Election/Campaign", OPEN}, /* these make calls of their own, of their caller */
    {"/v3electionpb.Election/Leader", OPEN},
    {"/v3electionpb.Election/Observe", OPEN},
    {"/v3electionpb.Election/Proclaim", OPEN},
    {"/v3electionpb.Election/Resign", OPEN},
    {"/v3lockpb.Lock/Lock", OPEN},
    {"/v3lockpb.Lock/Unlock", OPEN},
};

static int compare_rule(const void *key, const void *element)
{
    const struct method_rule *r = element;
    return strcmp(key, r->path);
}

static enum rule rule_of(const char *path)
{
    const struct method_rule *r =
        bsearch(path, rules, ARRAY_LEN(rules), sizeof(*rules), compare_rule);
    return r ? r->rule : ROOT_ALONE;
}

bool access_needs_root(const char *path)
{
    return rule_of(path) == ROOT_ALONE;
}

static enum auth_need need_of(struct rpc_call *call, struct slice message)
{
    enum rule rule = rule_of(call->method->path);
    struct pb_alarm_request alarm;
    if (rule == ALARM && wire_decode(&wire_alarm_request, message, &call->arena, &alarm) == RC_OK &&
        alarm.action == PB_ALARM_ACTION_GET)
        rule = LOGIN;
    if (rule == OPEN)
        return AUTH_NOTHING;
    return rule == LOGIN ? AUTH_LOGIN : AUTH_ROOT;
}

bool access_admit(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct auth *auth = state_auth(a->state);
    struct auth_denial why = {0};
    struct auth_who who;
    if (call->needs_leader && quorum_leader(a->quorum) == 0) {
        rpc_fail_etcd(call, ETCD_NO_LEADER, api_explain_voters(a));
        return false;
    }
    call->needs_leader = false; /* asked when a stream opens, as in etcd; later it has some time */
    if (!auth_is_enabled(auth))
        return true;
    enum auth_need need = need_of(call, message);
    enum etcd_error e = need == AUTH_NOTHING ? ETCD_OK : access_who(a, call, &who);
    if (e == ETCD_OK)
        e = auth_may(auth, &who, need, none, none, &why);
    if (e != ETCD_OK)
        access_refuse(a, call, e, &why);
    return e == ETCD_OK;
}
