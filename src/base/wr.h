/* wr - writing integers: loads and stores of fixed width, and appends to a buf.
 *
 * Little-endian unless the name says big. The hosts we support are little-endian; the loads and
 * stores are plain copies there. */
#ifndef MOAT_BASE_WR_H
#define MOAT_BASE_WR_H

#include "base/buf.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "loads and stores are plain copies");

#define VARINT_MAX 10 /* bytes of the longest varint */

static inline uint32_t load_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t load_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t load_u64_big(const uint8_t *p)
{
    return __builtin_bswap64(load_u64(p));
}

static inline void store_u32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof(v));
}

static inline void store_u64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof(v));
}

static inline void store_u32_big(uint8_t *p, uint32_t v)
{
    store_u32(p, __builtin_bswap32(v));
}

static inline void store_u64_big(uint8_t *p, uint64_t v)
{
    store_u64(p, __builtin_bswap64(v));
}

/* Bytes that store_varint(v) writes. */
static inline size_t varint_len(uint64_t v)
{
    return (size_t)(70 - __builtin_clzll(v | 1)) / 7;
}

/* Write v as a protobuf varint and return the end. Room for VARINT_MAX bytes is the caller's. */
static inline uint8_t *store_varint(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

void buf_append_u16(struct buf *b, uint16_t v);
void buf_append_u32(struct buf *b, uint32_t v);
void buf_append_u64(struct buf *b, uint64_t v);
void buf_append_u32_big(struct buf *b, uint32_t v);
void buf_append_u64_big(struct buf *b, uint64_t v);
void buf_append_varint(struct buf *b, uint64_t v);

#endif
