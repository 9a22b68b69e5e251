/* fuzz: wire base */
/* Any bytes as the JSON of any message, chosen by the first byte: what is taken is a message, whose
 * JSON is taken again and means the same; pieces and the whole give one text; and what is decoded
 * stays within the growth that wire/json_decode.h promises. */
#include "base/must.h"
#include "wire/json_decode.h"
#include "wire/json_encode.h"
#include "wire/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same text from pieces of n bytes. */
static void check_pieces(const struct wire_message *m, struct slice in, struct slice want, size_t n)
{
    struct json_encoder e;
    struct buf out = {0};
    json_encoder_init(&e, m, &out);
    for (size_t at = 0; at < in.n; at += n)
        must(json_encoder_feed(&e, slice_of(in.p + at, in.n - at < n ? in.n - at : n), &out) ==
             RC_OK);
    must(json_encoder_end(&e, &out) == RC_OK);
    must(slice_eq(buf_slice(&out), want));
    json_encoder_fini(&e);
    buf_fini(&out);
}

/* Members come in any order, and the elements of one list together: fields of a decoded text do. */
static void check_again(const struct wire_message *m, struct slice pb, size_t piece)
{
    struct arena a = {0};
    struct buf plain = {0};
    struct buf text = {0};
    struct buf back = {0};
    struct buf again = {0};
    char why[JSON_WHY_MAX];
    void *msg = arena_zalloc(&a, m->size);
    must(wire_decode(m, pb, &a, msg) == RC_OK);
    wire_encode(m, msg, &plain);
    must(json_encode(m, buf_slice(&plain), &text) == RC_OK);
    must(json_decode(m, buf_slice(&text), &back, why) == RC_OK);
    must(wire_decode(m, buf_slice(&back), &a, msg) == RC_OK);
    wire_encode(m, msg, &again);
    must(slice_eq(buf_slice(&plain), buf_slice(&again)));
    check_pieces(m, buf_slice(&plain), buf_slice(&text), piece);
    buf_fini(&plain);
    buf_fini(&text);
    buf_fini(&back);
    buf_fini(&again);
    arena_fini(&a);
}

/* Any bytes as protobuf may be no message, and then no JSON; nothing else goes wrong. */
static void check_raw(const struct wire_message *m, struct slice in)
{
    struct buf out = {0};
    enum rc rc = json_encode(m, in, &out);
    must(rc == RC_OK || rc == RC_MALFORMED || rc == RC_LIMIT);
    buf_fini(&out);
}

static void check_span(struct slice in)
{
    struct json_span whole = {0};
    struct json_span bytes = {0};
    bool end = false;
    bool done = false;
    size_t n = json_span_feed(&whole, in, &end);
    size_t at = 0;
    while (at < in.n && !done)
        at += json_span_feed(&bytes, slice_of(in.p + at, 1), &done);
    must(end == done);
    if (in.n && in.p[0] == '{')
        must(at == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out = {0};
    char why[JSON_WHY_MAX] = "";
    if (size < 2)
        return 0;
    const struct wire_message *m = wire_messages[data[0] % wire_messages_n];
    struct slice in = slice_of(data + 2, size - 2);
    enum rc rc = json_decode(m, in, &out, why);
    must(rc == RC_OK || rc == RC_MALFORMED || rc == RC_LIMIT);
    must((rc == RC_OK) == !why[0]);
    must(out.n <= JSON_GROWTH * in.n);
    if (rc == RC_OK)
        check_again(m, buf_slice(&out), (size_t)data[1] + 1);
    check_raw(m, in);
    check_span(in);
    buf_fini(&out);
    return 0;
}
