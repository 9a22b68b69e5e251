#include "ctl/gojson.h"

#include "base/base64.h"
#include "base/wr.h"
#include "wire/etcd.h"
#include "wire/table.h"
#include "wire/utf8.h"

/* Strings, with HTML's characters escaped as Go does. */

static void string_ascii(uint8_t c, struct buf *out)
{
    static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (const char *p = named; *p; p += 2) {
        if (c == (uint8_t)*p) {
            buf_printf(out, "\\%c", p[1]);
            return;
        }
    }
    if (c < 0x20 || c == '<' || c == '>' || c == '&' || c == 0x7f)
        buf_printf(out, c == 0x7f ? "%c" : "\\u%04x", c);
    else
        buf_append_u8(out, c);
}

void gojson_string(struct slice text, struct buf *out)
{
    buf_append_u8(out, '"');
    while (text.n > 0) {
        size_t n = utf8_len(text);
        if (n == 1)
            string_ascii(text.p[0], out);
        else if (n == 0)
            buf_append_str(out, "\\ufffd");
        else if (n == 3 && memcmp(text.p, "\xe2\x80", 2) == 0 && (text.p[2] & ~1) == 0xa8)
            buf_printf(out, "\\u20%02x", text.p[2] - 0x80); /* line and paragraph separator */
        else
            buf_append(out, text.p, n);
        text = slice_skip(text, n ? n : 1);
    }
    buf_append_u8(out, '"');
}

void gojson_bytes(struct slice bytes, struct buf *out)
{
    buf_append_u8(out, '"');
    base64_encode(bytes, out);
    buf_append_u8(out, '"');
}

/* Messages, by their tables */

struct writer {
    struct buf *out;
    bool hex_ids;
};

static void write_message(const struct writer *w, const struct wire_message *m, const uint8_t *msg);

static struct slice load_slice(const uint8_t *at)
{
    struct slice s;
    memcpy(&s, at, sizeof(s));
    return s;
}

static const uint8_t *load_pointer(const uint8_t *at)
{
    const uint8_t *p;
    memcpy(&p, at, sizeof(p));
    return p;
}

static size_t load_count(const uint8_t *at)
{
    size_t n;
    memcpy(&n, at, sizeof(n));
    return n;
}

static bool is_zero(const struct wire_field *f, const uint8_t *msg)
{
    const uint8_t *at = msg + f->offset;
    if (f->label == WIRE_REPEATED)
        return load_count(msg + f->beside) == 0;
    if (f->label == WIRE_ONEOF && load_u32(msg + f->beside) != f->number)
        return true;
    switch ((enum wire_kind)f->kind) {
    case WIRE_BOOL:
        return *at == 0;
    case WIRE_ENUM:
    case WIRE_U32:
        return load_u32(at) == 0;
    case WIRE_I64:
    case WIRE_U64:
        return load_u64(at) == 0;
    case WIRE_BYTES:
    case WIRE_STRING:
        return load_slice(at).n == 0;
    case WIRE_MESSAGE:
        break;
    }
    return load_pointer(at) == NULL;
}

static size_t element_size(const struct wire_field *f)
{
#define KIND_SIZE(name, type) [WIRE_##name] = sizeof(type),
    static const uint8_t sizes[] = {KIND_TABLE(KIND_SIZE)};
#undef KIND_SIZE
    return f->kind == WIRE_MESSAGE ? f->message->size : sizes[f->kind];
}

/* One value; of a message, at is the message itself. */
static void write_value(const struct writer *w, const struct wire_field *f, const uint8_t *at)
{
    switch ((enum wire_kind)f->kind) {
    case WIRE_BOOL:
        buf_append_str(w->out, *at ? "true" : "false");
        break;
    case WIRE_ENUM:
        buf_printf(w->out, "%d", (int32_t)load_u32(at));
        break;
    case WIRE_U32:
        buf_printf(w->out, "%u", load_u32(at));
        break;
    case WIRE_I64:
        buf_printf(w->out, "%lld", (long long)load_u64(at));
        break;
    case WIRE_U64:
        buf_printf(w->out, "%llu", (unsigned long long)load_u64(at));
        break;
    case WIRE_BYTES:
        gojson_bytes(load_slice(at), w->out);
        break;
    case WIRE_STRING:
        gojson_string(load_slice(at), w->out);
        break;
    case WIRE_MESSAGE:
        write_message(w, f->message, at);
        break;
    }
}

static void write_field(const struct writer *w, const struct wire_field *f, const uint8_t *msg)
{
    const uint8_t *at = msg + f->offset;
    if (f->label != WIRE_REPEATED) {
        write_value(w, f, f->kind == WIRE_MESSAGE ? load_pointer(at) : at);
        return;
    }
    const uint8_t *element = load_pointer(at);
    size_t n = load_count(msg + f->beside);
    buf_append_u8(w->out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_append_u8(w->out, ',');
        write_value(w, f, element + i * element_size(f));
    }
    buf_append_u8(w->out, ']');
}

/* IDs of clusters and members, where --hex shows them as text. */
static bool is_hex_id(const struct writer *w, const struct wire_message *m,
                      const struct wire_field *f)
{
    return w->hex_ids && f->kind == WIRE_U64 &&
           ((m == &wire_response_header && f->number <= 2) ||
            (m == &wire_member && f->number == 1));
}

static void write_message(const struct writer *w, const struct wire_message *m, const uint8_t *msg)
{
    bool first = true;
    bool wrapped = m == &wire_response_op; /* Go's struct has the oneof in a field of its own */
    buf_append_str(w->out, wrapped ? "{\"Response\":{" : "{");
    for (size_t i = 0; i < m->fields_n; i++) {
        const struct wire_field *f = &m->fields[i];
        bool hex = is_hex_id(w, m, f);
        if (!hex && is_zero(f, msg))
            continue;
        buf_printf(w->out, "%s\"%s\":", first ? "" : ",", f->name);
        first = false;
        if (hex)
            buf_printf(w->out, "\"%llx\"", (unsigned long long)load_u64(msg + f->offset));
        else
            write_field(w, f, msg);
    }
    buf_append_str(w->out, wrapped ? "}}" : "}");
}

void gojson_message(const struct wire_message *m, const void *msg, bool hex_ids, struct buf *out)
{
    const struct writer w = {out, hex_ids};
    write_message(&w, m, msg);
}
