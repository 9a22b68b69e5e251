/* check - what a request must be before it is proposed: etcd 3.7's checks, in etcd's order
 * (server/etcdserver/api/v3rpc/key.go). Pure. */
#ifndef MOAT_STATE_CHECK_H
#define MOAT_STATE_CHECK_H

#include "wire/etcd.h"
#include "wire/status.h"

#define CHECK_TXN_OPS_MAX 128u /* default of --max-txn-ops */

MUST_USE enum etcd_error check_range(const struct pb_range_request *r);
MUST_USE enum etcd_error check_put(const struct pb_put_request *r);
MUST_USE enum etcd_error check_delete(const struct pb_delete_range_request *r);
/* Operation counts, each operation, and that no key is put twice or put and deleted. Cost is
 * O(n log n) in operations, and O(n) for each level of nesting. */
MUST_USE enum etcd_error check_txn(const struct pb_txn_request *r, unsigned ops_max);

/* Only range operations on both branches (nested transactions count as writes, as in etcd). */
bool txn_is_read_only(const struct pb_txn_request *r);
/* Read-only, and every range is serializable. */
bool txn_is_serializable(const struct pb_txn_request *r);
/* Bytes that the puts of either branch may add, as etcd's quota reckons. */
size_t txn_cost(const struct pb_txn_request *r);
size_t put_cost(const struct pb_put_request *r);

#endif
