/* auth_inner - struct auth, for auth*.c and state.c only. */
#ifndef MOAT_STATE_AUTH_INNER_H
#define MOAT_STATE_AUTH_INNER_H

#include "authz/simple_token.h"
#include "state/auth_table.h"
#include "state/inner.h"
#include "wire/raft_request.h"

struct auth {
    struct pending *pending;
    struct simple_tokens *tokens; /* NULL: tokens are of another kind */
    struct auth_table users;
    struct auth_table roles;
    uint64_t revision;
    bool enabled;
    uint64_t changes; /* of users and roles since the start: when permissions are computed anew */
};

/* token_ttl_ns 0: there are no simple tokens. */
struct auth *auth_new(struct env *env, struct pending *pending, uint64_t token_ttl_ns);
void auth_free(struct auth *a);
MUST_USE enum rc auth_restore(struct auth *a, struct storage *storage, struct err *err);

bool auth_has_role(const struct pb_user *u, struct slice role);

/* Carry out a request of the Auth service that auth_judge has let through; false: it is none. */
bool auth_apply(struct state *s, const struct raft_request *r, struct state_reply *reply);

uint64_t auth_hash(const struct auth *a, uint64_t h);

#endif
