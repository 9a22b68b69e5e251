#include "fields.h"

#include "base/must.h"

#include <inttypes.h>

#define SHOWN_BYTES_MAX 40 /* of a value; more is cut */

static size_t width(const struct wire_field *f)
{
#define KIND_SIZE(name, type) [WIRE_##name] = sizeof(type),
    static const size_t sizes[] = {KIND_TABLE(KIND_SIZE)};
#undef KIND_SIZE
    return f->kind == WIRE_MESSAGE ? f->message->size : sizes[f->kind];
}

static const void *pointer_at(const uint8_t *at)
{
    const void *p;
    memcpy(&p, at, sizeof(p));
    return p;
}

bool field_is_number(const struct wire_field *f)
{
    return f->kind != WIRE_BYTES && f->kind != WIRE_STRING && f->kind != WIRE_MESSAGE;
}

size_t field_values(const struct wire_field *f, const void *msg)
{
    const uint8_t *base = msg;
    const uint8_t *at = base + f->offset;
    if (f->label == WIRE_REPEATED) {
        size_t n;
        memcpy(&n, base + f->beside, sizeof(n));
        return n;
    }
    if (f->label == WIRE_ONEOF) {
        uint32_t set;
        memcpy(&set, base + f->beside, sizeof(set));
        return set == f->number;
    }
    if (f->kind == WIRE_MESSAGE)
        return pointer_at(at) != NULL;
    if (field_is_number(f))
        return field_number(f, at) != 0;
    struct slice s;
    memcpy(&s, at, sizeof(s));
    return s.n != 0;
}

const void *field_value(const struct wire_field *f, const void *msg, size_t i)
{
    const uint8_t *at = (const uint8_t *)msg + f->offset;
    if (f->label == WIRE_REPEATED)
        return (const uint8_t *)pointer_at(at) + i * width(f);
    return f->kind == WIRE_MESSAGE ? pointer_at(at) : at;
}

int64_t field_number(const struct wire_field *f, const void *value)
{
    int64_t number = 0;
    int32_t small = 0;
    bool truth = false;
    must(field_is_number(f));
    if (f->kind == WIRE_BOOL) {
        memcpy(&truth, value, sizeof(truth));
        return truth;
    }
    if (width(f) == sizeof(small)) {
        memcpy(&small, value, sizeof(small));
        return small;
    }
    memcpy(&number, value, sizeof(number));
    return number;
}

const char *field_enum_name(const struct wire_field *f, int64_t number)
{
    for (size_t i = 0; f->kind == WIRE_ENUM && i < f->enumeration->values_n; i++)
        if (f->enumeration->values[i].number == number)
            return f->enumeration->values[i].name;
    return NULL;
}

static void show_bytes(struct slice s, struct buf *out)
{
    size_t shown = s.n <= SHOWN_BYTES_MAX ? s.n : SHOWN_BYTES_MAX / 2;
    buf_append_u8(out, '"');
    for (size_t i = 0; i < shown; i++) {
        if (s.p[i] >= 0x20 && s.p[i] < 0x7f && s.p[i] != '"' && s.p[i] != '\\')
            buf_append_u8(out, s.p[i]);
        else
            buf_printf(out, "\\x%02x", s.p[i]);
    }
    buf_append_u8(out, '"');
    if (shown < s.n)
        buf_printf(out, "… (%zu bytes)", s.n);
}

static void show_value(const struct wire_field *f, const void *value, struct buf *out)
{
    if (f->kind == WIRE_MESSAGE) {
        buf_append_u8(out, '{');
        message_show(f->message, value, out);
        buf_append_u8(out, '}');
    } else if (!field_is_number(f)) {
        struct slice s;
        memcpy(&s, value, sizeof(s));
        show_bytes(s, out);
    } else if (field_enum_name(f, field_number(f, value))) {
        buf_append_str(out, field_enum_name(f, field_number(f, value)));
    } else {
        buf_printf(out, "%" PRId64, field_number(f, value));
    }
}

void message_show(const struct wire_message *m, const void *msg, struct buf *out)
{
    bool first = true;
    for (size_t i = 0; i < m->fields_n; i++) {
        const struct wire_field *f = &m->fields[i];
        size_t n = field_values(f, msg);
        for (size_t k = 0; k < n; k++) {
            if (!first)
                buf_append_u8(out, ' ');
            first = false;
            buf_append_str(out, f->name);
            buf_append_u8(out, ':');
            show_value(f, field_value(f, msg, k), out);
        }
    }
}
