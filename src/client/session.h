/* session - a lease that is kept alive while its owner waits.
 *
 * A request goes out each third of the TTL, from whatever wait of the loop comes next; the stream
 * is opened again when it is lost. Once no answer came for a whole TTL, or the server says that the
 * lease is gone, the session is over. */
#ifndef MOAT_CLIENT_SESSION_H
#define MOAT_CLIENT_SESSION_H

#include "client/client.h"

#define CLIENT_SESSION_FIRST_S 5 /* to assume while no answer has told the TTL */

struct client_session;

/* Called with each answer that renewed the lease. */
typedef void client_session_seen(void *arg, const struct pb_lease_keep_alive_response *r);

struct client_session *client_session_new(struct client *c, int64_t lease, int64_t ttl_s,
                                          client_session_seen *seen, void *arg);
void client_session_free(struct client_session *s); /* the lease stays; NULL is fine */

/* Do what is due. False: the lease is gone. */
bool client_session_alive(struct client_session *s);

#endif
