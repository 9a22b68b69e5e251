/* json_encode - a message in protobuf to the same in JSON, by the message table.
 *
 * As etcd's gateway writes: .proto names, 64-bit numbers as strings, enums by name, bytes in
 * base64; what has its default is left out, but for the member of a oneof that is set. For messages
 * that we encoded ourselves: the elements of a repeated field stand together.
 *
 * In pieces, so that a list of a million pairs needs the memory of one. */
#ifndef MOAT_WIRE_JSON_ENCODE_H
#define MOAT_WIRE_JSON_ENCODE_H

#include "wire/message.h"

struct json_encoder {
    const struct wire_message *m;
    struct buf rest; /* the part of a field that has arrived */
    size_t count;    /* members written so far */
    uint32_t list;   /* the number of the repeated field whose list is open; 0: none */
};

/* Appends the opening brace. */
void json_encoder_init(struct json_encoder *e, const struct wire_message *m, struct buf *out);
void json_encoder_fini(struct json_encoder *e);
/* Take a piece of the message, and append what is complete by it. RC_MALFORMED: it is none. */
MUST_USE enum rc json_encoder_feed(struct json_encoder *e, struct slice piece, struct buf *out);
/* The message is complete: append the rest. */
MUST_USE enum rc json_encoder_end(struct json_encoder *e, struct buf *out);

/* All at once. */
MUST_USE enum rc json_encode(const struct wire_message *m, struct slice in, struct buf *out);

/* Append s as a JSON string, quotes included; what is not UTF-8 becomes U+FFFD. */
void json_append_string(struct buf *out, struct slice s);

#endif
