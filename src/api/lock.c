/* The Lock service (etcd's v3lock.proto). */
#include "api/contest.h"
#include "api/inner.h"
#include "base/mem.h"

#include <stdlib.h>

/* etcd's handlers give the embedded client's errors on as they are, which gRPC calls Unknown. */
void lock_refuse(struct rpc_call *call, const char *text, const char *explain)
{
    rpc_fail(call, GRPC_UNKNOWN, text, explain);
}

struct locking {
    struct contest contest;
    struct rpc_call *call;
};

static void forget(struct locking *l)
{
    l->call->user = NULL;
    contest_end(&l->contest);
    free(l);
}

static void lock_done(struct contest *c, const char *error, const char *explain)
{
    struct locking *l = CONTAINER_OF(c, struct locking, contest);
    struct rpc_call *call = l->call;
    if (error) {
        lock_refuse(call, error, explain);
    } else {
        const struct pb_lock_response out = {.header = &c->checked, .key = buf_slice(&c->key)};
        api_reply(call, &wire_lock_response, &out);
    }
    contest_end(c);
    free(l);
}

void serve_lock(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_lock_request r;
    if (!api_decode(call, &wire_lock_request, message, &r))
        return;
    struct locking *l = mem_zalloc(sizeof(*l));
    l->call = call;
    l->contest = (struct contest){
        .api = arg, .token = call->token, .name = r.name, .lease = r.lease, .done = lock_done};
    call->user = l;
    contest_begin(&l->contest);
}

static void lock_closed(void *arg, struct rpc_call *call)
{
    struct locking *l = call->user;
    (void)arg;
    contest_withdraw(&l->contest);
    forget(l);
}

const struct rpc_stream_ops lock_ops = {.closed = lock_closed, .unary = true};

/* ---- Unlock ---- */

struct unlocking {
    struct errand errand;
    struct rpc_call *call;
};

static void unlocked(struct errand *e, const struct errand_answer *answer)
{
    struct unlocking *u = CONTAINER_OF(e, struct unlocking, errand);
    struct rpc_call *call = u->call;
    struct pb_delete_range_response r;
    if (answer->code != GRPC_OK) {
        lock_refuse(call, answer->text, answer->explain);
    } else if (api_decode(call, &wire_delete_range_response, answer->message, &r)) {
        const struct pb_unlock_response out = {.header = r.header};
        api_reply(call, &wire_unlock_response, &out);
    }
}

void serve_unlock(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_unlock_request r;
    if (!api_decode(call, &wire_unlock_request, message, &r))
        return;
    struct unlocking *u = arena_zalloc(&call->arena, sizeof(*u));
    const struct pb_delete_range_request request = {.key = r.key};
    u->call = call;
    u->errand.done = unlocked;
    errand_begin(&u->errand, arg, call->token, "/etcdserverpb.KV/DeleteRange",
                 &wire_delete_range_request, &request);
}
