/* table - what the codecs know of a message: its struct's layout and its fields.
 *
 * Built at compile time from wire/etcd.def; for the codecs only. */
#ifndef MOAT_WIRE_TABLE_H
#define MOAT_WIRE_TABLE_H

#include "base/slice.h"

/* KIND(name, C type) of one value. An enum is open: any number is kept. */
#define KIND_TABLE(KIND)                                                                           \
    KIND(BOOL, bool)                                                                               \
    KIND(ENUM, int32_t)                                                                            \
    KIND(I64, int64_t)                                                                             \
    KIND(U32, uint32_t)                                                                            \
    KIND(U64, uint64_t)                                                                            \
    KIND(BYTES, struct slice)                                                                      \
    KIND(STRING, struct slice)                                                                     \
    KIND(MESSAGE, void *)

#define KIND_ENUM(name, type) WIRE_##name,
enum wire_kind { KIND_TABLE(KIND_ENUM) };
#undef KIND_ENUM

enum wire_label { WIRE_SINGLE, WIRE_REPEATED, WIRE_ONEOF };

struct wire_enum_value {
    int32_t number;
    const char *name; /* "ASCEND" */
};

struct wire_enum {
    const char *name; /* "etcdserverpb.RangeRequest.SortOrder" */
    const struct wire_enum_value *values;
    size_t values_n;
};

struct wire_field {
    uint32_t number;
    uint8_t kind;                        /* enum wire_kind */
    uint8_t label;                       /* enum wire_label */
    uint16_t offset;                     /* of the value, or of a repeated field's array pointer */
    uint16_t beside;                     /* offset of `<name>_n` or `<oneof>_case` */
    const char *name;                    /* in the .proto file */
    const struct wire_message *message;  /* of WIRE_MESSAGE */
    const struct wire_enum *enumeration; /* of WIRE_ENUM */
};

#define WIRE_FIELDS_MAX 40 /* in one message */

struct wire_message {
    const char *name;
    const struct wire_field *fields; /* in the order of encoding */
    uint16_t fields_n;
    uint16_t repeated_n; /* how many of them are repeated */
    uint32_t size;       /* of the struct */
};

/* Every message there is, in the order of wire/etcd.def. */
extern const struct wire_message *const wire_messages[];
extern const size_t wire_messages_n;

#define WIRE_NAME_MAX 64 /* bytes of a field's name, terminating zero included */

/* The field's name in JSON: the .proto name in lowerCamelCase ("peer_urls" is "peerUrls", "ID"
 * stays "ID"; protobuf's JSON page). */
void wire_json_name(const struct wire_field *f, char out[WIRE_NAME_MAX]);

#endif
