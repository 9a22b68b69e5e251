/* simple_token - who is behind a token of etcd's kind "simple": random letters that say nothing.
 *
 * A token is known to this member alone and for ttl_ns since its last use; it is not replicated
 * state, and a restart forgets all: clients log in again. Its text is 16 random letters, a dot, and
 * the index of the log entry that it was made by. */
#ifndef MOAT_AUTHZ_SIMPLE_TOKEN_H
#define MOAT_AUTHZ_SIMPLE_TOKEN_H

#include "base/buf.h"
#include "env/env.h"

#define SIMPLE_TOKEN_LETTERS 16
#define SIMPLE_TOKENS_MAX    100000u /* beyond: the one that was not used for longest is forgotten */

struct simple_tokens;

struct simple_tokens *simple_tokens_new(struct env *env, uint64_t ttl_ns);
void simple_tokens_free(struct simple_tokens *t);

/* The letters, from as many random bytes. */
void simple_token_letters(const uint8_t random[SIMPLE_TOKEN_LETTERS],
                          char out[SIMPLE_TOKEN_LETTERS + 1]);

/* Make "LETTERS.INDEX" the user's, and append it to out. */
void simple_tokens_assign(struct simple_tokens *t, struct slice letters, uint64_t index,
                          struct slice user, struct buf *out);
/* Whose is it? Borrowed until the next change; its life begins anew. */
bool simple_tokens_find(struct simple_tokens *t, struct slice token, struct slice *user);
void simple_tokens_forget_user(struct simple_tokens *t, struct slice user);
void simple_tokens_forget_all(struct simple_tokens *t);
size_t simple_tokens_count(const struct simple_tokens *t);

#endif
