#include "wire/json_decode.h"

#include "base/base64.h"
#include "base/secret.h"
#include "base/wr.h"
#include "wire/scan.h"
#include "wire/table.h"

#include <stdio.h>

struct decoder {
    struct json_lex lex;
    struct buf *out;
    struct buf scratch; /* a string with its escapes undone */
    unsigned depth;
};

static void decode_message(struct decoder *d, const struct wire_message *m);

static void put_varint(struct buf *out, uint64_t v)
{
    uint8_t bytes[VARINT_MAX];
    buf_append(out, bytes, (size_t)(store_varint(bytes, v) - bytes));
}

/* A delimited field whose length is not known yet: its body begins where this says. */
static size_t begin_delimited(struct buf *out, uint32_t number)
{
    put_varint(out, SCAN_TAG(number, SCAN_BYTES));
    return out->n;
}

/* The body ends here: its length moves in before it. */
static void end_delimited(struct buf *out, size_t begin)
{
    size_t n = out->n - begin;
    size_t shift = varint_len(n);
    buf_extend(out, shift);
    memmove(out->p + begin + shift, out->p + begin, n);
    store_varint(out->p + begin, n);
}

static const char *kind_name(const struct wire_field *f)
{
    static const char *const names[] = {
        [WIRE_BOOL] = "bool",     [WIRE_ENUM] = "enum",       [WIRE_I64] = "int64",
        [WIRE_U32] = "uint32",    [WIRE_U64] = "uint64",      [WIRE_BYTES] = "bytes",
        [WIRE_STRING] = "string", [WIRE_MESSAGE] = "message",
    };
    return names[f->kind];
}

/* The value from pos on, which was read, is not one of the field's. Of a list or an object the
 * first word is quoted. */
static void fail_value(struct decoder *d, const struct wire_field *f, size_t pos)
{
    char name[WIRE_NAME_MAX];
    const uint8_t *text = d->lex.all.p + pos;
    size_t n = d->lex.at - pos < JSON_QUOTE_MAX ? d->lex.at - pos : JSON_QUOTE_MAX;
    if (n > 0 && (text[0] == '[' || text[0] == '{'))
        n = 1;
    wire_json_name(f, name);
    json_fail(&d->lex, RC_MALFORMED, pos, "invalid value for %s field %s: %.*s", kind_name(f), name,
              (int)n, (const char *)text);
}

/* ---- Scalars ---- */

static bool whole_number(const struct wire_field *f, struct slice text, uint64_t *out)
{
    bool negative;
    uint64_t v;
    if (!json_number_whole(text, &negative, &v))
        return false;
    bool is_signed = f->kind == WIRE_I64 || f->kind == WIRE_ENUM;
    uint64_t max = f->kind == WIRE_U64   ? UINT64_MAX
                   : f->kind == WIRE_U32 ? UINT32_MAX
                   : f->kind == WIRE_I64 ? INT64_MAX
                                         : INT32_MAX;
    if (!negative || v == 0) {
        *out = v;
        return v <= max;
    }
    *out = 0 - v;
    return is_signed && v <= max + 1;
}

static bool enum_value(const struct wire_enum *e, struct slice name, uint64_t *out)
{
    for (size_t i = 0; i < e->values_n; i++) {
        if (slice_eq(slice_str(e->values[i].name), name)) {
            *out = (uint64_t)(int64_t)e->values[i].number;
            return true;
        }
    }
    return false;
}

/* Of a field that is encoded as a varint. */
static uint64_t decode_varint(struct decoder *d, const struct wire_field *f)
{
    struct json_lex *l = &d->lex;
    uint64_t v = 0;
    uint8_t c = json_peek(l);
    size_t pos = l->at;
    bool good = false;
    if (f->kind == WIRE_BOOL) {
        v = json_take_word(l, "true");
        good = v || json_take_word(l, "false");
    } else if (c == '"') {
        struct slice text = json_string(l, &d->scratch);
        if (f->kind == WIRE_ENUM)
            good = enum_value(f->enumeration, text, &v);
        else
            good = text.n > 0 && json_number_len(text) == text.n && whole_number(f, text, &v);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        good = whole_number(f, json_number(l), &v);
    }
    if (!good) {
        if (l->at == pos)
            json_skip(l, &d->scratch);
        fail_value(d, f, pos);
    }
    return v;
}

static struct slice decode_text(struct decoder *d, const struct wire_field *f)
{
    if (json_peek(&d->lex) == '"')
        return json_string(&d->lex, &d->scratch);
    size_t pos = d->lex.at;
    json_skip(&d->lex, &d->scratch);
    fail_value(d, f, pos);
    return (struct slice){0};
}

/* Bytes or string. Empty, a field that is not a oneof's or a list's is absent. */
static void decode_delimited(struct decoder *d, const struct wire_field *f)
{
    size_t before = d->out->n;
    json_peek(&d->lex);
    size_t pos = d->lex.at;
    struct slice text = decode_text(d, f);
    size_t begin = begin_delimited(d->out, f->number);
    if (f->kind == WIRE_STRING)
        buf_append_slice(d->out, text);
    else if (d->lex.failed == RC_OK && base64_decode(text, d->out) != RC_OK)
        fail_value(d, f, pos);
    if (d->out->n == begin && f->label == WIRE_SINGLE)
        d->out->n = before;
    else
        end_delimited(d->out, begin);
}

/* ---- Messages ---- */

static void decode_one(struct decoder *d, const struct wire_field *f)
{
    if (f->kind == WIRE_MESSAGE) {
        size_t begin = begin_delimited(d->out, f->number);
        decode_message(d, f->message);
        end_delimited(d->out, begin);
    } else if (f->kind >= WIRE_BYTES) {
        decode_delimited(d, f);
    } else {
        uint64_t v = decode_varint(d, f);
        if (v == 0 && f->label == WIRE_SINGLE)
            return;
        put_varint(d->out, SCAN_TAG(f->number, SCAN_VARINT));
        put_varint(d->out, v);
    }
}

static void decode_list(struct decoder *d, const struct wire_field *f)
{
    bool packed = f->kind < WIRE_BYTES;
    size_t before = d->out->n;
    bool first = true;
    if (!json_take(&d->lex, '[')) {
        json_fail_unexpected(&d->lex, d->lex.at);
        return;
    }
    size_t begin = packed ? begin_delimited(d->out, f->number) : 0;
    while (json_more(&d->lex, ']', &first)) {
        if (packed)
            put_varint(d->out, decode_varint(d, f));
        else
            decode_one(d, f);
    }
    if (packed && d->out->n == begin)
        d->out->n = before;
    else if (packed)
        end_delimited(d->out, begin);
}

/* Is it the field's JSON name: the .proto name in lowerCamelCase? */
static bool is_json_name(const struct wire_field *f, struct slice name)
{
    char own[WIRE_NAME_MAX];
    wire_json_name(f, own);
    return slice_eq(slice_str(own), name);
}

static const struct wire_field *find(const struct wire_message *m, struct slice name)
{
    for (size_t i = 0; i < m->fields_n; i++)
        if (slice_eq(slice_str(m->fields[i].name), name) || is_json_name(&m->fields[i], name))
            return &m->fields[i];
    return NULL;
}

/* Is another member of the field's oneof among those that were set? */
static bool oneof_is_set(const struct wire_message *m, const struct wire_field *f, uint64_t set)
{
    for (size_t i = 0; i < m->fields_n; i++)
        if ((set >> i & 1) && m->fields[i].label == WIRE_ONEOF && m->fields[i].beside == f->beside)
            return true;
    return false;
}

_Static_assert(WIRE_FIELDS_MAX <= 64, "a set of fields is 64 bits");

/* One member whose name was read. seen and set have a bit for each field: named, and given. */
static void decode_member(struct decoder *d, const struct wire_message *m, size_t pos,
                          struct slice name, uint64_t seen_and_set[2])
{
    const struct wire_field *f = d->lex.failed == RC_OK ? find(m, name) : NULL;
    int n = (int)(name.n < JSON_QUOTE_MAX ? name.n : JSON_QUOTE_MAX);
    if (!f) {
        json_skip(&d->lex, &d->scratch);
        return;
    }
    uint64_t bit = (uint64_t)1 << (f - m->fields);
    if (seen_and_set[0] & bit) {
        json_fail(&d->lex, RC_MALFORMED, pos, "duplicate field \"%.*s\"", n, (const char *)name.p);
        return;
    }
    seen_and_set[0] |= bit;
    if (json_take_word(&d->lex, "null"))
        return;
    if (f->label == WIRE_ONEOF && oneof_is_set(m, f, seen_and_set[1])) {
        json_fail(&d->lex, RC_MALFORMED, pos, "error parsing \"%.*s\", its oneof is already set", n,
                  (const char *)name.p);
        return;
    }
    seen_and_set[1] |= bit;
    if (f->label == WIRE_REPEATED)
        decode_list(d, f);
    else
        decode_one(d, f);
}

static void decode_message(struct decoder *d, const struct wire_message *m)
{
    uint64_t seen_and_set[2] = {0};
    bool first = true;
    if (json_peek(&d->lex) == '{' && d->depth == WIRE_DEPTH_MAX)
        json_fail(&d->lex, RC_LIMIT, d->lex.at, "exceeded max recursion depth");
    if (!json_take(&d->lex, '{')) {
        json_fail_unexpected(&d->lex, d->lex.at);
        return;
    }
    d->depth++;
    while (json_more(&d->lex, '}', &first)) {
        size_t pos = d->lex.at;
        struct slice name = json_name(&d->lex, &d->scratch);
        decode_member(d, m, pos, name, seen_and_set);
    }
    d->depth--;
}

enum rc json_decode(const struct wire_message *m, struct slice in, struct buf *out,
                    char why[JSON_WHY_MAX])
{
    struct decoder d = {.lex = {.all = in}, .out = out};
    size_t before = out->n;
    decode_message(&d, m);
    secret_buf_fini(&d.scratch); /* it may have had a password */
    if (d.lex.failed == RC_OK)
        return RC_OK;
    out->n = before;
    memcpy(why, d.lex.why, JSON_WHY_MAX);
    return d.lex.failed;
}
