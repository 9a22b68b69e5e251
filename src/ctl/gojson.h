/* gojson - messages as Go's encoding/json writes etcd's structs.
 *
 * That is not protobuf's JSON: names as in the .proto file, numbers and enums as numbers, bytes in
 * base64, zero values left out. */
#ifndef MOAT_CTL_GOJSON_H
#define MOAT_CTL_GOJSON_H

#include "wire/message.h"

/* Append the message; hex_ids: cluster and member IDs as hexadecimal strings (--hex). */
void gojson_message(const struct wire_message *m, const void *msg, bool hex_ids, struct buf *out);

void gojson_string(struct slice text, struct buf *out);
void gojson_bytes(struct slice bytes, struct buf *out); /* base64 in quotes */

#endif
