/* Which method a path of the JSON gateway calls: etcd 3.7's own paths (the http options of
 * rpc.proto, v3lock.proto, v3election.proto), sorted. KV.RangeStream has none, as there. */
#include "api/inner.h"
#include "wire/etcd.h"

#define UNARY(path, service, method, name)                                                         \
    {                                                                                              \
        path, "/" service "/" method, &wire_##name##_request, &wire_##name##_response, false,      \
            false                                                                                  \
    }

#define AUTH(path, method, name) UNARY("auth/" path, "etcdserverpb.Auth", method, name)
#define CLUSTER(path, method, name)                                                                \
    UNARY("cluster/member/" path, "etcdserverpb.Cluster", method, name)
#define ELECTION(path, method, name) UNARY("election/" path, "v3electionpb.Election", method, name)
#define KV(path, method, name)       UNARY("kv/" path, "etcdserverpb.KV", method, name)
#define LEASE(path, method, name)    UNARY(path, "etcdserverpb.Lease", method, name)
#define MAINTENANCE(path, method, name)                                                            \
    UNARY("maintenance/" path, "etcdserverpb.Maintenance", method, name)

const struct rpc_gateway_route api_gateway[] = {
    AUTH("authenticate", "Authenticate", authenticate),
    AUTH("disable", "AuthDisable", auth_disable),
    AUTH("enable", "AuthEnable", auth_enable),
    AUTH("role/add", "RoleAdd", auth_role_add),
    AUTH("role/delete", "RoleDelete", auth_role_delete),
    AUTH("role/get", "RoleGet", auth_role_get),
    AUTH("role/grant", "RoleGrantPermission", auth_role_grant_permission),
    AUTH("role/list", "RoleList", auth_role_list),
    AUTH("role/revoke", "RoleRevokePermission", auth_role_revoke_permission),
    AUTH("status", "AuthStatus", auth_status),
    AUTH("user/add", "UserAdd", auth_user_add),
    AUTH("user/changepw", "UserChangePassword", auth_user_change_password),
    AUTH("user/delete", "UserDelete", auth_user_delete),
    AUTH("user/get", "UserGet", auth_user_get),
    AUTH("user/grant", "UserGrantRole", auth_user_grant_role),
    AUTH("user/list", "UserList", auth_user_list),
    AUTH("user/revoke", "UserRevokeRole", auth_user_revoke_role),
    CLUSTER("add", "MemberAdd", member_add),
    CLUSTER("list", "MemberList", member_list),
    CLUSTER("promote", "MemberPromote", member_promote),
    CLUSTER("remove", "MemberRemove", member_remove),
    CLUSTER("update", "MemberUpdate", member_update),
    ELECTION("campaign", "Campaign", campaign),
    ELECTION("leader", "Leader", leader),
    {"election/observe", "/v3electionpb.Election/Observe", &wire_leader_request,
     &wire_leader_response, .streams = true},
    ELECTION("proclaim", "Proclaim", proclaim),
    ELECTION("resign", "Resign", resign),
    KV("compaction", "Compact", compaction),
    KV("deleterange", "DeleteRange", delete_range),
    LEASE("kv/lease/leases", "LeaseLeases", lease_leases),
    LEASE("kv/lease/revoke", "LeaseRevoke", lease_revoke),
    LEASE("kv/lease/timetolive", "LeaseTimeToLive", lease_time_to_live),
    KV("put", "Put", put),
    KV("range", "Range", range),
    KV("txn", "Txn", txn),
    LEASE("lease/grant", "LeaseGrant", lease_grant),
    {"lease/keepalive", "/etcdserverpb.Lease/LeaseKeepAlive", &wire_lease_keep_alive_request,
     &wire_lease_keep_alive_response, .many = true, .streams = true},
    LEASE("lease/leases", "LeaseLeases", lease_leases),
    LEASE("lease/revoke", "LeaseRevoke", lease_revoke),
    LEASE("lease/timetolive", "LeaseTimeToLive", lease_time_to_live),
    UNARY("lock/lock", "v3lockpb.Lock", "Lock", lock),
    UNARY("lock/unlock", "v3lockpb.Lock", "Unlock", unlock),
    MAINTENANCE("alarm", "Alarm", alarm),
    MAINTENANCE("defragment", "Defragment", defragment),
    MAINTENANCE("downgrade", "Downgrade", downgrade),
    MAINTENANCE("hash", "Hash", hash),
    MAINTENANCE("hashkv", "HashKV", hash_kv),
    {"maintenance/snapshot", "/etcdserverpb.Maintenance/Snapshot", &wire_snapshot_request,
     &wire_snapshot_response, .streams = true},
    MAINTENANCE("status", "Status", status),
    MAINTENANCE("transfer-leadership", "MoveLeader", move_leader),
    {"watch", "/etcdserverpb.Watch/Watch", &wire_watch_request, &wire_watch_response, .many = true,
     .streams = true},
};
const size_t api_gateway_count = ARRAY_LEN(api_gateway);
