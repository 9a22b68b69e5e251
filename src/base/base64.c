#include "base/base64.h"

#define BAD 0xff

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static uint8_t letter_of(enum base64_form form, uint32_t value)
{
    static const char last[2][2] = {[BASE64_STD] = {'+', '/'}, [BASE64_URL] = {'-', '_'}};
    return (uint8_t)(value < 62 ? letters[value] : last[form][value - 62]);
}

static uint8_t value_of(enum base64_form form, uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    if (c == letter_of(form, 62))
        return 62;
    return c == letter_of(form, 63) ? 63 : BAD;
}

void base64_encode(enum base64_form form, struct slice in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i += 3) {
        size_t n = in.n - i < 3 ? in.n - i : 3;
        uint32_t bits = (uint32_t)in.p[i] << 16;
        bits |= n > 1 ? (uint32_t)in.p[i + 1] << 8 : 0;
        bits |= n > 2 ? (uint32_t)in.p[i + 2] : 0;
        for (size_t k = 0; k < 4; k++) {
            if (k <= n)
                buf_append_u8(out, letter_of(form, bits >> (18 - 6 * k) & 63));
            else if (form == BASE64_STD)
                buf_append_u8(out, '=');
        }
    }
}

/* The letters before any padding, and how much of that there is. */
struct reading {
    uint32_t bits;
    size_t letters;
    size_t pads;
};

static enum rc read_letter(enum base64_form form, uint8_t c, struct reading *r, struct buf *out)
{
    if (form == BASE64_STD && (c == '\n' || c == '\r'))
        return RC_OK;
    if (form == BASE64_STD && c == '=') {
        r->pads++;
        return RC_OK;
    }
    uint8_t value = value_of(form, c);
    if (value == BAD || r->pads > 0)
        return RC_MALFORMED;
    r->bits = r->bits << 6 | value;
    if (++r->letters % 4 == 0) {
        buf_append_u8(out, (uint8_t)(r->bits >> 16));
        buf_append_u8(out, (uint8_t)(r->bits >> 8));
        buf_append_u8(out, (uint8_t)r->bits);
    }
    return RC_OK;
}

enum rc base64_decode(enum base64_form form, struct slice in, struct buf *out)
{
    struct reading r = {0};
    size_t before = out->n;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < in.n && rc == RC_OK; i++)
        rc = read_letter(form, in.p[i], &r, out);
    size_t rest = r.letters % 4;
    size_t pads = form == BASE64_STD && rest > 0 ? 4 - rest : 0;
    if (rc != RC_OK || rest == 1 || r.pads != pads) {
        out->n = before;
        return RC_MALFORMED;
    }
    if (rest >= 2)
        buf_append_u8(out, (uint8_t)(r.bits >> (rest == 2 ? 4 : 10)));
    if (rest == 3)
        buf_append_u8(out, (uint8_t)(r.bits >> 2));
    return RC_OK;
}
