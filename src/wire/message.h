/* message - protobuf messages from one table.
 *
 * src/wire/etcd.def describes each message once: fields with number, type and name. From it come
 * the C structs (wire/etcd.h: struct pb_put_request …), the decoder, the encoder, and later JSON.
 *
 * In a struct: bytes and string are struct slice, borrowed from the input; a sub-message is a
 * pointer, NULL when absent; a repeated field `kvs` is a pointer with `kvs_n` beside it; of a oneof
 * at most one member is set, and `<oneof>_case` holds its field number (0: none); enums are int32_t
 * and open. Unknown fields are skipped. Source: the protobuf encoding page; etcd's rpc.proto,
 * kv.proto. */
#ifndef MOAT_WIRE_MESSAGE_H
#define MOAT_WIRE_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

/* Nested messages. A transaction within another is two, and etcd allows 128 of them, if each is the
 * only operation (--max-txn-ops). */
#define WIRE_DEPTH_MAX 300

/* What wire_decode may take from the arena: more than any message needs, unless it repeats a
 * sub-message over and over to have it merged. An op of two bytes becomes a struct of 40. */
#define WIRE_MEMORY_BASE     4096 /* bytes */
#define WIRE_MEMORY_PER_BYTE 64   /* and this for each byte of input */

static inline size_t wire_memory_max(size_t input)
{
    return WIRE_MEMORY_BASE + input * WIRE_MEMORY_PER_BYTE;
}

struct wire_message; /* one message's table; wire/etcd.h declares wire_put_request … */

struct wire_limits {
    unsigned depth_max; /* nested messages, the outermost one counted; at most WIRE_DEPTH_MAX */
    size_t memory_max;  /* bytes asked of the arena, whose heap may be up to four times that */
};

const char *wire_name(const struct wire_message *m); /* "etcdserverpb.PutRequest" */

/* Decode in into *out (of m's struct type, which it zeroes first). Pointers lead into in and arena.
 * RC_MALFORMED; RC_INVALID for a string that is not UTF-8; RC_LIMIT when nested deeper than
 * WIRE_DEPTH_MAX. Depth is checked before any recursion, and the elements of a repeated field are
 * counted before their array is made. After a failure *out is of no use.
 *
 * Judged as by Go's protobuf (etcd 3.5 and later): a string must be UTF-8; a known field with
 * another wire type is unknown; scalars may come packed or not; of a oneof the last member on the
 * wire wins; a sub-message that comes again is merged into the first: scalars are replaced,
 * repeated fields are appended to. */
MUST_USE enum rc wire_decode(const struct wire_message *m, struct slice in, struct arena *arena,
                             void *out);

/* The same within limits of the caller's; beyond either RC_LIMIT. For requests whose size does not
 * yet say what they cost: a Txn of 1.5 MB can hold 700,000 ops. */
MUST_USE enum rc wire_decode_limited(const struct wire_message *m, struct slice in,
                                     const struct wire_limits *limits, struct arena *arena,
                                     void *out);

size_t wire_encoded_len(const struct wire_message *m, const void *msg);
/* Append the encoding as etcd 3.7 writes it: fields in order of number, those of a oneof last, zero
 * values left out. A oneof's member is written even when it is zero. */
void wire_encode(const struct wire_message *m, const void *msg, struct buf *out);

#endif
