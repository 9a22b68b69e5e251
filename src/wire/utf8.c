#include "wire/utf8.h"

#include "base/wr.h"

/* RFC 3629 section 4. */
size_t utf8_len(struct slice s)
{
    const uint8_t *p = s.p;
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (n == 0 || s.n < n)
        return 0;
    /* The second byte's range is narrower after four of the first bytes. */
    uint8_t lo = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t hi = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < lo || p[1] > hi)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool utf8_valid(struct slice s)
{
    while (s.n > 0) {
        if (s.n >= 8 && !(load_u64(s.p) & 0x8080808080808080)) {
            s = slice_skip(s, 8); /* mostly it is ASCII */
            continue;
        }
        size_t n = utf8_len(s);
        if (n == 0)
            return false;
        s = slice_skip(s, n);
    }
    return true;
}

void utf8_append(uint32_t c, struct buf *out)
{
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    buf_append_u8(out, (uint8_t)(lead[more] | c >> 6 * more));
    while (more-- > 0)
        buf_append_u8(out, (uint8_t)(0x80 | (c >> 6 * more & 0x3f)));
}
