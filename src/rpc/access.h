/* access - who may speak plain HTTP to us: Host and Origin, and the headers that browsers ask for.
 *
 * Not gRPC: no browser speaks it. Host names that are not ours are refused, as a page that the
 * attacker's name server points at us would send (DNS rebinding, CVE-2018-5702, CVE-2018-1099). */
#ifndef MOAT_RPC_ACCESS_H
#define MOAT_RPC_ACCESS_H

#include "rpc/rpc.h"

#define ACCESS_HEADERS_MAX 3u

/* Headers for every answer (etcd's --cors): how many, at most ACCESS_HEADERS_MAX. They borrow from
 * the request. */
size_t access_headers(const struct rpc_access *a, const struct http_request *request,
                      struct http_header *out);
/* The Host that the request is for, without its port, when it is not among ours; else p NULL. */
struct slice access_foreign_host(const struct rpc_access *a, const struct http_request *request);
/* What etcd says to such a Host. */
void access_explain_host(struct slice host, struct buf *out);
/* May what the request does be asked for from the page it comes from? Yes if no browser says where
 * it comes from, and where all origins are allowed (CVE-2018-1098). */
bool access_origin_may_act(const struct rpc_access *a, const struct http_request *request);

#endif
