/* client_versions - what versions of the API clients say they speak (etcd's clients send the header
 * client-api-version): etcd_server_client_requests_total. Private to this folder.
 *
 * What a client sends is not trusted: only so many are told apart, and only short ones. */
#ifndef MOAT_RPC_CLIENT_VERSIONS_H
#define MOAT_RPC_CLIENT_VERSIONS_H

#include "base/buf.h"

#define CLIENT_VERSIONS_MAX    16
#define CLIENT_VERSION_LEN_MAX 8

struct client_version {
    uint8_t text[CLIENT_VERSION_LEN_MAX];
    size_t len;
    uint64_t calls[2]; /* of one answer; of streams */
};

/* {0}: none yet. The first two are for those who say nothing, and for all that find no place. */
struct client_versions {
    struct client_version v[2 + CLIENT_VERSIONS_MAX];
    size_t n; /* in use, behind those two */
};

/* A call: the header's value, n == 0 for none. */
void client_versions_count(struct client_versions *c, struct slice version, bool stream);
/* Append the family. */
void client_versions_write(const struct client_versions *c, struct buf *out);

#endif
