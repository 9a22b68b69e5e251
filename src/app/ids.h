/* ids - member and cluster IDs, as etcd computes them (server/etcdserver/api/membership: NewMember,
 * genID), so that a document's IDs come out bit for bit. */
#ifndef MOAT_APP_IDS_H
#define MOAT_APP_IDS_H

#include "conf/conf.h"

#include <stddef.h>
#include <stdint.h>

/* The first 8 bytes, big-endian, of SHA-1 over the member's peer URLs (sorted, joined) and the
 * cluster token. */
uint64_t ids_member(const char *const *sorted_peer_urls, size_t n, const char *token);

/* The same over the big-endian member IDs in rising order; sorts v in place. */
uint64_t ids_cluster(uint64_t *v, size_t n);

/* Those of the member that conf names, in a cluster of its own. */
void ids_of(const struct conf *conf, uint64_t *member_id, uint64_t *cluster_id);

/* A member keeps its IDs when its peer URLs are changed (MemberUpdate), and then is started with
 * the new ones: are conf's those that the member of this LMDB file has now? Then its IDs. */
bool ids_kept(const struct conf *conf, const char *db, uint64_t *member_id, uint64_t *cluster_id);

#endif
