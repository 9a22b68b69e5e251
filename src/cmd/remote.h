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

/* One or several URLs, by commas; user: NAME:PASSWORD, or NULL. Close it also after a failure. */
MUST_USE enum rc remote_open(struct remote *r, const char *urls, const char *user, struct err *err);
void remote_close(struct remote *r);

/* A unary call; the sentence says which server refused, and how. */
MUST_USE enum rc remote_call(struct remote *r, enum client_method m, const void *request,
                             struct arena *arena, void *response, struct err *err);
/* The sentence for r->status. */
enum rc remote_failed(struct remote *r, struct err *err);

/* Its current revision. */
MUST_USE enum rc remote_revision(struct remote *r, int64_t *out, struct err *err);

#endif
