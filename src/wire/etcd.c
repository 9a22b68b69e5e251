#include "wire/etcd.h"

#include "base/cc.h"
#include "wire/table.h"

/* A brace that opens in one macro and closes in another confuses clang-format. */
/* clang-format off */

/*
 * Enums.
 */
#define ENUM(c, full)           static const struct wire_enum_value enum_##c##_values[] = {
#define VALUE(prefix, name, no) {PB_##prefix##_##name, #name},
#define END_ENUM(c)             };
#include "wire/etcd.def"

#define ENUM(c, full)                                                                              \
    static const struct wire_enum enum_##c = {full, enum_##c##_values,                             \
                                              ARRAY_LEN(enum_##c##_values)};
#include "wire/etcd.def"

/*
 * Fields.
 */
#define BASIC(c, no, k, l, member, with, proto)                                                    \
    .number = (no), .kind = WIRE_##k, .label = WIRE_##l,                                           \
    .offset = offsetof(struct pb_##c, member), .beside = (with), .name = (proto)
#define COUNT_OF(c, member) offsetof(struct pb_##c, member##_n)
#define CASE_OF(c, oneof)   offsetof(struct pb_##c, oneof##_case)

#define MESSAGE(c, full) static const struct wire_field fields_##c[] = {
#define END_MESSAGE(c)   };
#define FIELD(c, no, k, member, proto) {BASIC(c, no, k, SINGLE, member, 0, proto)},
#define FIELD_ENUM(c, no, member, proto, type)                                                     \
    {BASIC(c, no, ENUM, SINGLE, member, 0, proto), .enumeration = &enum_##type},
#define FIELD_SUB(c, no, member, proto, type)                                                      \
    {BASIC(c, no, MESSAGE, SINGLE, member, 0, proto), .message = &wire_##type},
#define REPEATED(c, no, k, member, proto)                                                          \
    {BASIC(c, no, k, REPEATED, member, COUNT_OF(c, member), proto)},
#define REPEATED_ENUM(c, no, member, proto, type)                                                  \
    {BASIC(c, no, ENUM, REPEATED, member, COUNT_OF(c, member), proto), .enumeration = &enum_##type},
#define REPEATED_SUB(c, no, member, proto, type)                                                   \
    {BASIC(c, no, MESSAGE, REPEATED, member, COUNT_OF(c, member), proto), .message = &wire_##type},
#define ONE(c, no, k, member, proto, oneof)                                                        \
    {BASIC(c, no, k, ONEOF, member, CASE_OF(c, oneof), proto)},
#define ONE_SUB(c, no, member, proto, type, oneof)                                                 \
    {BASIC(c, no, MESSAGE, ONEOF, member, CASE_OF(c, oneof), proto), .message = &wire_##type},
#include "wire/etcd.def"

/* How many fields of a message are repeated. */
#define MESSAGE(c, full)   enum { repeated_##c = 0
#define REPEATED(...)      +1 /* NOLINT: a term of a sum */
#define REPEATED_ENUM(...) +1 /* NOLINT: a term of a sum */
#define REPEATED_SUB(...)  +1 /* NOLINT: a term of a sum */
#define END_MESSAGE(c)   };
#include "wire/etcd.def"

/* clang-format on */

/*
 * Messages.
 */
#define MESSAGE(c, full)                                                                           \
    _Static_assert(ARRAY_LEN(fields_##c) <= WIRE_FIELDS_MAX, full);                                \
    const struct wire_message wire_##c = {.name = (full),                                          \
                                          .fields = fields_##c,                                    \
                                          .fields_n = ARRAY_LEN(fields_##c),                       \
                                          .repeated_n = repeated_##c,                              \
                                          .size = sizeof(struct pb_##c)};
#define EMPTY_MESSAGE(c, full)                                                                     \
    const struct wire_message wire_##c = {.name = (full), .size = sizeof(struct pb_##c)};
#include "wire/etcd.def"

const struct wire_message *const wire_messages[] = {
#define MESSAGE(c, full)       &wire_##c,
#define EMPTY_MESSAGE(c, full) &wire_##c,
#include "wire/etcd.def"
};
const size_t wire_messages_n = ARRAY_LEN(wire_messages);
