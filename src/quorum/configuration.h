/* configuration - the members as libraft encodes them, read only after a check of bounds.
 *
 * libraft's decoder trusts its input; ours comes from logs and peers. Layout: u8 1, u64 count, then
 * for each server u64 id, zero-terminated address, u8 role (little-endian), padded to 8 bytes. */
#ifndef MOAT_QUORUM_CONFIGURATION_H
#define MOAT_QUORUM_CONFIGURATION_H

#include "base/buf.h"
#include "base/rc.h"

#include <raft.h>

#define CONFIGURATION_SERVERS_MAX 64u

/* RC_MALFORMED, or *out to be closed with raft_configuration_close. */
MUST_USE enum rc configuration_decode(struct slice in, struct raft_configuration *out);

/* Append the encoding. */
void configuration_encode(const struct raft_configuration *c, struct buf *out);

/* Is id the only voter? */
bool configuration_sole_voter(const struct raft_configuration *c, raft_id id);

#endif
