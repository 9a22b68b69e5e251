/* rd - a reading cursor whose first failure sticks.
 *
 * Read field after field, judge once at the end with rd_done(). After a failure every read gives
 * zero or an empty slice. Integers are little-endian unless the name says big. Borrows from in. */
#ifndef MOAT_BASE_RD_H
#define MOAT_BASE_RD_H

#include "base/cc.h"
#include "base/rc.h"
#include "base/slice.h"

struct rd {
    struct slice in; /* what is left */
    bool failed;
};

uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
uint32_t rd_u32_big(struct rd *r);
uint64_t rd_u64_big(struct rd *r);
uint64_t rd_varint(struct rd *r); /* protobuf base 128, at most 10 bytes */
struct slice rd_bytes(struct rd *r, size_t n);

/* RC_OK when nothing failed and nothing is left, else RC_MALFORMED. */
MUST_USE enum rc rd_done(const struct rd *r);

#endif
