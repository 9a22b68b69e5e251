/* program - a random sequence of requests, made from a seed: keys and leases, and in some programs
 * users, roles, logins and what each user may do.
 *
 * What a request says of revisions is relative to where the store stands when it is sent, so that a
 * program reaches past, present, future and compacted revisions wherever it starts, and still does
 * after some of its steps were taken out. Whose token it is sent with is named, not the token. */
#ifndef TEST_DIFFERENTIAL_PROGRAM_H
#define TEST_DIFFERENTIAL_PROGRAM_H

#include "base/arena.h"
#include "base/buf.h"
#include "wire/etcd.h"

/* Go sorts stably up to this many elements: beyond, etcd's order among equals is its own. */
#define PROGRAM_KEYS_MAX  12
#define PROGRAM_STEPS_MIN 20
#define PROGRAM_STEPS_MAX 200

/* KIND(name, service, method, path in the JSON gateway, message without _request or _response) */
#define STEP_TABLE(KIND)                                                                           \
    KIND(RANGE, "KV", "Range", "kv/range", range)                                                  \
    KIND(PUT, "KV", "Put", "kv/put", put)                                                          \
    KIND(DELETE, "KV", "DeleteRange", "kv/deleterange", delete_range)                              \
    KIND(TXN, "KV", "Txn", "kv/txn", txn)                                                          \
    KIND(COMPACT, "KV", "Compact", "kv/compaction", compaction)                                    \
    KIND(GRANT, "Lease", "LeaseGrant", "lease/grant", lease_grant)                                 \
    KIND(REVOKE, "Lease", "LeaseRevoke", "lease/revoke", lease_revoke)                             \
    KIND(LEFT, "Lease", "LeaseTimeToLive", "lease/timetolive", lease_time_to_live)                 \
    KIND(LEASES, "Lease", "LeaseLeases", "lease/leases", lease_leases)                             \
    KIND(WATCH, "Watch", "Watch", "watch", watch) /* up to its first answer */                     \
    KIND(AUTH_ENABLE, "Auth", "AuthEnable", "auth/enable", auth_enable)                            \
    KIND(AUTH_DISABLE, "Auth", "AuthDisable", "auth/disable", auth_disable)                        \
    KIND(AUTH_STATUS, "Auth", "AuthStatus", "auth/status", auth_status)                            \
    KIND(LOGIN, "Auth", "Authenticate", "auth/authenticate", authenticate)                         \
    KIND(USER_ADD, "Auth", "UserAdd", "auth/user/add", auth_user_add)                              \
    KIND(USER_GET, "Auth", "UserGet", "auth/user/get", auth_user_get)                              \
    KIND(USER_LIST, "Auth", "UserList", "auth/user/list", auth_user_list)                          \
    KIND(USER_DELETE, "Auth", "UserDelete", "auth/user/delete", auth_user_delete)                  \
    KIND(USER_PASSWORD, "Auth", "UserChangePassword", "auth/user/changepw",                        \
         auth_user_change_password)                                                                \
    KIND(USER_GRANT, "Auth", "UserGrantRole", "auth/user/grant", auth_user_grant_role)             \
    KIND(USER_REVOKE, "Auth", "UserRevokeRole", "auth/user/revoke", auth_user_revoke_role)         \
    KIND(ROLE_ADD, "Auth", "RoleAdd", "auth/role/add", auth_role_add)                              \
    KIND(ROLE_GET, "Auth", "RoleGet", "auth/role/get", auth_role_get)                              \
    KIND(ROLE_LIST, "Auth", "RoleList", "auth/role/list", auth_role_list)                          \
    KIND(ROLE_DELETE, "Auth", "RoleDelete", "auth/role/delete", auth_role_delete)                  \
    KIND(ROLE_GRANT, "Auth", "RoleGrantPermission", "auth/role/grant", auth_role_grant_permission) \
    KIND(ROLE_REVOKE, "Auth", "RoleRevokePermission", "auth/role/revoke",                          \
         auth_role_revoke_permission)                                                              \
    KIND(MEMBERS, "Cluster", "MemberList", "cluster/member/list", member_list)                     \
    KIND(ALARM, "Maintenance", "Alarm", "maintenance/alarm", alarm)                                \
    KIND(STATUS, "Maintenance", "Status", "maintenance/status", status)                            \
    KIND(HASH, "Maintenance", "Hash", "maintenance/hash", hash)                                    \
    KIND(HASH_KV, "Maintenance", "HashKV", "maintenance/hashkv", hash_kv)                          \
    KIND(DEFRAGMENT, "Maintenance", "Defragment", "maintenance/defragment", defragment)            \
    KIND(MOVE_LEADER, "Maintenance", "MoveLeader", "maintenance/transfer-leadership", move_leader)

#define STEP_ENUM(name, service, method, path, message) STEP_##name,
enum step_kind { STEP_TABLE(STEP_ENUM) STEP_KIND_COUNT };
#undef STEP_ENUM

/* Users of programs, "root" first. */
#define PROGRAM_USERS 4
extern const struct slice program_users[PROGRAM_USERS];

/* Whose token goes with a request. */
enum caller {
    CALLER_NOBODY,
    CALLER_STRANGER, /* one that no server gave */
    CALLER_USER,     /* + i: that of user i's last login; none when that was revoked */
    CALLER_FORMER = CALLER_USER + PROGRAM_USERS, /* + i: one that was revoked, or from before */
    CALLER_COUNT = CALLER_FORMER + PROGRAM_USERS
};

#define FRAGILE_MAX 64

/* Where a store stands. */
struct moment {
    int64_t revision;
    int64_t compacted;
    int64_t fragile[FRAGILE_MAX]; /* never compacted at, nor hashed: the last ones, in a ring */
    size_t fragile_n;
};

/* A number in a request that becomes moment's revision, or compacted, plus delta. */
struct revision_ref {
    int64_t *at;
    bool from_compacted;
    int64_t delta;
    struct revision_ref *next;
};

struct step {
    enum step_kind kind;
    unsigned caller; /* enum caller */
    void *request;   /* struct pb_range_request …; revisions are set when it is encoded */
    struct revision_ref *refs;
    bool unknown_field; /* a field that no version knows follows: it must be skipped */
};

struct program {
    struct arena arena;
    struct step *steps;
    size_t step_n;
};

struct program_options {
    uint64_t seed;
    bool old_peer;  /* no requests that make etcd 3.4 panic, or go on where 3.7 refuses */
    int64_t leases; /* leases 1 … exist, and a few more come and go; 0: none */
};

/* Program number of the sequence that seed begins. */
void program_make(struct program *p, const struct program_options *opt, uint64_t number);
void program_fini(struct program *p);

const char *step_name(enum step_kind kind); /* "Range" */
const char *step_path(enum step_kind kind); /* "/etcdserverpb.KV/Range" */
/* By that path; its path in the gateway is "kv/range". STEP_KIND_COUNT: there is none. */
enum step_kind step_find(const char *path);
const char *step_gateway(enum step_kind kind);
const struct wire_message *step_request(enum step_kind kind);
const struct wire_message *step_response(enum step_kind kind);

/* Of a transaction, nested ones included. */
struct habits {
    bool writes;
    bool puts;
    bool deletes_from_key;
};

struct habits txn_habits(const struct pb_txn_request *r);

/* Compacting etcd 3.7 at the revision of a transaction that deletes a key and puts it again loses
 * the key, and the next read of it panics. Only a delete from key on gets that past the check for
 * duplicate keys. */
bool step_is_fragile(const struct step *s);

/* The request as it is sent when the store stands at now. */
void step_encode(const struct step *s, const struct moment *now, struct buf *out);
/* It changes nothing, so it may be under way together with others like it. */
bool step_is_read(const struct step *s);

#endif
