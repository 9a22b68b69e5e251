/* remote - a running server that a command talks to (src/client). */
#ifndef MOAT_CMD_REMOTE_H
#define MOAT_CMD_REMOTE_H

#include "base/err.h"
#include "client/client.h"

#define REMOTE_CALL_MS 10000u /* until a call is given up */

struct remote {
    const char *url; /* as it was given */
    struct client_loop loop;
    struct client *client;
    struct client_status status;
};

/* Who asks: the user, and the files for a server with TLS. */
struct remote_who {
    const char *user; /* NAME:PASSWORD, or NULL */
    struct client_tls_options tls;
};

/* One or several URLs, by commas. Close it also after a failure. */
MUST_USE enum rc remote_open(struct remote *r, const char *urls, const struct remote_who *who,
                             struct err *err);
void remote_close(struct remote *r);

/* A unary call; the sentence says which server refused, and how. */
MUST_USE enum rc remote_call(struct remote *r, enum client_method m, const void *request,
                             struct arena *arena, void *response, struct err *err);
/* The sentence for r->status. */
enum rc remote_failed(struct remote *r, struct err *err);

/* Its current revision. */
MUST_USE enum rc remote_revision(struct remote *r, int64_t *out, struct err *err);

#endif
