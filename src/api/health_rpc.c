/* gRPC's own health service, as grpc-go has it in etcd: the whole server is the only service that
 * it knows, by the empty name. It serves while there is a leader. */
#include "api/inner.h"
#include "base/mem.h"

#include <stdlib.h>

static int32_t status_of(const struct api *a, struct slice service)
{
    if (service.n > 0)
        return PB_SERVING_STATUS_SERVICE_UNKNOWN;
    return quorum_is_leader(a->quorum) ? PB_SERVING_STATUS_SERVING : PB_SERVING_STATUS_NOT_SERVING;
}

void serve_health_check(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_health_check_request r;
    if (!api_decode(call, &wire_health_check_request, message, &r))
        return;
    if (r.service.n != 0) {
        rpc_fail(call, GRPC_NOT_FOUND, "unknown service", NULL);
        return;
    }
    const struct pb_health_check_response out = {.status = status_of(arg, r.service)};
    api_reply(call, &wire_health_check_response, &out);
}

void serve_health_list(void *arg, struct rpc_call *call, struct slice message)
{
    struct pb_health_list_request r;
    if (!api_decode(call, &wire_health_list_request, message, &r))
        return;
    struct pb_health_check_response status = {.status = status_of(arg, (struct slice){0})};
    struct pb_health_list_entry whole = {.value = &status};
    const struct pb_health_list_response out = {.statuses = &whole, .statuses_n = 1};
    api_reply(call, &wire_health_list_response, &out);
}

/* ---- Watch: the status, and again when it has changed ---- */

struct health_watch {
    struct list item; /* of the API's, unless nothing can change */
    struct rpc_call *call;
    size_t charged;
    int32_t told;
};

static void tell(struct health_watch *w, int32_t status)
{
    const struct pb_health_check_response out = {.status = status};
    struct buf body = {0};
    w->told = status;
    rpc_body_begin(&body);
    wire_encode(&wire_health_check_response, &out, &body);
    rpc_send(w->call, &body);
}

void serve_health_watch(void *arg, struct rpc_call *call, struct slice message)
{
    struct api *a = arg;
    struct pb_health_check_request r;
    if (!api_decode(call, &wire_health_check_request, message, &r))
        return;
    struct health_watch *w = mem_zalloc(sizeof(*w));
    w->call = call;
    call->user = w;
    api_charge(a, &w->charged, sizeof(*w));
    list_init(&w->item);
    if (r.service.n == 0)
        list_add_tail(&a->health_watches, &w->item);
    int32_t status = status_of(a, r.service);
    a->health_late = a->health_late || status != a->health_told;
    rpc_message_done(call);
    tell(w, status);
}

/* One who does not read is told the newest when he has read. */
void health_turn(struct api *a)
{
    int32_t status = status_of(a, (struct slice){0});
    if (status == a->health_told && !a->health_late)
        return;
    a->health_told = status;
    a->health_late = false;
    list_each (item, &a->health_watches) {
        struct health_watch *w = CONTAINER_OF(item, struct health_watch, item);
        if (w->told == status)
            continue;
        if (rpc_queued(w->call) == 0)
            tell(w, status);
        else
            a->health_late = true;
    }
}

static void watch_closed(void *arg, struct rpc_call *call)
{
    struct health_watch *w = call->user;
    list_remove(&w->item);
    api_charge(arg, &w->charged, 0);
    free(w);
}

const struct rpc_stream_ops health_watch_ops = {.closed = watch_closed};
