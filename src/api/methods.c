/* Every gRPC method there is. What each needs of its caller stands in access.c. */
#include "api/inner.h"
#include "api/watch.h"

/* sorted by path */
const struct rpc_method api_methods[] = {
    {"/etcdserverpb.Auth/AuthDisable", serve_auth},
    {"/etcdserverpb.Auth/AuthEnable", serve_auth},
    {"/etcdserverpb.Auth/AuthStatus", serve_auth},
    {"/etcdserverpb.Auth/Authenticate", serve_authenticate, .secret = true},
    {"/etcdserverpb.Auth/RoleAdd", serve_auth},
    {"/etcdserverpb.Auth/RoleDelete", serve_auth},
    {"/etcdserverpb.Auth/RoleGet", serve_auth},
    {"/etcdserverpb.Auth/RoleGrantPermission", serve_auth},
    {"/etcdserverpb.Auth/RoleList", serve_auth},
    {"/etcdserverpb.Auth/RoleRevokePermission", serve_auth},
    {"/etcdserverpb.Auth/UserAdd", serve_user_add, .secret = true},
    {"/etcdserverpb.Auth/UserChangePassword", serve_user_change_password, .secret = true},
    {"/etcdserverpb.Auth/UserDelete", serve_auth},
    {"/etcdserverpb.Auth/UserGet", serve_auth},
    {"/etcdserverpb.Auth/UserGrantRole", serve_auth},
    {"/etcdserverpb.Auth/UserList", serve_auth},
    {"/etcdserverpb.Auth/UserRevokeRole", serve_auth},
    {"/etcdserverpb.Cluster/MemberAdd", serve_member_add},
    {"/etcdserverpb.Cluster/MemberList", serve_member_list},
    {"/etcdserverpb.Cluster/MemberPromote", serve_member_promote},
    {"/etcdserverpb.Cluster/MemberRemove", serve_member_remove},
    {"/etcdserverpb.Cluster/MemberUpdate", serve_member_update},
    {"/etcdserverpb.KV/Compact", serve_compact},
    {"/etcdserverpb.KV/DeleteRange", serve_delete_range},
    {"/etcdserverpb.KV/Put", serve_put},
    {"/etcdserverpb.KV/Range", serve_range},
    {"/etcdserverpb.KV/Txn", serve_txn},
    {"/etcdserverpb.Maintenance/Alarm", serve_alarm},
    {"/etcdserverpb.Maintenance/Defragment", serve_defragment},
    {"/etcdserverpb.Maintenance/Downgrade", serve_downgrade},
    {"/etcdserverpb.Maintenance/HashKV", serve_hash_kv},
    {"/etcdserverpb.Maintenance/MoveLeader", serve_move_leader},
    {"/etcdserverpb.Maintenance/Status", serve_status},
    {"/etcdserverpb.Watch/Watch", NULL, &watch_ops},
    {"/grpc.health.v1.Health/Check", serve_health_check},
    {"/moatpb.Inspect/Usage", serve_usage},
};

const size_t api_method_count = ARRAY_LEN(api_methods);
