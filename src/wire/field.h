/* field - one field written by hand; nothing when it is zero. A tag that is stored is one byte
 * long: numbers up to 15. */
#ifndef MOAT_WIRE_FIELD_H
#define MOAT_WIRE_FIELD_H

#include "base/wr.h"
#include "wire/scan.h"

#define TAG_VARINT(number) SCAN_TAG(number, SCAN_VARINT)
#define TAG_BYTES(number)  SCAN_TAG(number, SCAN_BYTES)

static inline size_t field_u64_len(uint64_t v)
{
    return v ? 1 + varint_len(v) : 0;
}

static inline size_t field_bytes_len(struct slice s)
{
    return s.n ? 1 + varint_len(s.n) + s.n : 0;
}

/* Write at p, with room for the length above, and return the end. */
static inline uint8_t *field_u64_store(uint8_t *p, uint8_t tag, uint64_t v)
{
    if (!v)
        return p;
    *p++ = tag;
    return store_varint(p, v);
}

static inline uint8_t *field_bytes_store(uint8_t *p, uint8_t tag, struct slice s)
{
    if (!s.n)
        return p;
    *p++ = tag;
    p = store_varint(p, s.n);
    memcpy(p, s.p, s.n);
    return p + s.n;
}

#endif
