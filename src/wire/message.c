#include "wire/message.h"

#include "base/must.h"
#include "base/wr.h"
#include "wire/scan.h"
#include "wire/table.h"
#include "wire/utf8.h"

#include <stdalign.h>

const char *wire_name(const struct wire_message *m)
{
    return m->name;
}

void wire_json_name(const struct wire_field *f, char out[WIRE_NAME_MAX])
{
    size_t n = 0;
    bool upper = false;
    for (const char *p = f->name; *p; p++) {
        must(n + 1 < WIRE_NAME_MAX);
        if (*p != '_')
            out[n++] = (char)(upper && *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
        upper = *p == '_';
    }
    out[n] = 0;
}

/*
 * A field's place in a struct.
 */

static size_t value_size(const struct wire_field *f)
{
#define KIND_SIZE(name, type) [WIRE_##name] = sizeof(type),
    static const uint8_t sizes[] = {KIND_TABLE(KIND_SIZE)};
#undef KIND_SIZE
    /* Sub-messages stand in an array themselves, alone behind a pointer. */
    bool inlined = f->kind == WIRE_MESSAGE && f->label == WIRE_REPEATED;
    return inlined ? f->message->size : sizes[f->kind];
}

static bool is_scalar(const struct wire_field *f)
{
    return f->kind < WIRE_BYTES;
}

/* Pointers of any struct type, and counts, without naming the type. */
static void *load_pointer(const uint8_t *at)
{
    void *p;
    memcpy(&p, at, sizeof(p));
    return p;
}

static void store_pointer(uint8_t *at, void *p)
{
    memcpy(at, &p, sizeof(p));
}

static size_t load_size(const uint8_t *at)
{
    size_t n;
    memcpy(&n, at, sizeof(n));
    return n;
}

static void store_size(uint8_t *at, size_t n)
{
    memcpy(at, &n, sizeof(n));
}

/*
 * Decoding.
 */

struct decoder {
    struct arena *arena;
    size_t left; /* bytes that may still be taken from it */
};

static enum rc decode(struct decoder *d, const struct wire_message *m, struct slice in,
                      unsigned depth_left, uint8_t *out);

static const struct wire_field *field_find(const struct wire_message *m, uint32_t number,
                                           size_t *hint)
{
    /* Mostly the same field again, or the next one. */
    for (size_t i = 0; i < m->fields_n; i++) {
        if (*hint >= m->fields_n)
            *hint = 0;
        if (m->fields[*hint].number == number)
            return &m->fields[*hint];
        ++*hint;
    }
    return NULL;
}

/* The table's row for what was read; NULL when it is unknown, or known with another wire type. */
static const struct wire_field *field_of(const struct wire_message *m, const struct scan_field *in,
                                         size_t *hint)
{
    const struct wire_field *f = field_find(m, in->tag >> 3, hint);
    if (!f)
        return NULL;
    bool packed = is_scalar(f) && f->label == WIRE_REPEATED;
    bool taken = (in->tag & 7) == SCAN_BYTES ? !is_scalar(f) || packed
                                             : (in->tag & 7) == SCAN_VARINT && is_scalar(f);
    return taken ? f : NULL;
}

/* Zeroed memory; NULL when it would be over the limit. */
static void *decoder_alloc(struct decoder *d, size_t count, size_t size)
{
    size_t align = alignof(max_align_t);
    if (count > (d->left / size))
        return NULL;
    size_t n = (count * size + align - 1) / align * align;
    if (n > d->left)
        return NULL;
    d->left -= n;
    return arena_zalloc(d->arena, n);
}

/* Elements that a field of a repeated scalar brings: the varints in it, when packed. */
static size_t packed_count(const struct scan_field *in)
{
    size_t n = 0;
    for (size_t i = 0; i < in->bytes.n; i++)
        n += in->bytes.p[i] < 0x80;
    return n;
}

/* Count what repeated fields will hold, then make room for exactly that. Elements of an earlier
 * occurrence of this sub-message stay in front. */
static enum rc reserve_repeated(struct decoder *d, const struct wire_message *m, struct slice in,
                                uint8_t *out)
{
    size_t more[WIRE_FIELDS_MAX] = {0};
    size_t hint = 0;
    struct scan_field item;
    enum rc rc;
    while ((rc = scan_next(&in, &item)) == RC_OK) {
        const struct wire_field *f = field_of(m, &item, &hint);
        if (f && f->label == WIRE_REPEATED)
            more[hint] += is_scalar(f) && (item.tag & 7) == SCAN_BYTES ? packed_count(&item) : 1;
    }
    if (rc != RC_END)
        return rc;
    for (size_t i = 0; i < m->fields_n; i++) {
        if (more[i] == 0)
            continue;
        const struct wire_field *f = &m->fields[i];
        size_t have = load_size(out + f->beside);
        uint8_t *p = decoder_alloc(d, have + more[i], value_size(f));
        if (!p)
            return RC_LIMIT;
        if (have)
            memcpy(p, load_pointer(out + f->offset), have * value_size(f));
        store_pointer(out + f->offset, p);
    }
    return RC_OK;
}

static void store_scalar(const struct wire_field *f, uint64_t v, uint8_t *at)
{
    if (f->kind == WIRE_BOOL) {
        bool b = v != 0;
        memcpy(at, &b, sizeof(b));
    } else {
        memcpy(at, &v, value_size(f)); /* little-endian: the low half of v, for 32 bits */
    }
}

/* Where the next value of the field goes. A oneof is emptied first if another member is set. */
static uint8_t *value_place(const struct wire_message *m, const struct wire_field *f, uint8_t *out)
{
    if (f->label == WIRE_REPEATED) {
        size_t n = load_size(out + f->beside);
        store_size(out + f->beside, n + 1);
        return (uint8_t *)load_pointer(out + f->offset) + n * value_size(f);
    }
    if (f->label == WIRE_ONEOF) {
        uint32_t set = load_u32(out + f->beside);
        size_t hint = 0;
        const struct wire_field *old = set ? field_find(m, set, &hint) : NULL;
        if (old && old != f)
            memset(out + old->offset, 0, value_size(old));
        store_u32(out + f->beside, f->number);
    }
    return out + f->offset;
}

static enum rc decode_packed(const struct wire_message *m, const struct wire_field *f,
                             struct slice in, uint8_t *out)
{
    while (in.n > 0) {
        uint64_t v;
        if (!scan_varint(&in, &v))
            return RC_MALFORMED;
        store_scalar(f, v, value_place(m, f, out));
    }
    return RC_OK;
}

static enum rc decode_message(struct decoder *d, const struct wire_field *f, struct slice in,
                              unsigned depth_left, uint8_t *at)
{
    if (depth_left == 0)
        return RC_LIMIT;
    if (f->label == WIRE_REPEATED)
        return decode(d, f->message, in, depth_left, at);
    uint8_t *sub = load_pointer(at);
    if (!sub) {
        sub = decoder_alloc(d, 1, f->message->size);
        if (!sub)
            return RC_LIMIT;
        store_pointer(at, sub);
    }
    return decode(d, f->message, in, depth_left, sub);
}

/* Add what in holds to *out. depth_left counts the messages that may still be nested, this one
 * included; the caller has seen to it that there is one. */
static enum rc decode(struct decoder *d, const struct wire_message *m, struct slice in,
                      unsigned depth_left, uint8_t *out)
{
    enum rc rc = m->repeated_n ? reserve_repeated(d, m, in, out) : RC_OK;
    if (rc != RC_OK)
        return rc;
    size_t hint = 0;
    struct scan_field item = {0};
    while ((rc = scan_next(&in, &item)) == RC_OK) {
        const struct wire_field *f = field_of(m, &item, &hint);
        if (!f)
            continue;
        if (f->kind == WIRE_STRING && !utf8_valid(item.bytes))
            return RC_INVALID;
        if (f->kind == WIRE_MESSAGE)
            rc = decode_message(d, f, item.bytes, depth_left - 1, value_place(m, f, out));
        else if (!is_scalar(f))
            memcpy(value_place(m, f, out), &item.bytes, sizeof(item.bytes));
        else if ((item.tag & 7) == SCAN_BYTES)
            rc = decode_packed(m, f, item.bytes, out);
        else
            store_scalar(f, item.value, value_place(m, f, out));
        if (rc != RC_OK)
            return rc;
    }
    return rc == RC_END ? RC_OK : rc;
}

enum rc wire_decode_limited(const struct wire_message *m, struct slice in,
                            const struct wire_limits *limits, struct arena *arena, void *out)
{
    must(limits->depth_max > 0 && limits->depth_max <= WIRE_DEPTH_MAX);
    struct decoder d = {.arena = arena, .left = limits->memory_max};
    memset(out, 0, m->size);
    return decode(&d, m, in, limits->depth_max, out);
}

enum rc wire_decode(const struct wire_message *m, struct slice in, struct arena *arena, void *out)
{
    struct wire_limits limits = {WIRE_DEPTH_MAX, wire_memory_max(in.n)};
    return wire_decode_limited(m, in, &limits, arena, out);
}

/*
 * Encoding, from the last byte to the first: a sub-message's length is known once it is written, so
 * lengths are summed up only once, for the whole.
 */

/* The values of a field that are to be written. */
struct values {
    const uint8_t *at;
    size_t n;
};

static uint64_t load_scalar(const struct wire_field *f, const uint8_t *at)
{
    switch (f->kind) {
    case WIRE_BOOL:
        return *at != 0;
    case WIRE_ENUM:
        return (uint64_t)(int64_t)(int32_t)load_u32(at); /* ten bytes, when negative */
    case WIRE_U32:
        return load_u32(at);
    default:
        return load_u64(at);
    }
}

static struct slice load_bytes(const uint8_t *at)
{
    struct slice s;
    memcpy(&s, at, sizeof(s));
    return s;
}

static struct values values_of(const struct wire_field *f, const uint8_t *msg)
{
    const uint8_t *at = msg + f->offset;
    if (f->label == WIRE_REPEATED)
        return (struct values){load_pointer(at), load_size(msg + f->beside)};
    const uint8_t *sub = f->kind == WIRE_MESSAGE ? load_pointer(at) : NULL;
    bool set = false;
    if (f->label == WIRE_ONEOF)
        set = load_u32(msg + f->beside) == f->number;
    else if (f->kind == WIRE_MESSAGE)
        set = sub != NULL;
    else
        set = is_scalar(f) ? load_scalar(f, at) != 0 : load_bytes(at).n > 0;
    return (struct values){f->kind == WIRE_MESSAGE ? sub : at, set};
}

static size_t packed_len(const struct wire_field *f, struct values v)
{
    size_t n = 0;
    for (size_t i = 0; i < v.n; i++)
        n += varint_len(load_scalar(f, v.at + i * value_size(f)));
    return n;
}

static size_t delimited_len(size_t n)
{
    return varint_len(n) + n;
}

static size_t field_len(const struct wire_field *f, struct values v)
{
    size_t tag_len = varint_len(SCAN_TAG(f->number, 0));
    if (is_scalar(f) && f->label == WIRE_REPEATED)
        return v.n ? tag_len + delimited_len(packed_len(f, v)) : 0;
    size_t n = v.n * tag_len;
    for (size_t i = 0; i < v.n; i++) {
        if (f->kind == WIRE_MESSAGE)
            n +=
                delimited_len(v.at ? wire_encoded_len(f->message, v.at + i * f->message->size) : 0);
        else if (is_scalar(f))
            n += varint_len(load_scalar(f, v.at));
        else
            n += delimited_len(load_bytes(v.at + i * sizeof(struct slice)).n);
    }
    return n;
}

size_t wire_encoded_len(const struct wire_message *m, const void *msg)
{
    size_t n = 0;
    for (size_t i = 0; i < m->fields_n; i++)
        n += field_len(&m->fields[i], values_of(&m->fields[i], msg));
    return n;
}

static uint8_t *varint_before(uint8_t *end, uint64_t v)
{
    uint8_t *p = end - varint_len(v);
    store_varint(p, v);
    return p;
}

/* The head of a delimited field whose body goes from p to end. */
static uint8_t *head_before(uint8_t *p, const uint8_t *end, uint32_t number)
{
    p = varint_before(p, (uint64_t)(end - p));
    return varint_before(p, SCAN_TAG(number, SCAN_BYTES));
}

static uint8_t *message_before(uint8_t *end, const struct wire_message *m, const uint8_t *msg);

static uint8_t *packed_before(uint8_t *end, const struct wire_field *f, struct values v)
{
    uint8_t *p = end;
    for (size_t i = v.n; i-- > 0;)
        p = varint_before(p, load_scalar(f, v.at + i * value_size(f)));
    return v.n ? head_before(p, end, f->number) : p;
}

static uint8_t *field_before(uint8_t *end, const struct wire_field *f, struct values v)
{
    if (is_scalar(f) && f->label == WIRE_REPEATED)
        return packed_before(end, f, v);
    uint8_t *p = end;
    for (size_t i = v.n; i-- > 0;) {
        const uint8_t *value_end = p;
        if (f->kind == WIRE_MESSAGE) {
            if (v.at) /* a oneof's member may be set and yet NULL: empty, as in Go */
                p = message_before(p, f->message, v.at + i * f->message->size);
            p = head_before(p, value_end, f->number);
        } else if (is_scalar(f)) {
            p = varint_before(p, load_scalar(f, v.at));
            p = varint_before(p, SCAN_TAG(f->number, SCAN_VARINT));
        } else {
            struct slice s = load_bytes(v.at + i * sizeof(s));
            p -= s.n;
            if (s.n)
                memcpy(p, s.p, s.n);
            p = head_before(p, value_end, f->number);
        }
    }
    return p;
}

static uint8_t *message_before(uint8_t *end, const struct wire_message *m, const uint8_t *msg)
{
    for (size_t i = m->fields_n; i-- > 0;)
        end = field_before(end, &m->fields[i], values_of(&m->fields[i], msg));
    return end;
}

void wire_encode(const struct wire_message *m, const void *msg, struct buf *out)
{
    size_t n = wire_encoded_len(m, msg);
    uint8_t *p = buf_extend(out, n);
    must(message_before(p + n, m, msg) == p);
}
