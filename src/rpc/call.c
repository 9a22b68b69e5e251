/* A call's life: who still needs it, and what its method answers, wherever that goes. */
#include "base/mem.h"
#include "base/must.h"
#include "base/secret.h"
#include "rpc/inner.h"

#include <stdlib.h>

static void deadline_passed(struct timer *t);

/* ---- Calls come from a free list: a call is made and ended for every put ---- */

/* The token lives as long as the call; the arena of a call with many messages does not. */
static void keep_token(struct rpc_call *call, struct slice token)
{
    struct slice bearer = SLICE_LIT("Bearer ");
    if (!token.p)
        return;
    if (slice_has_prefix(token, bearer))
        token = slice_skip(token, bearer.n);
    if (call_takes_one(call)) {
        call->token = arena_copy(&call->arena, token);
        return;
    }
    buf_reserve(&call->in.token, 1); /* an empty token is one, too */
    buf_append_slice(&call->in.token, token);
    call->token = buf_slice(&call->in.token);
}

struct rpc_call *call_new(struct rpc_server *s, const struct rpc_method *method, struct slice token)
{
    struct rpc_call *call = s->free_calls;
    if (call) {
        s->free_calls = call->in.next_free;
        s->free_count--;
    } else {
        call = mem_alloc(sizeof(*call));
    }
    call->server = s;
    call->method = method;
    call->token = (struct slice){0};
    call->user = NULL;
    call->needs_leader = false;
    call->in = (struct call_inner){.attached = true, .deadline = {.fire = deadline_passed}};
    list_init(&call->in.needing);
    arena_init(&call->arena, call->arena_first, sizeof(call->arena_first));
    keep_token(call, token);
    s->open++;
    counts_start(call);
    (void)!call_charge(call); /* a stream that sends nothing costs something, too */
    return call;
}

bool call_open(struct rpc_call *call)
{
    struct call_inner *in = &call->in;
    if (call_takes_one(call))
        return true;
    in->served = true;
    if (call->method->stream->open) {
        in->busy = true;
        call->method->stream->open(call->server->opt.arg, call);
        in->busy = false;
    }
    bool there = !in->finished || in->attached;
    call_settle(call);
    return there;
}

static void give_back(struct rpc_call *call)
{
    struct rpc_server *s = call->server;
    must(!timer_active(&call->in.deadline));
    s->open--;
    list_remove(&call->in.needing);
    if (s->free_count >= RPC_FREE_CALLS_MAX) {
        free(call);
        return;
    }
    call->in.next_free = s->free_calls;
    s->free_calls = call;
    s->free_count++;
}

bool call_charge(struct rpc_call *call)
{
    struct http_budget *budget = call->server->opt.budget;
    size_t n = RPC_CALL_COST + call->in.message.cap + call->in.waiting.cap;
    if (!budget)
        return true;
    budget->used += n - call->in.charged;
    call->in.charged = n;
    return budget->used <= budget->max;
}

static void drop_request(struct rpc_call *call)
{
    if (call->method->secret)
        secret_wipe(call->in.message.p, call->in.message.cap);
    buf_fini(&call->in.message);
}

static void drop_message(struct rpc_call *call)
{
    if (call->server->opt.budget)
        call->server->opt.budget->used -= call->in.charged;
    call->in.charged = 0;
    drop_request(call);
    buf_fini(&call->in.waiting);
    buf_fini(&call->in.token);
}

/* The message once the method is done, the call itself once its client's side is, too. */
void call_settle(struct rpc_call *call)
{
    if (!call->in.finished || call->in.busy)
        return;
    drop_message(call);
    arena_fini(&call->arena);
    if (!call->in.attached)
        give_back(call);
}

/* The client's side of the call is over. A call from within has nobody who would close it. */
static void mark_answered(struct rpc_call *call, enum grpc_code code)
{
    if (!call->in.answered)
        counts_handle(call, code);
    call->in.answered = true;
    timer_stop(call->server->opt.env->timers, &call->in.deadline);
    if (call->in.ops != &grpc_carrier)
        call->in.attached = false;
}

/* ---- Answers ---- */

/* Tell the client, unless it was told or is gone. */
static void refuse(struct rpc_call *call, enum grpc_code code, const char *text,
                   const char *explain)
{
    if (call->in.answered)
        return;
    mark_answered(call, code);
    call->in.ops->end(call->in.carrier, code, text, explain);
}

static void finish(struct rpc_call *call)
{
    call->in.finished = true;
    call_settle(call);
}

void rpc_fail(struct rpc_call *call, enum grpc_code code, const char *text, const char *explain)
{
    must(!call->in.finished);
    refuse(call, code, text, explain);
    finish(call);
}

void rpc_fail_etcd(struct rpc_call *call, enum etcd_error error, const char *explain)
{
    rpc_fail(call, etcd_error_code(error), etcd_error_text(error), explain);
}

void rpc_fail_early(struct rpc_call *call, enum etcd_error error, const char *explain)
{
    must(!call->in.finished);
    refuse(call, etcd_error_code(error), etcd_error_text(error), explain);
}

void rpc_message_done(struct rpc_call *call)
{
    drop_request(call);
    (void)!call_charge(call); /* less than before */
}

uint64_t rpc_call_origin(const struct rpc_call *call)
{
    if (call->in.stream)
        return (uintptr_t)http_stream_conn(call->in.stream);
    return call->in.origin ? call->in.origin : (uintptr_t)call->in.carrier;
}

struct slice rpc_call_peer(const struct rpc_call *call)
{
    return call->in.stream ? http_conn_peer(http_stream_conn(call->in.stream)) : (struct slice){0};
}

bool rpc_gone(const struct rpc_call *call)
{
    return call->in.answered;
}

void rpc_body_begin(struct buf *body)
{
    memset(buf_extend(body, RPC_FRAME_LEN), 0, RPC_FRAME_LEN);
}

void rpc_reply(struct rpc_call *call, struct buf *body)
{
    must(!call->in.finished && body->n >= RPC_FRAME_LEN);
    if (call->in.answered) {
        buf_fini(body);
    } else {
        mark_answered(call, GRPC_OK);
        counts_send(call, body->n - RPC_FRAME_LEN);
        call->in.ops->message(call->in.carrier, body, true);
    }
    finish(call);
}

void rpc_reply_source(struct rpc_call *call, struct http_source *src, uint64_t len)
{
    must(!call->in.finished);
    if (call->in.answered || len > UINT32_MAX) {
        src->ops->release(src);
        rpc_fail(call, GRPC_RESOURCE_EXHAUSTED, "etcdserver: response is too large",
                 "a gRPC message ends at 4 GiB: use limit");
        return;
    }
    mark_answered(call, GRPC_OK);
    counts_send(call, len);
    call->in.ops->source(call->in.carrier, src, len, true);
    finish(call);
}

/* ---- Answers of several messages ---- */

static void must_be_open(const struct rpc_call *call)
{
    must(call->method->stream && !call->in.finished);
}

void rpc_send(struct rpc_call *call, struct buf *body)
{
    must_be_open(call);
    must(body->n >= RPC_FRAME_LEN);
    if (call->in.answered) {
        buf_fini(body);
        return;
    }
    counts_send(call, body->n - RPC_FRAME_LEN);
    call->in.ops->message(call->in.carrier, body, false);
}

void rpc_send_shared(struct rpc_call *call, struct slice head, struct blob *tail)
{
    must_be_open(call);
    if (call->in.answered)
        return;
    counts_send(call, head.n + tail->n);
    if (call->in.ops->shared) {
        call->in.ops->shared(call->in.carrier, head, tail);
        return;
    }
    struct buf body = {0};
    buf_reserve(&body, RPC_FRAME_LEN + head.n + tail->n);
    rpc_body_begin(&body);
    buf_append_slice(&body, head);
    buf_append_slice(&body, blob_slice(tail));
    call->in.ops->message(call->in.carrier, &body, false);
}

void rpc_send_source(struct rpc_call *call, struct http_source *src, uint64_t len)
{
    must_be_open(call);
    must(len <= UINT32_MAX);
    if (call->in.answered) {
        src->ops->release(src);
        return;
    }
    counts_send(call, len);
    call->in.ops->source(call->in.carrier, src, len, false);
}

void rpc_send_resume(struct rpc_call *call)
{
    if (!call->in.answered && call->in.ops->resume)
        call->in.ops->resume(call->in.carrier);
}

size_t rpc_queued(const struct rpc_call *call)
{
    const struct call_inner *in = &call->in;
    return !in->answered && in->ops->queued ? in->ops->queued(in->carrier) : 0;
}

void rpc_end(struct rpc_call *call)
{
    must_be_open(call);
    refuse(call, GRPC_OK, "", NULL);
    finish(call);
}

void rpc_hold(struct rpc_call *call)
{
    call->in.held = true;
}

void rpc_unhold(struct rpc_call *call)
{
    call->in.held = false;
    request_go_on(call);
}

/* ---- Clients that go ---- */

/* A streaming method that has the call is told, and that ends it. A unary one still finishes it. */
void call_leave(struct rpc_call *call)
{
    struct call_inner *in = &call->in;
    if (in->finished)
        return;
    mark_answered(call, GRPC_CANCELED);
    if (in->served && !call->method->stream)
        return;
    in->finished = true;
    if (in->served)
        call->method->stream->closed(call->server->opt.arg, call);
}

static void reject(struct rpc_call *call, enum grpc_code code, const char *text,
                   const char *explain)
{
    refuse(call, code, text, explain);
    call_leave(call);
    call_settle(call);
}

void call_reject(struct rpc_call *call, enum grpc_code code, const char *text)
{
    reject(call, code, text, NULL);
}

/* What has one answer has a time limit of its own, or waits for somebody else than a leader. */
void rpc_refuse_leaderless(struct rpc_server *s, enum grpc_code code, const char *text,
                           const char *explain)
{
    list_each (item, &s->needing) {
        struct rpc_call *call = CONTAINER_OF(item, struct rpc_call, in.needing);
        if (rpc_method_streams(call->method))
            reject(call, code, text, explain);
    }
}

void call_close(struct rpc_call *call)
{
    call->in.stream = NULL;
    call->in.attached = false;
    mark_answered(call, GRPC_CANCELED);
    call_leave(call);
    call_settle(call);
}

static void deadline_passed(struct timer *t)
{
    call_reject(CONTAINER_OF(t, struct rpc_call, in.deadline), GRPC_DEADLINE_EXCEEDED,
                "context deadline exceeded");
}

/* ---- Calls from within the process ---- */

struct rpc_call *rpc_call_open(struct rpc_server *s, struct slice path,
                               const struct rpc_carrier_ops *ops, void *carrier, struct slice token)
{
    const struct rpc_method *method = request_method(s, path);
    if (!method)
        return NULL;
    struct rpc_call *call = call_new(s, method, token);
    call->in.ops = ops;
    call->in.carrier = carrier;
    return call_open(call) ? call : NULL;
}

void rpc_call_drained(struct rpc_call *call)
{
    struct call_inner *in = &call->in;
    if (in->answered)
        return;
    must(!in->busy);
    if (call->method->stream && call->method->stream->drained) {
        in->busy = true;
        call->method->stream->drained(call->server->opt.arg, call);
        in->busy = false;
    }
    if (in->finished)
        call_settle(call);
    else
        request_go_on(call);
}

void rpc_call_abandon(struct rpc_call *call)
{
    call_close(call);
}
