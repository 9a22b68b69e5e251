/* peer_url - a peer URL in a request, as etcd's types.NewURLs reads it with Go's net/url.
 *
 * http or https with host and port (which may be empty) and no path; or unix or unixs, whatever
 * follows. Stricter than Go in two things: all must be printing ASCII without blanks, and between
 * brackets must stand what looks like an IPv6 address. */
#ifndef MOAT_API_PEER_URL_H
#define MOAT_API_PEER_URL_H

#include "base/arena.h"
#include "base/slice.h"

/* Without blanks around it, its scheme in lower case: in the arena. {NULL}: it is none. */
MUST_USE struct slice peer_url_parse(struct slice in, struct arena *arena);

#endif
