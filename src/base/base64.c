#include "base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct slice in, struct buf *out)
{
    uint8_t *p = buf_extend(out, (in.n + 2) / 3 * 4);
    size_t i = 0;
    for (; i + 3 <= in.n; i += 3) {
        uint32_t v = (uint32_t)in.p[i] << 16 | (uint32_t)in.p[i + 1] << 8 | in.p[i + 2];
        for (unsigned shift = 18; shift < 32; shift -= 6)
            *p++ = (uint8_t)standard[v >> shift & 63];
    }
    if (i == in.n)
        return;
    bool two = in.n - i == 2;
    uint32_t v = (uint32_t)in.p[i] << 16 | (two ? (uint32_t)in.p[i + 1] << 8 : 0);
    *p++ = (uint8_t)standard[v >> 18];
    *p++ = (uint8_t)standard[v >> 12 & 63];
    *p++ = two ? (uint8_t)standard[v >> 6 & 63] : '=';
    *p = '=';
}

/* 0 … 63, or 64 for what is no letter. */
static uint8_t value_of(uint8_t c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    if (c == (url ? '-' : '+'))
        return 62;
    return c == (url ? '_' : '/') ? 63 : 64;
}

/* Of the last group: count letters of it in v, and what stands behind them. */
static enum rc decode_rest(uint32_t v, unsigned count, unsigned pads, bool padded, struct buf *out)
{
    if (count == 1 || (padded && (count + pads) % 4 != 0) || (!padded && pads > 0) ||
        (count == 0 && pads > 0))
        return RC_MALFORMED;
    if (count >= 2)
        buf_append_u8(out, (uint8_t)(v >> (count == 2 ? 4 : 10)));
    if (count == 3)
        buf_append_u8(out, (uint8_t)(v >> 2));
    return RC_OK;
}

enum rc base64_decode(struct slice in, struct buf *out)
{
    bool url = in.n && (memchr(in.p, '-', in.n) || memchr(in.p, '_', in.n));
    uint32_t v = 0;
    unsigned count = 0;
    unsigned pads = 0;
    buf_reserve(out, in.n / 4 * 3 + 3);
    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];
        if (c == '\r' || c == '\n')
            continue;
        if (c == '=') {
            pads++;
            continue;
        }
        uint8_t value = value_of(c, url);
        if (value == 64 || pads > 0)
            return RC_MALFORMED;
        v = v << 6 | value;
        if (++count < 4)
            continue;
        buf_append_u8(out, (uint8_t)(v >> 16));
        buf_append_u8(out, (uint8_t)(v >> 8));
        buf_append_u8(out, (uint8_t)v);
        count = 0;
    }
    return decode_rest(v, count, pads, in.n % 4 == 0, out);
}
