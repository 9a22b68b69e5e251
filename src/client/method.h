/* method - the RPCs that a client calls, of etcd and of moat alone: path, messages, and what may be
 * tried again. */
#ifndef MOAT_CLIENT_METHOD_H
#define MOAT_CLIENT_METHOD_H

#include "wire/etcd.h"

/* X(NAME, service and method, request, response, may be repeated) */
#define CLIENT_METHODS(X)                                                                          \
    X(RANGE, "etcdserverpb.KV/Range", range_request, range_response, true)                         \
    X(RANGE_STREAM, "etcdserverpb.KV/RangeStream", range_request, range_stream_response, true)     \
    X(PUT, "etcdserverpb.KV/Put", put_request, put_response, false)                                \
    X(DELETE_RANGE, "etcdserverpb.KV/DeleteRange", delete_range_request, delete_range_response,    \
      false)                                                                                       \
    X(TXN, "etcdserverpb.KV/Txn", txn_request, txn_response, false)                                \
    X(COMPACT, "etcdserverpb.KV/Compact", compaction_request, compaction_response, false)          \
    X(WATCH, "etcdserverpb.Watch/Watch", watch_request, watch_response, true)                      \
    X(LEASE_GRANT, "etcdserverpb.Lease/LeaseGrant", lease_grant_request, lease_grant_response,     \
      false)                                                                                       \
    X(LEASE_REVOKE, "etcdserverpb.Lease/LeaseRevoke", lease_revoke_request, lease_revoke_response, \
      false)                                                                                       \
    X(LEASE_KEEP_ALIVE, "etcdserverpb.Lease/LeaseKeepAlive", lease_keep_alive_request,             \
      lease_keep_alive_response, true)                                                             \
    X(LEASE_TIME_TO_LIVE, "etcdserverpb.Lease/LeaseTimeToLive", lease_time_to_live_request,        \
      lease_time_to_live_response, true)                                                           \
    X(LEASE_LEASES, "etcdserverpb.Lease/LeaseLeases", lease_leases_request, lease_leases_response, \
      true)                                                                                        \
    X(MEMBER_ADD, "etcdserverpb.Cluster/MemberAdd", member_add_request, member_add_response,       \
      false)                                                                                       \
    X(MEMBER_REMOVE, "etcdserverpb.Cluster/MemberRemove", member_remove_request,                   \
      member_remove_response, false)                                                               \
    X(MEMBER_UPDATE, "etcdserverpb.Cluster/MemberUpdate", member_update_request,                   \
      member_update_response, false)                                                               \
    X(MEMBER_LIST, "etcdserverpb.Cluster/MemberList", member_list_request, member_list_response,   \
      true)                                                                                        \
    X(MEMBER_PROMOTE, "etcdserverpb.Cluster/MemberPromote", member_promote_request,                \
      member_promote_response, false)                                                              \
    X(ALARM, "etcdserverpb.Maintenance/Alarm", alarm_request, alarm_response, false)               \
    X(STATUS, "etcdserverpb.Maintenance/Status", status_request, status_response, true)            \
    X(DEFRAGMENT, "etcdserverpb.Maintenance/Defragment", defragment_request, defragment_response,  \
      false)                                                                                       \
    X(HASH_KV, "etcdserverpb.Maintenance/HashKV", hash_kv_request, hash_kv_response, true)         \
    X(SNAPSHOT, "etcdserverpb.Maintenance/Snapshot", snapshot_request, snapshot_response, false)   \
    X(MOVE_LEADER, "etcdserverpb.Maintenance/MoveLeader", move_leader_request,                     \
      move_leader_response, false)                                                                 \
    X(DOWNGRADE, "etcdserverpb.Maintenance/Downgrade", downgrade_request, downgrade_response,      \
      false)                                                                                       \
    X(AUTH_ENABLE, "etcdserverpb.Auth/AuthEnable", auth_enable_request, auth_enable_response,      \
      false)                                                                                       \
    X(AUTH_DISABLE, "etcdserverpb.Auth/AuthDisable", auth_disable_request, auth_disable_response,  \
      false)                                                                                       \
    X(AUTH_STATUS, "etcdserverpb.Auth/AuthStatus", auth_status_request, auth_status_response,      \
      false)                                                                                       \
    X(AUTHENTICATE, "etcdserverpb.Auth/Authenticate", authenticate_request, authenticate_response, \
      false)                                                                                       \
    X(USER_ADD, "etcdserverpb.Auth/UserAdd", auth_user_add_request, auth_user_add_response, false) \
    X(USER_GET, "etcdserverpb.Auth/UserGet", auth_user_get_request, auth_user_get_response, true)  \
    X(USER_LIST, "etcdserverpb.Auth/UserList", auth_user_list_request, auth_user_list_response,    \
      true)                                                                                        \
    X(USER_DELETE, "etcdserverpb.Auth/UserDelete", auth_user_delete_request,                       \
      auth_user_delete_response, false)                                                            \
    X(USER_CHANGE_PASSWORD, "etcdserverpb.Auth/UserChangePassword",                                \
      auth_user_change_password_request, auth_user_change_password_response, false)                \
    X(USER_GRANT_ROLE, "etcdserverpb.Auth/UserGrantRole", auth_user_grant_role_request,            \
      auth_user_grant_role_response, false)                                                        \
    X(USER_REVOKE_ROLE, "etcdserverpb.Auth/UserRevokeRole", auth_user_revoke_role_request,         \
      auth_user_revoke_role_response, false)                                                       \
    X(ROLE_ADD, "etcdserverpb.Auth/RoleAdd", auth_role_add_request, auth_role_add_response, false) \
    X(ROLE_GET, "etcdserverpb.Auth/RoleGet", auth_role_get_request, auth_role_get_response, true)  \
    X(ROLE_LIST, "etcdserverpb.Auth/RoleList", auth_role_list_request, auth_role_list_response,    \
      true)                                                                                        \
    X(ROLE_DELETE, "etcdserverpb.Auth/RoleDelete", auth_role_delete_request,                       \
      auth_role_delete_response, false)                                                            \
    X(ROLE_GRANT_PERMISSION, "etcdserverpb.Auth/RoleGrantPermission",                              \
      auth_role_grant_permission_request, auth_role_grant_permission_response, false)              \
    X(ROLE_REVOKE_PERMISSION, "etcdserverpb.Auth/RoleRevokePermission",                            \
      auth_role_revoke_permission_request, auth_role_revoke_permission_response, false)            \
    X(USAGE, "moatpb.Inspect/Usage", usage_request, usage_response, true)                          \
    X(TOP, "moatpb.Inspect/Top", top_request, top_response, true)

#define CLIENT_METHOD_ENUM(name, path, request, response, repeat) CLIENT_##name,
enum client_method { CLIENT_METHODS(CLIENT_METHOD_ENUM) CLIENT_METHOD_COUNT };
#undef CLIENT_METHOD_ENUM

struct client_method_info {
    const char *path; /* "/etcdserverpb.KV/Range" */
    const struct wire_message *request;
    const struct wire_message *response;
    bool repeatable; /* reads: harmless when a server did them already (clientv3/retry.go) */
};

const struct client_method_info *client_method_info(enum client_method m);

#endif
