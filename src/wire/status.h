/* status - gRPC status codes, and etcd's errors as pairs of code and text.
 *
 * Clients look the whole text up (clientv3, Patroni), so both are etcd 3.7's byte for byte
 * (v3rpc/rpctypes/error.go; those of code UNKNOWN come bare from packages that it has no own for);
 * explanations travel elsewhere. */
#ifndef MOAT_WIRE_STATUS_H
#define MOAT_WIRE_STATUS_H

/* gRPC's statuscodes document. */
enum grpc_code {
    GRPC_OK = 0,
    GRPC_CANCELED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16
};

/* The name in error texts and in JSON, as Go's codes.Code prints it: "InvalidArgument"; "Code(99)"
 * is the caller's to write, this gives NULL for an unknown code. */
const char *grpc_code_name(enum grpc_code code);

/* X(name, code, text) */
#define ETCD_ERROR_TABLE(X)                                                                        \
    X(EMPTY_KEY, INVALID_ARGUMENT, "etcdserver: key is not provided")                              \
    X(KEY_NOT_FOUND, INVALID_ARGUMENT, "etcdserver: key not found")                                \
    X(VALUE_PROVIDED, INVALID_ARGUMENT, "etcdserver: value is provided")                           \
    X(LEASE_PROVIDED, INVALID_ARGUMENT, "etcdserver: lease is provided")                           \
    X(TOO_MANY_OPS, INVALID_ARGUMENT, "etcdserver: too many operations in txn request")            \
    X(DUPLICATE_KEY, INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request")           \
    X(INVALID_CLIENT_API_VERSION, INVALID_ARGUMENT, "etcdserver: invalid client api version")      \
    X(INVALID_SORT_OPTION, INVALID_ARGUMENT, "etcdserver: invalid sort option")                    \
    X(COMPACTED, OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted")           \
    X(FUTURE_REV, OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision")        \
    X(NO_SPACE, RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded")                   \
    X(LEASE_NOT_FOUND, NOT_FOUND, "etcdserver: requested lease not found")                         \
    X(LEASE_EXIST, FAILED_PRECONDITION, "etcdserver: lease already exists")                        \
    X(LEASE_TTL_TOO_LARGE, OUT_OF_RANGE, "etcdserver: too large lease TTL")                        \
    X(WATCH_CANCELED, CANCELED, "etcdserver: watch canceled")                                      \
    X(MEMBER_EXIST, FAILED_PRECONDITION, "etcdserver: member ID already exist")                    \
    X(PEER_URL_EXIST, FAILED_PRECONDITION, "etcdserver: Peer URLs already exists")                 \
    X(MEMBER_NOT_ENOUGH_STARTED, UNKNOWN, /* etcd has no code for it */                            \
      "etcdserver: re-configuration failed due to not enough started members")                     \
    X(MEMBER_BAD_URLS, INVALID_ARGUMENT, "etcdserver: given member URLs are invalid")              \
    X(MEMBER_NOT_FOUND, NOT_FOUND, "etcdserver: member not found")                                 \
    X(MEMBER_NOT_LEARNER, FAILED_PRECONDITION, "etcdserver: can only promote a learner member")    \
    X(LEARNER_NOT_READY, FAILED_PRECONDITION,                                                      \
      "etcdserver: can only promote a learner member which is in sync with leader")                \
    X(TOO_MANY_LEARNERS, FAILED_PRECONDITION, "etcdserver: too many learner members in cluster")   \
    X(CLUSTER_ID_MISMATCH, FAILED_PRECONDITION, "etcdserver: cluster ID mismatch")                 \
    X(REQUEST_TOO_LARGE, INVALID_ARGUMENT, "etcdserver: request is too large")                     \
    X(REQUEST_TOO_MANY_REQUESTS, RESOURCE_EXHAUSTED, "etcdserver: too many requests")              \
    X(ROOT_USER_NOT_EXIST, FAILED_PRECONDITION, "etcdserver: root user does not exist")            \
    X(ROOT_ROLE_NOT_EXIST, FAILED_PRECONDITION, "etcdserver: root user does not have root role")   \
    X(USER_ALREADY_EXIST, FAILED_PRECONDITION, "etcdserver: user name already exists")             \
    X(USER_EMPTY, INVALID_ARGUMENT, "etcdserver: user name is empty")                              \
    X(USER_NOT_FOUND, FAILED_PRECONDITION, "etcdserver: user name not found")                      \
    X(ROLE_ALREADY_EXIST, FAILED_PRECONDITION, "etcdserver: role name already exists")             \
    X(ROLE_NOT_FOUND, FAILED_PRECONDITION, "etcdserver: role name not found")                      \
    X(ROLE_EMPTY, INVALID_ARGUMENT, "etcdserver: role name is empty")                              \
    X(AUTH_FAILED, INVALID_ARGUMENT,                                                               \
      "etcdserver: authentication failed, invalid user ID or password")                            \
    X(PERMISSION_NOT_GIVEN, INVALID_ARGUMENT, "etcdserver: permission not given")                  \
    X(PERMISSION_DENIED, PERMISSION_DENIED, "etcdserver: permission denied")                       \
    X(ROLE_NOT_GRANTED, FAILED_PRECONDITION, "etcdserver: role is not granted to the user")        \
    X(PERMISSION_NOT_GRANTED, FAILED_PRECONDITION,                                                 \
      "etcdserver: permission is not granted to the role")                                         \
    X(AUTH_NOT_ENABLED, FAILED_PRECONDITION, "etcdserver: authentication is not enabled")          \
    X(INVALID_AUTH_TOKEN, UNAUTHENTICATED, "etcdserver: invalid auth token")                       \
    X(INVALID_AUTH_MGMT, INVALID_ARGUMENT, "etcdserver: invalid auth management")                  \
    X(NO_PASSWORD_USER, UNKNOWN,                                                                   \
      "auth: authentication failed, password was given for no password user")                      \
    X(TOKEN_VERIFY_ONLY, UNKNOWN, "auth: token signing attempted with verify-only key")            \
    X(PASSWORD_TOO_LONG, UNKNOWN, "bcrypt: password length exceeds 72 bytes")                      \
    X(AUTH_OLD_REVISION, INVALID_ARGUMENT, "etcdserver: revision of auth store is old")            \
    X(NO_LEADER, UNAVAILABLE, "etcdserver: no leader")                                             \
    X(NOT_LEADER, FAILED_PRECONDITION, "etcdserver: not leader")                                   \
    X(LEADER_CHANGED, UNAVAILABLE, "etcdserver: leader changed")                                   \
    X(NOT_CAPABLE, FAILED_PRECONDITION, "etcdserver: not capable")                                 \
    X(STOPPED, UNAVAILABLE, "etcdserver: server stopped")                                          \
    X(TIMEOUT, UNAVAILABLE, "etcdserver: request timed out")                                       \
    X(TIMEOUT_DUE_TO_LEADER_FAIL, UNAVAILABLE,                                                     \
      "etcdserver: request timed out, possibly due to previous leader failure")                    \
    X(TIMEOUT_DUE_TO_CONNECTION_LOST, UNAVAILABLE,                                                 \
      "etcdserver: request timed out, possibly due to connection lost")                            \
    X(TIMEOUT_WAIT_APPLIED_INDEX, UNAVAILABLE,                                                     \
      "etcdserver: request timed out, waiting for the applied index took too long")                \
    X(UNHEALTHY, UNAVAILABLE, "etcdserver: unhealthy cluster")                                     \
    X(CORRUPT, DATA_LOSS, "etcdserver: corrupt cluster")                                           \
    X(NOT_SUPPORTED_FOR_LEARNER, FAILED_PRECONDITION, "etcdserver: rpc not supported for learner") \
    X(BAD_LEADER_TRANSFEREE, FAILED_PRECONDITION, "etcdserver: bad leader transferee")             \
    X(WRONG_DOWNGRADE_VERSION_FORMAT, INVALID_ARGUMENT,                                            \
      "etcdserver: wrong downgrade target version format")                                         \
    X(INVALID_DOWNGRADE_TARGET_VERSION, INVALID_ARGUMENT,                                          \
      "etcdserver: invalid downgrade target version")                                              \
    X(CLUSTER_VERSION_UNAVAILABLE, FAILED_PRECONDITION,                                            \
      "etcdserver: cluster version not found during downgrade")                                    \
    X(DOWNGRADE_IN_PROCESS, FAILED_PRECONDITION,                                                   \
      "etcdserver: cluster has a downgrade job in progress")                                       \
    X(NO_INFLIGHT_DOWNGRADE, FAILED_PRECONDITION, "etcdserver: no inflight downgrade job")         \
    X(CANCELED, CANCELED, "etcdserver: request canceled")                                          \
    X(DEADLINE_EXCEEDED, DEADLINE_EXCEEDED, "etcdserver: context deadline exceeded")               \
    X(NOT_PROPOSED, DEADLINE_EXCEEDED, "context deadline exceeded") /* Go's: no leader took it */  \
    X(ELECTION_NO_LEADER, UNKNOWN, "election: no leader")                                          \
    X(ELECTION_NOT_LEADER, UNKNOWN, "election: not leader")                                        \
    X(ELECTION_LEADER_MISSING, UNKNOWN, "\"leader\" field must be provided")                       \
    X(LOCK_SESSION_EXPIRED, UNKNOWN, "mutex: session is expired")

#define ETCD_ERROR_ENUM(name, code, text) ETCD_##name,
enum etcd_error { ETCD_OK, ETCD_ERROR_TABLE(ETCD_ERROR_ENUM) ETCD_ERROR_COUNT };
#undef ETCD_ERROR_ENUM

enum grpc_code etcd_error_code(enum etcd_error e); /* GRPC_OK for ETCD_OK */
const char *etcd_error_text(enum etcd_error e);    /* "" for ETCD_OK */

#endif
