/* counts - what is known of each method, under the names of go-grpc-prometheus, as etcd has them:
 * grpc_server_started_total and its kin. Private to this folder. */
#ifndef MOAT_RPC_COUNTS_H
#define MOAT_RPC_COUNTS_H

#include "rpc/rpc.h"

struct counts; /* of all methods of a server */

struct counts *counts_new(const struct rpc_options *opt);
void counts_free(struct counts *c);

/* A call began. */
void counts_start(struct rpc_call *call);
/* A message of n bytes came, or went. */
void counts_receive(struct rpc_call *call, uint64_t n);
void counts_send(struct rpc_call *call, uint64_t n);
/* The call was answered, or its client has gone (GRPC_CANCELED). Once. */
void counts_handle(struct rpc_call *call, enum grpc_code code);

#endif
