/* errand - a call that the server makes to itself on behalf of a client.
 *
 * What the Lock and Election services do is made of other calls (etcd's embed a client for it).
 * Each goes the way of a client's own call, with the token of the client, so that it is judged, and
 * refused, as that. One at a time for each errand; embed it, zeroed. */
#ifndef MOAT_API_ERRAND_H
#define MOAT_API_ERRAND_H

#include "api/api.h"
#include "wire/etcd.h"

struct errand_answer {
    enum grpc_code code;
    const char *text;     /* of a refusal, valid for the call */
    const char *explain;  /* likewise, or NULL */
    struct slice message; /* when code is GRPC_OK; likewise */
};

struct errand {
    struct rpc_call *call; /* NULL: none is out */
    /* Runs once, perhaps within errand_begin; may begin the next one, and may free the errand. */
    void (*done)(struct errand *e, const struct errand_answer *answer);
};

/* Call a unary method: "/etcdserverpb.KV/Range". The caller sets e->done before. */
void errand_begin(struct errand *e, struct api *a, struct slice token, const char *path,
                  const struct wire_message *m, const void *request);
/* done is not called; a request that is in the log already takes effect all the same. */
void errand_cancel(struct errand *e);
/* Send one whose outcome does not matter. */
void errand_send(struct api *a, struct slice token, const char *path, const struct wire_message *m,
                 const void *request);

#endif
