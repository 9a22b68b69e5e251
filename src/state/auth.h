/* auth - users, roles and what they may do: the replicated part of etcd's auth store.
 *
 * Changed by log entries alone, with etcd's checks in etcd's order (server/auth/store.go), so all
 * members agree. Each change but enabling moves the auth revision on; a request judged under an
 * older one is refused when it is applied. While auth is off everything is allowed.
 *
 * Who asks is named by the entry's header. A permission is asked for when a request is proposed,
 * so that what is refused costs no entry, and again when it is applied. */
#ifndef MOAT_STATE_AUTH_H
#define MOAT_STATE_AUTH_H

#include "wire/etcd.h"
#include "wire/status.h"

struct auth;
struct lease;
struct state;

/* Whose request it is, and the auth revision that he was known under; {0}: nobody. Borrows. */
struct auth_who {
    struct slice user;
    uint64_t revision;
};

enum auth_need {
    AUTH_NOTHING,
    AUTH_READ,  /* of a key or range */
    AUTH_WRITE, /* likewise */
    AUTH_LOGIN, /* be somebody */
    AUTH_ROOT   /* have the role root */
};

/* What was missing, to explain a refusal; borrows from what was judged. */
struct auth_denial {
    enum auth_need need;
    struct slice user;
    struct slice key;
    struct slice range_end; /* etcd's notation, as in a request */
};

struct auth *state_auth(struct state *s);
bool auth_is_enabled(const struct auth *a);
uint64_t auth_revision(const struct auth *a);

/* What users and roles take of memory, about. */
size_t auth_bytes(const struct auth *a);

/* May he? key and range_end for AUTH_READ and AUTH_WRITE. ETCD_OK, or etcd's error: USER_EMPTY
 * (nobody asks), AUTH_OLD_REVISION, USER_NOT_FOUND, PERMISSION_DENIED; why says what is missing. */
MUST_USE enum etcd_error auth_may(struct auth *a, const struct auth_who *who, enum auth_need need,
                                  struct slice key, struct slice range_end,
                                  struct auth_denial *why);

/* May he touch every key that the lease has? Root may, whatever it has. NULL has none. */
MUST_USE enum etcd_error auth_may_lease(struct auth *a, const struct auth_who *who,
                                        enum auth_need need, struct lease *l,
                                        struct auth_denial *why);

/* May he have this request of an entry (enum raft_request_field) carried out now? It decodes. */
MUST_USE enum etcd_error auth_judge(struct state *s, const struct auth_who *who, uint32_t field,
                                    struct slice request, struct auth_denial *why);

/* The same for a transaction that only reads, and is in no entry. */
MUST_USE enum etcd_error auth_judge_txn(struct state *s, const struct auth_who *who,
                                        const struct pb_txn_request *r, struct auth_denial *why);

/* Whose simple token is it? The name borrows until the next entry is applied. False: nobody's. */
MUST_USE bool auth_find_token(struct auth *a, struct slice token, struct auth_who *out);

/* The hash that a login's password must match, borrowed until the next entry is applied.
 * AUTH_NOT_ENABLED, AUTH_FAILED (no such user), NO_PASSWORD_USER. */
MUST_USE enum etcd_error auth_password_of(const struct auth *a, struct slice user,
                                          struct slice *hash);

#endif
