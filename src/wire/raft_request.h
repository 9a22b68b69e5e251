/* raft_request - the body of a log entry: etcd's InternalRaftRequest around one client request.
 *
 * The client's bytes are embedded as they came, so proposing costs no second encoding, and reading
 * an entry gives them back as a slice, decoded only by who applies it. Written header first (field
 * 100), then the request: any order is valid protobuf, and the id is found without skipping.
 * Source: etcd's raft_internal.proto. */
#ifndef MOAT_WIRE_RAFT_REQUEST_H
#define MOAT_WIRE_RAFT_REQUEST_H

#include "wire/message.h"

/* The request an entry carries, by its field number in InternalRaftRequest. */
enum raft_request_field {
    RAFT_REQUEST_NONE = 0,
    RAFT_REQUEST_RANGE = 3,
    RAFT_REQUEST_PUT = 4,
    RAFT_REQUEST_DELETE_RANGE = 5,
    RAFT_REQUEST_TXN = 6,
    RAFT_REQUEST_COMPACTION = 7,
    RAFT_REQUEST_LEASE_GRANT = 8,
    RAFT_REQUEST_LEASE_REVOKE = 9,
    RAFT_REQUEST_ALARM = 10,
    RAFT_REQUEST_LEASE_CHECKPOINT = 11,
    RAFT_REQUEST_HEADER = 100,
    RAFT_REQUEST_AUTH_ENABLE = 1000,
    RAFT_REQUEST_AUTH_DISABLE = 1011,
    RAFT_REQUEST_AUTHENTICATE = 1012,
    RAFT_REQUEST_AUTH_STATUS = 1013,
    RAFT_REQUEST_AUTH_USER_ADD = 1100,
    RAFT_REQUEST_AUTH_USER_DELETE = 1101,
    RAFT_REQUEST_AUTH_USER_GET = 1102,
    RAFT_REQUEST_AUTH_USER_CHANGE_PASSWORD = 1103,
    RAFT_REQUEST_AUTH_USER_GRANT_ROLE = 1104,
    RAFT_REQUEST_AUTH_USER_REVOKE_ROLE = 1105,
    RAFT_REQUEST_AUTH_USER_LIST = 1106,
    RAFT_REQUEST_AUTH_ROLE_LIST = 1107,
    RAFT_REQUEST_AUTH_ROLE_ADD = 1200,
    RAFT_REQUEST_AUTH_ROLE_DELETE = 1201,
    RAFT_REQUEST_AUTH_ROLE_GET = 1202,
    RAFT_REQUEST_AUTH_ROLE_GRANT_PERMISSION = 1203,
    RAFT_REQUEST_AUTH_ROLE_REVOKE_PERMISSION = 1204,
    RAFT_REQUEST_CLUSTER_VERSION_SET = 1300,
    RAFT_REQUEST_CLUSTER_MEMBER_ATTR_SET = 1301,
    RAFT_REQUEST_DOWNGRADE_INFO_SET = 1302,
    RAFT_REQUEST_DOWNGRADE_VERSION_TEST = 9900,
    /* moat's own, in a range that etcd does not use. */
    RAFT_REQUEST_LEASE_EXPIRE = 20000,    /* the time of many leases is up */
    RAFT_REQUEST_LEASE_REMAINING = 20001, /* etcd's checkpoint, as of an entry */
    RAFT_REQUEST_MEMBER_ADD = 20002,      /* a learner, or a voter */
    RAFT_REQUEST_MEMBER_UPDATE = 20003,   /* its peer URLs */
    RAFT_REQUEST_MEMBER_REMOVE = 20004,
    RAFT_REQUEST_MEMBER_ALONE = 20005 /* all but the one that proposes: --force-new-cluster */
};

struct raft_request {
    uint64_t id;
    struct slice username; /* who asked, and the auth revision that was judged by; for apply */
    uint64_t auth_revision;
    uint32_t field; /* enum raft_request_field, or a number unknown to this version */
    struct slice body;
};

/* Write an entry: begin (or begin_as), then embed once. */
void raft_request_begin(struct buf *out, uint64_t id);
void raft_request_begin_as(struct buf *out, uint64_t id, struct slice username,
                           uint64_t auth_revision);
void raft_request_embed(struct buf *out, uint32_t field, struct slice request);

/* Read an entry. Borrows from in. RC_MALFORMED unless there is exactly one request. */
MUST_USE enum rc raft_request_parse(struct slice in, struct raft_request *out);

#endif
