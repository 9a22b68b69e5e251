/* scan - the fields of one encoded message, one after the other.
 *
 * The one reader under every decoder here, so that they agree on what is malformed, as Go's
 * protobuf (protowire) judges it: field numbers are 1 … 2^29-1, a varint is at most ten bytes and
 * fits 64 bits, groups are closed in order. What a field means is the caller's. */
#ifndef MOAT_WIRE_SCAN_H
#define MOAT_WIRE_SCAN_H

#include "base/cc.h"
#include "base/rc.h"
#include "base/slice.h"

#define SCAN_GROUPS_MAX 100        /* nested groups; nobody sends any */
#define SCAN_NUMBER_MAX 536870911u /* 2^29 - 1 */

/* The encoding page's wire types. */
enum scan_type {
    SCAN_VARINT = 0,
    SCAN_FIXED64 = 1,
    SCAN_BYTES = 2,
    SCAN_GROUP = 3,
    SCAN_GROUP_END = 4,
    SCAN_FIXED32 = 5
};

#define SCAN_TAG(number, type) ((uint32_t)(number) << 3 | (type))

struct scan_field {
    uint32_t tag;       /* SCAN_TAG(number, type) */
    uint64_t value;     /* of SCAN_VARINT */
    struct slice bytes; /* of SCAN_BYTES */
};

/* Read a varint from the front of in. False when it is cut short or longer than 64 bits; then in is
 * anywhere. */
MUST_USE bool scan_varint_long(struct slice *in, uint64_t *v);

MUST_USE static inline bool scan_varint(struct slice *in, uint64_t *v)
{
    if (in->n > 0 && in->p[0] < 0x80) {
        *v = in->p[0];
        *in = slice_skip(*in, 1);
        return true;
    }
    return scan_varint_long(in, v);
}

/* Step over the value of a field that is neither varint nor bytes. */
MUST_USE enum rc scan_skip(struct slice *in, uint32_t tag);

/* Read the next field; a group, or a fixed value, is stepped over. RC_END after the last one;
 * RC_MALFORMED; RC_LIMIT for groups nested too deep. */
MUST_USE static inline enum rc scan_next(struct slice *in, struct scan_field *f)
{
    if (in->n == 0)
        return RC_END;
    uint64_t tag;
    if (!scan_varint(in, &tag) || tag < SCAN_TAG(1, 0) || tag > SCAN_TAG(SCAN_NUMBER_MAX, 7))
        return RC_MALFORMED;
    f->tag = (uint32_t)tag;
    if ((tag & 7) == SCAN_VARINT)
        return scan_varint(in, &f->value) ? RC_OK : RC_MALFORMED;
    if ((tag & 7) != SCAN_BYTES)
        return scan_skip(in, f->tag);
    uint64_t n;
    if (!scan_varint(in, &n) || n > in->n)
        return RC_MALFORMED;
    f->bytes = (struct slice){in->p, (size_t)n};
    *in = slice_skip(*in, (size_t)n);
    return RC_OK;
}

#endif
