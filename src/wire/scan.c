#include "wire/scan.h"

#include "base/wr.h"

bool scan_varint_long(struct slice *in, uint64_t *v)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < VARINT_MAX && i < in->n; i++) {
        uint8_t b = in->p[i];
        if (i == VARINT_MAX - 1 && b > 1) /* bits beyond the 64th */
            return false;
        sum |= (uint64_t)(b & 0x7f) << (7 * i);
        if (b < 0x80) {
            *v = sum;
            *in = slice_skip(*in, i + 1);
            return true;
        }
    }
    return false;
}

static bool skip_bytes(struct slice *in, uint64_t n)
{
    if (n > in->n)
        return false;
    *in = slice_skip(*in, (size_t)n);
    return true;
}

/* A group ends with the number it began with; those inside are closed before it. */
static enum rc skip_group(struct slice *in, uint32_t number)
{
    uint32_t open[SCAN_GROUPS_MAX] = {number};
    size_t depth = 1;
    while (depth > 0) {
        uint64_t tag;
        if (!scan_varint(in, &tag) || tag < SCAN_TAG(1, 0) || tag > SCAN_TAG(SCAN_NUMBER_MAX, 7))
            return RC_MALFORMED;
        uint32_t n = (uint32_t)tag >> 3;
        if ((tag & 7) == SCAN_GROUP) {
            if (depth == SCAN_GROUPS_MAX)
                return RC_LIMIT;
            open[depth++] = n;
        } else if ((tag & 7) == SCAN_GROUP_END) {
            if (open[--depth] != n)
                return RC_MALFORMED;
        } else {
            enum rc rc = scan_skip(in, (uint32_t)tag);
            if (rc != RC_OK)
                return rc;
        }
    }
    return RC_OK;
}

enum rc scan_skip(struct slice *in, uint32_t tag)
{
    uint64_t n;
    bool ok = false;
    switch (tag & 7) {
    case SCAN_VARINT:
        ok = scan_varint(in, &n);
        break;
    case SCAN_FIXED64:
        ok = skip_bytes(in, 8);
        break;
    case SCAN_BYTES:
        ok = scan_varint(in, &n) && skip_bytes(in, n);
        break;
    case SCAN_GROUP:
        return skip_group(in, tag >> 3);
    case SCAN_FIXED32:
        ok = skip_bytes(in, 4);
        break;
    default: /* a group's end that nothing began, and the types 6 and 7, which do not exist */
        break;
    }
    return ok ? RC_OK : RC_MALFORMED;
}
