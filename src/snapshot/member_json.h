/* member_json - a member as etcd's membership.Member is in JSON: in its database, and between
 * members. IDs are numbers, above 2^53 as they are. */
#ifndef MOAT_SNAPSHOT_MEMBER_JSON_H
#define MOAT_SNAPSHOT_MEMBER_JSON_H

#include "wire/etcd.h"

void member_json(struct buf *out, const struct pb_member *m);

#endif
