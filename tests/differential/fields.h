/* fields - the values of a decoded message, by its table (wire/table.h). */
#ifndef TEST_DIFFERENTIAL_FIELDS_H
#define TEST_DIFFERENTIAL_FIELDS_H

#include "wire/etcd.h"
#include "wire/table.h"

/* How many values the field has: of a single one 1 when it is on the wire, so a zero has none. */
size_t field_values(const struct wire_field *f, const void *msg);
/* Value i: of a message its struct, else the scalar, string or bytes. */
const void *field_value(const struct wire_field *f, const void *msg, size_t i);

/* A number as it is written on the wire, sign-extended. Not for bytes, strings and messages. */
int64_t field_number(const struct wire_field *f, const void *value);
bool field_is_number(const struct wire_field *f);

/* The enum's name for number, or NULL. */
const char *field_enum_name(const struct wire_field *f, int64_t number);

/* `name:value` of every field that is set, nested in braces, on one line. Long bytes are cut. */
void message_show(const struct wire_message *m, const void *msg, struct buf *out);

#endif
