#include "base/rd.h"

#include "base/wr.h"

struct slice rd_bytes(struct rd *r, size_t n)
{
    if (r->failed || r->in.n < n) {
        r->failed = true;
        return (struct slice){0};
    }
    struct slice out = {r->in.p, n};
    r->in = slice_skip(r->in, n);
    return out;
}

uint8_t rd_u8(struct rd *r)
{
    struct slice s = rd_bytes(r, 1);
    return s.n ? s.p[0] : 0;
}

uint16_t rd_u16(struct rd *r)
{
    struct slice s = rd_bytes(r, 2);
    return s.n ? (uint16_t)(s.p[0] | (unsigned)s.p[1] << 8) : 0;
}

uint32_t rd_u32(struct rd *r)
{
    struct slice s = rd_bytes(r, 4);
    return s.n ? load_u32(s.p) : 0;
}

uint64_t rd_u64(struct rd *r)
{
    struct slice s = rd_bytes(r, 8);
    return s.n ? load_u64(s.p) : 0;
}

uint32_t rd_u32_big(struct rd *r)
{
    return __builtin_bswap32(rd_u32(r));
}

uint64_t rd_u64_big(struct rd *r)
{
    return __builtin_bswap64(rd_u64(r));
}

uint64_t rd_varint(struct rd *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t b = rd_u8(r);
        if (r->failed)
            return 0;
        v |= shift < 64 ? (uint64_t)(b & 0x7f) << shift : 0;
        if (!(b & 0x80))
            return v;
    }
    r->failed = true;
    return 0;
}

enum rc rd_done(const struct rd *r)
{
    return !r->failed && r->in.n == 0 ? RC_OK : RC_MALFORMED;
}
