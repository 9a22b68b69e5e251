#include "rpc/inner.h"

#include <stdio.h>

#define TIMEOUT_DIGITS_MAX 8 /* gRPC over HTTP2: TimeoutValue is at most 8 digits */

static uint64_t unit_ns(uint8_t unit)
{
    switch (unit) {
    case 'H':
        return 3600ull * NS_PER_S;
    case 'M':
        return 60ull * NS_PER_S;
    case 'S':
        return NS_PER_S;
    case 'm':
        return NS_PER_MS;
    case 'u':
        return 1000;
    case 'n':
        return 1;
    default:
        return 0;
    }
}

enum rc metadata_timeout(struct slice value, uint64_t *out_ns)
{
    if (value.n < 2 || value.n > TIMEOUT_DIGITS_MAX + 1)
        return RC_MALFORMED;
    uint64_t unit = unit_ns(value.p[value.n - 1]);
    uint64_t n = 0;
    for (size_t i = 0; i + 1 < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return RC_MALFORMED;
        n = n * 10 + (uint64_t)(value.p[i] - '0');
    }
    if (unit == 0)
        return RC_MALFORMED;
    *out_ns = n > UINT64_MAX / 4 / unit ? UINT64_MAX / 4 : n * unit;
    return RC_OK;
}

void metadata_encode_text(const char *text, struct buf *out)
{
    for (const char *c = text; *c; c++) {
        if (*c >= ' ' && *c <= '~' && *c != '%')
            buf_append_u8(out, (uint8_t)*c);
        else
            buf_printf(out, "%%%02X", (unsigned)(uint8_t)*c);
    }
}

bool metadata_is_grpc(struct slice content_type)
{
    struct slice base = SLICE_LIT("application/grpc");
    if (!slice_has_prefix(content_type, base))
        return false;
    return content_type.n == base.n || content_type.p[base.n] == '+' ||
           content_type.p[base.n] == ';';
}
