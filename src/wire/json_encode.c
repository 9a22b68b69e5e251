#include "wire/json_encode.h"

#include "base/base64.h"
#include "base/wr.h"
#include "wire/scan.h"
#include "wire/table.h"
#include "wire/utf8.h"

/* ---- Values ---- */

void json_append_string(struct buf *out, struct slice s)
{
    static const char plain[] = "\b\f\n\r\t\"\\";
    static const char letters[] = "bfnrt\"\\";
    buf_append_u8(out, '"');
    for (size_t i = 0; i < s.n;) {
        size_t n = utf8_len(slice_skip(s, i));
        uint8_t c = s.p[i];
        const char *found = n == 1 && c ? strchr(plain, c) : NULL;
        if (n == 0)
            buf_append_str(out, "\xef\xbf\xbd");
        else if (found)
            buf_printf(out, "\\%c", letters[found - plain]);
        else if (c < ' ')
            buf_printf(out, "\\u%04x", c);
        else
            buf_append(out, s.p + i, n);
        i += n ? n : 1;
    }
    buf_append_u8(out, '"');
}

static void append_decimal(struct buf *out, bool negative, uint64_t v)
{
    uint8_t text[24];
    size_t at = sizeof(text);
    do
        text[--at] = (uint8_t)('0' + v % 10);
    while ((v /= 10) > 0);
    if (negative)
        text[--at] = '-';
    buf_append(out, text + at, sizeof(text) - at);
}

static void append_signed(struct buf *out, int64_t v)
{
    append_decimal(out, v < 0, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static void append_enum(const struct wire_enum *e, int32_t v, struct buf *out)
{
    for (size_t i = 0; i < e->values_n; i++) {
        if (e->values[i].number == v) {
            buf_printf(out, "\"%s\"", e->values[i].name);
            return;
        }
    }
    append_signed(out, v);
}

static void append_varint(const struct wire_field *f, uint64_t v, struct buf *out)
{
    switch (f->kind) {
    case WIRE_BOOL:
        buf_append_str(out, v ? "true" : "false");
        break;
    case WIRE_ENUM:
        append_enum(f->enumeration, (int32_t)v, out);
        break;
    case WIRE_U32:
        append_decimal(out, false, (uint32_t)v);
        break;
    default:
        buf_append_u8(out, '"');
        if (f->kind == WIRE_I64)
            append_signed(out, (int64_t)v);
        else
            append_decimal(out, false, v);
        buf_append_u8(out, '"');
    }
}

static enum rc append_delimited(const struct wire_field *f, struct slice v, unsigned depth,
                                struct buf *out);

/* ---- Fields ---- */

static const struct wire_field *find(const struct wire_message *m, uint32_t number)
{
    for (size_t i = 0; i < m->fields_n; i++)
        if (m->fields[i].number == number)
            return &m->fields[i];
    return NULL;
}

/* What comes before a value: a comma, the name, a list's bracket. */
static void begin_value(struct json_encoder *e, const struct wire_field *f, struct buf *out)
{
    if (e->list == f->number) {
        buf_append_u8(out, ',');
        return;
    }
    if (e->list)
        buf_append_u8(out, ']');
    buf_append_str(out, e->count++ ? ",\"" : "\"");
    buf_append_str(out, f->name);
    buf_append_str(out, "\":");
    e->list = f->label == WIRE_REPEATED ? f->number : 0;
    if (e->list)
        buf_append_u8(out, '[');
}

static enum rc append_packed(struct json_encoder *e, const struct wire_field *f, struct slice in,
                             struct buf *out)
{
    while (in.n > 0) {
        uint64_t v;
        if (!scan_varint(&in, &v))
            return RC_MALFORMED;
        begin_value(e, f, out);
        append_varint(f, v, out);
    }
    return RC_OK;
}

static enum rc append_field(struct json_encoder *e, const struct scan_field *item, unsigned depth,
                            struct buf *out)
{
    const struct wire_field *f = find(e->m, item->tag >> 3);
    bool scalar = f && f->kind < WIRE_BYTES;
    if (!f || (item->tag & 7) > SCAN_BYTES || (item->tag & 7) == SCAN_FIXED64)
        return RC_OK; /* of a later version */
    if ((item->tag & 7) == SCAN_VARINT) {
        if (!scalar || (item->value == 0 && f->label == WIRE_SINGLE))
            return RC_OK;
        begin_value(e, f, out);
        append_varint(f, item->value, out);
        return RC_OK;
    }
    if (scalar)
        return f->label == WIRE_REPEATED ? append_packed(e, f, item->bytes, out) : RC_OK;
    if (item->bytes.n == 0 && f->label == WIRE_SINGLE && f->kind != WIRE_MESSAGE)
        return RC_OK;
    begin_value(e, f, out);
    return append_delimited(f, item->bytes, depth, out);
}

/* All fields of in, which is complete. */
static enum rc append_fields(struct json_encoder *e, struct slice in, unsigned depth,
                             struct buf *out)
{
    struct scan_field item = {0};
    enum rc rc;
    while ((rc = scan_next(&in, &item)) == RC_OK) {
        rc = append_field(e, &item, depth, out);
        if (rc != RC_OK)
            return rc;
    }
    return rc == RC_END ? RC_OK : rc;
}

static void append_end(struct json_encoder *e, struct buf *out)
{
    buf_append_str(out, e->list ? "]}" : "}");
    e->list = 0;
}

static enum rc append_delimited(const struct wire_field *f, struct slice v, unsigned depth,
                                struct buf *out)
{
    if (f->kind == WIRE_STRING) {
        json_append_string(out, v);
        return RC_OK;
    }
    if (f->kind == WIRE_BYTES) {
        buf_append_u8(out, '"');
        base64_encode(v, out);
        buf_append_u8(out, '"');
        return RC_OK;
    }
    if (depth == WIRE_DEPTH_MAX)
        return RC_LIMIT;
    struct json_encoder sub;
    json_encoder_init(&sub, f->message, out);
    enum rc rc = append_fields(&sub, v, depth + 1, out);
    append_end(&sub, out);
    return rc;
}

/* ---- In pieces ---- */

void json_encoder_init(struct json_encoder *e, const struct wire_message *m, struct buf *out)
{
    *e = (struct json_encoder){.m = m};
    buf_append_u8(out, '{');
}

void json_encoder_fini(struct json_encoder *e)
{
    buf_fini(&e->rest);
}

/* The bytes of the field at the front of in, all of it there or not; 0 when that is not known yet.
 */
static uint64_t extent(struct slice in)
{
    struct slice rest = in;
    uint64_t tag;
    uint64_t n;
    if (!scan_varint(&rest, &tag))
        return 0;
    if ((tag & 7) == SCAN_FIXED64 || (tag & 7) == SCAN_FIXED32)
        return in.n - rest.n + ((tag & 7) == SCAN_FIXED64 ? 8 : 4);
    if (!scan_varint(&rest, &n))
        return 0;
    size_t head = in.n - rest.n;
    return (tag & 7) == SCAN_BYTES ? head + (n < UINT64_MAX - head ? n : UINT64_MAX - head) : head;
}

/* How much of in is made of complete fields. */
static size_t complete(struct slice in)
{
    size_t n = 0;
    for (;;) {
        uint64_t next = extent(slice_skip(in, n));
        if (next == 0 || next > in.n - n)
            return n;
        n += (size_t)next;
    }
}

enum rc json_encoder_feed(struct json_encoder *e, struct slice piece, struct buf *out)
{
    struct slice in = piece;
    if (e->rest.n) {
        buf_append_slice(&e->rest, piece);
        in = buf_slice(&e->rest);
    }
    size_t n = complete(in);
    enum rc rc = append_fields(e, slice_of(in.p, n), 1, out);
    if (e->rest.n)
        buf_consume(&e->rest, n);
    else
        buf_append_slice(&e->rest, slice_skip(in, n));
    return rc;
}

enum rc json_encoder_end(struct json_encoder *e, struct buf *out)
{
    append_end(e, out);
    return e->rest.n ? RC_MALFORMED : RC_OK;
}

enum rc json_encode(const struct wire_message *m, struct slice in, struct buf *out)
{
    struct json_encoder e;
    json_encoder_init(&e, m, out);
    enum rc rc = append_fields(&e, in, 1, out);
    append_end(&e, out);
    return rc;
}
