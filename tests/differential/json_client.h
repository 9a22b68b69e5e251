/* json_client - the same unary calls by the JSON gateway, over one blocking HTTP/1.1 connection.
 *
 * Requests are made JSON, and answers protobuf again, by the codecs under test: what both servers
 * say is compared as if it had come by gRPC, the HTTP status included. */
#ifndef TEST_DIFFERENTIAL_JSON_CLIENT_H
#define TEST_DIFFERENTIAL_JSON_CLIENT_H

#include "client.h"

/* One call on the connected socket, start to end; token as client_start. RC_UNSUPPORTED: no such
 * path; RC_TIMEOUT, RC_CLOSED, RC_PROTOCOL as client_finish. */
MUST_USE enum rc json_call(int fd, const char *path, struct slice token, struct slice message,
                           struct answer *a);

#endif
