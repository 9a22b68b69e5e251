/* fuzz: http env base */
/* HTTP/2 from any bytes, or from any frames. The first byte chooses: bit 0: behind a good preface
 * and SETTINGS; bit 1: what follows are frames as (type, flags, stream, length) and payload; bit 2:
 * the peer reads all the while. The second byte is the size of the pieces. */
#include "http_server.h"

#include "base/wr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void add_frames(struct buf *out, struct slice in)
{
    while (in.n >= 4) {
        size_t len = in.p[3] < in.n - 4 ? in.p[3] : in.n - 4;
        buf_append_u8(out, 0);
        buf_append_u8(out, 0);
        buf_append_u8(out, (uint8_t)len);
        buf_append_u8(out, in.p[0]);
        buf_append_u8(out, in.p[1]);
        buf_append_u32_big(out, in.p[2]);
        buf_append(out, in.p + 4, len);
        in = slice_skip(in, 4 + len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 3 || n > 65536)
        return 0;
    struct slice in = slice_of(data + 2, n - 2);
    struct buf bytes = {0};
    if (data[0] & 1)
        buf_append(&bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
    if (data[0] & 2)
        add_frames(&bytes, in);
    else
        buf_append_slice(&bytes, in);
    struct server v;
    server_open(&v);
    server_feed(&v, buf_slice(&bytes), data[1] + 1u, data[0] & 4);
    server_shut(&v);
    buf_fini(&bytes);
    return 0;
}
