#include "wire/kv_codec.h"

#include "wire/field.h"

/*
 * ResponseHeader.
 */

static size_t header_body_len(const struct pb_response_header *h)
{
    return field_u64_len(h->cluster_id) + field_u64_len(h->member_id) +
           field_u64_len((uint64_t)h->revision) + field_u64_len(h->raft_term);
}

size_t codec_header_len(const struct pb_response_header *h)
{
    return 2 + header_body_len(h); /* at most 44 bytes: their length takes one */
}

static uint8_t *header_store(uint8_t *p, const struct pb_response_header *h)
{
    *p++ = TAG_BYTES(1);
    *p++ = (uint8_t)header_body_len(h);
    p = field_u64_store(p, TAG_VARINT(1), h->cluster_id);
    p = field_u64_store(p, TAG_VARINT(2), h->member_id);
    p = field_u64_store(p, TAG_VARINT(3), (uint64_t)h->revision);
    return field_u64_store(p, TAG_VARINT(4), h->raft_term);
}

void codec_header(const struct pb_response_header *h, struct buf *out)
{
    header_store(buf_extend(out, codec_header_len(h)), h);
}

/*
 * KeyValue.
 */

size_t codec_key_value_len(const struct pb_key_value *kv)
{
    return field_bytes_len(kv->key) + field_u64_len((uint64_t)kv->create_revision) +
           field_u64_len((uint64_t)kv->mod_revision) + field_u64_len((uint64_t)kv->version) +
           field_bytes_len(kv->value) + field_u64_len((uint64_t)kv->lease);
}

uint8_t *codec_key_value_store(uint8_t *p, const struct pb_key_value *kv)
{
    p = field_bytes_store(p, TAG_BYTES(1), kv->key);
    p = field_u64_store(p, TAG_VARINT(2), (uint64_t)kv->create_revision);
    p = field_u64_store(p, TAG_VARINT(3), (uint64_t)kv->mod_revision);
    p = field_u64_store(p, TAG_VARINT(4), (uint64_t)kv->version);
    p = field_bytes_store(p, TAG_BYTES(5), kv->value);
    return field_u64_store(p, TAG_VARINT(6), (uint64_t)kv->lease);
}

void codec_key_value(const struct pb_key_value *kv, struct buf *out)
{
    codec_key_value_store(buf_extend(out, codec_key_value_len(kv)), kv);
}

enum rc codec_key_value_parse(struct slice in, struct pb_key_value *out)
{
    struct pb_key_value kv = {0};
    struct scan_field f;
    enum rc rc;
    while ((rc = scan_next(&in, &f)) == RC_OK) {
        switch (f.tag) {
        case TAG_BYTES(1):
            kv.key = f.bytes;
            break;
        case TAG_VARINT(2):
            kv.create_revision = (int64_t)f.value;
            break;
        case TAG_VARINT(3):
            kv.mod_revision = (int64_t)f.value;
            break;
        case TAG_VARINT(4):
            kv.version = (int64_t)f.value;
            break;
        case TAG_BYTES(5):
            kv.value = f.bytes;
            break;
        case TAG_VARINT(6):
            kv.lease = (int64_t)f.value;
            break;
        default:
            break;
        }
    }
    if (rc != RC_END)
        return rc;
    *out = kv;
    return RC_OK;
}

/*
 * Event.
 */

#define EVENTS_FIELD 11

void codec_event(int64_t deleted, struct slice kv, struct slice prev_kv, struct buf *out)
{
    size_t kv_len = kv.n + field_u64_len((uint64_t)deleted);
    size_t len =
        field_u64_len(deleted != 0) + 1 + varint_len(kv_len) + kv_len + field_bytes_len(prev_kv);
    uint8_t *p = buf_extend(out, 1 + varint_len(len) + len);
    *p++ = TAG_BYTES(EVENTS_FIELD);
    p = store_varint(p, len);
    p = field_u64_store(p, TAG_VARINT(1), deleted != 0);
    *p++ = TAG_BYTES(2);
    p = store_varint(p, kv_len);
    memcpy(p, kv.p, kv.n);
    p = field_u64_store(p + kv.n, TAG_VARINT(3), (uint64_t)deleted);
    field_bytes_store(p, TAG_BYTES(3), prev_kv);
}

/*
 * Responses.
 */

void codec_put_response(const struct pb_put_response *msg, struct buf *out)
{
    size_t kv_len = msg->prev_kv ? codec_key_value_len(msg->prev_kv) : 0;
    size_t n = msg->header ? codec_header_len(msg->header) : 0;
    n += msg->prev_kv ? codec_range_prefix_len(kv_len) + kv_len : 0;
    uint8_t *p = buf_extend(out, n);
    if (msg->header)
        p = header_store(p, msg->header);
    if (msg->prev_kv) { /* field 2, as kvs in a RangeResponse */
        p = codec_range_prefix_store(p, kv_len);
        codec_key_value_store(p, msg->prev_kv);
    }
}

size_t codec_range_prefix_len(size_t kv_len)
{
    return 1 + varint_len(kv_len);
}

uint8_t *codec_range_prefix_store(uint8_t *p, size_t kv_len)
{
    *p++ = TAG_BYTES(2);
    return store_varint(p, kv_len);
}

size_t codec_range_tail_len(bool more, int64_t count)
{
    return field_u64_len(more) + field_u64_len((uint64_t)count);
}

void codec_range_tail(bool more, int64_t count, struct buf *out)
{
    uint8_t *p = buf_extend(out, codec_range_tail_len(more, count));
    p = field_u64_store(p, TAG_VARINT(3), more);
    field_u64_store(p, TAG_VARINT(4), (uint64_t)count);
}

/*
 * Requests.
 */

static void range_field(const struct scan_field *f, struct pb_range_request *r)
{
    switch (f->tag) {
    case TAG_BYTES(1):
        r->key = f->bytes;
        break;
    case TAG_BYTES(2):
        r->range_end = f->bytes;
        break;
    case TAG_VARINT(3):
        r->limit = (int64_t)f->value;
        break;
    case TAG_VARINT(4):
        r->revision = (int64_t)f->value;
        break;
    case TAG_VARINT(5):
        r->sort_order = (int32_t)f->value;
        break;
    case TAG_VARINT(6):
        r->sort_target = (int32_t)f->value;
        break;
    case TAG_VARINT(7):
        r->serializable = f->value != 0;
        break;
    case TAG_VARINT(8):
        r->keys_only = f->value != 0;
        break;
    case TAG_VARINT(9):
        r->count_only = f->value != 0;
        break;
    case TAG_VARINT(10):
        r->min_mod_revision = (int64_t)f->value;
        break;
    case TAG_VARINT(11):
        r->max_mod_revision = (int64_t)f->value;
        break;
    case TAG_VARINT(12):
        r->min_create_revision = (int64_t)f->value;
        break;
    case TAG_VARINT(13):
        r->max_create_revision = (int64_t)f->value;
        break;
    default:
        break;
    }
}

enum rc codec_range_request_parse(struct slice in, struct pb_range_request *out)
{
    struct pb_range_request r = {0};
    struct scan_field f;
    enum rc rc;
    while ((rc = scan_next(&in, &f)) == RC_OK)
        range_field(&f, &r);
    if (rc != RC_END)
        return rc;
    *out = r;
    return RC_OK;
}

enum rc codec_put_request_parse(struct slice in, struct pb_put_request *out)
{
    struct pb_put_request r = {0};
    struct scan_field f;
    enum rc rc;
    while ((rc = scan_next(&in, &f)) == RC_OK) {
        switch (f.tag) {
        case TAG_BYTES(1):
            r.key = f.bytes;
            break;
        case TAG_BYTES(2):
            r.value = f.bytes;
            break;
        case TAG_VARINT(3):
            r.lease = (int64_t)f.value;
            break;
        case TAG_VARINT(4):
            r.prev_kv = f.value != 0;
            break;
        case TAG_VARINT(5):
            r.ignore_value = f.value != 0;
            break;
        case TAG_VARINT(6):
            r.ignore_lease = f.value != 0;
            break;
        default:
            break;
        }
    }
    if (rc != RC_END)
        return rc;
    *out = r;
    return RC_OK;
}
