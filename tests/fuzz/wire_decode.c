/* fuzz: wire base */
/* Any bytes as any message, chosen by the first byte: what is taken survives being written and read
 * again, the readers by hand agree with the tables, and memory stays within what wire/message.h
 * promises. */
#include "base/must.h"
#include "wire/kv_codec.h"
#include "wire/raft_request.h"
#include "wire/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_by_hand(const struct wire_message *m, struct slice in, enum rc want)
{
    struct pb_range_request range;
    struct pb_put_request put;
    struct pb_key_value kv;
    struct raft_request raft;
    if (m == &wire_range_request)
        must(codec_range_request_parse(in, &range) == want);
    if (m == &wire_put_request)
        must(codec_put_request_parse(in, &put) == want);
    if (m == &wire_key_value)
        must(codec_key_value_parse(in, &kv) == want);
    if (m == &wire_internal_raft_request && raft_request_parse(in, &raft) == RC_OK)
        must(raft.field != RAFT_REQUEST_NONE && raft.body.n <= in.n);
}

static void check_again(const struct wire_message *m, const void *msg)
{
    struct arena a = {0};
    struct buf first = {0};
    struct buf second = {0};
    wire_encode(m, msg, &first);
    void *back = arena_zalloc(&a, m->size);
    must(wire_decode(m, buf_slice(&first), &a, back) == RC_OK);
    wire_encode(m, back, &second);
    must(slice_eq(buf_slice(&first), buf_slice(&second)));
    buf_fini(&first);
    buf_fini(&second);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct wire_message *m = wire_messages[data[0] % wire_messages_n];
    struct slice in = slice_of(data + 1, size - 1);
    struct arena own = {0};
    struct arena a = {0};
    void *msg = arena_zalloc(&own, m->size);
    enum rc rc = wire_decode(m, in, &a, msg);
    must(rc == RC_OK || rc == RC_MALFORMED || rc == RC_INVALID || rc == RC_LIMIT);
    /* Blocks double, and what the end of one cannot hold is lost. */
    must(a.total <= 4 * (WIRE_MEMORY_BASE + in.n * WIRE_MEMORY_PER_BYTE));
    check_by_hand(m, in, rc);
    if (rc == RC_OK)
        check_again(m, msg);
    arena_fini(&a);
    arena_fini(&own);
    return 0;
}
