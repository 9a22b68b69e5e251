#include "wire/raft_request.h"

#include "base/must.h"
#include "wire/field.h"

#define RAFT_REQUEST_ID 1 /* where etcd kept the id before there was a header */

void raft_request_begin(struct buf *out, uint64_t id)
{
    raft_request_begin_as(out, id, (struct slice){0}, 0);
}

void raft_request_begin_as(struct buf *out, uint64_t id, struct slice username,
                           uint64_t auth_revision)
{
    size_t n = field_u64_len(id) + field_bytes_len(username) + field_u64_len(auth_revision);
    buf_append_varint(out, TAG_BYTES(RAFT_REQUEST_HEADER));
    buf_append_varint(out, n);
    uint8_t *p = buf_extend(out, n);
    p = field_u64_store(p, TAG_VARINT(1), id);
    p = field_bytes_store(p, TAG_BYTES(2), username);
    field_u64_store(p, TAG_VARINT(3), auth_revision);
}

void raft_request_embed(struct buf *out, uint32_t field, struct slice request)
{
    must(field != RAFT_REQUEST_NONE && field != RAFT_REQUEST_ID && field != RAFT_REQUEST_HEADER);
    buf_reserve(out, (size_t)2 * VARINT_MAX + request.n);
    buf_append_varint(out, TAG_BYTES(field));
    buf_append_varint(out, request.n);
    buf_append_slice(out, request);
}

static enum rc header_parse(struct slice in, struct raft_request *r)
{
    struct scan_field f;
    enum rc rc;
    while ((rc = scan_next(&in, &f)) == RC_OK) {
        switch (f.tag) {
        case TAG_VARINT(1):
            r->id = f.value;
            break;
        case TAG_BYTES(2):
            r->username = f.bytes;
            break;
        case TAG_VARINT(3):
            r->auth_revision = f.value;
            break;
        default:
            break;
        }
    }
    return rc == RC_END ? RC_OK : rc;
}

enum rc raft_request_parse(struct slice in, struct raft_request *out)
{
    struct raft_request r = {0};
    struct scan_field f;
    enum rc rc;
    while ((rc = scan_next(&in, &f)) == RC_OK) {
        if (f.tag == TAG_BYTES(RAFT_REQUEST_HEADER)) {
            rc = header_parse(f.bytes, &r);
            if (rc != RC_OK)
                return rc;
        } else if ((f.tag & 7) == SCAN_BYTES) {
            if (r.field != RAFT_REQUEST_NONE)
                return RC_MALFORMED;
            r.field = f.tag >> 3;
            r.body = f.bytes;
        }
    }
    if (rc != RC_END)
        return rc;
    if (r.field == RAFT_REQUEST_NONE)
        return RC_MALFORMED;
    *out = r;
    return RC_OK;
}
