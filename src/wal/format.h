/* format - the log's bytes: segment headers, record heads, items (docs/formats/wal.md).
 *
 * Encoding and parsing only; no files. Sizes and offsets are in bytes, integers little-endian. */
#ifndef MOAT_WAL_FORMAT_H
#define MOAT_WAL_FORMAT_H

#include "base/buf.h"
#include "base/cc.h"
#include "wal/wal.h"

#define WAL_FORMAT_VERSION  1
#define WAL_HEADER_BYTES    4096 /* of a segment */
#define WAL_HEAD_BYTES      24   /* of a record */
#define WAL_ITEM_BYTES      24   /* of an item, before its data */
#define WAL_RECORD_BODY_MAX (256u << 10)
#define WAL_ALIGN           8 /* of records */

/* Sixteen hex digits, ".seg", and the terminating zero. */
#define WAL_NAME_BYTES 21

#define WAL_SEGMENT_RESET 1u /* header flag: all earlier segments are void */

struct wal_header {
    uint32_t version;
    uint32_t flags;
    uint64_t cluster_id;
    uint64_t member_id;
    uint64_t seq;
    uint64_t salt;
    uint64_t size;
    uint64_t batch; /* number of the first batch here */
    uint64_t first_index;
    uint64_t prev_term;
    struct wal_hard_state hard; /* before the first batch */
    uint64_t prev_end;          /* where the records of the segment before end */
};

struct wal_head {
    uint64_t batch;
    uint32_t len;  /* of the body */
    uint32_t part; /* number within the batch */
    bool last;     /* of the batch */
    uint32_t body_crc;
};

#define WAL_ITEM_HARD_STATE 16u /* smaller ones are enum wal_entry_kind */

struct wal_item {
    uint32_t kind;
    struct wal_entry entry;     /* when kind is an entry's */
    struct wal_hard_state hard; /* when kind is WAL_ITEM_HARD_STATE */
};

static inline uint64_t wal_align(uint64_t n)
{
    return (n + WAL_ALIGN - 1) & ~(uint64_t)(WAL_ALIGN - 1);
}

/* Bytes that a batch of so many body bytes takes in a segment. */
uint64_t wal_batch_span(uint64_t body_bytes);

void wal_header_encode(const struct wal_header *h, uint8_t out[WAL_HEADER_BYTES]);

/* RC_CORRUPT when magic or check are wrong, RC_VERSION when newer (out->version is set then). */
MUST_USE enum rc wal_header_parse(const uint8_t in[WAL_HEADER_BYTES], struct wal_header *out);

/* The checks' seed for a record at offset at. */
uint32_t wal_seed(const struct wal_header *h, uint64_t at);

/* Fill in head->body_crc and write the head; the body follows it in memory. */
void wal_head_encode(uint32_t seed, struct wal_head *head, uint8_t *out);

/* False when the head does not verify, or breaks a limit. */
bool wal_head_parse(uint32_t seed, const uint8_t in[WAL_HEAD_BYTES], struct wal_head *out);

bool wal_body_ok(uint32_t seed, const struct wal_head *head, struct slice body);

void wal_item_put_entry(struct buf *b, const struct wal_entry *e);
void wal_item_put_hard_state(struct buf *b, struct wal_hard_state hs);

/* The fixed part of an item: body.n of an entry is set, body.p not yet. RC_CORRUPT. */
MUST_USE enum rc wal_item_parse(const uint8_t in[WAL_ITEM_BYTES], struct wal_item *out);

void wal_segment_name(uint64_t seq, char out[WAL_NAME_BYTES]);
bool wal_segment_name_parse(const char *name, uint64_t *seq);
bool wal_name_is_etcds(const char *name);

#endif
