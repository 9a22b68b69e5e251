#include "base/wr.h"

void buf_append_u16(struct buf *b, uint16_t v)
{
    uint8_t bytes[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    buf_append(b, bytes, sizeof(bytes));
}

void buf_append_u32(struct buf *b, uint32_t v)
{
    store_u32(buf_extend(b, 4), v);
}

void buf_append_u64(struct buf *b, uint64_t v)
{
    store_u64(buf_extend(b, 8), v);
}

void buf_append_u32_big(struct buf *b, uint32_t v)
{
    buf_append_u32(b, __builtin_bswap32(v));
}

void buf_append_u64_big(struct buf *b, uint64_t v)
{
    buf_append_u64(b, __builtin_bswap64(v));
}

void buf_append_varint(struct buf *b, uint64_t v)
{
    buf_reserve(b, VARINT_MAX);
    b->n = (size_t)(store_varint(b->p + b->n, v) - b->p);
}
