#include "reflect.h"

#include "base/must.h"

#include <stdio.h>
#include <string.h>

#define FILL_DEPTH_MAX 4

const struct wire_message *message_by_name(struct slice name)
{
    for (size_t i = 0; i < wire_messages_n; i++)
        if (slice_eq(name, slice_str(wire_messages[i]->name)))
            return wire_messages[i];
    return NULL;
}

/* The width of a value in an array of them. */
static size_t width(const struct wire_field *f)
{
#define KIND_SIZE(name, type) [WIRE_##name] = sizeof(type),
    static const size_t sizes[] = {KIND_TABLE(KIND_SIZE)};
#undef KIND_SIZE
    return f->kind == WIRE_MESSAGE ? f->message->size : sizes[f->kind];
}

static void *pointer_at(const uint8_t *at)
{
    void *p;
    memcpy(&p, at, sizeof(p));
    return p;
}

static size_t size_at(const uint8_t *at)
{
    size_t n;
    memcpy(&n, at, sizeof(n));
    return n;
}

static uint32_t u32_at(const uint8_t *at)
{
    uint32_t n;
    memcpy(&n, at, sizeof(n));
    return n;
}

/* Room for n values of a field whose values live behind a pointer or in an array. */
static uint8_t *values_new(const struct wire_field *f, struct arena *a, uint8_t *out, size_t n)
{
    void *p = arena_zalloc(a, n * width(f));
    memcpy(out + f->offset, &p, sizeof(p));
    if (f->label == WIRE_REPEATED)
        memcpy(out + f->beside, &n, sizeof(n));
    return p;
}

/* Which member of its oneof f is, and how many there are. */
static unsigned oneof_position(const struct wire_message *m, const struct wire_field *f,
                               unsigned *members)
{
    unsigned at = 0;
    *members = 0;
    for (size_t i = 0; i < m->fields_n; i++) {
        const struct wire_field *g = &m->fields[i];
        if (g->label != WIRE_ONEOF || g->beside != f->beside)
            continue;
        if (g == f)
            at = *members;
        ++*members;
    }
    return at;
}

static void scalar_put(const struct wire_field *f, uint64_t v, uint8_t *at)
{
    bool b = v & 1;
    memcpy(at, f->kind == WIRE_BOOL ? (const void *)&b : &v, width(f));
}

static uint64_t fill_number(const struct wire_field *f, unsigned position)
{
    uint64_t n = f->number;
    switch (f->kind) {
    case WIRE_ENUM:
        return position ? UINT64_MAX : 1;
    case WIRE_I64:
        return n % 2 ? n << 40 : -n;
    case WIRE_U32:
        return ((uint64_t)1 << 31) + n;
    case WIRE_U64:
        return ((uint64_t)1 << 63) + n;
    default:
        return 1;
    }
}

static void fill_value(const struct wire_field *f, unsigned position, struct arena *a, uint8_t *at)
{
    if (f->kind != WIRE_BYTES && f->kind != WIRE_STRING) {
        scalar_put(f, fill_number(f, position), at);
        return;
    }
    char text[WIRE_NAME_MAX + 12];
    int n = snprintf(text, sizeof(text), "%s%u", f->name, position);
    struct slice s = arena_copy(a, slice_of(text, (size_t)n));
    memcpy(at, &s, sizeof(s));
}

void message_fill(const struct wire_message *m, unsigned variant, unsigned depth, struct arena *a,
                  void *out)
{
    uint8_t *msg = out;
    for (size_t i = 0; i < m->fields_n; i++) {
        const struct wire_field *f = &m->fields[i];
        if (f->kind == WIRE_MESSAGE && depth == FILL_DEPTH_MAX)
            continue;
        if (f->label == WIRE_ONEOF) {
            unsigned members;
            unsigned at = oneof_position(m, f, &members);
            if ((variant + depth) % members != at)
                continue;
            memcpy(msg + f->beside, &f->number, sizeof(f->number));
        }
        /* A map, in JSON; one entry there. */
        bool map = f->kind == WIRE_MESSAGE && strstr(f->message->name, "Entry");
        unsigned n = f->label == WIRE_REPEATED && !map ? 2 : 1;
        uint8_t *at = f->label == WIRE_REPEATED || f->kind == WIRE_MESSAGE
                          ? values_new(f, a, msg, n)
                          : msg + f->offset;
        for (unsigned k = 0; k < n; k++, at += width(f)) {
            if (f->kind == WIRE_MESSAGE)
                message_fill(f->message, variant, depth + 1, a, at);
            else
                fill_value(f, k, a, at);
        }
    }
}

static void random_value(const struct wire_field *f, struct rng *rng, struct arena *a, uint8_t *at)
{
    if (f->kind != WIRE_BYTES && f->kind != WIRE_STRING) {
        uint64_t v = rng_u64(rng) >> rng_below(rng, 64);
        scalar_put(f, rng_chance(rng, 200000) ? -v : v, at);
        return;
    }
    struct slice s = {NULL, rng_chance(rng, 20000) ? 300 : rng_below(rng, 12)};
    uint8_t *p = arena_alloc(a, s.n);
    for (size_t i = 0; i < s.n; i++)
        p[i] = (uint8_t)rng_below(rng, f->kind == WIRE_STRING ? 0x80 : 0x100);
    s.p = p;
    memcpy(at, &s, sizeof(s));
}

void message_random(const struct wire_message *m, struct rng *rng, unsigned depth, struct arena *a,
                    void *out)
{
    uint8_t *msg = out;
    for (size_t i = 0; i < m->fields_n; i++) {
        const struct wire_field *f = &m->fields[i];
        if (rng_chance(rng, 400000) || (f->kind == WIRE_MESSAGE && depth == FILL_DEPTH_MAX))
            continue;
        if (f->label == WIRE_ONEOF) {
            if (u32_at(msg + f->beside))
                continue;
            memcpy(msg + f->beside, &f->number, sizeof(f->number));
        }
        size_t n = f->label == WIRE_REPEATED ? rng_below(rng, 4) : 1;
        uint8_t *at = f->label == WIRE_REPEATED || f->kind == WIRE_MESSAGE
                          ? values_new(f, a, msg, n)
                          : msg + f->offset;
        for (size_t k = 0; k < n; k++, at += width(f)) {
            if (f->kind == WIRE_MESSAGE)
                message_random(f->message, rng, depth + 1, a, at);
            else
                random_value(f, rng, a, at);
        }
    }
}

static bool value_equal(const struct wire_field *f, const uint8_t *a, const uint8_t *b)
{
    if (f->kind == WIRE_MESSAGE)
        return message_equal(f->message, a, b);
    if (f->kind != WIRE_BYTES && f->kind != WIRE_STRING)
        return memcmp(a, b, width(f)) == 0;
    struct slice s;
    struct slice t;
    memcpy(&s, a, sizeof(s));
    memcpy(&t, b, sizeof(t));
    return slice_eq(s, t);
}

bool message_equal(const struct wire_message *m, const void *a, const void *b)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    for (size_t i = 0; i < m->fields_n; i++) {
        const struct wire_field *f = &m->fields[i];
        const uint8_t *at = x + f->offset;
        const uint8_t *bt = y + f->offset;
        size_t n = 1;
        if (f->label == WIRE_ONEOF && u32_at(x + f->beside) != u32_at(y + f->beside))
            return false;
        if (f->label == WIRE_REPEATED) {
            n = size_at(x + f->beside);
            if (n != size_at(y + f->beside))
                return false;
        }
        if (f->label == WIRE_REPEATED || f->kind == WIRE_MESSAGE) {
            at = pointer_at(at);
            bt = pointer_at(bt);
            if (f->label != WIRE_REPEATED && (!at || !bt)) {
                if (at != bt)
                    return false;
                continue;
            }
        }
        for (size_t k = 0; k < n; k++)
            if (!value_equal(f, at + k * width(f), bt + k * width(f)))
                return false;
    }
    return true;
}

void message_describe(const struct wire_message *m, struct buf *out)
{
    static const char *const kinds[] = {"bool",   "enum",  "int64",  "uint32",
                                        "uint64", "bytes", "string", "message"};
    buf_printf(out, "%s: ", m->name);
    for (size_t i = 0; i < m->fields_n; i++) {
        const struct wire_field *f = &m->fields[i];
        char json[WIRE_NAME_MAX];
        wire_json_name(f, json);
        buf_printf(out, "%u%s %s %s %s%s", f->number, f->label == WIRE_ONEOF ? "|" : "", f->name,
                   json, f->label == WIRE_REPEATED ? "*" : "", kinds[f->kind]);
        if (f->kind == WIRE_MESSAGE)
            buf_printf(out, "=%s", f->message->name);
        if (f->kind == WIRE_ENUM)
            buf_printf(out, "=%s", f->enumeration->name);
        for (size_t k = 0; f->kind == WIRE_ENUM && k < f->enumeration->values_n; k++)
            buf_printf(out, ",%s=%d", f->enumeration->values[k].name,
                       f->enumeration->values[k].number);
        buf_append_str(out, ";");
    }
}

static uint8_t nibble(uint8_t c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

struct slice hex_bytes(struct arena *a, struct slice hex)
{
    must(hex.n % 2 == 0);
    uint8_t *p = arena_alloc(a, hex.n / 2);
    for (size_t i = 0; i < hex.n / 2; i++)
        p[i] = (uint8_t)(nibble(hex.p[2 * i]) << 4 | nibble(hex.p[2 * i + 1]));
    return slice_of(p, hex.n / 2);
}

struct slice file_read(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    must(f && fseek(f, 0, SEEK_END) == 0);
    long n = ftell(f);
    must(n > 0 && fseek(f, 0, SEEK_SET) == 0);
    uint8_t *p = arena_alloc(a, (size_t)n);
    must(fread(p, 1, (size_t)n, f) == (size_t)n);
    fclose(f);
    return slice_of(p, (size_t)n);
}

static struct slice cut(struct slice *s, uint8_t at)
{
    size_t n = 0;
    while (n < s->n && s->p[n] != at)
        n++;
    struct slice head = slice_of(s->p, n);
    *s = slice_skip(*s, n < s->n ? n + 1 : n);
    return head;
}

bool next_line(struct slice *text, struct slice *line)
{
    if (text->n == 0)
        return false;
    *line = cut(text, '\n');
    return true;
}

struct slice next_word(struct slice *line)
{
    return cut(line, ' ');
}
