#include "wal/format.h"

#include "base/crc32c.h"
#include "base/must.h"
#include "base/wr.h"

#include <inttypes.h>
#include <stdio.h>

#define HEADER_CHECKED_FROM 12 /* the check covers the rest of the block */
#define LAST_BIT            (1u << 31)
#define HEX_DIGITS          16
#define COUNTER_MAX         (UINT64_MAX >> 1) /* of indexes and batches: they are counted on from */

static const uint8_t magic[8] = "moat-wal";

_Static_assert(WAL_HEAD_BYTES % WAL_ALIGN == 0, "a head at an aligned offset ends at one");
_Static_assert(WAL_RECORD_BODY_MAX % WAL_ALIGN == 0, "full records leave no gap");
_Static_assert(WAL_HEADER_BYTES % WAL_ALIGN == 0, "records begin aligned");
_Static_assert((int)WAL_CHANGE < (int)WAL_ITEM_HARD_STATE, "item kinds are distinct");

uint64_t wal_batch_span(uint64_t body_bytes)
{
    uint64_t records = (body_bytes + WAL_RECORD_BODY_MAX - 1) / WAL_RECORD_BODY_MAX;
    return records * WAL_HEAD_BYTES + wal_align(body_bytes);
}

static uint32_t header_check(const uint8_t in[WAL_HEADER_BYTES])
{
    return crc32c(0, slice_of(in + HEADER_CHECKED_FROM, WAL_HEADER_BYTES - HEADER_CHECKED_FROM));
}

void wal_header_encode(const struct wal_header *h, uint8_t out[WAL_HEADER_BYTES])
{
    memset(out, 0, WAL_HEADER_BYTES);
    memcpy(out, magic, sizeof(magic));
    store_u32(out + 12, WAL_FORMAT_VERSION);
    store_u32(out + 16, h->flags);
    const uint64_t fields[] = {h->cluster_id, h->member_id, h->seq,         h->salt,
                               h->size,       h->batch,     h->first_index, h->prev_term,
                               h->hard.term,  h->hard.vote, h->prev_end};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        store_u64(out + 24 + 8 * i, fields[i]);
    store_u32(out + 8, header_check(out));
}

enum rc wal_header_parse(const uint8_t in[WAL_HEADER_BYTES], struct wal_header *out)
{
    if (memcmp(in, magic, sizeof(magic)) != 0 || load_u32(in + 8) != header_check(in))
        return RC_CORRUPT;
    out->version = load_u32(in + 12);
    if (out->version > WAL_FORMAT_VERSION)
        return RC_VERSION;
    out->flags = load_u32(in + 16);
    uint64_t *const fields[] = {&out->cluster_id,  &out->member_id, &out->seq,
                                &out->salt,        &out->size,      &out->batch,
                                &out->first_index, &out->prev_term, &out->hard.term,
                                &out->hard.vote,   &out->prev_end};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        *fields[i] = load_u64(in + 24 + 8 * i);
    bool sane = out->version > 0 && out->first_index > 0 && out->first_index <= COUNTER_MAX &&
                out->batch > 0 && out->batch <= COUNTER_MAX;
    return sane ? RC_OK : RC_CORRUPT;
}

uint32_t wal_seed(const struct wal_header *h, uint64_t at)
{
    uint8_t in[40];
    store_u64(in, h->cluster_id);
    store_u64(in + 8, h->member_id);
    store_u64(in + 16, h->seq);
    store_u64(in + 24, h->salt);
    store_u64(in + 32, at);
    return crc32c(0, slice_of(in, sizeof(in)));
}

void wal_head_encode(uint32_t seed, struct wal_head *head, uint8_t *out)
{
    must(head->len > 0 && head->len <= WAL_RECORD_BODY_MAX && head->part < LAST_BIT);
    head->body_crc = crc32c(seed, slice_of(out + WAL_HEAD_BYTES, head->len));
    store_u32(out + 4, head->body_crc);
    store_u64(out + 8, head->batch);
    store_u32(out + 16, head->len);
    store_u32(out + 20, head->part | (head->last ? LAST_BIT : 0));
    store_u32(out, crc32c(seed, slice_of(out + 4, WAL_HEAD_BYTES - 4)));
}

bool wal_head_parse(uint32_t seed, const uint8_t in[WAL_HEAD_BYTES], struct wal_head *out)
{
    uint32_t len = load_u32(in + 16);
    if (len == 0 || len > WAL_RECORD_BODY_MAX)
        return false;
    if (load_u32(in) != crc32c(seed, slice_of(in + 4, WAL_HEAD_BYTES - 4)))
        return false;
    uint32_t part = load_u32(in + 20);
    *out = (struct wal_head){
        .body_crc = load_u32(in + 4),
        .batch = load_u64(in + 8),
        .len = len,
        .part = part & ~LAST_BIT,
        .last = part & LAST_BIT,
    };
    return true;
}

bool wal_body_ok(uint32_t seed, const struct wal_head *head, struct slice body)
{
    return body.n == head->len && crc32c(seed, body) == head->body_crc;
}

static uint8_t *put_item(struct buf *b, uint32_t kind, size_t n)
{
    uint8_t *p = buf_extend(b, WAL_ITEM_BYTES + n);
    store_u32(p, kind);
    store_u32(p + 4, (uint32_t)n);
    return p;
}

void wal_item_put_entry(struct buf *b, const struct wal_entry *e)
{
    must(e->body.n <= WAL_ENTRY_BYTES_MAX);
    uint8_t *p = put_item(b, e->kind, e->body.n);
    store_u64(p + 8, e->index);
    store_u64(p + 16, e->term);
    if (e->body.n)
        memcpy(p + WAL_ITEM_BYTES, e->body.p, e->body.n);
}

void wal_item_put_hard_state(struct buf *b, struct wal_hard_state hs)
{
    uint8_t *p = put_item(b, WAL_ITEM_HARD_STATE, 0);
    store_u64(p + 8, hs.term);
    store_u64(p + 16, hs.vote);
}

enum rc wal_item_parse(const uint8_t in[WAL_ITEM_BYTES], struct wal_item *out)
{
    uint32_t kind = load_u32(in);
    uint32_t len = load_u32(in + 4);
    uint64_t a = load_u64(in + 8);
    uint64_t b = load_u64(in + 16);
    if (kind == WAL_ITEM_HARD_STATE && len == 0) {
        *out = (struct wal_item){.kind = kind, .hard = {.term = a, .vote = b}};
        return RC_OK;
    }
    if (kind < WAL_COMMAND || kind > WAL_CHANGE || len > WAL_ENTRY_BYTES_MAX)
        return RC_CORRUPT;
    *out = (struct wal_item){
        .kind = kind,
        .entry = {.index = a, .term = b, .kind = (enum wal_entry_kind)kind, .body = {NULL, len}},
    };
    return RC_OK;
}

void wal_segment_name(uint64_t seq, char out[WAL_NAME_BYTES])
{
    (void)snprintf(out, WAL_NAME_BYTES, "%016" PRIx64 ".seg", seq);
}

/* Read 16 lower-case hex digits; the rest of the name, or NULL when there are none. */
static const char *name_hex(const char *name, uint64_t *out)
{
    uint64_t v = 0;
    for (int i = 0; i < HEX_DIGITS; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *at = name[i] ? strchr(digits, name[i]) : NULL;
        if (!at)
            return NULL;
        v = v << 4 | (uint64_t)(at - digits);
    }
    *out = v;
    return name + HEX_DIGITS;
}

bool wal_segment_name_parse(const char *name, uint64_t *seq)
{
    const char *rest = name_hex(name, seq);
    return rest && strcmp(rest, ".seg") == 0 && *seq > 0;
}

bool wal_name_is_etcds(const char *name)
{
    uint64_t ignored;
    const char *rest = name_hex(name, &ignored);
    if (!rest || *rest != '-')
        return false;
    rest = name_hex(rest + 1, &ignored);
    return rest && strcmp(rest, ".wal") == 0;
}
