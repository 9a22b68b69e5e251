/* json_decode - a message in JSON to the same in protobuf, by the message table.
 *
 * As etcd 3.7's gateway reads (protobuf's JSON page, Go's protojson): members under their .proto or
 * their JSON name, 64-bit numbers as strings or numbers, enums by name or number, bytes in either
 * alphabet of base64, null as absent; unknown members are skipped, a member twice is a fault, and
 * so are two of one oneof. Unlike etcd 3.7, and like 3.4, an enum's unknown name is a fault: read
 * as zero it would grant what nobody asked for (`"permType":"NOPE"` became READ).
 *
 * Straight from text to encoding, nothing between: what it takes beyond the text is the encoding,
 * which is at most JSON_GROWTH times as long. A parser of our own since neither jansson nor its
 * like does without a tree of the whole text, several times its size, and with 64-bit numbers
 * exactly. */
#ifndef MOAT_WIRE_JSON_DECODE_H
#define MOAT_WIRE_JSON_DECODE_H

#include "wire/json_lex.h"
#include "wire/message.h"

#define JSON_GROWTH 6 /* "-1," in a list of enums is ten bytes, less than four times as long */

/* Append the encoding of the one value that in holds. Behind it may be white space and whatever
 * else, as with etcd. RC_MALFORMED, or RC_LIMIT when nested deeper than WIRE_DEPTH_MAX: then why
 * has a sentence, and out is as before. */
MUST_USE enum rc json_decode(const struct wire_message *m, struct slice in, struct buf *out,
                             char why[JSON_WHY_MAX]);

#endif
