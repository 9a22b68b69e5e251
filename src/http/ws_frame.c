#include "http/ws_frame.h"

#include "base/must.h"
#include "base/wr.h"

#define FIN      0x80u
#define RESERVED 0x70u
#define OPCODE   0x0fu
#define MASKED   0x80u
#define SHORT    0x7fu
#define LEN_16   126u /* two bytes of length follow */
#define LEN_64   127u /* eight do */
#define MASK_LEN 4u

void ws_reader_init(struct ws_reader *r, uint64_t message_max)
{
    *r = (struct ws_reader){.message_max = message_max};
}

/* ---- Heads ---- */

static unsigned opcode_of(const struct ws_reader *r)
{
    return r->head[0] & OPCODE;
}

static bool is_control(const struct ws_reader *r)
{
    return opcode_of(r) >= WS_CLOSE;
}

/* Bytes of the head, as far as it tells. */
static size_t head_len(const struct ws_reader *r)
{
    unsigned len = r->head[1] & SHORT;
    if (r->head_n < 2)
        return 2;
    return 2 + (len == LEN_64 ? 8u : len == LEN_16 ? 2u : 0u) + MASK_LEN;
}

/* What the first two bytes may say (5.2 and 5.5). */
static bool start_is_fine(const struct ws_reader *r)
{
    unsigned opcode = opcode_of(r);
    if ((r->head[0] & RESERVED) || !(r->head[1] & MASKED))
        return false;
    if (is_control(r))
        return opcode <= WS_PONG && (r->head[0] & FIN) && (r->head[1] & SHORT) <= WS_CONTROL_MAX;
    return opcode <= WS_BINARY && r->in_message == (opcode == WS_CONTINUATION);
}

/* 5.2: the length in the fewest bytes, below 2^63. */
static bool read_length(struct ws_reader *r)
{
    unsigned len = r->head[1] & SHORT;
    size_t n = len == LEN_64 ? 8 : len == LEN_16 ? 2 : 0;
    r->left = n ? 0 : len;
    for (size_t i = 0; i < n; i++)
        r->left = r->left << 8 | r->head[2 + i];
    if (len == LEN_16)
        return r->left >= LEN_16;
    return len != LEN_64 || (r->left > UINT16_MAX && r->left <= INT64_MAX);
}

/* The head is complete. False: it is refused, with *code. */
static bool begin_frame(struct ws_reader *r, enum ws_code *code)
{
    *code = WS_PROTOCOL_ERROR;
    if (!read_length(r))
        return false;
    r->head_done = true;
    r->masked = 0;
    r->control_n = 0;
    if (is_control(r))
        return true;
    if (!r->in_message)
        r->message = 0;
    *code = WS_TOO_BIG;
    if (r->left > r->message_max - r->message)
        return false;
    r->message += r->left;
    r->in_message = true;
    return true;
}

/* ---- Payloads ---- */

static void unmask(struct ws_reader *r, uint8_t *p, size_t n)
{
    const uint8_t *mask = r->head + r->head_n - MASK_LEN;
    for (size_t i = 0; i < n; i++)
        p[i] ^= mask[(r->masked + i) % MASK_LEN];
    r->masked = (uint32_t)((r->masked + n) % MASK_LEN);
    r->left -= n;
}

/* 7.4: those that stand in a Close, by the RFC, its registry, or agreement. */
static bool code_is_fine(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static enum ws_step judge_close(const struct ws_reader *r, enum ws_code *code)
{
    unsigned said = r->control_n < 2 ? 0 : (unsigned)(r->control[0] << 8 | r->control[1]);
    if (r->control_n == 0) {
        *code = WS_NO_CODE;
        return WS_STEP_CLOSE;
    }
    *code = code_is_fine(said) ? said : WS_PROTOCOL_ERROR;
    return code_is_fine(said) ? WS_STEP_CLOSE : WS_STEP_BAD;
}

/* The frame's payload is complete. */
static enum ws_step end_frame(struct ws_reader *r, struct ws_found *found)
{
    r->head_done = false;
    r->head_n = 0;
    switch (opcode_of(r)) {
    case WS_CLOSE:
        return judge_close(r, &found->code);
    case WS_PING:
        found->piece = slice_of(r->control, r->control_n);
        return WS_STEP_PING;
    case WS_PONG:
        return WS_STEP_PONG;
    default:
        r->in_message = !(r->head[0] & FIN);
        return r->in_message ? WS_STEP_MORE : WS_STEP_MESSAGE_END;
    }
}

/* Up to the end of the head. */
static enum ws_step take_head(struct ws_reader *r, const uint8_t *in, size_t n, size_t *used,
                              enum ws_code *code)
{
    while (*used < n && r->head_n < head_len(r)) {
        r->head[r->head_n++] = in[(*used)++];
        if (r->head_n == 2 && !start_is_fine(r)) {
            *code = WS_PROTOCOL_ERROR;
            return WS_STEP_BAD;
        }
    }
    if (r->head_n == head_len(r) && !begin_frame(r, code))
        return WS_STEP_BAD;
    return WS_STEP_MORE;
}

enum ws_step ws_next(struct ws_reader *r, uint8_t *in, size_t n, size_t max, size_t *used,
                     struct ws_found *found)
{
    enum ws_step step = WS_STEP_MORE;
    must(max > 0);
    *used = 0;
    while (step == WS_STEP_MORE) {
        if (!r->head_done)
            step = take_head(r, in, n, used, &found->code);
        if (step != WS_STEP_MORE || !r->head_done)
            return step;
        size_t take = n - *used < r->left ? n - *used : (size_t)r->left;
        if (!is_control(r) && take > max)
            take = max;
        unmask(r, in + *used, take);
        *used += take;
        if (is_control(r)) {
            if (take > 0)
                memcpy(r->control + r->control_n, in + *used - take, take);
            r->control_n = (uint8_t)(r->control_n + take);
        } else if (take > 0) {
            found->piece = slice_of(in + *used - take, take);
            return WS_STEP_PIECE;
        }
        if (r->left > 0)
            return WS_STEP_MORE;
        step = end_frame(r, found);
    }
    return step;
}

/* ---- Writing ---- */

void ws_append(struct buf *out, enum ws_opcode opcode, bool fin, struct slice payload)
{
    uint8_t head[10] = {(uint8_t)((fin ? FIN : 0) | opcode)};
    size_t n = 2;
    if (payload.n <= WS_CONTROL_MAX) {
        head[1] = (uint8_t)payload.n;
    } else if (payload.n <= UINT16_MAX) {
        head[1] = LEN_16;
        head[2] = (uint8_t)(payload.n >> 8);
        head[3] = (uint8_t)payload.n;
        n = 4;
    } else {
        head[1] = LEN_64;
        for (size_t i = 0; i < 8; i++)
            head[2 + i] = (uint8_t)((uint64_t)payload.n >> (56 - 8 * i));
        n = 10;
    }
    buf_append(out, head, n);
    buf_append_slice(out, payload);
}

void ws_append_close(struct buf *out, enum ws_code code)
{
    const uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    ws_append(out, WS_CLOSE, true, slice_of(payload, code == WS_NO_CODE ? 0 : 2));
}
