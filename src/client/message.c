#include "client/message.h"

#include "base/rd.h"
#include "base/wr.h"

void message_frame(struct slice message, struct buf *out)
{
    buf_append_u8(out, 0);
    buf_append_u32_big(out, (uint32_t)message.n);
    buf_append_slice(out, message);
}

enum rc message_first(struct slice in, size_t max, struct slice *out, size_t *announced)
{
    struct rd r = {.in = in};
    uint8_t compressed = rd_u8(&r);
    uint32_t n = rd_u32_big(&r);
    if (r.failed)
        return RC_AGAIN;
    if (compressed)
        return RC_UNSUPPORTED;
    *announced = n;
    if (n > max)
        return RC_LIMIT;
    if (r.in.n < n)
        return RC_AGAIN;
    *out = slice_of(r.in.p, n);
    return RC_OK;
}
