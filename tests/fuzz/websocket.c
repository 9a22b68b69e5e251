/* fuzz: http env base */
/* Frames of a WebSocket from any bytes: what is made of them does not depend on how they are cut,
 * and no message is longer than its limit. The first byte is the size of the pieces. */
#include "http/ws_frame.h"

#include "base/must.h"

#define MESSAGE_MAX 300u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Pieces, and for each other step its number behind a byte 0xff. */
static void read_all(struct slice in, size_t cut, struct buf *out)
{
    struct ws_reader r;
    enum ws_step step = WS_STEP_MORE;
    struct buf copy = {0};
    size_t message = 0;
    buf_append_slice(&copy, in);
    ws_reader_init(&r, MESSAGE_MAX);
    for (size_t at = 0; at < copy.n && step != WS_STEP_BAD;) {
        size_t end = copy.n - at < cut ? copy.n : at + cut;
        do {
            struct ws_found found = {0};
            size_t used;
            step = ws_next(&r, copy.p + at, end - at, cut, &used, &found);
            at += used;
            message = step == WS_STEP_MESSAGE_END ? 0 : message + found.piece.n;
            must(step == WS_STEP_PING || message <= MESSAGE_MAX);
            if (step == WS_STEP_PING)
                message -= found.piece.n;
            if (step != WS_STEP_PIECE && step != WS_STEP_MORE)
                buf_printf(out, "\xff%d", (int)step);
            if (step == WS_STEP_CLOSE || step == WS_STEP_BAD)
                buf_printf(out, " %d", (int)found.code);
            buf_append_slice(out, found.piece);
        } while (step != WS_STEP_MORE && step != WS_STEP_BAD);
        must(step == WS_STEP_BAD || at == end);
    }
    buf_fini(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf whole = {0};
    struct buf cut = {0};
    if (n < 2 || n > 4096)
        return 0;
    read_all(slice_of(data + 1, n - 1), n, &whole);
    read_all(slice_of(data + 1, n - 1), data[0] + 1u, &cut);
    must(slice_eq(buf_slice(&whole), buf_slice(&cut)));
    buf_fini(&whole);
    buf_fini(&cut);
    return 0;
}
