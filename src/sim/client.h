/* client - random requests, as a client would send them, encoded. */
#ifndef MOAT_SIM_CLIENT_H
#define MOAT_SIM_CLIENT_H

#include "base/arena.h"
#include "base/rng.h"
#include "wire/etcd.h"

#define CLIENT_LEASES 6

/* The ID of one of a few leases. */
int64_t client_lease(struct rng *rng);

/* A write as it goes into an entry: field (enum raft_request_field) and encoded request. next makes
 * each value unlike all others. revision and compacted are the store's, to compact sensibly. */
uint32_t client_write(struct rng *rng, uint64_t next, int64_t revision, int64_t compacted,
                      struct arena *a, struct buf *out);

/* A read in key order. */
void client_range(struct rng *rng, int64_t revision, int64_t compacted, struct arena *a,
                  struct pb_range_request *out);

#endif
