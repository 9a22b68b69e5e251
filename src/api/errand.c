#include "api/errand.h"

#include "api/inner.h"
#include "base/mem.h"
#include "base/must.h"

#include <stdlib.h>

static void finish(struct errand *e, const struct errand_answer *answer)
{
    e->call = NULL;
    e->done(e, answer);
}

static void succeed(struct errand *e, struct slice message)
{
    finish(e, &(struct errand_answer){.code = GRPC_OK, .text = "", .message = message});
}

static void on_message(void *carrier, struct buf *body, bool last)
{
    struct buf taken = *body;
    must(last);
    *body = (struct buf){0};
    succeed(carrier, slice_skip(buf_slice(&taken), RPC_FRAME_LEN));
    buf_fini(&taken);
}

static void on_end(void *carrier, enum grpc_code code, const char *text, const char *explain)
{
    finish(carrier, &(struct errand_answer){.code = code, .text = text, .explain = explain});
}

/* A large answer is collected: what is asked for here is a pair or two. */
static void on_source(void *carrier, struct http_source *src, uint64_t len, bool last)
{
    struct buf whole = {0};
    enum http_pull pulled = HTTP_PULL_MORE;
    must(last);
    while (pulled == HTTP_PULL_MORE && whole.n < len)
        pulled = src->ops->pull(src, &whole, (size_t)len - whole.n);
    src->ops->release(src);
    if (whole.n == len)
        succeed(carrier, buf_slice(&whole));
    else
        on_end(carrier, GRPC_DATA_LOSS, etcd_error_text(ETCD_CORRUPT), NULL);
    buf_fini(&whole);
}

static const struct rpc_carrier_ops carrier_ops = {
    .message = on_message, .source = on_source, .end = on_end};

void errand_begin(struct errand *e, struct api *a, struct slice token, const char *path,
                  const struct wire_message *m, const void *request)
{
    must(!e->call);
    struct buf body = {0};
    struct rpc_call *call = rpc_call_open(a->rpc, slice_str(path), &carrier_ops, e, token);
    if (!call)
        return; /* refused: done has run, and e may be gone */
    e->call = call;
    wire_encode(m, request, &body);
    rpc_call_feed(call, buf_slice(&body));
    buf_fini(&body);
}

void errand_cancel(struct errand *e)
{
    struct rpc_call *call = e->call;
    e->call = NULL;
    if (call)
        rpc_call_abandon(call);
}

static void forget(struct errand *e, const struct errand_answer *answer)
{
    (void)answer;
    free(e);
}

void errand_send(struct api *a, struct slice token, const char *path, const struct wire_message *m,
                 const void *request)
{
    struct errand *e = mem_zalloc(sizeof(*e));
    e->done = forget;
    errand_begin(e, a, token, path, m, request);
}
