/* kv_codec - the messages of every put and get, read and written by hand.
 *
 * Same bytes and same verdicts as the tables (a test holds them equal), without the tables' cost
 * and without an arena. A stored key-value pair is the encoded mvccpb.KeyValue itself, so a range
 * answer is a header, then per pair a prefix and the stored bytes as they are, then a tail. */
#ifndef MOAT_WIRE_KV_CODEC_H
#define MOAT_WIRE_KV_CODEC_H

#include "wire/etcd.h"

/* Field 1 of a response, with its tag and length: what every response of etcd begins with. */
void codec_header(const struct pb_response_header *h, struct buf *out);
size_t codec_header_len(const struct pb_response_header *h); /* tag and length included */

void codec_put_response(const struct pb_put_response *msg, struct buf *out);

/* mvccpb.KeyValue; the bytes that are stored: fields by number, zeros left out (kv.proto). */
size_t codec_key_value_len(const struct pb_key_value *kv);
void codec_key_value(const struct pb_key_value *kv, struct buf *out);
/* Write it at p, with room for codec_key_value_len bytes, and return the end. */
uint8_t *codec_key_value_store(uint8_t *p, const struct pb_key_value *kv);
/* Read a stored pair. Borrows from in; fills out only on RC_OK, else RC_MALFORMED. */
MUST_USE enum rc codec_key_value_parse(struct slice in, struct pb_key_value *out);

/* A RangeResponse in pieces: header, then per pair prefix and stored bytes, then tail. */
#define CODEC_RANGE_PREFIX_MAX 11 /* bytes */

size_t codec_range_prefix_len(size_t kv_len);
uint8_t *codec_range_prefix_store(uint8_t *p, size_t kv_len); /* returns the end */
size_t codec_range_tail_len(bool more, int64_t count);
void codec_range_tail(bool more, int64_t count, struct buf *out);

/* Field `events` of a WatchResponse with one Event. kv is the stored pair. deleted: 0 for a put, or
 * the revision of the delete, whose stored pair has none. prev_kv: empty for none. */
void codec_event(int64_t deleted, struct slice kv, struct slice prev_kv, struct buf *out);

/* As wire_decode of the same message. Borrow from in; fill out only on RC_OK. */
MUST_USE enum rc codec_range_request_parse(struct slice in, struct pb_range_request *out);
MUST_USE enum rc codec_put_request_parse(struct slice in, struct pb_put_request *out);

#endif
