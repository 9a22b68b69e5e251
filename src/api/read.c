/* Linearizable reads wait until consensus says that they may be served. */
#include "api/inner.h"
#include "env/metrics.h"

struct read {
    struct read_waiter waiter;
    struct list link; /* in reads */
    uint64_t due_ns;
    struct api *api;
    struct rpc_call *call;
    void (*fn)(struct api *a, struct rpc_call *call, void *request);
    void *request;
    enum etcd_error leaderless; /* the answer when no leader came */
};

static void read_ready(struct read_waiter *w, enum rc rc)
{
    struct read *r = CONTAINER_OF(w, struct read, waiter);
    list_remove(&r->link);
    if (rc == RC_OK) {
        r->fn(r->api, r->call, r->request);
        return;
    }
    env_count(r->api->opt.env, read_indexes_failed, 1);
    rpc_fail_etcd(r->call, ETCD_STOPPED, NULL);
}

/* Without a leader reads wait for one; and a leader that cannot write its first entry cannot tell
 * what is committed. */
void api_give_up_reads(struct api *a, uint64_t now)
{
    while (!list_empty(&a->reads)) {
        struct read *r = CONTAINER_OF(a->reads.next, struct read, link);
        if (r->due_ns > now)
            break;
        list_remove(&r->link);
        quorum_read_cancel(&r->waiter);
        env_count(a->opt.env, slow_read_indexes, 1);
        rpc_fail_etcd(r->call, quorum_is_leader(a->quorum) ? ETCD_TIMEOUT : r->leaderless,
                      api_explain_voters(a));
    }
}

static void read_as(struct api *a, struct rpc_call *call, enum etcd_error leaderless,
                    void (*fn)(struct api *a, struct rpc_call *call, void *request), void *request)
{
    struct read *r = arena_alloc(&call->arena, sizeof(*r));
    *r = (struct read){.waiter = {.ready = read_ready},
                       .due_ns = api_due(a),
                       .api = a,
                       .call = call,
                       .fn = fn,
                       .request = request,
                       .leaderless = leaderless};
    list_add_tail(&a->reads, &r->link);
    quorum_read(a->quorum, &r->waiter);
}

void api_read(struct api *a, struct rpc_call *call, bool serializable,
              void (*fn)(struct api *a, struct rpc_call *call, void *request), void *request)
{
    if (serializable)
        fn(a, call, request);
    else
        read_as(a, call, ETCD_TIMEOUT, fn, request);
}

void api_read_leader(struct api *a, struct rpc_call *call,
                     void (*fn)(struct api *a, struct rpc_call *call, void *request), void *request)
{
    read_as(a, call, ETCD_NO_LEADER, fn, request);
}
