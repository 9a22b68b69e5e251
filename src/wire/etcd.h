/* etcd - the messages of etcd's v3 API as C structs, with their tables.
 *
 * Made from wire/etcd.def: for etcdserverpb.PutRequest there are struct pb_put_request and
 * wire_put_request, and for enum RangeRequest.SortOrder the constants PB_SORT_ORDER_ASCEND ….
 * How a message becomes a struct: wire/message.h. A oneof's members stand side by side, so one that
 * is not set reads as zero or NULL, as in Go. */
#ifndef MOAT_WIRE_ETCD_H
#define MOAT_WIRE_ETCD_H

#include "wire/message.h"

/* An empty struct is not C: EMPTY_MESSAGE has a member, always zero. */

/* A brace that opens in one macro and closes in another confuses clang-format. */
/* clang-format off */

#define ENUM(c, full)           enum pb_##c {
#define VALUE(prefix, name, no) PB_##prefix##_##name = (no),
#define END_ENUM(c)             };
#include "wire/etcd.def"

#define PB_BOOL   bool
#define PB_I64    int64_t
#define PB_U32    uint32_t
#define PB_U64    uint64_t
#define PB_BYTES  struct slice
#define PB_STRING struct slice

#define MESSAGE(c, full)                          struct pb_##c {
#define END_MESSAGE(c)                            };
#define EMPTY_MESSAGE(c, full)                    struct pb_##c { bool none; };
#define ONEOF(c, name)                            uint32_t name##_case;
#define FIELD(c, no, kind, name, proto)           PB_##kind name;
#define FIELD_ENUM(c, no, name, proto, type)      int32_t name; /* enum pb_type */
#define FIELD_SUB(c, no, name, proto, type)       struct pb_##type *name;
#define REPEATED(c, no, kind, name, proto)        PB_##kind *name; size_t name##_n; /* NOLINT */
#define REPEATED_ENUM(c, no, name, proto, type)   int32_t *name; size_t name##_n;
#define REPEATED_SUB(c, no, name, proto, type)    struct pb_##type *name; size_t name##_n;
#define ONE(c, no, kind, name, proto, oneof)      PB_##kind name;
#define ONE_SUB(c, no, name, proto, type, oneof)  struct pb_##type *name;
#include "wire/etcd.def"

/* clang-format on */

#define MESSAGE(c, full)       extern const struct wire_message wire_##c;
#define EMPTY_MESSAGE(c, full) extern const struct wire_message wire_##c;
#include "wire/etcd.def"

#undef PB_BOOL
#undef PB_I64
#undef PB_U32
#undef PB_U64
#undef PB_BYTES
#undef PB_STRING

/* Values of a oneof's _case: the field numbers of its members. */

/* request_case of RequestOp, response_case of ResponseOp */
enum pb_op { PB_OP_RANGE = 1, PB_OP_PUT = 2, PB_OP_DELETE_RANGE = 3, PB_OP_TXN = 4 };

/* target_union_case of Compare */
enum pb_target {
    PB_TARGET_VERSION = 4,
    PB_TARGET_CREATE_REVISION = 5,
    PB_TARGET_MOD_REVISION = 6,
    PB_TARGET_VALUE = 7,
    PB_TARGET_LEASE = 8
};

/* request_union_case of WatchRequest */
enum pb_watch { PB_WATCH_CREATE = 1, PB_WATCH_CANCEL = 2, PB_WATCH_PROGRESS = 3 };

#endif
