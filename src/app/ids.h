/* ids - member and cluster IDs, as etcd computes them (server/etcdserver/api/membership: NewMember,
 * genID), so that a document's IDs come out bit for bit. */
#ifndef MOAT_APP_IDS_H
#define MOAT_APP_IDS_H

#include <stddef.h>
#include <stdint.h>

/* The first 8 bytes, big-endian, of SHA-1 over the member's peer URLs (sorted, joined) and the
 * cluster token. */
uint64_t ids_member(const char *const *sorted_peer_urls, size_t n, const char *token);

/* The same over the big-endian member IDs in rising order; sorts v in place. */
uint64_t ids_cluster(uint64_t *v, size_t n);

#endif
