/* access - who calls, and whether he may: for the files of this folder only.
 *
 * A call's identity is its token, or nobody. While auth is off everything passes. The first
 * refusal of a user and method is logged with its keys, further ones are counted (api/repeats.h).
 * Each is explained to the client in the trailer moat-explain. */
#ifndef MOAT_API_ACCESS_H
#define MOAT_API_ACCESS_H

#include "api/inner.h"

/* Who it is. Nobody without a token; ETCD_INVALID_AUTH_TOKEN with one that nobody has. The name
 * borrows until the next entry is applied. */
MUST_USE enum etcd_error access_who(struct api *a, struct rpc_call *call, struct auth_who *out);

/* rpc_options.admit: what each method needs whatever is asked of it. Methods that are not known
 * here are root's alone. */
bool access_admit(void *arg, struct rpc_call *call, struct slice message);

/* Is the method root's alone, whatever is asked of it? */
bool access_needs_root(const char *path);

/* May the caller read, or write, these keys (etcd's notation)? Not answered, only logged. For reads
 * that answer nothing about the present: also the auth revision must be the present one. */
MUST_USE enum etcd_error access_to_keys(struct api *a, struct rpc_call *call, enum auth_need need,
                                        struct slice key, struct slice range_end);
/* The same of every key that the lease has; NULL is a lease without any. */
MUST_USE enum etcd_error access_to_lease(struct api *a, struct rpc_call *call, enum auth_need need,
                                         struct lease *l);
/* As access_to_keys; a refusal is answered, too. */
MUST_USE bool access_allows(struct api *a, struct rpc_call *call, enum auth_need need,
                            struct slice key, struct slice range_end);
MUST_USE bool access_allows_txn(struct api *a, struct rpc_call *call,
                                const struct pb_txn_request *r);

/* Log and answer a refusal; why may be NULL. */
void access_refuse(struct api *a, struct rpc_call *call, enum etcd_error e,
                   const struct auth_denial *why);

#endif
