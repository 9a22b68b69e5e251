/* request - the gRPC messages that kvload sends, encoded by hand (etcd's rpc.proto). */
#ifndef MOAT_BENCH_REQUEST_H
#define MOAT_BENCH_REQUEST_H

#include "load.h"

#include <stddef.h>

/* Room for any request, its frame of five bytes included. */
size_t request_room(const struct options *opt);
/* The next request of the operation, framed, at out; returns its bytes. number counts requests. */
size_t request_encode(struct load *l, enum op op, int64_t number, uint8_t *out);
/* A WatchCreateRequest for the i-th key, framed. */
size_t request_watch(const struct load *l, int64_t i, uint8_t *out);
const char *request_path(enum op op);

/* Count what a WatchResponse says. */
void response_watch(struct load *l, const uint8_t *p, size_t n);

#endif
