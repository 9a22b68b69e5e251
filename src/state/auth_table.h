/* auth_table - users, or roles, by name: in memory, and what storage is to have of each.
 *
 * A record is its encoded message (authpb.User, authpb.Role) and that message decoded, so what is
 * stored, exported and compared between members is etcd's own. It is replaced whole. Stored under
 * a number of this member's, as names may be longer than a key: docs/formats/store.md. */
#ifndef MOAT_STATE_AUTH_TABLE_H
#define MOAT_STATE_AUTH_TABLE_H

#include "authz/range_set.h"
#include "state/pending.h"
#include "wire/etcd.h"

struct auth_record {
    uint64_t id;
    struct slice name; /* in bytes */
    struct buf bytes;  /* the message, encoded */
    struct arena arena;
    union {
        struct pb_user user;
        struct pb_role role;
    };
    /* A user's permissions, as of that change of users and roles (0: not known). */
    struct range_set read;
    struct range_set write;
    uint64_t known_at;
};

struct auth_table {
    enum table table; /* TABLE_AUTH_USER or TABLE_AUTH_ROLE */
    struct pending *pending;
    struct auth_record **v; /* sorted by name */
    size_t n;
    size_t cap;
    size_t bytes; /* of memory, about */
    uint64_t last_id;
};

void auth_table_fini(struct auth_table *t);
/* RC_CORRUPT: what storage has is not what was written there. */
MUST_USE enum rc auth_table_load(struct auth_table *t, struct storage *storage);

/* NULL: there is none. Records stay where they are until they are put or deleted. */
struct auth_record *auth_table_find(const struct auth_table *t, struct slice name);
/* Add the record of a struct pb_user or pb_role, or replace the one of its name, which the message
 * may borrow from. */
void auth_table_put(struct auth_table *t, const void *message);
void auth_table_delete(struct auth_table *t, struct slice name); /* there is such a one */

#endif
