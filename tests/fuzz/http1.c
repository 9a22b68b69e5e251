/* fuzz: http env base */
/* HTTP/1 from any bytes: what it makes of them does not depend on how they are cut. The first byte
 * is the size of the pieces. */
#include "http_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > 65536)
        return 0;
    struct server whole;
    struct server cut;
    server_open(&whole);
    server_open(&cut);
    server_feed(&whole, slice_of(data + 1, n - 1), n, true);
    server_feed(&cut, slice_of(data + 1, n - 1), data[0] + 1u, true);
    server_flush(&whole);
    server_flush(&cut);
    must(whole.requests == cut.requests);
    must(whole.body == cut.body);
    must(slice_eq(buf_slice(&whole.out), buf_slice(&cut.out)));
    server_shut(&whole);
    server_shut(&cut);
    return 0;
}
